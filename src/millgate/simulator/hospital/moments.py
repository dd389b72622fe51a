"""Points in time as Millennium writes them: four styles on the wire, and a fifth in narratives."""

from __future__ import annotations

from datetime import UTC, date, datetime, tzinfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WITHOUT_MARKS = str.maketrans("", "", "-T:")


def _stem(moment: datetime) -> str:
    """Date and time in UTC without fractions or zone."""
    return (moment if moment.tzinfo is UTC else moment.astimezone(UTC)).isoformat()[:19]


def seconds(moment: datetime) -> str:
    """`2020-07-06T21:11:00Z`."""
    return f"{_stem(moment)}Z"


def milliseconds(moment: datetime) -> str:
    """`2020-07-06T21:11:00.000Z`."""
    return f"{_stem(moment)}.000Z"


def with_offset(moment: datetime) -> str:
    """`2020-07-06T21:11:00.000+00:00`."""
    return f"{_stem(moment)}.000+00:00"


def told(moment: datetime) -> str:
    """`Jul  6, 2020  9:11 P.M. UTC`, as narratives tell it."""
    local = moment.astimezone(UTC)
    half = "A.M." if local.hour < 12 else "P.M."
    return f"{told_date(local.date())} {(local.hour + 11) % 12 + 1:>2}:{local.minute:02d} {half} UTC"


def told_date(day: date) -> str:
    """`Jul  6, 2020`."""
    return f"{_MONTHS[day.month - 1]} {day.day:>2}, {day.year}"


def packed(moment: datetime) -> str:
    """`2020070621110000`, as in the numbers of clinical events."""
    return _stem(moment).translate(_WITHOUT_MARKS) + "00"


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def local(moment: datetime, zone: tzinfo) -> str:
    """`2020-07-06T16:11:00.000-05:00`: orders are written in the site's time."""
    return moment.astimezone(zone).isoformat(timespec="milliseconds")
