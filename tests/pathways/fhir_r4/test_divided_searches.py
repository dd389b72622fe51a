"""Any population, any bad records, any page size: what is not delivered lies in what the warning names, and nothing comes twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millgate.canonical.exchange import Resource
from millgate.pathways.fhir.wire import Searchset
from millgate.pathways.fhir_r4.bad_records import MOST_CALLS, Isolation, Rest, bad_record_warnings
from millgate.pathways.fhir_r4.divisions import Ids, Window, division_of
from millgate.pathways.fhir_r4.links import place_of

BASE = "https://source.example/r4/t"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(seconds: float) -> str:
    return (NOON + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


@dataclass
class Fake:
    """A source of one resource type that searches by one kind of time, in pages whose links may or may not repeat the search."""

    kind: str
    parameter: str
    records: Sequence[Resource]
    bad: frozenset[str]
    keeps: bool
    calls: int = 0
    found: list[list[Resource]] = field(default_factory=list)

    async def fetch(self, link: str) -> Searchset | None:
        self.calls += 1
        given_ = parse_qsl(link.partition("?")[2], keep_blank_values=True)
        page = dict(given_)
        if "-pageContext" in page:
            number, size, place = (int(part) for part in page["-pageContext"].split("."))
            found = self.found[number]
        else:
            found, number, size, place = [one for one in self.records if self._fits(one, given_)], len(self.found), 0, 0
            size = int(page.get("_count", len(found) or 1))
            self.found.append(found)
        shown = found[place : place + size]
        following = None
        if place + size < len(found):
            kept = [pair for pair in given_ if pair[0] != "-pageContext"] if self.keeps else []
            following = f"{BASE}/{self.kind}?" + urlencode([*kept, ("-pageContext", f"{number}.{size}.{place + size}")])
        if any(one["id"] in self.bad for one in shown):
            return None
        return Searchset(list(shown), [], following, None)

    def _fits(self, one: Resource, given_: Sequence[tuple[str, str]]) -> bool:
        for name, value in given_:
            if name == "_id" and one["id"] not in value.split(","):
                return False
            if name == "code" and one["code"]["coding"][0]["code"] not in [part.partition("|")[2] for part in value.split(",")]:
                return False
            if name == self.parameter and not self._in_time(one, value):
                return False
        return True

    def _in_time(self, one: Resource, value: str) -> bool:
        low, high = span_of(self.parameter, one) or (None, None)
        if low is None or high is None:
            return False
        bound = datetime.fromisoformat(value[2:].replace("Z", "+00:00"))
        bound = bound if bound.tzinfo else bound.replace(tzinfo=UTC)
        step = timedelta(days=1) if len(value) == 12 else timedelta(seconds=1)
        if value[:2] == "ge":
            return high >= bound
        return low < bound if value[:2] == "lt" else low < bound + step


def span_of(parameter: str, one: Resource) -> tuple[datetime, datetime] | None:
    """From when to when a record is, by what a parameter looks at."""
    if parameter == "_lastUpdated":
        text = one["meta"]["lastUpdated"]
        return instant(text), instant(text)
    if parameter == "birthdate":
        return (instant(one["birthDate"]), instant(one["birthDate"])) if "birthDate" in one else None
    period = one.get("period")
    return (instant(period["start"]), instant(period["end"])) if period else None


def instant(text: str) -> datetime:
    found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


async def walked(fake: Fake, search: Mapping[str, str]) -> tuple[list[Resource], Rest]:
    """What a caller gets who goes from page to page, and how what they did not get was told."""
    link: str | None = f"{BASE}/{fake.kind}?{urlencode(search)}"
    got: list[Resource] = []
    while link is not None:
        place = place_of(link)
        page = await fake.fetch(place.address)
        if page is None:
            rest = await Isolation(fake.fetch, f"{BASE}/{fake.kind}", place.search, place.shown).run()
            return got + rest.resources, rest
        got += page.resources
        link = place.after(page.next_link, len(page.resources))
    return got, Rest(passed=True)


def covered(rest: Rest, parameter: str, one: Resource) -> bool:
    """Whether a warning names the part in which a record lies."""
    span = span_of(parameter, one)
    if span is None:
        return rest.undated
    windows = [gap for gap in rest.gaps if isinstance(gap, Window)]
    return any((w.high is None or span[0] < w.high) and (w.low is None or span[1] >= w.low) for w in windows)


times = st.one_of(st.integers(0, 4), st.integers(-100_000, 100_000), st.integers(-3_000_000_000, 2_000_000_000), st.floats(0, 3))


@st.composite
def populations(draw: st.DrawFn) -> tuple[str, str, list[Resource], frozenset[str], int | None, bool]:
    kind, parameter = draw(
        st.sampled_from(
            [
                ("Observation", "_lastUpdated"),
                ("Encounter", "_lastUpdated"),
                ("Encounter", "date"),
                ("Condition", "_lastUpdated"),
                ("MedicationRequest", "_lastUpdated"),
                ("Patient", "birthdate"),
            ]
        )
    )
    records: list[Resource] = []
    for number in range(draw(st.integers(1, 25))):
        one: dict[str, Any] = {"resourceType": kind, "id": f"r{number}", "meta": {"lastUpdated": at(draw(times))}}
        one["code"] = {"coding": [{"system": "s", "code": f"c{draw(st.integers(0, 6))}"}]}
        began = draw(times)
        if kind == "Patient" and draw(st.integers(0, 4)):
            one["birthDate"] = at(began)[:10]
        if kind == "Encounter" and (draw(st.integers(0, 4)) or parameter == "date"):
            one["period"] = {"start": at(began), "end": at(began + draw(st.sampled_from([0, 1, 1800, 500_000])))}
        records.append(one)
    bad = draw(st.frozensets(st.sampled_from([one["id"] for one in records]), min_size=1, max_size=4))
    count = None if kind in ("Condition", "MedicationRequest") else draw(st.integers(1, 12))
    return kind, parameter, records, bad, count, draw(st.booleans())


@settings(max_examples=150, deadline=None)
@given(populations())
async def test_what_is_missing_is_told_and_nothing_comes_twice(
    population: tuple[str, str, list[Resource], frozenset[str], int | None, bool],
) -> None:
    kind, parameter, records, bad, count, keeps = population
    fake = Fake(kind, parameter, records, bad, keeps)
    search = {"patient": "1"} | ({"_count": str(count)} if count else {})
    if parameter == "date":
        search["date"] = "ge1800-01-01T00:00:00Z"
    got, rest = await walked(fake, search)
    ids = [one["id"] for one in got]
    assert len(ids) == len(set(ids))
    assert not bad & set(ids)
    assert fake.calls <= 2 * MOST_CALLS + 100
    missing = [one for one in records if one["id"] not in ids]
    if not rest.passed:
        assert not ids or fake.calls >= MOST_CALLS, "an error, though something could be read"
        return
    assert all(covered(rest, parameter, one) for one in missing)
    assert bool(missing) == bool(bad_record_warnings(kind, rest))
    if parameter == "_lastUpdated":  # nothing but what shares the very second of a bad one may be missing
        seconds = {one["meta"]["lastUpdated"][:19] for one in records if one["id"] in bad}
        if kind != "MedicationRequest":
            assert {one["meta"]["lastUpdated"][:19] for one in missing} <= seconds


@settings(max_examples=60, deadline=None)
@given(
    ids=st.lists(st.integers(0, 40).map(str), min_size=1, max_size=30, unique=True),
    bad=st.frozensets(st.integers(0, 40).map(str), max_size=4),
)
async def test_of_ids_exactly_the_bad_ones_are_missing_and_named(ids: list[str], bad: frozenset[str]) -> None:
    records = [{"resourceType": "Encounter", "id": one, "meta": {"lastUpdated": at(0)}} for one in ids]
    got, rest = await walked(Fake("Encounter", "_lastUpdated", records, bad, True), {"_id": ",".join(ids)})
    assert {one["id"] for one in got} == set(ids) - bad
    if rest.passed:
        assert {one for gap in rest.gaps if isinstance(gap, Ids) for one in gap.ids} == bad & set(ids)
    else:
        assert set(ids) <= bad


@pytest.mark.parametrize(
    ("kind", "search", "parts"),
    [
        ("Encounter", {"patient": "1"}, ["_lastUpdated=lt1900-01-01T00:00:00Z", "_lastUpdated=ge2100-01-01T00:00:00Z"]),
        ("Encounter", {"date": "ge2026-01-01T00:00:00.5Z"}, ["date=ge2026-01-01T00:00:00.5Z", "date=ge2100-01-01T00:00:00Z"]),
        ("Patient", {"birthdate": "ge1950-02-03"}, ["birthdate=ge1950-02-03", "birthdate=ge2100-01-01"]),
        ("Patient", {"family": "x"}, ["birthdate=le1899-12-31", "birthdate=ge2100-01-01"]),
    ],
)
def test_the_first_parts_leave_nothing_out(kind: str, search: dict[str, str], parts: list[str]) -> None:
    division = division_of(kind, tuple(search.items()))
    assert division is not None
    told = [urlencode(division.within(part), safe=":,") for part in division.parts()]
    assert told[0].find(parts[0]) >= 0
    assert told[-1].find(parts[-1]) >= 0


@pytest.mark.parametrize(
    ("kind", "search"),
    [
        ("Organization", {"type": "prov"}),
        ("Practitioner", {"active": "true"}),
        ("Location", {"-physicalType": "si"}),
        ("Patient", {"birthdate": "1950-02-03"}),
        ("Schedule", {}),
    ],
)
def test_some_searches_cannot_be_divided(kind: str, search: dict[str, str]) -> None:
    assert division_of(kind, tuple(search.items())) is None
