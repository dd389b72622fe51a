"""Snapshots: a row for each state that a server was found in, and one event for each change, in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from millgate.access.parties import Tenant
from millgate.store import Store
from millgate.store.snapshots import Taken
from tests.store.conftest import Clock

BASE = "https://fhir.example/t"


@pytest.fixture
async def tenant(store: Store, clock: Clock) -> str:
    """A tenant that nobody has looked at."""
    await store.tenants.add(Tenant("t", BASE, None, clock()))
    return "t"


def digest(documents: Mapping[str, str]) -> bytes:
    return documents["metadata"].encode()


def compare(before: Mapping[str, str], after: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
    return [{"class": "breaking", "before": before["metadata"], "after": after["metadata"]}]


async def take(store: Store, text: str, base: str = BASE) -> Taken | None:
    return await store.snapshots.take("t", base, {"metadata": text}, digest=digest, compare=compare)


async def test_an_unchanged_server_is_confirmed_and_a_changed_one_told_once(store: Store, clock: Clock, tenant: str) -> None:
    begin = clock()
    assert await take(store, "one") == Taken(True, [])
    clock.move(days=1)
    assert await take(store, "one") == Taken(False, ())
    last = await store.snapshots.last(tenant, BASE)
    assert last is not None
    assert (last.documents, last.taken_at, last.confirmed_at) == ({"metadata": "one"}, begin, clock())
    clock.move(days=1)
    change = {"class": "breaking", "before": "one", "after": "two"}
    assert await take(store, "two") == Taken(False, [change])
    assert [one.changes for one in await store.snapshots.changes(tenant, begin)] == [[change]]
    assert await store.snapshots.changes(tenant, clock() + timedelta(seconds=1)) == []
    (event,) = await store.events.list()
    assert (event.type, event.tenant, event.at) == ("tenant.capability_changed", "t", clock())
    assert event.data == {"changes": [change], "breaking": 1, "additive": 0, "cosmetic": 0}
    assert event.id.startswith("event_")


async def test_another_base_begins_anew(store: Store, clock: Clock, tenant: str) -> None:
    await take(store, "one")
    assert await take(store, "two", "https://fhir-myrecord.example/t") == Taken(True, [])
    assert await store.events.list() == []


async def test_of_many_that_look_at_once_one_finds_the_change(store: Store, clock: Clock, tenant: str) -> None:
    await take(store, "one")
    found = await asyncio.gather(*(take(store, "two") for _ in range(8)))
    assert sorted(bool(one and one.changes) for one in found) == [False] * 7 + [True]
    assert len(await store.events.list(tenants=[tenant])) == 1


async def test_a_tenant_is_due_a_day_after_it_was_looked_at(store: Store, clock: Clock, tenant: str) -> None:
    assert await store.snapshots.due(clock()) == ["t"]
    await take(store, "one")
    clock.move(hours=23)
    assert await store.snapshots.due(clock() - timedelta(hours=24)) == []
    clock.move(hours=2)
    assert await store.snapshots.due(clock() - timedelta(hours=24)) == ["t"]


async def test_a_removed_tenant_takes_its_snapshots_and_events_along(store: Store, clock: Clock, tenant: str) -> None:
    await take(store, "one")
    await take(store, "two")
    await store.tenants.remove(tenant)
    assert await take(store, "three") is None
    assert await store.database.fetch_one(b"SELECT count(*) FROM tenant_snapshot") == (0,)
    assert await store.events.list() == []
