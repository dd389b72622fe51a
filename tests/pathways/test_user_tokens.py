"""People's tokens: refreshed ahead of time, once between all gateways, never widened; and when a session is over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta

import pytest
from aiohttp import web

from millgate.access.connection import Connection
from millgate.access.grants import UserGrant
from millgate.access.parties import Tenant
from millgate.access.scopes import ScopeSet
from millgate.canonical.exchange import Call
from millgate.errors import CallOperator, GatewayError, NeedAccess
from millgate.pathways.http import Transport
from millgate.pathways.tokens import AccessToken, TokenBook
from millgate.pathways.user_tokens import MOST_REFRESHES, Tokens, UserTokens
from millgate.store import MasterKey, Store
from tests.database import database_server, fresh_database_url
from tests.pathways.authority import PROVIDER, START, Authority, Clock, refusal
from tests.pathways.source import reply, source

__all__ = ["database_server", "fresh_database_url"]

SCOPES = ("offline_access", "user/Observation.rs", "user/Patient.rs")
GRANT = UserGrant("access-0", "refresh-1", SCOPES, START + timedelta(seconds=570), START - timedelta(seconds=60))
MASTER = MasterKey(bytes(range(32)), "test")
CONNECTION = Connection(Tenant("mercy", "http://127.0.0.1/r4/t", None, START), PROVIDER, SCOPES, "session_1")


@pytest.fixture
async def authority() -> AsyncIterator[Authority]:
    async with source() as served:
        found = Authority(served, Clock())
        found.says = {"scope": " ".join(SCOPES)}
        yield found


class Gateways:
    """Several gateways on one database: each has a store, a transport and a memory of its own."""

    def __init__(self, stores: list[Store], tokens: list[UserTokens], authority: Authority) -> None:
        self.stores, self.tokens, self.authority = stores, tokens, authority
        self.narrowed: list[tuple[str, tuple[str, ...]]] = []

    async def token(self, gateway: int = 0, connection: Connection = CONNECTION) -> str:
        """The access token that a call of the session would go out with."""
        return (await self.use(gateway, connection)).value

    async def use(self, gateway: int = 0, connection: Connection = CONNECTION) -> AccessToken:
        """The access token with all that is known of it."""
        return await self.tokens[gateway].token(connection, f"{self.authority.served.base}/token", [])

    async def put(self, grant: UserGrant = GRANT) -> None:
        """As if the person had just signed in."""
        await self.stores[0].grants.put("session_1", "mercy", grant)

    async def grant(self) -> UserGrant | None:
        """What the store keeps."""
        return await self.stores[0].grants.get("session_1")

    @property
    def refreshes(self) -> int:
        """How often the source was asked for another token."""
        return len(self.authority.served.seen("/token"))


@pytest.fixture
async def gateways(fresh_database_url: str, authority: Authority) -> AsyncIterator[Gateways]:
    async def no_rest(_: float) -> None:
        return None

    async with AsyncExitStack() as closing:
        stores = []
        for _ in range(2):
            store = await Store.open(database_url=fresh_database_url, data_dir=None, master_key=MASTER, now=authority.clock)
            closing.push_async_callback(store.close)
            stores.append(store)
        await stores[0].tenants.add(CONNECTION.tenant)
        transports = [await closing.enter_async_context(Transport(now=authority.clock, sleep=no_rest)) for _ in stores]
        tokens = [
            UserTokens(transport, store.grants, now=authority.clock) for transport, store in zip(transports, stores, strict=True)
        ]
        found = Gateways(stores, tokens, authority)

        async def told(session_id: str, scopes: tuple[str, ...]) -> None:
            found.narrowed.append((session_id, scopes))

        for one in tokens:
            one.tell_narrowed(told)
        await found.put()
        yield found


async def test_a_token_that_is_not_due_is_used_as_it_is(gateways: Gateways, authority: Authority) -> None:
    assert await gateways.token() == "access-0"
    authority.clock.pass_by(570 - 91)
    assert await gateways.token() == "access-0"
    assert gateways.refreshes == 0


async def test_it_is_refreshed_ahead_of_its_end_by_the_same_refresh_token(gateways: Gateways, authority: Authority) -> None:
    authority.clock.pass_by(570 - 89)
    assert await gateways.token() == "access-1"
    authority.clock.pass_by(570 - 89)
    assert await gateways.token() == "access-2"
    assert [form["refresh_token"] for form in authority.forms()] == ["refresh-1", "refresh-1"]
    assert [form["grant_type"] for form in authority.forms()] == ["refresh_token", "refresh_token"]
    assert authority.served.requests[0].headers["Authorization"].startswith("Basic ")
    kept = await gateways.grant()
    assert kept is not None
    assert (kept.access_token, kept.refresh_token, kept.scopes) == ("access-2", "refresh-1", ScopeSet.parse(SCOPES).strings())


async def test_another_refresh_token_is_not_taken(gateways: Gateways, authority: Authority) -> None:
    """Source: Millennium fact sheet §2.4: none comes, so one that comes is not from there."""
    authority.says["refresh_token"] = "refresh-2"
    authority.clock.pass_by(500)
    await gateways.token()
    kept = await gateways.grant()
    assert kept is not None
    assert kept.refresh_token == "refresh-1"


async def test_many_calls_at_once_cause_one_refresh(gateways: Gateways, authority: Authority) -> None:
    authority.clock.pass_by(600)
    assert set(await asyncio.gather(*(gateways.token() for _ in range(100)))) == {"access-1"}
    assert gateways.refreshes == 1


async def test_two_gateways_on_one_database_refresh_once_between_them(gateways: Gateways, authority: Authority) -> None:
    await asyncio.gather(gateways.token(0), gateways.token(1))
    authority.clock.pass_by(600)
    got = await asyncio.gather(*(gateways.token(number % 2) for number in range(40)))
    assert set(got) == {"access-1"}
    assert gateways.refreshes == 1


async def test_it_is_refreshed_once_a_minute_at_most(gateways: Gateways, authority: Authority) -> None:
    authority.says["expires_in"] = 80  # due as soon as it comes
    authority.clock.pass_by(600)
    for _ in range(6):
        await gateways.token()
        authority.clock.pass_by(9)
    assert gateways.refreshes == 1
    authority.clock.pass_by(10)
    await gateways.token()
    assert gateways.refreshes == 2


async def test_a_token_that_the_source_takes_back_is_repaired_by_one_refresh(gateways: Gateways) -> None:
    used = await gateways.use()
    for _ in range(3):  # three calls in flight come home with the same 401
        gateways.tokens[0].invalidate(CONNECTION, used)
    assert await gateways.token() == "access-1"
    assert await gateways.token() == "access-1"
    assert gateways.refreshes == 1


async def test_a_401_that_comes_late_does_not_cost_the_token_that_came_since(gateways: Gateways) -> None:
    old = await gateways.use()
    gateways.tokens[0].invalidate(CONNECTION, old)
    assert await gateways.token() == "access-1"
    gateways.tokens[0].invalidate(CONNECTION, old)
    assert await gateways.token() == "access-1"
    assert gateways.refreshes == 1


async def test_a_fresh_token_that_is_refused_again_costs_a_minute_and_not_the_session(
    gateways: Gateways, authority: Authority
) -> None:
    gateways.tokens[0].invalidate(CONNECTION, await gateways.use())
    gateways.tokens[0].invalidate(CONNECTION, await gateways.use())
    with pytest.raises(GatewayError) as refused:
        await gateways.token()
    assert refused.value.code == "upstream_unavailable"
    assert refused.value.retry_after == 60
    assert gateways.refreshes == 1
    authority.clock.pass_by(60)
    assert await gateways.token() == "access-2"


async def test_a_narrower_answer_is_noticed_and_told_once(gateways: Gateways, authority: Authority) -> None:
    authority.says["scope"] = "user/Patient.rs offline_access"
    authority.clock.pass_by(600)
    found = await gateways.use()
    assert set(found.scopes) == {"offline_access", "user/Patient.rs"}
    assert [name for name, _ in gateways.narrowed] == ["session_1"]
    assert set(gateways.narrowed[0][1]) == {"offline_access", "user/Patient.rs"}
    authority.clock.pass_by(600)
    await gateways.token()
    assert len(gateways.narrowed) == 1


async def test_a_wider_answer_is_not_taken(gateways: Gateways, authority: Authority) -> None:
    authority.says["scope"] = " ".join([*SCOPES, "user/Appointment.crus", "system/Patient.rs"])
    authority.clock.pass_by(600)
    assert set((await gateways.use()).scopes) == set(SCOPES)
    kept = await gateways.grant()
    assert kept is not None
    assert set(kept.scopes) == set(SCOPES)
    assert gateways.narrowed == []


async def test_an_answer_without_scopes_means_the_same_as_before(gateways: Gateways, authority: Authority) -> None:
    """Source: RFC 6749 §6."""
    authority.says["scope"] = None
    authority.clock.pass_by(600)
    assert set((await gateways.use()).scopes) == set(SCOPES)


@pytest.mark.parametrize("word", ["invalid_client", "unauthorized_client", "invalid_scope", "x" * 1000])
async def test_a_refused_registration_ends_nobodys_session(gateways: Gateways, authority: Authority, word: str) -> None:
    """A mistyped secret must not sign everybody out for good."""
    authority.refuses = lambda form: refusal(word, 401)
    authority.clock.pass_by(600)
    with pytest.raises(CallOperator):
        await gateways.token()
    authority.refuses = lambda form: None
    assert await gateways.token() == "access-1"


async def test_a_refused_refresh_token_ends_the_session(gateways: Gateways, authority: Authority) -> None:
    authority.refuses = lambda form: refusal("invalid_grant")
    authority.clock.pass_by(600)
    for gateway in (0, 1):
        with pytest.raises(NeedAccess) as ended:
            await gateways.token(gateway)
        assert ended.value.code == "session_expired"
    assert await gateways.grant() is None
    assert gateways.refreshes == 1  # who comes later finds nothing left to ask with


async def test_a_server_that_fails_ends_nothing(gateways: Gateways, authority: Authority) -> None:
    authority.served.on("/token", reply(500))
    authority.clock.pass_by(570 - 60)
    assert await gateways.token() == "access-0"  # due, but still good
    authority.clock.pass_by(61)
    with pytest.raises(GatewayError) as failed:
        await gateways.token()
    assert failed.value.code == "upstream_unavailable"
    assert await gateways.grant() is not None
    authority.served.on("/token", authority._token)
    assert await gateways.token() == "access-1"


async def test_a_refresh_that_fails_is_not_tried_again_by_every_call(gateways: Gateways, authority: Authority) -> None:
    authority.served.on("/token", reply(400))
    authority.clock.pass_by(570 - 80)
    for _ in range(5):
        assert await gateways.token() == "access-0"
    assert gateways.refreshes == 1
    authority.clock.pass_by(16)
    assert await gateways.token() == "access-0"
    assert gateways.refreshes == 2
    authority.served.on("/token", authority._token)
    authority.clock.pass_by(16)
    assert await gateways.token() == "access-1"


async def test_tokens_that_live_shorter_than_a_minute_are_refreshed_when_they_end(
    gateways: Gateways, authority: Authority
) -> None:
    authority.says["expires_in"] = 30
    authority.clock.pass_by(600)
    for number in (1, 2, 3):
        assert await gateways.token() == f"access-{number}"
        authority.clock.pass_by(20)
        assert await gateways.token() == f"access-{number}"
        authority.clock.pass_by(10)


async def test_an_authorization_server_that_hangs_leaves_the_database_to_others(gateways: Gateways, authority: Authority) -> None:
    """Each refresh holds its row: many sessions of a slow source must not take all connections to the database."""
    hanging, going = asyncio.Event(), asyncio.Event()

    async def hang(request: web.Request) -> web.StreamResponse:
        if gateways.refreshes == MOST_REFRESHES:
            hanging.set()
        await going.wait()
        return await authority._token(request)

    authority.served.on("/token", hang)
    names = [f"session_{number}" for number in range(30)]
    for name in names:
        await gateways.stores[0].grants.put(name, "mercy", GRANT)
    authority.clock.pass_by(600)
    waiting = [asyncio.create_task(gateways.token(connection=replace(CONNECTION, session_id=name))) for name in names]
    await hanging.wait()
    assert await asyncio.wait_for(gateways.stores[0].sessions.count_open(), 5) == 0
    going.set()
    assert len(set(await asyncio.gather(*waiting))) == 30


async def test_a_throttled_refresh_says_when_to_come_again(gateways: Gateways, authority: Authority) -> None:
    authority.served.on("/token", reply(429, Retry_After="17"))
    authority.clock.pass_by(600)
    with pytest.raises(GatewayError) as throttled:
        await gateways.token()
    assert (throttled.value.code, throttled.value.retry_after) == ("upstream_throttled", 17)
    assert await gateways.grant() is not None


async def test_without_a_refresh_token_the_session_ends_with_its_access_token(gateways: Gateways, authority: Authority) -> None:
    await gateways.put(replace(GRANT, refresh_token=None))
    authority.clock.pass_by(560)
    assert await gateways.token() == "access-0"
    authority.clock.pass_by(6)
    with pytest.raises(NeedAccess, match="session_expired"):
        await gateways.token()
    assert gateways.refreshes == 0


async def test_a_session_without_tokens_is_over(gateways: Gateways) -> None:
    with pytest.raises(NeedAccess, match="session_expired"):
        await gateways.token(connection=replace(CONNECTION, session_id="session_2"))


async def test_what_is_forgotten_is_asked_of_the_store_again(gateways: Gateways) -> None:
    assert await gateways.token() == "access-0"
    await gateways.stores[1].grants.end("session_1")
    gateways.tokens[0].forget("session_1")
    with pytest.raises(NeedAccess, match="session_expired"):
        await gateways.token()


async def test_a_persons_call_never_goes_out_with_the_gateways_own_token(gateways: Gateways, authority: Authority) -> None:
    async with Transport(now=authority.clock) as transport:
        book = TokenBook(transport, authority.clock)
        both = Tokens(book, gateways.tokens[0])
        authority.says["scope"] = "system/Patient.rs"
        calls: list[Call] = []
        endpoint = f"{authority.served.base}/token"
        assert (await both.token(CONNECTION, endpoint, calls)).value == "access-0"
        own = replace(CONNECTION, registration=replace(PROVIDER, persona="system"), session_id=None)
        assert (await both.token(own, endpoint, calls)).value == "access-1"
        assert authority.forms()[0]["grant_type"] == "client_credentials"
        await book.aclose()


async def test_tokens_show_nowhere(gateways: Gateways) -> None:
    shown = f"{GRANT!r} {await gateways.use()!r} {gateways.tokens[0]!r}"
    assert "access-0" not in shown
    assert "refresh-1" not in shown
