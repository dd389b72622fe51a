"""Summary: a patient's chart section by section, all of its searches at once, each held to the same rules as a list by itself.

Every search goes through the reader, so cache, single flight, scopes, the session's patient and the tenant's budget hold here, too. A
search keeps one page ready and waits until it is taken: however long the chart is, a page for each search is all that is in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Self

import msgspec
import structlog

from millgate import deadline
from millgate.access.parties import Session
from millgate.canonical.exchange import Call
from millgate.canonical.noting import noted
from millgate.errors import CODES, GatewayError
from millgate.flow.read import Reader
from millgate.flow.read_request import Answer, Form, GetRequest, ListRequest, Origin
from millgate.flow.sections import Part, Section
from millgate.objects import OBJECTS

log = structlog.get_logger(__name__)

NOT_OFFERED = frozenset({"not_offered_by_tenant", "search_not_supported"})


@dataclass(frozen=True, slots=True)
class SummaryRequest:
    """A summary as the caller asked for it; `limit` None takes what the form of the answer shows by default."""

    patient_id: str
    sections: tuple[Section, ...]
    limit: int | None
    max_age: float | None
    include_fhir: bool
    pathway: str | None = None  # one pathway's name; without, the tenant's order for each object


@dataclass(frozen=True, slots=True)
class Batch:
    """One page of a part: its objects as they are sent, and how old they are."""

    items: Sequence[msgspec.Raw]
    origin: Origin
    as_of: datetime
    warnings: Sequence[dict[str, str]]


class _Page(msgspec.Struct):
    """What the walk looks at of a list's body."""

    data: list[msgspec.Raw]
    next_cursor: str | None
    warnings: list[dict[str, str]]


@dataclass(slots=True)
class Standing:
    """How far a part has come: what was read, how old it is, and the error that ended it before its end, if one did."""

    count: int = 0
    origin: Origin | None = None
    as_of: datetime | None = None
    error: GatewayError | None = None
    warnings: list[dict[str, str]] = field(default_factory=list)

    def take(self, batch: Batch) -> None:
        """A page has come: the part is as old as its oldest page, and from the cache if one of them is."""
        self.as_of = batch.as_of if self.as_of is None else min(self.as_of, batch.as_of)
        self.origin = "cache" if "cache" in (self.origin, batch.origin) else "live"
        self.warnings += [one for one in batch.warnings if one not in self.warnings]

    @property
    def status(self) -> str:
        """`complete`, `nothing_found`, `cut_short` (an error after some pages), `failed`, or `not_offered`."""
        if self.error is None:
            return "complete" if self.count else "nothing_found"
        if self.error.code in NOT_OFFERED:
            return "not_offered"
        return "cut_short" if self.as_of is not None else "failed"


def standing_of(parts: Sequence[Standing]) -> str:
    """What a section is by its parts: `complete`, `nothing_found`, `partial`, `failed` or `not_offered`.

    Nothing found is said only where every search that the source offers was answered to its end.
    """
    statuses = {one.status for one in parts} - {"not_offered"}
    if not statuses:
        return "not_offered"
    if statuses == {"failed"}:
        return "failed"
    if statuses & {"failed", "cut_short"}:
        return "partial"
    return "complete" if "complete" in statuses else "nothing_found"


class Summarizer:
    """Begins summaries of one reader."""

    def __init__(self, reader: Reader, *, seconds: float, now: Callable[[], datetime]) -> None:
        """`seconds`: how long one page may take."""
        self._reader = reader
        self._seconds = seconds
        self._now = now

    async def patient(self, session: Session, request: SummaryRequest) -> Answer:
        """The patient whose chart it is. Raises GatewayError as a read of the patient does: without it there is no summary."""
        form: Form = "objects+fhir" if request.include_fhir else "objects"
        return await self._reader.one(
            session, GetRequest(OBJECTS["patient"], request.patient_id, request.max_age, form, request.pathway)
        )

    def begin(self, session: Session, request: SummaryRequest, still: Callable[[], Awaitable[object]]) -> Walk:
        """All searches of the summary; to be entered with `async with`. `still` raises where the session is over meanwhile."""
        return Walk(self._reader, session, request, still, self._seconds, self._now)


class Walk:
    """The searches of one summary, under way from its entering to its leaving."""

    def __init__(
        self,
        reader: Reader,
        session: Session,
        request: SummaryRequest,
        still: Callable[[], Awaitable[object]],
        seconds: float,
        now: Callable[[], datetime],
    ) -> None:
        self._reader = reader
        self._session = session
        self._request = request
        self._still = still
        self._seconds = seconds
        self._now = now
        self._began = now()
        self._ready: dict[int, asyncio.Queue[Batch | GatewayError | None]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self.standings: dict[int, Standing] = {}
        self.calls: list[Call] = []

    async def __aenter__(self) -> Self:
        for part in (part for section in self._request.sections for part in section.parts):
            self._ready[id(part)] = asyncio.Queue(maxsize=1)
            self.standings[id(part)] = Standing()
            self._tasks.append(asyncio.create_task(self._search(part)))
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def standing(self, part: Part) -> Standing:
        """How far a part has come."""
        return self.standings[id(part)]

    async def batches(self, part: Part) -> AsyncGenerator[Batch, None]:
        """The pages of a part as they come, without what does not belong to it; its `standing` says afterwards how it ended."""
        ready, standing = self._ready[id(part)], self.standings[id(part)]
        while isinstance(batch := await ready.get(), Batch):
            standing.take(batch)
            yield batch
        standing.error = batch

    async def _search(self, part: Part) -> None:
        ready, failed = self._ready[id(part)], None
        try:
            async with aclosing(self._pages(part)) as pages:
                async for batch in pages:
                    await ready.put(batch)
        except GatewayError as error:
            failed = error
        except Exception:
            log.exception("a search of a summary failed", object=part.declaration.name)
            failed = GatewayError("internal_error", CODES["internal_error"].advice)
        await ready.put(failed)

    async def _pages(self, part: Part) -> AsyncGenerator[Batch, None]:
        cursor: str | None = None
        while True:
            answer = await self._page(part, cursor)
            page = msgspec.json.decode(answer.body, type=_Page)
            items = [one for one in page.data if part.keep is None or part.keep.takes(msgspec.json.decode(one))]
            yield Batch(items, answer.origin, answer.as_of, page.warnings)
            cursor = page.next_cursor
            if cursor is None:
                return

    async def _page(self, part: Part, cursor: str | None) -> Answer:
        """One page. The first of each search is what somebody waits for; the pages behind it let others go first."""
        if cursor is not None:
            await self._still()
        with deadline.bounded(self._seconds, "interactive" if cursor is None else "reread"), noted() as made:
            try:
                answer = await self._reader.page(self._session, self._asking(part, cursor))
            except GatewayError as error:
                self.calls += [call for call in error.calls if isinstance(call, Call)]
                raise
            except BaseException:
                self.calls += made
                raise
        self.calls += answer.calls
        return answer

    def _asking(self, part: Part, cursor: str | None) -> ListRequest:
        filters = {} if cursor else {"patient_id": (self._request.patient_id,), **part.filters}
        form: Form = "objects+fhir" if self._request.include_fhir else "objects"
        return ListRequest(part.declaration, filters, part.page, cursor, self._age(cursor), form, self._request.pathway)

    def _age(self, cursor: str | None) -> float | None:
        """How old a page may be: of a page behind the first, also what this summary itself brought, of which it may be a stretch."""
        asked = self._request.max_age
        if cursor is None or asked is None:
            return asked
        return asked + (self._now() - self._began).total_seconds()
