"""The audit chain: committed before append returns, one chain for all processes, and every tampering found."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from millgate.canonical.exchange import Call
from millgate.errors import GatewayError
from millgate.store import Entry, Store
from tests.store.conftest import MASTER, Clock
from tests.store.processes import other

APPEND = """
import asyncio, sys
from datetime import UTC, datetime
from millgate.store import Entry, MasterKey, Store

async def main():
    now = lambda: datetime.now(UTC)
    master = MasterKey(bytes(range(32)), "test")
    store = await Store.open(database_url=sys.argv[1], data_dir=None, master_key=master, now=now)
    async def one(number):
        await store.audit.append(Entry(at=now(), request_id=f"{sys.argv[2]}-{number}", action="read", status=200, patients=[str(number)]))
        print(number, flush=True)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    for start in range(0, int(sys.argv[3]), 20):
        await asyncio.gather(*[one(number) for number in range(start, start + 20)])
    await store.close()
    print("done", flush=True)

asyncio.run(main())
"""


def entry(clock: Clock, number: int = 1, **changed: Any) -> Entry:
    known: dict[str, Any] = {
        "at": clock.move(seconds=1),
        "request_id": f"request-{number}",
        "action": "search",
        "status": 200,
        "client_id": "client_1",
        "session_id": "session_1",
        "tenant": "t",
        "persona": "system",
        "user": "Practitioner/12",
        "object": "observation",
        "target_ids": ("obs-1", "obs-2"),
        "patients": (f"patient-{number}",),
        "purpose": "TREAT",
        "calls": (Call("GET", "Observation", 200, "up-1", None), Call("GET", "Observation", None, "up-2", "opc-2")),
        "freshness": "live",
    }
    return Entry(**known | changed)


async def test_entry_comes_back_as_it_was(store: Store, clock: Clock) -> None:
    full = entry(clock)
    bare = Entry(at=clock.move(seconds=1), request_id="request-2", action="operator", status=0)
    await store.audit.append(full)
    await store.audit.append(bare)
    assert [(one.seq, one.entry) for one in await store.audit.list()] == [(2, bare), (1, full)]


async def test_is_committed_when_append_returns(store: Store, clock: Clock, fresh_database_url: str) -> None:
    await store.audit.append(entry(clock))
    with psycopg.connect(fresh_database_url) as elsewhere:
        assert elsewhere.execute("SELECT count(*) FROM audit").fetchone() == (1,)


async def test_many_at_once_share_commits_and_make_one_chain(store: Store, clock: Clock) -> None:
    await asyncio.gather(*[store.audit.append(entry(clock, number)) for number in range(2500)])
    verified = await store.audit.verify()
    assert (verified.ok, verified.rows) == (True, 2500)
    commits = await store.database.fetch_one(b"SELECT count(DISTINCT xmin::text) FROM audit")
    assert commits is not None
    assert commits[0] <= 5


async def test_list_filters_and_pages(store: Store, clock: Clock) -> None:
    for number in range(6):
        await store.audit.append(entry(clock, number, tenant="tu"[number % 2], action="read" if number < 3 else "search"))

    async def seqs(**filters: Any) -> list[int]:
        return [one.seq for one in await store.audit.list(**filters)]

    assert await seqs(limit=2) == [6, 5]
    assert await seqs(limit=2, before=5) == [4, 3]
    assert await seqs(tenant="u") == [6, 4, 2]
    assert await seqs(tenant="u", patient="patient-3") == [4]
    assert await seqs(tenant="t", patient="patient-3") == []
    assert await seqs(action="read", tenant="t") == [3, 1]
    assert await seqs(request_id="request-4") == [5]
    assert await seqs(client_id="client_2") == []
    assert await seqs(since=clock.at - timedelta(seconds=1)) == [6, 5]
    assert await seqs(until=clock.at - timedelta(seconds=4)) == [1]
    with pytest.raises(ValueError, match="within a tenant"):
        await store.audit.list(patient="patient-3")


async def test_nothing_of_a_patient_stands_open_in_a_row(store: Store, clock: Clock) -> None:
    await store.audit.append(entry(clock, 77))
    row = await store.database.fetch_one(b"SELECT audit::text, sealed FROM audit")
    assert row is not None
    for word in ("patient-77", "obs-1", "Practitioner/12", "opc-2"):
        assert word not in row[0]
        assert word.encode() not in bytes(row[1])


@pytest.mark.parametrize(
    "statement", ["UPDATE audit SET status = 500", "DELETE FROM audit", "TRUNCATE audit", "DELETE FROM audit_head"]
)
async def test_database_refuses_to_change_rows(store: Store, clock: Clock, statement: str) -> None:
    await store.audit.append(entry(clock))
    with pytest.raises(GatewayError, match="InsufficientPrivilege"):
        await store.database.execute(statement.encode())


COLUMNS = {
    "at": "at + interval '1 microsecond'",
    "request_id": "'x'",
    "client_id": "NULL",
    "session_id": "''",
    "tenant": "'u'",
    "persona": "'patient'",
    "action": "'read'",
    "object": "'patient'",
    "purpose": "NULL",
    "status": "403",
    "code": "'not_found'",
    "freshness": "'cache'",
    "patients": "'{}'",
    "sealed": "(SELECT sealed FROM audit WHERE seq = 4)",
    "hash": "(SELECT hash FROM audit WHERE seq = 4)",
}
TAMPERINGS = {
    **{f"changed {name}": (f"UPDATE audit SET {name} = {value} WHERE seq = 3", 3) for name, value in COLUMNS.items()},  # noqa: S608
    "removed": ("DELETE FROM audit WHERE seq = 3", 3),
    "removed first": ("DELETE FROM audit WHERE seq = 1", 1),
    "removed and renumbered": ("DELETE FROM audit WHERE seq = 3; UPDATE audit SET seq = seq - 1 WHERE seq > 3", 3),
    "reordered": (
        "UPDATE audit SET seq = 100 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 100",
        2,
    ),
    "tail cut off": ("DELETE FROM audit WHERE seq > 4", 5),
    "all cut off": ("DELETE FROM audit", 1),
    "tail cut off, head put back": (
        "DELETE FROM audit WHERE seq > 4; UPDATE audit_head SET seq = 4, hash = (SELECT hash FROM audit WHERE seq = 4)",
        5,
    ),
    "head removed": ("DELETE FROM audit_head", 6),
    "row added": (
        "INSERT INTO audit SELECT 6, at, request_id, client_id, session_id, tenant, persona, action, object, purpose, status, "
        "code, freshness, patients, sealed, hash FROM audit WHERE seq = 5",
        6,
    ),
}


async def test_every_tampering_is_found(store: Store, clock: Clock) -> None:
    for number in range(5):
        await store.audit.append(entry(clock, number))
    assert (await store.audit.verify()).ok
    found = {}
    async with store.database.connection() as connection:  # as one who owns the tables could
        await connection.execute(
            b"ALTER TABLE audit DISABLE TRIGGER USER; ALTER TABLE audit_head DISABLE TRIGGER USER;"
            b"CREATE TABLE kept AS TABLE audit; CREATE TABLE kept_head AS TABLE audit_head"
        )
        for name, (statement, _) in TAMPERINGS.items():
            await connection.execute(statement.encode())
            verified = await store.audit.verify()
            found[name] = verified.first_bad_seq if verified.reason and not verified.ok else None
            await connection.execute(
                b"TRUNCATE audit, audit_head; INSERT INTO audit TABLE kept; INSERT INTO audit_head TABLE kept_head"
            )
    assert found == {name: place for name, (_, place) in TAMPERINGS.items()}
    assert (await store.audit.verify()).ok


async def test_trail_that_is_gone_is_not_begun_again(store: Store, clock: Clock, fresh_database_url: str) -> None:
    await store.audit.append(entry(clock))
    async with store.database.connection() as connection:
        await connection.execute(
            b"ALTER TABLE audit DISABLE TRIGGER USER; ALTER TABLE audit_head DISABLE TRIGGER USER; TRUNCATE audit, audit_head"
        )
    again = await Store.open(database_url=fresh_database_url, data_dir=None, master_key=MASTER, now=clock)
    assert not (await again.audit.verify()).ok
    with pytest.raises(GatewayError, match="head is missing") as caught:
        await again.audit.append(entry(clock))
    assert caught.value.code == "internal_error"
    await again.close()


async def test_two_processes_make_one_chain(store: Store, fresh_database_url: str) -> None:
    with other(APPEND, fresh_database_url, "a", "300") as one, other(APPEND, fresh_database_url, "b", "300") as two:
        for process in (one, two):
            assert process.line() == "ready"
        for process in (one, two):
            assert process.process.stdin is not None
            process.process.stdin.write("go\n")
            process.process.stdin.flush()
        for process in (one, two):
            assert sum(1 for _ in iter(process.line, "done")) == 300
    verified = await store.audit.verify()
    assert (verified.ok, verified.rows, verified.reason) == (True, 600, None)


async def test_killed_in_mid_commit_the_chain_holds_all_that_was_told(
    store: Store, clock: Clock, fresh_database_url: str
) -> None:
    with other(APPEND, fresh_database_url, "a", "100000") as process:
        assert process.line() == "ready"
        assert process.process.stdin is not None
        process.process.stdin.write("go\n")
        process.process.stdin.flush()
        told = {process.line() for _ in range(250)}
        process.kill()
    await store.audit.append(entry(clock))
    verified = await store.audit.verify()
    assert verified.ok
    rows = await store.database.fetch(b"SELECT request_id FROM audit")
    assert {f"a-{number}" for number in told} <= {row[0] for row in rows}


async def test_lost_connection_fails_at_once_and_the_next_entry_is_kept(store: Store, clock: Clock) -> None:
    await store.audit.append(entry(clock, 1))
    await store.database.execute(
        b"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with pytest.raises(GatewayError) as caught:
        await store.audit.append(entry(clock, 2))
    assert caught.value.code == "store_unavailable"
    await store.audit.append(entry(clock, 3))
    verified = await store.audit.verify()
    assert (verified.ok, verified.rows) == (True, 2)


async def test_database_that_hangs_fails_within_the_timeout(store: Store, clock: Clock, fresh_database_url: str) -> None:
    store.audit._writer._timeout_s = 0.3
    await store.audit.append(entry(clock, 1))
    with psycopg.connect(fresh_database_url) as blocker:
        blocker.execute("SELECT FROM audit_head FOR UPDATE")
        begun = time.monotonic()
        results = await asyncio.gather(
            *[store.audit.append(entry(clock, number)) for number in range(20)], return_exceptions=True
        )
        assert time.monotonic() - begun < 2
        assert {getattr(result, "code", None) for result in results} == {"store_unavailable"}
    store.audit._writer._timeout_s = 10
    await store.audit.append(entry(clock, 2))
    assert (await store.audit.verify()).ok


async def test_caller_that_goes_away_harms_nobody(store: Store, clock: Clock) -> None:
    impatient = asyncio.create_task(store.audit.append(entry(clock, 1)))
    patient = asyncio.create_task(store.audit.append(entry(clock, 2)))
    await asyncio.sleep(0)
    impatient.cancel()
    await patient
    assert (await store.audit.verify()).rows == 2


async def test_close_commits_what_waits(store: Store, clock: Clock, fresh_database_url: str) -> None:
    second = await Store.open(database_url=fresh_database_url, data_dir=None, master_key=MASTER, now=clock)
    waiting = [asyncio.create_task(second.audit.append(entry(clock, number))) for number in range(50)]
    await asyncio.sleep(0)
    await second.close()
    await asyncio.gather(*waiting)
    assert (await store.audit.verify()).rows == 50
    with pytest.raises(GatewayError, match="takes no more entries"):
        await second.audit.append(entry(clock))


async def test_export_is_the_whole_trail_in_order(store: Store, clock: Clock) -> None:
    for number in range(3):
        await store.audit.append(entry(clock, number))
    events = [event async for event in store.audit.export()]
    assert [event["id"] for event in events] == ["1", "2", "3"]
    assert events[1]["entity"][0]["what"] == {"reference": "Patient/patient-1"}
