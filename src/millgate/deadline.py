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

from millgate.errors import TryLater

Result = TypeVar("Result")

# A person waits; something is written; a webhook's or a caller's page is read again; nobody waits. In the order in which they go.
Urgency = Literal["interactive", "write", "reread", "batch"]
URGENCIES: Final[tuple[Urgency, ...]] = ("interactive", "write", "reread", "batch")

_ends_at: contextvars.ContextVar[float | None] = contextvars.ContextVar("ends_at", default=None)
_urgency: contextvars.ContextVar[Urgency | None] = contextvars.ContextVar("urgency", default=None)


@contextmanager
def bounded(seconds: float, urgency: Urgency | None = None) -> Iterator[None]:
    """Bound everything inside to `seconds` from now, or to what was left before if that is less; None keeps the urgency."""
    now = time.monotonic()
    outer = _ends_at.get()
    ends = _ends_at.set(min(now + seconds, outer) if outer is not None else now + seconds)
    urgent = _urgency.set(urgency if urgency is not None else _urgency.get())
    try:
        yield
    finally:
        _ends_at.reset(ends)
        _urgency.reset(urgent)


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
    """The result of work that others wait for too, which goes on if this caller's time is over: TryLater `upstream_timeout` then."""
    left = remaining()
    if left is None:
        return await asyncio.shield(shared)
    try:
        async with asyncio.timeout(left) as timeout:
            return await asyncio.shield(shared)
    except TimeoutError as error:
        if not timeout.expired():
            raise
        raise TryLater("upstream_timeout", "The time that was left for this call is over.") from error
