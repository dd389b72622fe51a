"""Dates in searches: parse a value with its prefix, and compare it with what a resource holds. Source: FHIR R4 §3.1.1.4.4 to §3.1.1.4.5.

A date without a zone is read as UTC, as most of the tenant's times are; a time of day without a zone is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

_DATE = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d{2})(?:-(?P<day>\d{2})"
    r"(?:T(?P<hour>\d{2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.(?P<fraction>\d{1,9}))?)?(?P<zone>Z|[+-]\d{2}:\d{2})?)?)?)?"
)
_PREFIX = re.compile(r"(eq|ne|ge|gt|le|lt|sa|eb|ap)?(.*)", re.DOTALL)

EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Span:
    """The time that a date of some precision stands for: from `low` up to but without `high`."""

    low: datetime
    high: datetime


@dataclass(frozen=True, slots=True)
class DateValue:
    """One value of a date parameter: prefix (`""` if none was written), the span of the date, its text, whether it has a time."""

    prefix: str
    span: Span
    text: str
    has_time: bool

    def accepts(self, span: Span) -> bool:
        """Whether a resource's time fits. Source: FHIR R4 §3.1.1.5 (prefixes)."""
        if self.prefix in ("", "eq"):
            return self._contains(span)
        if self.prefix == "gt":
            return span.high > self.span.high
        if self.prefix == "ge":
            return span.high > self.span.high or self._contains(span)
        if self.prefix == "lt":
            return span.low < self.span.low
        return span.low < self.span.low or self._contains(span)

    def _contains(self, span: Span) -> bool:
        return self.span.low <= span.low and span.high <= self.span.high


def parse(text: str) -> DateValue | None:
    """The value as written in a query, or None if it is no FHIR date. A time without a zone is none."""
    match = _PREFIX.fullmatch(text)
    if match is None:
        return None
    prefix, rest = match[1] or "", match[2]
    span = span_of(rest, zone_required=True)
    return None if span is None else DateValue(prefix, span, rest, "T" in rest)


def span_of(text: object, *, zone_required: bool = False) -> Span | None:
    """The time that a FHIR date, dateTime or instant stands for; None if it is none."""
    return _span_of_text(text, zone_required) if isinstance(text, str) else None


@lru_cache(maxsize=65_536)  # the same times are compared and sorted by in every search of a chart
def _span_of_text(text: str, zone_required: bool) -> Span | None:
    match = _DATE.fullmatch(text)
    if match is None or (zone_required and match["hour"] and not match["zone"]):
        return None
    try:
        return _span(match)
    except (ValueError, OverflowError):
        return None


def _span(match: re.Match[str]) -> Span:
    year, month, day = int(match["year"]), int(match["month"] or 1), int(match["day"] or 1)
    if match["month"] is None:
        return Span(datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC) if year < 9999 else LATEST)
    if match["day"] is None:
        following = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
        return Span(datetime(year, month, 1, tzinfo=UTC), following)
    if match["hour"] is None:
        low = datetime(year, month, day, tzinfo=UTC)
        return Span(low, low + timedelta(days=1))
    fraction = (match["fraction"] or "")[:6]
    moment = datetime(
        year,
        month,
        day,
        int(match["hour"]),
        int(match["minute"]),
        int(match["second"] or 0),
        int(fraction.ljust(6, "0")),
        tzinfo=UTC,
    )
    low = moment - _offset(match["zone"])
    step = timedelta(minutes=1) if match["second"] is None else timedelta(microseconds=10 ** (6 - len(fraction)))
    return Span(low, low + step)


def _offset(zone: str | None) -> timedelta:
    if zone is None or zone == "Z":
        return timedelta()
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if hours > 14 or minutes > 59:
        raise ValueError(zone)
    return timedelta(hours=hours, minutes=minutes) * (1 if zone[0] == "+" else -1)


def span_in(value: Any) -> Span | None:
    """The time of an element of a resource: a date text, or a Period whose missing ends are open."""
    if not isinstance(value, dict):
        return span_of(value)
    start, end = span_of(value.get("start")), span_of(value.get("end"))
    if start is None and end is None:
        return None
    return Span(start.low if start else EARLIEST, end.high if end else LATEST)
