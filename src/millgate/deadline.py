"""How urgent the work at hand is and how long its caller still waits: set once at the door, in force for everything below.

    with bounded(10.0):                 # a caller waits ten seconds
        with bounded(60.0, "batch"):    # what is below cannot have more than what is left of them
            remaining()                 # ≤ 10.0

Both travel with the task (`contextvars`), so no signature has to carry them. Work that several callers share runs `unbounded`, and
each of them waits for it no longer than it has (`wait`).
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import Final, Literal, TypeVar

from millgate.errors import GatewayError, TryLater

Result = TypeVar("Result")

# A person waits; something is written; a webhook's or a caller's page is read again; nobody waits. In the order in which they go.
Urgency = Literal["interactive", "write", "reread", "batch"]
URGENCIES: Final[tuple[Urgency, ...]] = ("interactive", "write", "reread", "batch")

_ends_at: contextvars.ContextVar[float | None] = contextvars.ContextVar("ends_at", default=None)
_urgency: contextvars.ContextVar[Urgency | None] = contextvars.ContextVar("urgency", default=None)


class Bound:
    """What is inside has so much time and is so urgent; made by `bounded`. Every read passes through one, so it is no generator."""

    __slots__ = ("_ends", "_seconds", "_urgency", "_urgent")

    def __init__(self, seconds: float, urgency: Urgency | None) -> None:
        self._seconds = seconds
        self._urgency = urgency

    def __enter__(self) -> None:
        ends, outer = time.monotonic() + self._seconds, _ends_at.get()
        self._ends = _ends_at.set(ends if outer is None else min(ends, outer))
        self._urgent = None if self._urgency is None else _urgency.set(self._urgency)

    def __exit__(self, *_: object) -> None:
        _ends_at.reset(self._ends)
        if self._urgent is not None:
            _urgency.reset(self._urgent)


def bounded(seconds: float, urgency: Urgency | None = None) -> Bound:
    """Bound everything inside to `seconds` from now, or to what was left before if that is less; None keeps the urgency."""
    return Bound(seconds, urgency)


@contextmanager
def unbounded() -> Iterator[None]:
    """No bound inside: for work that others wait for too."""
    ends = _ends_at.set(None)
    try:
        yield
    finally:
        _ends_at.reset(ends)


@contextmanager
def for_everybody() -> Iterator[None]:
    """No bound inside, and as urgent as can be: for work begun by whoever came first, which others will wait for, too."""
    urgent = _urgency.set("interactive")
    try:
        with unbounded():
            yield
    finally:
        _urgency.reset(urgent)


def remaining() -> float | None:
    """Seconds that the caller still waits, zero if none; None where nobody has set a bound."""
    ends_at = _ends_at.get()
    return None if ends_at is None else max(0.0, ends_at - time.monotonic())


def urgency() -> Urgency | None:
    """How urgent the work at hand is, or None where nobody has said."""
    return _urgency.get()


async def wait(shared: Awaitable[Result]) -> Result:
    """The result of work that others wait for too, which goes on if this caller's time is over: TryLater `upstream_timeout` then.

    Where the work fails, each who waits has a GatewayError of its own.
    """
    left = remaining()
    try:
        if left is None:
            return await asyncio.shield(shared)
        async with asyncio.timeout(left) as timeout:
            return await asyncio.shield(shared)
    except GatewayError as error:
        raise error.again() from error
    except TimeoutError as error:
        if not timeout.expired():
            raise
        raise TryLater("upstream_timeout", "The time that was left for this call is over.") from error
