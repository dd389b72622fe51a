"""The funnel: once per resource, versions only for changes, a mark an hour, and a feed without holes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import psycopg
import pytest

from millgate.access.parties import Tenant
from millgate.errors import GatewayError, NeedAccess
from millgate.store import SaveResult, Store
from millgate.store.database import Connection
from millgate.store.queries import queries
from tests.store.conftest import Clock
from tests.store.patients import observation, patient

NOON = datetime(2031, 3, 14, 12, tzinfo=UTC)


async def test_new_then_unchanged_then_changed(store: Store, clock: Clock) -> None:
    page = [patient(number) for number in range(50)]
    assert await store.records.save("t", "fhir_r4", page, received_at=clock()) == SaveResult(50, 0, 0)
    assert await store.records.save("t", "fhir_r4", page, received_at=clock.move(minutes=1)) == SaveResult(0, 0, 50)
    page[7] = patient(7, gender="unknown")
    page.append(patient(50))
    assert await store.records.save("t", "fhir_r4", page, received_at=clock.move(minutes=1)) == SaveResult(1, 1, 49)
    loaded = await store.records.load("t", "fhir_r4", "Patient", page[7]["id"])
    assert loaded is not None
    assert (loaded.resource, loaded.version, loaded.received_at) == (page[7], 2, clock.at)
    versions = await store.records.history("t", "fhir_r4", "Patient", page[7]["id"])
    assert [(one.version, one.resource["gender"], one.replaced_at) for one in versions] == [
        (2, "unknown", None),
        (1, "female", clock.at),
    ]
    changes = await store.records.changes()
    assert len(changes) == 52
    assert [(one.kind, one.version) for one in changes[50:]] == [("created", 1), ("updated", 2)]
    assert await store.records.counts() == {"t": {"Patient": 51}}


async def test_order_of_keys_does_not_matter_but_digits_do(store: Store, clock: Clock) -> None:
    one = observation(1, Decimal("5.0"))
    await store.records.save("t", "p", [one], received_at=clock())
    assert (await store.records.save("t", "p", [dict(reversed(one.items()))], received_at=clock())).unchanged == 1
    assert (await store.records.save("t", "p", [observation(1, Decimal("5.00"))], received_at=clock())).changed == 1
    loaded = await store.records.load("t", "p", "Observation", "obs-1")
    assert loaded is not None
    assert str(loaded.resource["valueQuantity"]["value"]) == "5.00"


async def test_seen_mark_moves_at_most_once_an_hour_and_nothing_else_is_written(store: Store, clock: Clock) -> None:
    begun = clock()
    await store.records.save("t", "p", [patient(1)], received_at=begun)

    async def row() -> tuple[object, ...] | None:
        return await store.database.fetch_one(b"SELECT seen_at, received_at, version, xmin::text FROM record")

    first = await row()
    await store.records.save("t", "p", [patient(1)], received_at=clock.move(minutes=59, seconds=59))
    assert await row() == first
    await store.records.save("t", "p", [patient(1)], received_at=clock.move(seconds=1))
    marked = await row()
    assert marked is not None
    assert marked[:3] == (clock.at, begun, 1)
    assert await store.database.fetch_one(b"SELECT count(*) FROM record_history") == (0,)


async def test_answer_that_was_overtaken_is_left_aside(store: Store, clock: Clock) -> None:
    earlier = clock()
    await store.records.save("t", "p", [observation(1, 6)], received_at=clock.move(seconds=2))
    assert (await store.records.save("t", "p", [observation(1, 5)], received_at=earlier)).unchanged == 1
    loaded = await store.records.load("t", "p", "Observation", "obs-1")
    assert loaded is not None
    assert (loaded.resource["valueQuantity"]["value"], loaded.version) == (6, 1)


async def test_same_resource_twice_in_a_page_counts_once(store: Store, clock: Clock) -> None:
    result = await store.records.save("t", "p", [observation(1, 5), observation(1, 6)], received_at=clock())
    assert result == SaveResult(1, 0, 0)
    loaded = await store.records.load("t", "p", "Observation", "obs-1")
    assert loaded is not None
    assert loaded.resource["valueQuantity"]["value"] == 6


async def test_tenants_and_pathways_are_apart(store: Store, clock: Clock) -> None:
    await store.records.save("t", "p", [patient(1)], received_at=clock())
    identity = ("Patient", patient(1)["id"])
    assert await store.records.load("u", "p", *identity) is None
    assert await store.records.load("t", "q", *identity) is None
    assert await store.records.find("u", "family", "quillfeatheraab") == []
    assert len(await store.records.find("t", "family", "quillfeatheraab")) == 1


async def test_load_many_leaves_out_what_is_not_there(store: Store, clock: Clock) -> None:
    await store.records.save("t", "p", [observation(1), observation(2)], received_at=clock())
    found = await store.records.load_many("t", "p", "Observation", ["obs-1", "obs-3", "obs-2"])
    assert sorted(found) == ["obs-1", "obs-2"]
    assert found["obs-2"].resource == observation(2)


async def test_found_by_terms_and_by_patient(store: Store, clock: Clock) -> None:
    await store.records.save("t", "p", [patient(1), patient(2), observation(1), observation(2)], received_at=clock())
    for kind, value in [("identifier", "mrn-7780001"), ("birth_date", "1961-07-02"), ("phone", "8165550001")]:
        assert [one.resource for one in await store.records.find("t", kind, value)] == [patient(1)]
    about = await store.records.find("t", "patient", patient(1)["id"])
    assert {one.resource["resourceType"] for one in about} == {"Patient", "Observation"}
    only = await store.records.find("t", "patient", patient(1)["id"], resource_type="Observation")
    assert [one.resource for one in only] == [observation(1)]


async def test_changed_record_is_found_by_its_new_terms_only(store: Store, clock: Clock) -> None:
    await store.records.save("t", "p", [patient(1)], received_at=clock())
    await store.records.save("t", "p", [patient(1, name=[{"family": "Newname"}])], received_at=clock())
    assert await store.records.find("t", "family", "quillfeatheraab") == []
    assert len(await store.records.find("t", "family", "newname")) == 1


async def test_two_who_bring_the_same_pages_in_other_orders_make_one_version_each(store: Store, clock: Clock) -> None:
    for value in range(4):
        page = [observation(number, value) for number in range(60)]
        when = clock.move(seconds=1)
        saves = [page, page[::-1], page[30:] + page[:30], page]
        results = await asyncio.gather(*[store.records.save("t", "p", one, received_at=when) for one in saves])
        assert sum(one.new + one.changed for one in results) == 60
    assert await store.database.fetch_one(b"SELECT min(version), max(version), count(*) FROM record") == (4, 4, 60)
    assert len(await store.records.changes(limit=1000)) == 240


WAITS = b"""
SELECT 1 FROM pg_locks
WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


