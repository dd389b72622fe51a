"""FHIR dates, dateTimes, instants and times: checked, kept at the precision they came with, and comparable.

Source: FHIR R4 §2.24.0.1 (primitive types date, dateTime, instant, time).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from millgate.errors import CallOperator

_DATE = re.compile(r"[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,30})?)?(Z|[+-][0-9]{2}:[0-9]{2})?")
_TIME = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::(?:[0-5][0-9]|60)(?:\.[0-9]{1,30})?)?")

# What an unusual dateTime is: one of the codes that `localized` may warn of.
ASSUMED = "time_zone_assumed"
UNKNOWN = "time_zone_unknown"
AMBIGUOUS = "time_zone_ambiguous"


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of time from `start` (inclusive) to `end` (exclusive), both with their zone; None is open on that side."""

    start: datetime | None
    end: datetime | None

    def overlaps(self, other: Interval) -> bool:
        """Whether both stretches have an instant in common."""
        return (other.end is None or self.start is None or self.start < other.end) and (
            self.end is None or other.start is None or other.start < self.end
        )


@lru_cache(maxsize=512)
def zone(name: str) -> ZoneInfo:
    """The time zone of this IANA name. Raises CallOperator `invalid_setting` where there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:
        raise CallOperator("invalid_setting", "A tenant's time zone is no IANA name such as America/Chicago.") from error


def is_date(text: str) -> bool:
    """Whether the text is a FHIR date that the calendar has: `2019`, `2019-05` or `2019-05-04`."""
    return _DATE.fullmatch(text) is not None and _in_calendar((text + "-01-01")[:10])


def is_date_time(text: str) -> bool:
    """Whether the text is a FHIR date or dateTime that the calendar has; a time may lack its seconds or its offset."""
    if "T" not in text:
        return is_date(text)
    return _MOMENT.fullmatch(text) is not None and (_in_calendar(text) or _in_calendar(_without_leap_second(text)))


def is_time(text: str) -> bool:
    """Whether the text is a FHIR time of day: `08:30` or `08:30:00`."""
    return _TIME.fullmatch(text) is not None


def has_offset(text: str) -> bool:
    """Whether a valid dateTime says its offset from UTC, or has no time that would need one."""
    return text[-1] == "Z" or "T" not in text or text[-6] in "+-"


def localized(text: str, time_zone: str | None) -> tuple[str, str | None]:
    """The valid dateTime with an offset, and the code of a warning where it came without one.

    A time without an offset takes the tenant's time zone (`time_zone_assumed`). It stays as it came where the zone is
    unknown (`time_zone_unknown`), or where a change of clocks makes it happen twice or never (`time_zone_ambiguous`).
    """
    if has_offset(text):
        return text, None
    if time_zone is None:
        return text, UNKNOWN
    local = datetime.fromisoformat(_without_leap_second(text)).replace(tzinfo=zone(time_zone))
    offset = local.utcoffset()
    if offset is None or offset != local.replace(fold=1).utcoffset():
        return text, AMBIGUOUS
    return text + _offset_text(offset), ASSUMED


def instant(text: str, time_zone: str | None = None) -> datetime | None:
    """The instant (in UTC) at which the date or dateTime begins, or None where it cannot be told.

    Dates, and times without an offset, are taken in the given zone; without one they are no instant.
    """
    found = interval(text, time_zone)
    return found.start if found is not None else None


def interval(text: str, time_zone: str | None = None) -> Interval | None:
    """The stretch of time that the date or dateTime covers at its precision, or None where it cannot be told.

    `2019-05` covers the month, `2019-05-04T10:00:00Z` one second, `…10:00:00.250Z` one millisecond.
    """
    if not is_date_time(text):
        return None
    try:
        return _moment_interval(text, time_zone) if "T" in text else _date_interval(text, time_zone)
    except OverflowError:
        return None


def period_interval(start: str | None, end: str | None, time_zone: str | None = None) -> Interval | None:
    """The stretch of a FHIR period: open where a side is missing, its end included as FHIR has it; None where a side is unreadable."""
    first = interval(start, time_zone) if start is not None else Interval(None, None)
    last = interval(end, time_zone) if end is not None else Interval(None, None)
    return Interval(first.start, last.end) if first is not None and last is not None else None


def window(start: str | None, end: str | None, time_zone: str | None = None) -> Interval | None:
    """The stretch that a `from` (inclusive) and a `to` (exclusive) ask for; None where one of them cannot be read.

    Both are dates or instants; a date begins at midnight of the zone, or of UTC where none is known.
    """
    zone_name = time_zone or "UTC"
    first = instant(start, zone_name) if start is not None else None
    last = instant(end, zone_name) if end is not None else None
    if (start is not None and first is None) or (end is not None and last is None):
        return None
    return Interval(first, last)


def _in_calendar(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _without_leap_second(text: str) -> str:
    """A leap second (`:60`) as the second before it, since the calendar of Python has none."""
    return f"{text[:17]}59{text[19:]}" if text[17:19] == "60" else text


def _offset_text(offset: timedelta) -> str:
    minutes = round(offset.total_seconds() / 60)
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02d}:{rest:02d}"


def _date_interval(text: str, time_zone: str | None) -> Interval | None:
    if time_zone is None:
        return None
    year, month, day = int(text[:4]), int(text[5:7] or 1), int(text[8:10] or 1)
    where = zone(time_zone)
    start = datetime(year, month, day, tzinfo=where)
    if len(text) == 4:
        following = _day_of(year + 1, 1, 1, where)
    elif len(text) == 7:
        following = _day_of(year + month // 12, month % 12 + 1, 1, where)
    else:
        day_after = datetime(year, month, day, tzinfo=UTC) + timedelta(days=1)
        following = _day_of(day_after.year, day_after.month, day_after.day, where)
    return Interval(start.astimezone(UTC), following.astimezone(UTC))


def _day_of(year: int, month: int, day: int, where: tzinfo) -> datetime:
    if year > 9999:
        raise OverflowError("the calendar ends with the year 9999")
    return datetime(year, month, day, tzinfo=where)


def _moment_interval(text: str, time_zone: str | None) -> Interval | None:
    start = datetime.fromisoformat(_without_leap_second(text))
    if start.tzinfo is None:
        if time_zone is None:
            return None
        start = start.replace(tzinfo=zone(time_zone))
    start = start.astimezone(UTC)
    return Interval(start, start + _precision(text))


def _precision(text: str) -> timedelta:
    """How long the last stated digit of a moment lasts; a microsecond at the shortest."""
    clock = text[11:].rstrip("Z").split("+")[0].split("-")[0]
    if len(clock) == 5:
        return timedelta(minutes=1)
    fraction = clock.partition(".")[2]
    return timedelta(microseconds=10 ** max(0, 6 - len(fraction))) if fraction else timedelta(seconds=1)
