"""What a session is opened with."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from millgate.access.parties import Client, Session
from millgate.errors import FixRequest, GatewayError, NeedAccess, TryLater
from millgate.flow.authenticate import Authenticator
from tests.flow.ward import NOW, SESSION, Journeys, Parties, Ward

CLIENT = Client("c", "Portal", ("mercy",), ("system/*.rs",), NOW)


async def test_all_that_is_wrong_with_the_scopes_is_named_at_once() -> None:
    asked = ["system/Slot.xx", "user/Slot.rs", "system/Slot.rs", "openid"]
    with pytest.raises(FixRequest, match="invalid_request") as refused:
        await Journeys(Ward()).authenticator.open(CLIENT, tenant="mercy", persona="system", scopes=asked)
    found = [(one.field, one.code) for one in refused.value.errors]
    assert found == [("scopes", "invalid_scope"), ("scopes[1]", "wrong_persona"), ("scopes[3]", "wrong_persona")]


async def test_a_session_holds_what_ceiling_wish_and_grant_share_and_tells_the_rest() -> None:
    opened = await Journeys(Ward()).authenticator.open(
        CLIENT, tenant="mercy", persona="system", scopes=["system/Slot.rus", "system/Patient.rs"]
    )
    assert opened.session.scopes == ("system/Slot.rs",)
    assert opened.session.denied_scopes == ("system/Patient.rs", "system/Slot.u")


@dataclass
class Slow(Parties):
    """A store that answers when the test lets it."""

    known: Session | None = SESSION
    fails: bool = False
    asked: int = 0
    going: asyncio.Event = field(default_factory=asyncio.Event)

    async def by_token(self, token: str) -> Session | None:
        self.asked += 1
        found = self.known
        await self.going.wait()
        if self.fails:
            raise TryLater("store_unavailable", "gone")
        return found


def authenticator_of(store: Slow) -> Authenticator:
    return Authenticator(
        clients=store, sessions=store, tenants=store, pathway=Ward(), now=lambda: NOW, new_id=lambda: "s", session_seconds=60
    )


async def test_many_calls_of_one_session_ask_the_store_once() -> None:
    store = Slow()
    authenticator = authenticator_of(store)
    calls = [asyncio.create_task(authenticator.session_of("ms_1")) for _ in range(20)]
    await asyncio.sleep(0)
    calls[0].cancel()  # the one that began it hangs up; the others are answered all the same
    store.going.set()
    found = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert found[1:] == [SESSION] * 19
    assert store.asked == 1


async def test_a_session_that_ends_while_the_store_is_asked_is_not_remembered() -> None:
    store = Slow()
    authenticator = authenticator_of(store)
    early = asyncio.create_task(authenticator.session_of("ms_1"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert store.asked == 1
    store.known = None
    await authenticator.end("ms_1", SESSION)
    late = asyncio.create_task(authenticator.session_of("ms_1"))
    store.going.set()
    assert await early == SESSION  # it was asked before the session ended
    with pytest.raises(NeedAccess, match="invalid_session"):
        await late
    with pytest.raises(NeedAccess, match="invalid_session"):
        await authenticator.session_of("ms_1")


async def test_each_who_waited_for_the_same_failure_has_an_error_of_its_own() -> None:
    store = Slow(fails=True)
    authenticator = authenticator_of(store)
    calls = [asyncio.create_task(authenticator.session_of("ms_1")) for _ in range(3)]
    await asyncio.sleep(0)
    store.going.set()
    errors = await asyncio.gather(*calls, return_exceptions=True)
    assert store.asked == 1
    assert [type(one) for one in errors] == [TryLater] * 3
    assert len({id(one) for one in errors}) == 3
    assert {(one.code, one.detail) for one in errors if isinstance(one, GatewayError)} == {("store_unavailable", "gone")}
