"""How a search can be divided into parts that together hold all that it holds: by ids, or by windows of time.

Where the source can search by the time of a record's last change, that is what divides: every record has one, undated ones too. Where a
search is bound to the records' own dates already, it is divided by those, and undated records do not belong to it. What is divided by a
date that the search did not ask for leaves records without that date aside (`Division.undated`). Pure.
Source: Millennium fact sheet §3.1, §3.2; tables/divisions.csv.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from typing import Final, Literal

from millgate.pathways.fhir.search_values import utc
from millgate.pathways.fhir.wire import instant_of
from millgate.pathways.fhir_r4.links import Parameters

Unit = Literal["second", "day"]

# Nearly everything lies between; what does not is a part of its own on either side.
EARLY: Final = datetime(1900, 1, 1, tzinfo=UTC)
LATE: Final = datetime(2100, 1, 1, tzinfo=UTC)
STEPS: Final[dict[Unit, timedelta]] = {"second": timedelta(seconds=1), "day": timedelta(days=1)}
LOWER: Final = frozenset({"ge", "gt"})
UPPER: Final = frozenset({"le", "lt"})


@dataclass(frozen=True, slots=True)
class Ids:
    """A part by ids."""

    ids: tuple[str, ...]

    def halves(self) -> tuple[Ids, Ids] | None:
        """Two parts that together are this one; None for a single id."""
        middle = len(self.ids) // 2
        return (Ids(self.ids[:middle]), Ids(self.ids[middle:])) if middle else None


@dataclass(frozen=True, slots=True)
class Window:
    """A part by time, from `low` up to but without `high`; None is open."""

    low: datetime | None
    high: datetime | None
    unit: Unit

    def halves(self) -> tuple[Window, Window] | None:
        """Two windows that together are this one; None for one that is as small as the source can search, or open."""
        if self.low is None or self.high is None or self.high - self.low <= STEPS[self.unit]:
            return None
        middle = _whole(self.low + (self.high - self.low) / 2, self.unit)
        if middle <= self.low:
            middle = _whole(self.low, self.unit) + STEPS[self.unit]
        return replace(self, high=middle), replace(self, low=middle)


Part = Ids | Window


@dataclass(frozen=True, slots=True)
class Division:
    """The parameter that divides a search. `undated`: whether records without that date are in no part."""

    parameter: str
    unit: Unit
    upper: str
    undated: bool
    search: Parameters

    def parts(self) -> list[Part]:
        """The first parts, which together are the whole search."""
        if self.parameter == "_id":
            return [Ids(tuple(dict.fromkeys(value for value in dict(self.search)["_id"].split(",") if value)))]
        low, high = self._bounds()
        edges = [low, *(edge for edge in (EARLY, LATE) if (low is None or edge > low) and (high is None or edge < high)), high]
        return [Window(edges[n], edges[n + 1], self.unit) for n in range(len(edges) - 1)]

    def within(self, part: Part) -> Parameters:
        """The search, held to one part."""
        if isinstance(part, Ids):
            return tuple((name, ",".join(part.ids) if name == "_id" else value) for name, value in self.search)
        others = tuple(pair for pair in self.search if pair[0] != self.parameter)
        return (*others, *((self.parameter, bound) for bound in (self._lower(part), self._upper(part)) if bound is not None))

    def _lower(self, part: Window) -> str | None:
        own = self._own(LOWER)
        at_own = own is not None and part.low == self._bounds()[0]
        return own if at_own or part.low is None else f"ge{self._text(part.low)}"

    def _upper(self, part: Window) -> str | None:
        own = self._own(UPPER)
        if part.high is None or (own is not None and part.high == self._bounds()[1]):
            return own
        # Days are whole, so the last one is named itself. An inclusive instant belongs to two windows: once too often, never lost.
        return f"{self.upper}{self._text(part.high - STEPS['day'] if self.unit == 'day' else part.high)}"

    def _text(self, at: datetime) -> str:
        return f"{at:%Y-%m-%d}" if self.unit == "day" else utc(at)

    def _own(self, side: frozenset[str]) -> str | None:
        return next((value for name, value in self.search if name == self.parameter and value[:2] in side), None)

    def _bounds(self) -> tuple[datetime | None, datetime | None]:
        """The search's own bounds, in whole units around them."""
        lower, upper = self._own(LOWER), self._own(UPPER)
        low, high = (_instant(text[2:]) if text is not None else None for text in (lower, upper))
        if high is not None and upper is not None:
            last = _whole(high, self.unit)
            high = last if upper.startswith("lt") and last == high else last + STEPS[self.unit]
        return _whole(low, self.unit) if low is not None else None, high


def division_of(resource_type: str, search: Parameters) -> Division | None:
    """How this search can be divided, or None if nothing that the source offers does."""
    given = {name for name, _ in search}
    if "_id" in given:
        return Division("_id", "second", "lt", undated=False, search=search)
    rows = [row for row in _rows() if row["resource_type"] == resource_type and given.isdisjoint(row["not_with"].split())]
    row = next((row for row in rows if row["parameter"] in given), rows[0] if rows else None)
    if row is None:
        return None
    unit: Unit = "day" if row["unit"] == "day" else "second"
    parameter = row["parameter"]
    bounds = [value for name, value in search if name == parameter]
    if not all(value[:2] in LOWER | UPPER and _instant(value[2:]) is not None for value in bounds):
        return None  # one exact date, or one that cannot be read: there is nothing to divide
    return Division(parameter, unit, row["upper"], undated=row["undated"] == "yes" and not bounds, search=search)


def _instant(text: str) -> datetime | None:
    """An instant, or the beginning of a day."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a date has no zone
    except ValueError:
        return instant_of(text)
    return datetime.combine(day, time(), UTC)


def _whole(at: datetime, unit: Unit) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0) if unit == "day" else at.replace(microsecond=0)


@cache
def _rows() -> tuple[dict[str, str], ...]:
    text = files("millgate.pathways.fhir_r4").joinpath("tables/divisions.csv").read_text("utf-8")
    return tuple(csv.DictReader(text.splitlines()))
