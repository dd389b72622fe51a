"""The feed of events: told once, in the order in which they become visible, gone with the transaction that fails."""

from __future__ import annotations

import asyncio

import pytest

from millgate.store import Store
from tests.store.conftest import Clock

WAITS = b"""
SELECT 1 FROM pg_locks
WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


async def test_an_event_with_an_id_is_told_once(store: Store, clock: Clock) -> None:
    assert await store.events.add("tenant.credential_rejected", "t", {"n": 1}, event_id="event_1")
    assert not await store.events.add("tenant.credential_rejected", "t", {"n": 2}, event_id="event_1")
    (event,) = await store.events.list()
    assert event.data == {"n": 1}
    assert await store.events.list(after=event.seq) == []
    assert await store.events.newest() == event.seq
    clock.move(days=1)
    assert await store.events.prune(older_than=clock()) == 1
    assert await store.events.newest() == 0


async def test_the_feed_is_read_by_tenants_and_types_from_either_end(store: Store) -> None:
    for number, (kind, tenant) in enumerate([("a", "t"), ("b", "t"), ("a", "u"), ("a", None)]):
        await store.events.add(kind, tenant, {"n": number})

    async def numbers(**only: list[str]) -> list[int]:
        found = await store.events.list(**only)
        assert found == await store.events.latest(**only)
        return [one.data["n"] for one in found]

    assert await numbers() == [0, 1, 2, 3]
    assert await numbers(tenants=["t"]) == [0, 1]
    assert await numbers(types=["a"]) == [0, 2, 3]
    assert await numbers(tenants=["t", "u"], types=["a"]) == [0, 2]
    assert await numbers(tenants=[]) == []
    assert [one.data["n"] for one in await store.events.latest(limit=2)] == [2, 3]
    assert [one.data["n"] for one in await store.events.list(limit=2)] == [0, 1]


async def test_an_event_of_a_transaction_that_fails_is_not_told(store: Store) -> None:
    async def fail() -> None:
        async with store.database.transaction() as connection:
            await store.events.add("x", "t", {}, connection=connection)
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        await fail()
    assert await store.events.list() == []


async def test_nobody_passes_over_an_event_that_is_committed_late(store: Store) -> None:
    """Two transactions begin in one order and tell in the other: a higher number never shows before a lower one."""
    async with store.database.transaction() as early:
        await early.execute("SELECT pg_current_xact_id()")
        async with store.database.transaction() as late:
            await late.execute("SELECT pg_current_xact_id()")
            await store.events.add("first", "t", {}, connection=late)
            second = asyncio.create_task(store.events.add("second", "t", {}, connection=early))
            while not await store.database.fetch_one(WAITS):
                assert not second.done()
            assert await store.events.list() == []
        assert await second
        (first,) = await store.events.list()
        assert first.type == "first"
    assert [one.type for one in await store.events.list(after=first.seq)] == ["second"]
