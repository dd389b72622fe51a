"""Points in time as Millennium writes them: three styles on the wire, and a fourth in narratives."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def seconds(moment: datetime) -> str:
    """`2020-07-06T21:11:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def milliseconds(moment: datetime) -> str:
    """`2020-07-06T21:11:00.000Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def with_offset(moment: datetime) -> str:
    """`2020-07-06T21:11:00.000+00:00`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+00:00")


def told(moment: datetime) -> str:
    """`Jul  6, 2020  9:11 P.M. UTC`, as narratives tell it."""
    local = moment.astimezone(UTC)
    half = "A.M." if local.hour < 12 else "P.M."
    return f"{told_date(local.date())} {(local.hour + 11) % 12 + 1:>2}:{local.minute:02d} {half} UTC"


def told_date(day: date) -> str:
    """`Jul  6, 2020`."""
    return f"{_MONTHS[day.month - 1]} {day.day:>2}, {day.year}"


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def later(moment: datetime, **amount: float) -> datetime:
    return moment + timedelta(**amount)
