"""A refused credential falls back to the one before it within the overlap, and somebody is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from millgate.access.parties import Registration
from millgate.errors import CallOperator, TryLater, Upstream
from millgate.pathways.credentials import Credentials

NOW = datetime(2031, 3, 14, tzinfo=UTC)
OLD = Registration("t", "system", "app", "client_secret_basic", "v2", b"old", good_until=NOW + timedelta(hours=1))
OLDER = replace(OLD, credential=b"older", good_until=NOW + timedelta(minutes=1))
NEW = replace(OLD, credential=b"new", good_until=None, previous=(OLD, OLDER))
REFUSED = CallOperator("upstream_error", "No.", upstream=Upstream(401, "c-1", "invalid_client invalid-client-credentials"))


class Door:
    """An authorization server that takes some secrets, and what was tried and told."""

    def __init__(self, *good: bytes) -> None:
        self.good = set(good)
        self.now = NOW
        self.tried: list[bytes] = []
        self.told: list[tuple[bytes, bool]] = []
        self.credentials = Credentials(lambda: self.now, self.tell)

    async def tell(self, registration: Registration, fell_back: bool) -> None:
        self.told.append((registration.credential, fell_back))

    async def attempt(self, registration: Registration) -> bytes:
        self.tried.append(registration.credential)
        if registration.credential not in self.good:
            raise REFUSED
        return registration.credential

    async def use(self, registration: Registration = NEW) -> bytes:
        self.tried.clear()
        return await self.credentials.use(registration, self.attempt)


async def test_the_new_one_is_taken_where_it_is_known() -> None:
    door = Door(b"new", b"old")
    assert await door.use() == b"new"
    assert (door.tried, door.told) == ([b"new"], [])


async def test_the_previous_one_serves_and_the_refusal_is_told() -> None:
    door = Door(b"old")
    assert await door.use() == b"old"
    assert (door.tried, door.told) == ([b"new", b"old"], [(b"new", True)])


async def test_any_one_within_its_overlap_serves() -> None:
    door = Door(b"older")
    assert await door.use() == b"older"
    door.now = NOW + timedelta(minutes=1)
    with pytest.raises(CallOperator):
        await door.use()
    assert b"older" not in door.tried


async def test_a_refused_one_is_left_alone_for_five_minutes_and_then_tried_again() -> None:
    door = Door(b"old")
    await door.use()
    door.now += timedelta(minutes=4)
    assert await door.use() == b"old"
    assert door.tried == [b"old"]
    door.good = {b"new"}  # the change acts, and the old one is gone
    assert await door.use() == b"new"
    assert door.tried == [b"old", b"new"]
    assert await door.use() == b"new"
    assert door.tried == [b"new"]
    door.good = {b"old", b"new"}
    door.now += timedelta(minutes=2)
    assert await door.use() == b"new"


async def test_where_all_are_refused_the_current_ones_refusal_is_raised() -> None:
    door = Door()
    with pytest.raises(CallOperator) as caught:
        await door.use()
    assert caught.value is REFUSED
    assert door.told == [(b"new", False)]
    with pytest.raises(CallOperator):
        await door.use(replace(NEW, previous=()))


async def test_other_failures_are_no_reason_to_try_another() -> None:
    door = Door()

    async def attempt(registration: Registration) -> bytes:
        door.tried.append(registration.credential)
        raise TryLater("upstream_unavailable", "Later.", upstream=Upstream(503))

    async def narrow(registration: Registration) -> bytes:
        door.tried.append(registration.credential)
        raise CallOperator("upstream_error", "No.", upstream=Upstream(400, None, "invalid_scope empty-scopes"))

    with pytest.raises(TryLater):
        await door.credentials.use(NEW, attempt)
    with pytest.raises(CallOperator):
        await door.credentials.use(NEW, narrow)
    assert (door.tried, door.told) == ([b"new", b"new"], [])


async def test_a_store_that_is_gone_does_not_fail_the_call() -> None:
    async def tell(registration: Registration, fell_back: bool) -> None:
        raise TryLater("store_unavailable", "Gone.")

    door = Door(b"old")
    assert await Credentials(lambda: NOW, tell).use(NEW, door.attempt) == b"old"
    assert "old" not in repr(Credentials())
