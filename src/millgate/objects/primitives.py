"""Reading FHIR's primitive elements: each comes back as it is, or None with a note of why.

Every function takes the dict that holds the element, its key there, the path of the object's field, and the notes.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from millgate.canonical import dates
from millgate.canonical.absent import extension_reason
from millgate.objects.notes import Notes

_TIME_ZONE_WARNINGS = {
    dates.ASSUMED: "The time came without an offset from UTC; the tenant's time zone was taken.",
    dates.UNKNOWN: "The time came without an offset from UTC, and the tenant has no time zone; it is shown as it came.",
    dates.AMBIGUOUS: "The time came without an offset from UTC, and a change of clocks leaves it open; it is shown as it came.",
}


def text(source: dict[str, Any], key: str, field: str, notes: Notes) -> str | None:
    """The string, code, uri or id; an empty one counts as missing."""
    value = source.get(key)
    if value.__class__ is str:
        return value or None
    if value is not None:
        notes.unexpected(field, "a text")
    elif "_" + key in source:
        notes.missing(source, key, field)
    return None


def flag(source: dict[str, Any], key: str, field: str, notes: Notes) -> bool | None:
    """The boolean."""
    value = source.get(key)
    if value is True or value is False:
        return value
    if value is not None:
        notes.unexpected(field, "true or false")
    elif "_" + key in source:
        notes.missing(source, key, field)
    return None


def whole(source: dict[str, Any], key: str, field: str, notes: Notes) -> int | None:
    """The integer."""
    value = source.get(key)
    if value.__class__ is int:
        return int(value)
    if value is not None:
        notes.unexpected(field, "a whole number")
    elif "_" + key in source:
        notes.missing(source, key, field)
    return None


def decimal(source: dict[str, Any], key: str, field: str, notes: Notes) -> Decimal | None:
    """The decimal with the digits that it came with."""
    value = source.get(key)
    if value is None:
        if "_" + key in source:
            notes.missing(source, key, field)
        return None
    if isinstance(value, Decimal) and value.is_finite():
        return value
    if value.__class__ is int:
        return Decimal(value)
    if value.__class__ is float and value - value == 0:
        return Decimal(repr(value))
    notes.unexpected(field, "a number")
    return None


def date(source: dict[str, Any], key: str, field: str, notes: Notes) -> str | None:
    """The date at its own precision."""
    value = text(source, key, field, notes)
    if value is not None and not dates.is_date(value):
        notes.invalid(field, "a date such as 2019, 2019-05 or 2019-05-04")
        return None
    return value


def moment(source: dict[str, Any], key: str, field: str, notes: Notes) -> str | None:
    """The date, dateTime or instant at its own precision; a time without an offset takes the tenant's time zone."""
    value = source.get(key)
    if value.__class__ is not str or not value:
        return text(source, key, field, notes)
    if not dates.is_date_time(value):
        notes.invalid(field, "a date or a dateTime")
        return None
    return value if dates.has_offset(value) else _localized(value, field, notes)


def _localized(value: str, field: str, notes: Notes) -> str:
    localized, code = dates.localized(value, notes.context.time_zone)
    if code is not None:
        notes.warn(code, field, _TIME_ZONE_WARNINGS[code])
    return localized


def moments(source: dict[str, Any], key: str, field: str, notes: Notes) -> tuple[str, ...]:
    """The dates and dateTimes of a list, in order; each is read as `moment` reads one."""
    read = (moment({"value": value}, "value", field, notes) for value in texts(source, key, field, notes))
    return tuple(value for value in read if value is not None)


def clock_time(source: dict[str, Any], key: str, field: str, notes: Notes) -> str | None:
    """The time of day."""
    value = text(source, key, field, notes)
    if value is not None and not dates.is_time(value):
        notes.invalid(field, "a time of day such as 08:30:00")
        return None
    return value


def texts(source: dict[str, Any], key: str, field: str, notes: Notes) -> tuple[str, ...]:
    """The strings of a list, in order; members that are no strings are left out with a note."""
    values = source.get(key)
    if "_" + key in source:
        _members_missing(source["_" + key], field, notes)
    if values is None:
        return ()
    if values.__class__ is not list:
        notes.unexpected(field, "a list of texts")
        return ()
    kept = []
    for value in values:
        if value.__class__ is str:
            if value:
                kept.append(value)
        elif value is not None:
            notes.unexpected(field, "a list of texts")
    return tuple(kept)


def members(source: dict[str, Any], key: str, field: str, notes: Notes) -> list[dict[str, Any]]:
    """The objects of a list, in order; members that are no objects are left out with a note."""
    values = source.get(key)
    if values is None:
        return []
    if values.__class__ is not list:
        notes.unexpected(field, "a list")
        return []
    for value in values:
        if value.__class__ is not dict:
            notes.unexpected(field, "a list of objects")
            return [value for value in values if value.__class__ is dict]
        if "modifierExtension" in value:
            notes.modified(value, field)
    return values


def member(source: dict[str, Any], key: str, field: str, notes: Notes) -> dict[str, Any] | None:
    """The object, or None."""
    value = source.get(key)
    if value is None:
        return None
    if value.__class__ is not dict:
        notes.unexpected(field, "an object")
        return None
    if "modifierExtension" in value:
        notes.modified(value, field)
    return value


def _members_missing(beside: Any, field: str, notes: Notes) -> None:
    for sibling in beside if beside.__class__ is list else [beside]:
        notes.reason(field, extension_reason(sibling))
