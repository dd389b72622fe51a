"""A search that one stored record fails (500 `fatal`/`required`): the record is isolated, all others are read.

A page that fails brings no `next` link, and page tokens are opaque, so nothing gets past the bad record by paging, in smaller pages
neither. What does is the search itself, divided (`divisions.py`): parts that fail are halved, down to one id, or to the second (the day)
in which the bad record lies; all others are delivered, in the source's order. Within that last part, what comes before the bad
record is read one by one, and what comes after it by its codes, statuses or places, as far as they are known. So:

- No record is lost unsaid: whatever may be missing lies in a part that the warning names.
- None comes twice: what earlier pages showed is found out by walking there again, and left out.
- Where the source offers nothing to divide by, the error stays, and says where the record lies.

A record whose own time is long (an encounter of weeks, where the search asks for dates) fails every window that it touches: from
`MOST_OPEN` failing parts on, nothing is halved any more, and the warning names what is left.
Source: Millennium fact sheet §3.2, §4.1, §4.4.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from millgate.canonical.exchange import Resource
from millgate.pathways.fhir.wire import Searchset
from millgate.pathways.fhir_r4.divisions import Division, Ids, Part, Window, division_of
from millgate.pathways.fhir_r4.encode.search import search_rules
from millgate.pathways.fhir_r4.links import Parameters, encoded
from millgate.pathways.fhir_r4.telling_apart import tellers_of
from millgate.pathways.fhir_r4.wire import moment_of

# Fetches one address; None if a bad record failed it.
Fetch = Callable[[str], Awaitable[Searchset | None]]

LARGE: Final = 100  # of a page, where the source names no maximum
MOST_CALLS: Final = 250
MOST_OPEN: Final = 8
STEADY: Final = 3
CAUSE: Final = "the source cannot build it, since it lacks an element that the source itself requires"
NEWEST_FIRST: Final = frozenset({"Observation", "DiagnosticReport", "DocumentReference"})
ENDLESS: Final = datetime.max.replace(tzinfo=UTC)


class Unsteady(Exception):
    """The source fails on another page each time, so what was delivered cannot be told from what was not."""


class TooMany(Exception):
    """More calls than a page is worth."""


@dataclass(slots=True)
class Rest:
    """What a search holds apart from its bad records. `gaps`: the parts in which they, and what they hide, lie.

    `undated`: records without the date that was searched by may be missing; `hidden`: a bad one shows in no part, but is there.
    `passed`: whether there is anything to show; else `position` is how many records come before the bad one, where that is known.
    """

    resources: list[Resource] = field(default_factory=list)
    included: list[Resource] = field(default_factory=list)
    gaps: list[Part] = field(default_factory=list)
    undated: bool = False
    hidden: bool = False
    passed: bool = False
    position: int | None = None


class Isolation:
    """The bad records of one search, met after `shown` of its records were delivered."""

    def __init__(self, fetch: Fetch, address: str, search: Parameters, shown: int) -> None:
        self._fetch = fetch
        self._address = address
        self._search = search
        self._shown = shown
        self._resource_type = address.rsplit("/", 1)[-1]
        self._calls = 0
        self._seen: set[str] = set()
        self._around: list[Resource] = []
        self.rest = Rest()

    async def run(self) -> Rest:
        """What there is to show, `passed` if anything is. Raises Unsteady."""
        try:
            await self._isolate()
        except TooMany:
            return Rest()
        self.rest.resources = _in_order(self._resource_type, self.rest.resources)
        self.rest.included = list({(one["resourceType"], one["id"]): one for one in self.rest.included}.values())
        return self.rest

    async def _isolate(self) -> None:
        if self._shown and await self._walks_again():
            self.rest.passed = True
            return
        division = division_of(self._resource_type, self._search)
        if division is None:
            found, _ = await self._walk(self._sized(self._search, 1))
            self.rest.position = len({one["id"] for one in found})
            return
        if division.undated and not await self._takes_whole(1):
            self.rest.undated = True
        for part in await self._failing(division):
            await self._search_through(division, part)
        if not self.rest.gaps and not self.rest.undated:  # no part shows it: then is it there?
            self.rest.hidden = not await self._takes_whole(self._largest())
        self.rest.passed = bool(self._seen) or not (self.rest.gaps or self.rest.undated or self.rest.hidden)

    async def _walks_again(self) -> bool:
        """Learn what was delivered; whether nothing fails any more, and the rest of the walk is all there is to show."""
        for _ in range(STEADY):
            before, failed = await self._walk(self._search)
            if len(before) >= self._shown:
                break
            self.rest.included.clear()
        else:
            raise Unsteady
        self._remember(before[: self._shown])
        self._take(before[self._shown :])
        return not failed

    async def _failing(self, division: Division) -> list[Part]:
        """The smallest parts that fail; what the others hold is taken."""
        failing = [part for part in division.parts() if not await self._takes(division, part)]
        smallest: list[Part] = []
        while failing and len(failing) <= MOST_OPEN:
            smaller: list[Part] = []
            for part in failing:
                halves = part.halves()
                if halves is None:
                    smallest.append(part)
                    continue
                first = await self._takes(division, halves[0])
                smaller += [] if first else [halves[0]]
                if first or not await self._takes(division, halves[1]):  # where the one passes, it is the other that fails
                    smaller.append(halves[1])
            failing = smaller
        return smallest + failing

    async def _takes(self, division: Division, part: Part) -> bool:
        """Whether a part can be read; then it is taken."""
        found, failed = await self._walk(self._sized(division.within(part), self._largest()))
        if not failed:
            self._take(found)
        return not failed

    async def _takes_whole(self, size: int) -> bool:
        """Whether the search can be read as it is, in pages of another size; what can be is taken."""
        found, failed = await self._walk(self._sized(self._search, size))
        self._take(found)
        return not failed

    async def _search_through(self, division: Division, part: Part) -> None:
        """Whatever can be had of a part that fails: what comes before the bad record, then what can be told apart from it."""
        within = self._sized(division.within(part), 1)
        found, failed = await self._walk(within)
        self._take(found)
        if not failed:
            return
        self.rest.gaps.append(part)
        if isinstance(part, Ids):
            return
        given = {name for name, _ in self._search}
        for teller in tellers_of(self._resource_type, self._around, part.low):
            if teller.parameter not in given:
                for values in teller.groups:
                    await self._by_values(within, teller.parameter, values, many=teller.many)

    async def _by_values(self, within: Parameters, parameter: str, values: Sequence[str], *, many: bool) -> None:
        """Halve the group until what fails is one value alone, and take of that what comes before the bad record."""
        if not values:
            return
        if many or len(values) == 1:
            found, failed = await self._walk((*within, (parameter, ",".join(values))))
            self._take(found)
            if not failed or len(values) == 1:
                return
        half = len(values) // 2
        await self._by_values(within, parameter, values[:half], many=many)
        await self._by_values(within, parameter, values[half:], many=many)

    def _take(self, found: Iterable[Resource]) -> None:
        fresh = {one["id"]: one for one in found if one["id"] not in self._seen}
        self._remember(fresh.values())
        self.rest.resources += fresh.values()

    def _remember(self, resources: Iterable[Resource]) -> None:
        for resource in resources:
            self._seen.add(resource["id"])
            self._around.append(resource)

    async def _walk(self, parameters: Parameters) -> tuple[list[Resource], bool]:
        """The records of a search, until a page fails (True) or there is no more."""
        found: list[Resource] = []
        link: str | None = f"{self._address}?{encoded(parameters)}"
        while link is not None:
            page = await self._get(link)
            if page is None:
                return found, True
            found += page.resources
            self.rest.included += page.included
            link = page.next_link
        return found, False

    async def _get(self, link: str) -> Searchset | None:
        self._calls += 1
        if self._calls > MOST_CALLS:
            raise TooMany
        return await self._fetch(link)

    def _largest(self) -> int:
        rules = search_rules().get(self._resource_type)
        size = rules.page_size.maximum if rules is not None and rules.page_size is not None else None
        return max(int(dict(self._search).get("_count", 0)), size or LARGE)

    @staticmethod
    def _sized(parameters: Parameters, size: int) -> Parameters:
        """The search in other pages, where it says how large they should be."""
        return tuple((name, str(size) if name == "_count" else value) for name, value in parameters)


def bad_record_warnings(resource_type: str, rest: Rest) -> list[str]:
    """What is missing, and what else may be: ids and times, no content. One sentence or more for each gap; neighbours are one."""
    told = [_told(resource_type, gap) for gap in _joined(rest.gaps)]
    if rest.hidden:
        told.append(f"At least one {resource_type} is missing: {CAUSE}. No narrower search shows where it lies.")
    if rest.undated:
        told.append(
            f"Each {resource_type} without a date may be missing too: the source was searched by dates to get past the bad record."
        )
    return told


def _told(resource_type: str, gap: Part) -> str:
    if isinstance(gap, Ids):
        return f"{resource_type} {', '.join(gap.ids)} is missing: {CAUSE}."
    low, high = (at.strftime("%Y-%m-%dT%H:%M:%SZ") if at is not None else None for at in (gap.low, gap.high))
    when = f"from {low} up to {high}" if low and high else f"from {low} on" if low else f"before {high}"
    return (
        f"At least one {resource_type} is missing: {CAUSE}. Its time is {when}; others of that time are here only as far as something "
        "tells them apart from it. The source gives no count to hold the rest against."
    )


def _joined(gaps: Sequence[Part]) -> list[Part]:
    """Windows that touch as one, in the order of time, and ids together."""
    ids = [one for gap in gaps if isinstance(gap, Ids) for one in gap.ids]
    joined: list[Window] = []
    for gap in sorted((gap for gap in gaps if isinstance(gap, Window)), key=lambda gap: (gap.low is not None, gap.low)):
        if joined and gap.low is not None and joined[-1].high == gap.low:
            joined[-1] = Window(joined[-1].low, gap.high, gap.unit)
        else:
            joined.append(gap)
    return [*([Ids(tuple(ids))] if ids else []), *joined]


def _in_order(resource_type: str, resources: list[Resource]) -> list[Resource]:
    """As the source would give them: charts newest first, calendars from the beginning; what has no time comes last."""
    if resource_type in NEWEST_FIRST:
        dated = [(at, one) for one in resources if (at := moment_of(one)) is not None]
        dated.sort(key=lambda pair: pair[0], reverse=True)
        return [one for _, one in dated] + [one for one in resources if moment_of(one) is None]
    return sorted(resources, key=lambda one: moment_of(one) or ENDLESS)
