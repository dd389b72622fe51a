"""The durable worker inside a process: started, awaited, stopped; the jobs themselves are the store's."""

from __future__ import annotations

import asyncio

from millgate.app import App
from millgate.store.jobs import run_worker, stop


class Worker:
    """Carries out the store's durable jobs until it is stopped; what is under way may end first."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to work, inside the running loop."""
        self._task = asyncio.create_task(run_worker(self._app.store), name="worker")

    async def wait(self) -> None:
        """Return when the worker has ended."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def stop(self) -> None:
        """Begin no new job, let the running ones end, then return."""
        if self._task is not None:
            await stop(self._task)
