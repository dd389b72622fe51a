"""Durable work on procrastinate, in the same PostgreSQL: the App of one store, its maintenance tasks, and a worker to run them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import structlog
from procrastinate import App, JobContext, PsycopgConnector
from procrastinate.blueprints import Blueprint
from procrastinate.exceptions import ConnectorException, UniqueViolation
from procrastinate.jobs import Status
from psycopg_pool import PoolTimeout

if TYPE_CHECKING:
    from millgate.store.store import Store

log = structlog.get_logger(__name__)

STALLED_S = 30.0  # without a heartbeat, a worker counts as dead
GRACE_S = 20.0
RESTART_S = 2.0
FINISHED_JOBS_KEPT_H = 72


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept: replaced versions, the change feed and events; sessions after their end; what was asked of sources."""

    history: timedelta = timedelta(days=365)
    sessions: timedelta = timedelta(days=1)
    hours: timedelta = timedelta(days=90)


def new_app() -> App:
    """An App with the store's own tasks; each store has its own, since procrastinate ties a task to one App."""
    app = App(connector=PsycopgConnector())
    app.add_tasks_from(_maintenance(), namespace="store")
    return app


async def run_worker(store: Store, *, concurrency: int = 4, grace_s: float = GRACE_S) -> None:
    """Carry out jobs until cancelled; then no new ones are begun, and running ones get `grace_s` to end.

    Where the database goes away, the worker ends, and a new one begins once the database is back.
    """
    while True:
        try:
            await store.jobs.run_worker_async(
                concurrency=concurrency,
                install_signal_handlers=False,
                shutdown_graceful_timeout=grace_s,
                stalled_worker_timeout=STALLED_S,
                delete_jobs="never",
                additional_context={"store": store},
            )
        except (ConnectorException, psycopg.Error, PoolTimeout) as error:
            log.error("worker ended", reason=type(error).__name__)
        await asyncio.sleep(RESTART_S)


async def run_once(store: Store) -> None:
    """Carry out what is due now, and return when nothing is left."""
    await store.jobs.run_worker_async(
        wait=False, install_signal_handlers=False, listen_notify=False, additional_context={"store": store}
    )


def _maintenance() -> Blueprint:
    tasks = Blueprint()

    @tasks.periodic(cron="*/5 * * * *")
    @tasks.task(name="prune", queueing_lock="prune", pass_context=True)
    async def prune(context: JobContext, timestamp: int) -> dict[str, int]:
        """Delete sessions, idempotency keys, replaced versions and credentials, old events, and old hours of sources."""
        return await prune_all(_store(context))

    @tasks.periodic(cron="* * * * *")
    @tasks.task(name="retry_stalled", queueing_lock="retry_stalled", pass_context=True)
    async def retry_stalled(context: JobContext, timestamp: int) -> int:
        """Give the jobs of dead workers to the living."""
        manager = context.app.job_manager
        stalled = list(await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_S))
        for job in stalled:
            try:
                await manager.retry_job(job)
            except UniqueViolation:  # one like it waits already
                await manager.finish_job(job, Status.FAILED, delete_job=True)
        return len(stalled)

    @tasks.periodic(cron="17 * * * *")
    @tasks.task(name="forget_finished", queueing_lock="forget_finished", pass_context=True)
    async def forget_finished(context: JobContext, timestamp: int) -> None:
        """Delete procrastinate's own record of jobs that ended long ago."""
        await context.app.job_manager.delete_old_jobs(
            FINISHED_JOBS_KEPT_H, include_failed=True, include_cancelled=True, include_aborted=True
        )

    return tasks


async def prune_all(store: Store) -> dict[str, int]:
    """Delete what is past its time; how many of each."""
    now: datetime = store.now()
    found = {
        "sessions": await store.sessions.prune(older_than=now - store.retention.sessions),
        "sign_ins": await store.sign_ins.prune(older_than=now - store.retention.sessions),
        "idempotency_keys": await store.idempotency.prune(),
        "record_versions": await store.records.prune(older_than=now - store.retention.history),
        "credentials": await store.tenants.prune_credentials(),
        "events": await store.events.prune(older_than=now - store.retention.history),
        "source_hours": await store.budgets.prune(older_than=now - store.retention.hours),
    }
    log.info("pruned", **found)
    return found


def _store(context: JobContext) -> Store:
    store: Any = context.additional_context["store"]
    return store  # type: ignore[no-any-return]


async def stop(worker: asyncio.Task[None]) -> None:
    """Stop a task that runs `run_worker`, and wait for its end."""
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
