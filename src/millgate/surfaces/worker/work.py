"""The durable worker inside a process: started, awaited, stopped. The store's own jobs, and those that need the sources."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

import structlog
from procrastinate.blueprints import Blueprint

from millgate import deadline
from millgate.app import App
from millgate.flow.watch import Watch
from millgate.store.jobs import run_worker, stop

# A look is three documents a day: after everybody who waits, but not only at night, which is for what takes long.
LOOK_S: Final = 3600.0
SWEEP_S: Final = 600.0

log = structlog.get_logger(__name__)


class Worker:
    """Carries out the store's durable jobs until it is stopped; what is under way may end first."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to work, inside the running loop."""
        self._app.store.jobs.add_tasks_from(duties(self._app), namespace="tenants")
        self._task = asyncio.create_task(run_worker(self._app.store), name="worker")

    async def wait(self) -> None:
        """Return when the worker has ended."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def stop(self) -> None:
        """Begin no new job, let the running ones end, then return."""
        if self._task is not None:
            await stop(self._task)


def duties(app: App) -> Blueprint:
    """What is done regularly about the tenants: once an hour, those are looked at that nobody has looked at for a day, or as set;
    once a minute, people's tokens that no session can use any more are given back."""
    tasks = Blueprint()
    every = timedelta(hours=app.settings.look_at_tenants_hours)
    watch = Watch(app.pathway, app.store.tenants, app.store.snapshots, app.now)

    @tasks.periodic(cron="11 * * * *")
    @tasks.task(name="look", queueing_lock="tenants:look")
    async def look(timestamp: int) -> dict[str, str]:
        """Take snapshots of what tenants' servers say of themselves, and tell of what changed."""
        with deadline.bounded(LOOK_S, "reread"):
            found = await watch.look_at_due(every)
        if found:
            log.info("tenants looked at", tenants=found)
        return found

    @tasks.periodic(cron="* * * * *")
    @tasks.task(name="sweep", queueing_lock="tenants:sweep", lock="tenants:sweep")
    async def sweep(timestamp: int) -> int:
        """Have refresh tokens revoked whose session is over, or whose session code nobody redeemed, and forget them."""
        with deadline.bounded(SWEEP_S, "reread"):
            found = await app.sign_out.sweep()
        if found:
            log.info("tokens given back", sessions=found)
        return found

    return tasks
