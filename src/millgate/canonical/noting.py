"""Exchanges with sources, noted while they happen: whoever is cut off before there is an answer can still say what was asked of whom.

    with noted() as calls:
        …                      # whatever ends this block, a cancellation too
    calls                      # every exchange that was begun inside, those that were cut off with no status

It travels with the task (`contextvars`). What a task begun inside asks of a source is noted here too, until that task ends.
"""

from __future__ import annotations

import contextvars
from collections.abc import Iterator
from contextlib import contextmanager

from millgate.canonical.exchange import Call

_noted: contextvars.ContextVar[list[Call] | None] = contextvars.ContextVar("noted_calls", default=None)


@contextmanager
def noted() -> Iterator[list[Call]]:
    """The exchanges that end inside, in that order; the list goes on to be filled by tasks that were begun inside."""
    calls: list[Call] = []
    token = _noted.set(calls)
    try:
        yield calls
    finally:
        _noted.reset(token)


def note(call: Call) -> None:
    """An exchange has ended, whichever way."""
    calls = _noted.get()
    if calls is not None:
        calls.append(call)