async def announce(connection: Connection, resource_type: str) -> None:
    """What a page does last of all."""
    columns = {"keys": [b"k"], "types": [resource_type], "versions": [1], "kinds": ["created"]}
    await connection.execute(queries("records")["take_turn"])
    await connection.execute(queries("records")["insert_changes"], {"tenant": "t", "received_at": NOON, **columns})


async def until_somebody_waits(store: Store, task: asyncio.Task[Any]) -> None:
    while not await store.database.fetch_one(WAITS):
        assert not task.done()


async def test_a_page_waits_for_its_turn_in_the_feed(store: Store, clock: Clock) -> None:
    async with store.database.transaction() as first:
        await announce(first, "X")
        saving = asyncio.create_task(store.records.save("t", "p", [observation(1)], received_at=clock()))
        await until_somebody_waits(store, saving)
        assert await store.records.changes() == []
    await saving
    changes = await store.records.changes()
    assert [change.resource_type for change in changes] == ["X", "Observation"]
    assert await store.records.changes(after=changes[0].seq, tenant="t") == changes[1:]
    assert await store.records.changes(tenant="u") == []


async def test_nobody_passes_over_a_change_that_is_committed_late(store: Store) -> None:
    """Two transactions begin in one order and write in the other: a higher number never shows before a lower one."""
    async with store.database.transaction() as early:
        await early.execute("SELECT pg_current_xact_id()")
        async with store.database.transaction() as late:
            await late.execute("SELECT pg_current_xact_id()")
            await announce(late, "First")
            second = asyncio.create_task(announce(early, "Second"))
            await until_somebody_waits(store, second)
            assert await store.records.changes() == []
        await second
        (first,) = await store.records.changes()
        assert first.resource_type == "First"
    assert [one.resource_type for one in await store.records.changes(after=first.seq)] == ["Second"]


async def test_a_dump_that_is_restored_into_a_younger_cluster_shows_its_whole_feed(store: Store, clock: Clock) -> None:
    """The numbers of transactions are a cluster's own: those of a dump may not have been reached here."""
    await store.database.execute(
        b"INSERT INTO record_change (transaction, tenant, resource_type, record_key, version, kind, at)"
        b" VALUES ('9000000000000', 't', 'X', 'k', 1, 'created', now())"
    )
    await store.records.save("t", "p", [observation(1)], received_at=clock())
    assert [change.resource_type for change in await store.records.changes()] == ["X", "Observation"]


