"""Equal reads that are under way at the same time are one call to the source."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from millgate import deadline

Result = TypeVar("Result")
Key = tuple[Hashable, ...]

# How long a caller who leaves waits for the call that ends with it to say how far it came, for the audit chain.
ENDING_S = 1.0


@dataclass(slots=True, eq=False)
class _Shared(Generic[Result]):
    task: asyncio.Task[Result]
    waiting: int = 0


class Sharing(Generic[Result]):
    """Calls under way by their key, which begins with the tenant and the object."""

    def __init__(self) -> None:
        self._under_way: dict[Key, _Shared[Result]] = {}

    async def of(self, key: Key, begin: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """The result of the call under way, or of one begun now; it goes on while anybody still waits for it."""
        shared = self._under_way.get(key)
        if shared is None:
            with deadline.unbounded():  # those who join later may have more time than the first
                shared = _Shared(asyncio.create_task(begin()))
            self._under_way[key] = shared
            shared.task.add_done_callback(lambda _: self._end(key, shared))
        shared.waiting += 1
        try:
            return await deadline.wait(shared.task)
        finally:
            shared.waiting -= 1
            if shared.waiting == 0 and not shared.task.done():
                self._end(key, shared)
                shared.task.cancel()
                await asyncio.wait([shared.task], timeout=ENDING_S)

    def forget(self, tenant: str, objects: Sequence[str]) -> None:
        """Let nobody join the calls about these objects any more."""
        for key in [key for key in self._under_way if key[0] == tenant and key[1] in objects]:
            del self._under_way[key]

    def forget_everything(self) -> None:
        """Let nobody join any of the calls under way any more."""
        self._under_way.clear()

    def _end(self, key: Key, shared: _Shared[Result]) -> None:
        """Let nobody join this call any more; a later one of the same key stays."""
        if self._under_way.get(key) is shared:
            del self._under_way[key]
