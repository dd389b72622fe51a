"""`millgate serve`: the gateway."""

from __future__ import annotations

import asyncio
import gc
import signal
from typing import TYPE_CHECKING, Annotated

import typer

from millgate.surfaces.cli.options import AsJson, DatabaseUrl, DataDir, settings_of
from millgate.surfaces.cli.output import command, print_json, say

if TYPE_CHECKING:
    from millgate.errors import GatewayError

HELP = """Run the gateway.

Listens on 127.0.0.1 unless told otherwise, and keeps its data in the embedded PostgreSQL of the data directory, or in a PostgreSQL of
your own. Every option is also a setting (`MILLGATE_PORT` …; docs/reference/settings.md). Refuses to start on a bad setting. Stops
cleanly on SIGTERM and Ctrl-C.

Examples:

    millgate serve

    millgate serve --port 9000 --data-dir /var/lib/millgate

    MILLGATE_DATABASE_URL=postgresql://… MILLGATE_MASTER_KEY_FILE=/run/secrets/master.key millgate serve --host 0.0.0.0
"""


@command
def serve(
    host: Annotated[
        str | None, typer.Option("--host", metavar="ADDRESS", help="Address to listen on.", show_default="127.0.0.1")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", metavar="PORT", help="Port; 0 takes any free one.", show_default="8080")
    ] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    no_worker: Annotated[bool, typer.Option("--no-worker", help="Leave durable jobs to `millgate worker`.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run until a signal comes."""
    settings = settings_of(data_dir, database_url, host=host, port=port, worker=False if no_worker else None)
    from millgate.app import App
    from millgate.surfaces.api.server import Server
    from millgate.surfaces.worker.work import Worker

    async def run() -> None:
        stopping = stop_signals()
        server = None
        async with App.opened(settings) as app:
            server = Server(app)
            worker = Worker(app) if settings.worker else None
            try:
                await server.start()
                if worker:
                    worker.start()
                _announce(server.url, as_json)
                await first_of(stopping, server.wait())
                if not stopping.is_set():
                    raise ended_by_itself("HTTP server")
            finally:
                await server.stop()
                if worker:
                    await worker.stop()
        say("stopped")

    tune_process()
    asyncio.run(run())


def _announce(url: str, as_json: bool) -> None:
    import os

    if as_json:
        print_json({"gateway": url, "pid": os.getpid()})
    else:
        say(f"millgate answers at {url}; reference at {url}/docs; Ctrl-C stops it")


def stop_signals() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    return stopping


def ended_by_itself(what: str) -> GatewayError:
    """What a command ends with that nobody stopped: whoever watches over it has to see that it failed."""
    from millgate.errors import CallOperator

    return CallOperator("internal_error", f"The {what} ended by itself, without a signal to stop; the log says more.")


async def first_of(stopping: asyncio.Event, *others: object) -> None:
    """Return when the event is set or one of the others is done."""
    tasks = [asyncio.ensure_future(stopping.wait()), *(asyncio.ensure_future(one) for one in others)]  # type: ignore[call-overload]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


def tune_process() -> None:
    """uvloop, where it is installed; and a collector of cycles that runs rarely.

    A page of 50 resources is some ten thousand small dicts that live for milliseconds and hold no cycles. With Python's default
    thresholds the collector walks them again and again, for a third of the time that such a page costs.
    """
    gc.set_threshold(100_000, 20, 50)
    try:
        import uvloop
    except ImportError:
        return
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