async def test_prune_keeps_current_versions(store: Store, clock: Clock) -> None:
    for value in range(3):
        await store.records.save("t", "p", [observation(1, value)], received_at=clock.move(days=1))
    assert await store.records.prune(older_than=clock.at) == 1
    assert [one.version for one in await store.records.history("t", "p", "Observation", "obs-1")] == [3, 2]


async def test_forget_leaves_other_tenants(store: Store, clock: Clock) -> None:
    for tenant in ("t", "u"):
        await store.records.save(tenant, "p", [patient(1)], received_at=clock())
    assert await store.records.forget("t") == 1
    assert await store.records.counts() == {"u": {"Patient": 1}}
    assert await store.database.fetch(b"SELECT DISTINCT tenant FROM record_term") == [("u",)]


async def test_records_of_a_renewed_key_open_at_another_process(store: Store, clock: Clock, fresh_database_url: str) -> None:
    await store.records.save("t", "p", [observation(1)], received_at=clock())
    other = await Store.open(database_url=fresh_database_url, data_dir=None, master_key=store.vault._master, now=clock)
    assert await other.records.load("t", "p", "Observation", "obs-1")
    await store.vault.renew("t")
    await store.records.save("t", "p", [observation(1, 9)], received_at=clock())
    loaded = await other.records.load("t", "p", "Observation", "obs-1")
    await other.close()
    assert loaded is not None
    assert loaded.resource["valueQuantity"]["value"] == 9


async def test_body_swapped_with_another_rows_is_noticed(store: Store, clock: Clock) -> None:
    await store.records.save("t", "p", [observation(1), observation(2)], received_at=clock())
    await store.database.execute(b"UPDATE record SET body = (SELECT body FROM record AS o WHERE o.key <> record.key)")
    with pytest.raises(GatewayError, match="altered or moved"):
        await store.records.load("t", "p", "Observation", "obs-1")


async def test_resource_without_id_is_refused(store: Store, clock: Clock) -> None:
    with pytest.raises(GatewayError, match="without type or id"):
        await store.records.save("t", "p", [{"resourceType": "Patient"}], received_at=clock())


async def test_what_was_read_of_a_tenant_that_is_removed_meanwhile_is_not_kept(store: Store, clock: Clock) -> None:
    """Nor where another was connected by its name: not a row, and no key that would be made for it."""
    first = Tenant("mercy", "https://fhir.example/r4/t", None, clock())
    await store.tenants.add(first)
    kept = await store.records.save("mercy", "p", [patient(1)], received_at=clock(), connected_at=first.created_at)
    assert kept == SaveResult(1, 0, 0)
    await store.tenants.remove("mercy")
    with pytest.raises(NeedAccess, match="tenant_not_allowed"):
        await store.records.save("mercy", "p", [patient(2)], received_at=clock(), connected_at=first.created_at)
    assert await store.records.counts() == {}
    assert "mercy" not in store.vault._tenants
    again = replace(first, created_at=clock.move(minutes=1))
    await store.tenants.add(again)
    with pytest.raises(NeedAccess, match="tenant_not_allowed"):
        await store.records.save("mercy", "p", [patient(2)], received_at=clock(), connected_at=first.created_at)
    await store.records.save("mercy", "p", [patient(3)], received_at=clock(), connected_at=again.created_at)
    assert await store.records.counts() == {"mercy": {"Patient": 1}}


async def test_a_removal_waits_for_what_is_being_written_and_takes_it_along(
    store: Store, clock: Clock, fresh_database_url: str
) -> None:
    tenant = Tenant("mercy", "https://fhir.example/r4/t", None, clock())
    await store.tenants.add(tenant)
    await store.records.save("mercy", "p", [patient(1)], received_at=clock(), connected_at=tenant.created_at)
    connect = partial(psycopg.AsyncConnection.connect, fresh_database_url)
    async with await connect(autocommit=True) as watch, await connect() as held:  # which holds the writer up
        await held.execute("SELECT 1 FROM record FOR UPDATE")
        changed = patient(1, gender="unknown")
        later = clock.move(minutes=1)
        writing = asyncio.create_task(
            store.records.save("mercy", "p", [changed], received_at=later, connected_at=tenant.created_at)
        )
        await waiting(watch, "record")
        removing = asyncio.create_task(store.tenants.remove("mercy"))
        await waiting(watch, "tenant")
        assert not removing.done()
    assert await writing == SaveResult(0, 1, 0)
    assert await removing
    assert await store.records.counts() == {}


async def waiting(connection: psycopg.AsyncConnection[Any], table: str) -> None:
    """Until somebody waits for a row of the table."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ %s"
    async with asyncio.timeout(30):
        while (await (await connection.execute(query, [rf"\m(FROM|INTO) {table}\M"])).fetchone() or (0,))[0] == 0:  # noqa: ASYNC110  the database tells nobody
            await asyncio.sleep(0.01)
