"""Answers that are asked of the source anew behind their callers' backs: each once, in the background, with its row in the audit chain."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from millgate import deadline
from millgate.access.parties import Session
from millgate.canonical.exchange import Call
from millgate.canonical.noting import noted
from millgate.errors import GatewayError
from millgate.flow.fetch import Fetched
from millgate.flow.shelf import Shelved

log = structlog.get_logger(__name__)

# Beyond these, an answer grows too old and its next caller waits for the source, as without any of this.
MOST_AT_ONCE: Final = 64
LONGEST_S: Final = 60.0  # of which the source's turn is a part: nobody waits, so others go first
CUT_OFF: Final = "caller_gone"  # as the audit chain calls what nobody waits for any more
CLOSING_S: Final = 5.0  # for the rows of those that are cut off; a store that is away must not keep a process from ending


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a source: in whose name, by which pathway, and the ids and patients that are named in it."""

    session: Session
    object: str
    pathway: str | None
    ids: Sequence[str] = field(default=(), repr=False)
    patients: Sequence[str] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What the audit chain has to know: what was asked, what it showed of whom, and how it ended."""

    question: Question
    ids: Sequence[str] = field(repr=False)
    patients: Sequence[str] = field(repr=False)
    code: str | None
    calls: Sequence[Call] = field(repr=False)


class Refreshing:
    """What is under way; nobody waits for it."""

    def __init__(self, audited: Callable[[Refreshed], Awaitable[None]]) -> None:
        self._audited = audited
        self._under_way: dict[asyncio.Task[None], str] = {}
        self._closed = False

    def begin(
        self, question: Question, fetch: Callable[[], Coroutine[Any, Any, Fetched]], keep: Callable[[Shelved], None]
    ) -> bool:
        """Fetch, audit, then `keep`; whether there was room for it. It knows nothing of the caller's own deadline and exchanges."""
        if self._closed or len(self._under_way) >= MOST_AT_ONCE:
            return False
        task = asyncio.create_task(self._refresh(question, fetch, keep), context=contextvars.Context())
        self._under_way[task] = question.session.id
        task.add_done_callback(lambda done: self._under_way.pop(done, None) and None)
        return True

    def end(self, session_id: str) -> None:
        """The session is over: nothing is asked in its name any more."""
        for task, of in self._under_way.items():
            if of == session_id:
                task.cancel()

    async def close(self) -> None:
        """Cut off what is under way, and wait for its audit rows, but not for long."""
        self._closed = True
        for task in self._under_way:
            task.cancel()
        if self._under_way:
            await asyncio.wait([*self._under_way], timeout=CLOSING_S)

    async def _refresh(
        self, question: Question, fetch: Callable[[], Coroutine[Any, Any, Fetched]], keep: Callable[[Shelved], None]
    ) -> None:
        page, code = None, None
        with deadline.bounded(LONGEST_S, "reread"), noted() as calls:
            try:
                page, _ = await fetch()
            except GatewayError as error:
                code = error.code
            except asyncio.CancelledError:
                code = CUT_OFF  # the session has ended, or the process does
            except Exception:  # a background task has nobody else to tell
                log.exception("refresh failed", object=question.object)
                code = "internal_error"
        ids = page.ids if page is not None else question.ids
        shown = {patient for some in page.patients for patient in some} if page is not None else set()
        try:
            await self._audited(Refreshed(question, ids, sorted({*shown, *question.patients}), code, tuple(calls)))
        except GatewayError as error:
            log.warning("a refresh could not be audited, and is not kept", code=error.code)
            return
        if page is not None:
            keep(page)
