"""Durable work: maintenance runs as jobs, in the same database, and a worker stops when told."""

from __future__ import annotations

import asyncio

import pytest

from millgate.store import Store, run_once, run_worker
from millgate.store.jobs import prune_all, stop
from tests.store.conftest import Clock
from tests.store.patients import observation


async def test_prune_job_deletes_what_is_past_its_time(store: Store, clock: Clock) -> None:
    for value in range(2):
        await store.records.save("t", "p", [observation(1, value)], received_at=clock())
    await store.idempotency.begin(client_id="c", tenant="t", key="k", body_hash=b"x")
    clock.move(days=366)
    job = await store.jobs.configure_task("store:prune").defer_async(timestamp=0)
    await run_once(store)
    assert await store.database.fetch_one(b"SELECT status::text FROM procrastinate_jobs WHERE id = %s", [job]) == ("succeeded",)
    assert await store.database.fetch_one(b"SELECT count(*) FROM record_history") == (0,)
    assert set((await prune_all(store)).values()) == {0}


async def test_job_deferred_in_a_transaction_that_fails_is_not_there(store: Store) -> None:
    async def fail() -> None:
        async with store.database.transaction() as connection:
            await store.jobs.configure_task("store:prune", connection=connection).defer_async(timestamp=0)
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        await fail()
    assert await store.database.fetch(b"SELECT FROM procrastinate_jobs") == []


@pytest.mark.parametrize("another_waits", [False, True])
async def test_job_of_a_dead_worker_is_given_to_a_living_one(store: Store, another_waits: bool) -> None:
    await store.jobs.configure_task("store:prune").defer_async(timestamp=0)
    await store.database.execute(
        b"WITH dead AS (INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour') RETURNING id) "
        b"UPDATE procrastinate_jobs SET status = 'doing', worker_id = dead.id FROM dead"
    )
    await store.jobs.configure_task("store:retry_stalled").defer_async(timestamp=0)
    if another_waits:
        await store.jobs.configure_task("store:prune").defer_async(timestamp=0)
    await run_once(store)
    rows = await store.database.fetch(b"SELECT task_name, status::text FROM procrastinate_jobs")
    assert ("store:prune", "succeeded") in rows
    assert {status for _, status in rows} <= {"succeeded", "todo"}


async def test_worker_runs_until_it_is_stopped(store: Store) -> None:
    worker = asyncio.create_task(run_worker(store))
    job = await store.jobs.configure_task("store:prune").defer_async(timestamp=0)
    status = b"SELECT status::text FROM procrastinate_jobs WHERE id = %s"
    async with asyncio.timeout(10):
        while await store.database.fetch_one(status, [job]) != ("succeeded",):  # noqa: ASYNC110  another task's work in the database
            await asyncio.sleep(0.01)
    await stop(worker)
    assert worker.cancelled()
    assert await store.database.fetch(b"SELECT FROM procrastinate_workers") == []


async def test_maintenance_is_periodic(store: Store) -> None:
    assert {name for name, _ in store.jobs.periodic_registry.periodic_tasks} == {
        "store:prune",
        "store:retry_stalled",
        "store:forget_finished",
    }
