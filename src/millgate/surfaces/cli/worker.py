"""`millgate worker`: durable jobs, in a process of their own."""

from __future__ import annotations

import asyncio

from millgate.surfaces.cli.options import AsJson, DatabaseUrl, DataDir, settings_of
from millgate.surfaces.cli.output import command, print_json, say

HELP = """Run a worker: the durable jobs of the store (clearing out what has expired), beside gateways started with --no-worker.

Any number of workers may share one database. Stops cleanly on SIGTERM and Ctrl-C; another worker takes over what a dead one held.

Examples:

    millgate worker

    millgate worker --database-url postgresql://…
"""


@command
def worker(data_dir: DataDir = None, database_url: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """Work until a signal comes."""
    settings = settings_of(data_dir, database_url)
    from millgate.app import App
    from millgate.surfaces.cli.serve import ended_by_itself, first_of, stop_signals, tune_process
    from millgate.surfaces.worker.work import Worker

    async def run() -> None:
        stopping = stop_signals()
        async with App.opened(settings) as app:
            working = Worker(app)
            working.start()
            if as_json:
                import os

                print_json({"worker": "running", "pid": os.getpid()})
            else:
                say("the worker is running; Ctrl-C stops it")
            try:
                await first_of(stopping, working.wait())
                if not stopping.is_set():
                    raise ended_by_itself("worker")
            finally:
                await working.stop()
        say("stopped")

    tune_process()
    asyncio.run(run())
