"""What the store said a moment ago, so that a busy session costs no query a call."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from functools import partial
from time import monotonic
from typing import Any, Generic, TypeVar

from millgate import deadline

Held = TypeVar("Held")

# How long another gateway's word (a session ended, a client revoked) may take to be heard here.
REMEMBERED_S = 2.0


class Memory(Generic[Held]):
    """The store's last few thousand answers, each remembered for `REMEMBERED_S` from when it was asked for.

    A busy session costs no query a call, and one query where many calls find at once that what was remembered is too old.
    """

    def __init__(self, most: int = 4096) -> None:
        self._most = most
        self._held: OrderedDict[str, tuple[float, Held]] = OrderedDict()
        self._asked: dict[str, asyncio.Task[Held | None]] = {}

    async def of(self, key: str, ask: Callable[[], Coroutine[Any, Any, Held | None]]) -> Held | None:
        """What is remembered under `key`, or else what `ask` answers; None is not remembered."""
        held = self._held.get(key)
        if held is not None and monotonic() - held[0] <= REMEMBERED_S:
            return held[1]
        task = self._asked.get(key)
        if task is None:
            with deadline.unbounded():  # those who join later may have more time than the first
                task = self._asked[key] = asyncio.create_task(ask())
            task.add_done_callback(partial(self._answered, key, monotonic()))
        return await deadline.wait(task)

    def _answered(self, key: str, asked_at: float, task: asyncio.Task[Held | None]) -> None:
        value = None if task.cancelled() or task.exception() is not None else task.result()
        if self._asked.get(key) is not task:  # what was asked before it was dropped is not remembered
            return
        del self._asked[key]
        if value is not None:
            self._held[key] = (asked_at, value)
            self._held.move_to_end(key)
            while len(self._held) > self._most:
                self._held.popitem(last=False)

    def drop(self, key: str) -> None:
        """Ask anew from now on."""
        self._held.pop(key, None)
        self._asked.pop(key, None)
