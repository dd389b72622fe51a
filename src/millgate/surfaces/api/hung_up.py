"""Callers who hang up while their answer is being fetched: what is done for them alone is let go, the call to the source with it.

An ASGI server tells that a caller is gone, but does not end the handler. Listening for it costs a task, so it begins only once a read
takes longer than `PATIENCE_S`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

PATIENCE_S: Final = 0.25

Result = TypeVar("Result")


class CallerGone(Exception):
    """Nobody waits for the answer any more."""


async def let_go_if_gone(
    receive: Callable[[], Awaitable[Any]], work: Awaitable[Result], patience_s: float = PATIENCE_S
) -> Result:
    """The result of `work`; CallerGone, with `work` cancelled, if the caller hangs up before. `receive` is the ASGI channel."""
    task = asyncio.current_task()
    watchers: list[asyncio.Task[None]] = []
    gone = False

    async def watch() -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        if task is not None:
            task.cancel()

    handle = asyncio.get_running_loop().call_later(patience_s, lambda: watchers.append(asyncio.ensure_future(watch())))
    try:
        return await work
    except asyncio.CancelledError:
        if task is None or not gone or task.uncancel() > 0:
            raise
        raise CallerGone from None
    finally:
        handle.cancel()
        for watcher in watchers:
            watcher.cancel()
