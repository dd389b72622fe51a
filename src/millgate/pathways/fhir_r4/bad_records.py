"""A page that the source cannot build because of one stored record (500 `fatal`/`required`): the record is isolated, the rest is read.

What helps and what does not follows from how Millennium pages. A page that fails brings no `next` link, page tokens are opaque and fixed to
the page size of their search, so neither smaller pages alone nor a link of one's own making come past the bad record:

1. The search is begun again as it was and walked to the page that fails, so that it is known what was delivered before.
2. From there it is searched anew in smaller pages (10, then 1), which gives every record before the bad one, in order.
3. Observation and DiagnosticReport come newest first and can be searched within dates. So from the last good record on, windows of time are
   searched, each four times as long as the one before, until one fails; that one is halved, the newer half first, down to the second in
   which the bad record lies. What the windows that do not fail hold is delivered: also where social history, all of it on page one, is
   what fails the page.
4. Other records of that very second are looked for by code: the codes known from the records around, in groups that are halved.
5. What follows is the same search up to that second: its address is the next link.

Encounters (found by overlapping a period, so that a later lower bound brings earlier ones again), appointments, slots, and everything
without a date cannot be read past the bad record without losing or doubling others. There the error stays, and says which it is.
Source: Millennium fact sheet §3.2, §4.1, §4.4.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from millgate.canonical.exchange import Resource
from millgate.pathways.fhir_r4.encode.search_values import utc
from millgate.pathways.fhir_r4.wire import Searchset, instant_of

# Fetches one address; None if a bad record failed it.
Fetch = Callable[[str], Awaitable[Searchset | None]]
Parameters = list[tuple[str, str]]

NEWEST_FIRST: Final = frozenset({"Observation", "DiagnosticReport"})
SIZES: Final = (10, 1)
WINDOW_SIZE: Final = 100
KINDS: Final = ("vital-signs", "laboratory", "social-history")
FIRST_WINDOW: Final = timedelta(minutes=1)
MOST_CALLS: Final = 150
MOST_CODES: Final = 120
BEGINNING: Final = datetime(1900, 1, 1, tzinfo=UTC)
END: Final = datetime(2100, 1, 1, tzinfo=UTC)
SECOND: Final = timedelta(seconds=1)
LONGEST_WINDOW: Final = timedelta(days=3650)
LOWER: Final = frozenset({"ge", "gt"})
UPPER: Final = frozenset({"le", "lt"})
OF_PAGING: Final = frozenset({"-pageContext", "-pageDirection", "pageContext", "direction"})


class TooMany(Exception):
    """More calls than a page is worth."""


@dataclass(slots=True)
class Rest:
    """What a page holds apart from the bad record, and where it goes on. `position`: how many of the page come before it."""

    resources: list[Resource] = field(default_factory=list)
    included: list[Resource] = field(default_factory=list)
    next_link: str | None = None
    position: int = 0
    second: datetime | None = None  # in which the bad record lies
    passed: bool = False  # whether the bad record was passed, or was not there any more


class Isolation:
    """One page's bad record. `size` is how many records the page should hold."""

    def __init__(self, fetch: Fetch, address: str, link: str) -> None:
        self._fetch = fetch
        self._address = address
        self._link = link
        self._resource_type = address.rsplit("/", 1)[-1]
        self._search = [(n, v) for n, v in parse_qsl(urlsplit(link).query, keep_blank_values=True) if n not in OF_PAGING]
        self._calls = 0
        self._seen: set[str] = set()
        self._around: list[Resource] = []
        self._anchor: datetime | None = None
        self.rest = Rest()

    async def run(self) -> Rest:
        """The rest of the page; `passed` is False where the bad record could not be passed, or where it is not there any more."""
        names = {name for name, _ in self._search}
        if "_count" not in names or "_id" in names:
            return self.rest
        try:
            return await self._isolate()
        except TooMany:
            self.rest.passed = False
            return self.rest

    async def _isolate(self) -> Rest:
        first = {name for name, _ in parse_qsl(urlsplit(self._link).query)}.isdisjoint(OF_PAGING)
        if not first:
            before, failed = await self._walk(self._to(self._search), None)
            if not failed:
                return self.rest  # another page than then: begin again
            self._remember(before)
        for size in SIZES:
            if size < self._size:
                found, failed = await self._walk(self._to(self._from_here(size)), self._size)
                fresh = [one for one in found if one["id"] not in self._seen]
                self._remember(fresh)
                self.rest.resources += fresh
                if not failed:
                    self.rest.passed = True
                    return self.rest
        self.rest.position = len(self.rest.resources)
        if self._resource_type in NEWEST_FIRST and "_lastUpdated" not in {name for name, _ in self._search}:
            await self._pass_by_date()
        return self.rest

    async def _pass_by_date(self) -> None:
        """Find the second of the bad record, what else lies in it, and where to go on."""
        low, high = self._bounds()
        second = await self._second_of_bad(low, min(high, _floor(self._anchor) + SECOND) if self._anchor is not None else high)
        if second is None:
            return
        self.rest.second = second
        await self._others_of(second)
        following = self._to(self._dated(("lt", second)))
        page = await self._get(following)
        if page is None and not self.rest.resources:
            return  # the next one is bad as well, and nothing was good: the source fails altogether
        self.rest.passed, self.rest.next_link = True, following
        if page is not None and not self.rest.resources:
            self._take(page.resources)
            self.rest.included += page.included
            self.rest.next_link = page.next_link

    async def _second_of_bad(self, lowest: datetime, high: datetime) -> datetime | None:
        """The newest second before `high` that fails, or None if none does; what is newer is taken on the way."""
        length = FIRST_WINDOW
        while high > lowest:
            low = max(lowest, high - length) if high - lowest > length else lowest
            if await self._fails(low, high):
                break
            high, length = low, length * 4 if length < LONGEST_WINDOW else length
        else:
            return None
        while high - low > SECOND:
            middle = _floor(low + (high - low) / 2)
            if await self._fails(middle, high):
                low = middle
            else:
                high = middle
        return low

    async def _fails(self, low: datetime, high: datetime) -> bool:
        found, failed = await self._walk(self._to(self._sized(self._dated(("ge", low), ("lt", high)), WINDOW_SIZE)), None)
        if not failed:
            self._take(found)
        return failed

    def _bounds(self) -> tuple[datetime, datetime]:
        """The search's own bounds, in whole seconds around them."""
        low, high = BEGINNING, END
        for name, value in self._search:
            at = instant_of(value[2:]) if name == "date" else None
            if at is not None and value[:2] in LOWER:
                low = max(low, _floor(at))
            elif at is not None and value[:2] in UPPER:
                high = min(high, _floor(at) + SECOND)
        return low, high

    async def _others_of(self, second: datetime) -> None:
        """The records of one second beside the bad one, by the codes that are known; told where there may be more."""
        within = self._sized(self._dated(("ge", second), ("lt", second + SECOND)), 1)
        found, failed = await self._walk(self._to(within), None)
        self._take(found)
        if failed and "code" not in {name for name, _ in self._search}:
            await self._look_around(second)
            for codes in _by_system(self._around):
                await self._by_codes(self._sized(within, 50), codes)

    async def _look_around(self, second: datetime) -> None:
        """Learn the codes of records near by: what is measured together at one time mostly was so at another."""
        older, newer = self._dated(("lt", second)), self._dated(("ge", second + SECOND))
        kinds = [(("category", kind),) for kind in KINDS] if self._resource_type == "Observation" else []
        extra = kinds if "category" not in {name for name, _ in self._search} else []
        for more in [(), *extra]:
            for parameters in (older, newer):
                page = await self._get(self._to(self._sized([*parameters, *more], WINDOW_SIZE)))
                self._around += page.resources if page is not None else []

    async def _by_codes(self, within: Parameters, codes: Sequence[str]) -> None:
        """Halve the group until what fails is one code alone."""
        if not codes:
            return
        found, failed = await self._walk(self._to([*within, ("code", ",".join(codes))]), None)
        if not failed:
            self._take(found)
        elif len(codes) > 1:
            half = len(codes) // 2
            await self._by_codes(within, codes[:half])
            await self._by_codes(within, codes[half:])
        else:
            alone, _ = await self._walk(self._to(self._sized([*within, ("code", codes[0])], 1)), None)
            self._take(alone)

    def _take(self, found: Iterable[Resource]) -> None:
        fresh = [one for one in found if one["id"] not in self._seen]
        self._remember(fresh)
        self.rest.resources += fresh

    async def _walk(self, link: str, most: int | None) -> tuple[list[Resource], bool]:
        """The records from `link` on, until a page fails (True), there is no more, or `most` new ones were found."""
        found: list[Resource] = []
        following: str | None = link
        while following is not None:
            page = await self._get(following)
            if page is None:
                return found, True
            found += page.resources
            self.rest.included += page.included
            following = page.next_link
            if most is not None and len({one["id"] for one in found} - self._seen) >= most:
                break
        if most is not None:
            self.rest.next_link = following
        return found, False

    async def _get(self, link: str) -> Searchset | None:
        self._calls += 1
        if self._calls > MOST_CALLS:
            raise TooMany
        return await self._fetch(link)

    def _remember(self, resources: Iterable[Resource]) -> None:
        for resource in resources:
            self._seen.add(resource["id"])
            self._around.append(resource)
            at = moment_of(resource)
            if at is not None and self._resource_type in NEWEST_FIRST and not _is_social_history(resource):
                self._anchor = at if self._anchor is None else min(self._anchor, at)

    @property
    def _size(self) -> int:
        count = dict(self._search)["_count"]
        return int(count) if count.isascii() and count.isdigit() and len(count) < 6 else 0

    def _from_here(self, size: int) -> Parameters:
        """The search in pages of `size`, from the second of the last good record on, where records are sorted by date."""
        if self._anchor is None or "_lastUpdated" in dict(self._search):
            return self._sized(self._search, size)
        return self._sized(self._dated(("lt", _floor(self._anchor) + SECOND)), size)

    def _dated(self, *bounds: tuple[str, datetime]) -> Parameters:
        """The search within these bounds: each takes the place of its own on the same side, unless that is narrower."""
        parameters = list(self._search)
        for prefix, at in bounds:
            side = LOWER if prefix in LOWER else UPPER
            own = [value for name, value in parameters if name == "date" and value[:2] in side]
            instants = [found for value in own if (found := instant_of(value[2:])) is not None]
            if any(one >= at if side is LOWER else one <= at for one in instants):
                continue
            kept = [(name, value) for name, value in parameters if name != "date" or value[:2] not in side]
            parameters = [*kept, ("date", f"{prefix}{utc(at)}")]
        return parameters

    def _sized(self, parameters: Parameters, size: int) -> Parameters:
        return [(name, str(size) if name == "_count" else value) for name, value in parameters]

    def _to(self, parameters: Parameters) -> str:
        return f"{self._address}?{urlencode(parameters, quote_via=quote, safe='')}"


