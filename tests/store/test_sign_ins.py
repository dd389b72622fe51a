"""Sign-ins under way and people's tokens: good once, not for long, for one client, and readable by nobody else."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from millgate.access.grants import UserGrant
from millgate.access.parties import Session, Tenant
from millgate.store import Store
from tests.store.conftest import Clock

PLAN, OUTCOME = b"plan: Rivera", b"outcome: Rivera"


@pytest.fixture
async def client(store: Store, clock: Clock) -> str:
    """An API client, and the tenant that it may use."""
    await store.tenants.add(Tenant("mercy", "https://fhir.example/r4/t", None, clock()))
    made, _ = await store.clients.create(
        "portal", tenants=["mercy"], scopes=["user/*.rs"], return_urls=["https://app.example/back"]
    )
    return made.id


async def begun(store: Store, clock: Clock, client: str, sign_in_id: str = "session_1") -> str:
    expires_at = clock() + timedelta(minutes=10)
    return await store.sign_ins.begin(
        sign_in_id=sign_in_id, client_id=client, tenant="mercy", persona="patient", plan=PLAN, expires_at=expires_at
    )


async def coded(store: Store, clock: Clock, client: str) -> str:
    under_way = await store.sign_ins.take(await begun(store, clock, client))
    assert under_way is not None
    return await store.sign_ins.answer(under_way, OUTCOME)


async def test_a_state_brings_its_sign_in_back_once(store: Store, clock: Clock, client: str) -> None:
    state = await begun(store, clock, client)
    found = await store.sign_ins.take(state)
    assert found is not None
    assert (found.id, found.client_id, found.tenant, found.persona, found.plan) == ("session_1", client, "mercy", "patient", PLAN)
    assert "Rivera" not in repr(found)
    assert await store.sign_ins.take(state) is None


async def test_of_many_who_bring_a_state_at_once_one_gets_the_sign_in(store: Store, clock: Clock, client: str) -> None:
    state = await begun(store, clock, client)
    found = await asyncio.gather(*(store.sign_ins.take(state) for _ in range(10)))
    assert sum(one is not None for one in found) == 1


@pytest.mark.parametrize("state", ["", "x", "\0", "é" * 100, "' OR true --"])
async def test_a_state_that_was_never_given_brings_nothing(store: Store, clock: Clock, client: str, state: str) -> None:
    await begun(store, clock, client)
    assert await store.sign_ins.take(state) is None


async def test_states_differ_and_are_long(store: Store, clock: Clock, client: str) -> None:
    states = {await begun(store, clock, client, f"session_{number}") for number in range(5)}
    assert len(states) == 5
    assert min(map(len, states)) >= 43  # 256 bits


async def test_a_state_lasts_ten_minutes(store: Store, clock: Clock, client: str) -> None:
    early, late = await begun(store, clock, client), await begun(store, clock, client, "session_2")
    clock.move(minutes=9, seconds=59)
    assert await store.sign_ins.take(early) is not None
    clock.move(seconds=1)
    assert await store.sign_ins.take(late) is None


async def test_a_code_brings_the_outcome_once(store: Store, clock: Clock, client: str) -> None:
    code = await coded(store, clock, client)
    assert code.startswith("sc_")
    got = await asyncio.gather(*(store.sign_ins.redeem(code, client) for _ in range(10)))
    assert [one.outcome for one in got if one is not None] == [OUTCOME]
    assert await store.sign_ins.redeem(code, client) is None


async def test_a_code_of_another_client_brings_nothing_and_stays_good_for_its_own(
    store: Store, clock: Clock, client: str
) -> None:
    other, _ = await store.clients.create("other", tenants=["mercy"], scopes=["user/*.rs"])
    code = await coded(store, clock, client)
    assert await store.sign_ins.redeem(code, other.id) is None
    assert await store.sign_ins.redeem(code, client) is not None


async def test_a_code_lasts_two_minutes(store: Store, clock: Clock, client: str) -> None:
    code = await coded(store, clock, client)
    clock.move(seconds=120)
    assert await store.sign_ins.redeem(code, client) is None


async def test_a_state_is_no_code(store: Store, clock: Clock, client: str) -> None:
    state = await begun(store, clock, client)
    assert await store.sign_ins.redeem(state, client) is None


async def test_a_sign_in_is_answered_once(store: Store, clock: Clock, client: str) -> None:
    under_way = await store.sign_ins.take(await begun(store, clock, client))
    assert under_way is not None
    first = await store.sign_ins.answer(under_way, OUTCOME)
    second = await store.sign_ins.answer(under_way, b"another outcome")
    assert await store.sign_ins.redeem(second, client) is None
    redeemed = await store.sign_ins.redeem(first, client)
    assert redeemed is not None
    assert redeemed.outcome == OUTCOME


def grant(clock: Clock, **changes: object) -> UserGrant:
    made = UserGrant("access-1", "refresh-1", ("user/Patient.rs",), clock() + timedelta(seconds=570), clock())
    return replace(made, **changes)  # type: ignore[arg-type]


async def test_tokens_come_back_as_they_were_kept(store: Store, clock: Clock, client: str) -> None:
    for kept in (grant(clock), grant(clock, refresh_token=None, scopes=()), grant(clock, access_token="access-2")):
        await store.grants.put("session_1", "mercy", kept)
        assert await store.grants.get("session_1") == kept
    await store.grants.end("session_1")
    assert await store.grants.get("session_1") is None


async def test_whoever_refreshes_holds_the_others_up_until_it_is_done(store: Store, clock: Clock, client: str) -> None:
    await store.grants.put("session_1", "mercy", grant(clock))
    seen: list[str] = []
    inside = asyncio.Event()

    async def refresh(name: str) -> None:
        async with store.grants.locked("session_1") as held:
            assert held.grant is not None
            seen.append(held.grant.access_token)
            inside.set()
            await held.replace(replace(held.grant, access_token=name))

    await asyncio.gather(*(refresh(f"by-{number}") for number in range(5)))
    last = await store.grants.get("session_1")
    assert last is not None
    assert sorted([*seen, last.access_token]) == sorted(["access-1", *(f"by-{number}" for number in range(5))])
    assert len(set(seen)) == 5


async def test_a_refresh_that_fails_changes_nothing(store: Store, clock: Clock, client: str) -> None:
    await store.grants.put("session_1", "mercy", grant(clock))

    async def fail_half_way() -> None:
        async with store.grants.locked("session_1") as held:
            await held.replace(grant(clock, access_token="half"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail_half_way()
    assert await store.grants.get("session_1") == grant(clock)


async def test_a_grant_that_ended_under_its_lock_is_gone(store: Store, clock: Clock, client: str) -> None:
    await store.grants.put("session_1", "mercy", grant(clock))
    async with store.grants.locked("session_1") as held:
        await held.end()
    assert await store.grants.get("session_1") is None
    async with store.grants.locked("session_1") as held:
        assert held.grant is None


async def test_no_secret_stands_in_the_tables_and_a_row_that_is_moved_does_not_open(
    store: Store, clock: Clock, client: str, fresh_database_url: str
) -> None:
    state, code = await begun(store, clock, client, "session_2"), await coded(store, clock, client)
    await store.grants.put("session_1", "mercy", grant(clock))
    with psycopg.connect(fresh_database_url, autocommit=True) as connection:
        rows = repr(connection.execute("SELECT * FROM sign_in").fetchall())
        rows += repr(connection.execute("SELECT * FROM user_grant").fetchall())
        connection.execute("UPDATE user_grant SET session_id = 'session_9'")
    for secret in (state, code, "access-1", "refresh-1", "Rivera"):
        assert secret not in rows
    with pytest.raises(Exception, match=r"(?i)vault|seal|open|tamper|decrypt"):
        await store.grants.get("session_9")


async def test_what_is_over_is_pruned_and_what_is_not_stays(store: Store, clock: Clock, client: str) -> None:
    await coded(store, clock, client)  # session_1: never redeemed
    for name in ("session_1", "session_3", "session_4"):
        await store.grants.put(name, "mercy", grant(clock))
    opened = Session("session_3", client, "mercy", "patient", (), (), "7", None, clock(), clock() + timedelta(days=30))
    await store.sessions.open(opened)
    await store.sign_ins.prune(older_than=clock() - timedelta(days=1))
    assert await store.grants.get("session_1") is not None
    clock.move(days=2)
    await store.sign_ins.prune(older_than=clock() - timedelta(days=1))
    assert [await store.grants.get(name) is not None for name in ("session_1", "session_3", "session_4")] == [False, True, False]


async def test_sign_ins_go_with_their_tenant(store: Store, clock: Clock, client: str) -> None:
    state = await begun(store, clock, client)
    await store.grants.put("session_1", "mercy", grant(clock))
    await store.tenants.remove("mercy")
    assert await store.sign_ins.take(state) is None
    assert await store.grants.get("session_1") is None
