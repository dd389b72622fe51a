"""The durable worker inside a process: started, stopped, and awaited; the jobs themselves are the store's and the flow's."""

from __future__ import annotations

import asyncio
import contextlib

import structlog

from millgate.app import App

log = structlog.get_logger(__name__)


class Worker:
    """Runs the store's durable jobs until it is stopped; what is under way is finished first."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to work, inside the running loop."""
        self._task = asyncio.create_task(self._app.store.jobs.run(self._stopping), name="worker")

    async def wait(self) -> None:
        """Return when the worker has ended."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def stop(self) -> None:
        """Let the current jobs finish, then end."""
        self._stopping.set()
        if self._task is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