def moment_of(resource: Resource) -> datetime | None:
    """The instant by which Millennium sorts this record, if it has one that is exact."""
    period = resource.get("effectivePeriod")
    start = period.get("start") if isinstance(period, dict) else None
    candidates = (resource.get("effectiveDateTime"), resource.get("effectiveInstant"), start, resource.get("issued"))
    return instant_of(next((text for text in candidates if text is not None), None))


def bad_record_warning(resource_type: str, rest: Rest) -> str:
    """Which record is missing, and what else may be: positions and times, no content."""
    second = rest.second or BEGINNING
    return (
        f"One {resource_type} is missing: the source cannot build it, since it lacks an element that the source itself requires. It comes "
        f"after {rest.position} records of this page, in the second of {utc(second)}. Further records of that second are here only as "
        "far as their codes are known from other records, and records without a date may be missing from here on."
    )


def _is_social_history(resource: Resource) -> bool:
    """Whether the order of dates does not hold for it: all social history comes on page one. Source: Millennium fact sheet §3.2."""
    categories = resource.get("category")
    for category in categories if isinstance(categories, list) else []:
        codings = category.get("coding") if isinstance(category, dict) else None
        if any(isinstance(coding, dict) and coding.get("code") == "social-history" for coding in codings or ()):
            return True
    return False


def _floor(at: datetime) -> datetime:
    return at.replace(microsecond=0)


def _by_system(resources: Iterable[Resource]) -> list[list[str]]:
    """One coding of each record, grouped: a search takes codes of the tenant's own system or standard ones, never both at once."""
    groups: dict[bool, dict[str, None]] = {False: {}, True: {}}
    for resource in resources:
        chosen = _coding(resource.get("code"))
        if chosen is not None and "," not in (token := f"{chosen[0]}|{chosen[1]}"):
            groups["codeSet" in chosen[0]][token] = None
    return [list(group)[:MOST_CODES] for group in groups.values()]


def _coding(concept: Any) -> tuple[str, str] | None:
    """The standard coding of a concept, else the tenant's own."""
    codings = concept.get("coding") if isinstance(concept, dict) else None
    pairs = [(c.get("system"), c.get("code")) for c in codings or () if isinstance(c, dict)]
    named = [(system, code) for system, code in pairs if isinstance(system, str) and isinstance(code, str)]
    return next((pair for pair in named if "codeSet" not in pair[0]), named[0] if named else None)
