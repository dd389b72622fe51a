"""The values of search parameters: one function a kind, the encoded value or `Unfit` with what is wrong.

Source: Millennium fact sheet §3.1, §3.2; FHIR R4 §3.1.1.4 (search parameter types).
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LOINC: Final = "http://loinc.org"
LONGEST_VALUE: Final = 500  # characters

_ID = re.compile(r"[^\s,|/\\?#&$]{1,128}")
_LOINC_CODE = re.compile(r"[0-9]{1,7}-[0-9]")
_TYPE = re.compile(r"[A-Z][A-Za-z]{1,63}")
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})")
_BIRTH_DATE = re.compile(r"(eq|ge|gt|le|lt)?([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
_PROPRIETARY = re.compile(r"https://fhir(\.[a-z]+)?\.cerner\.com/.+")


class Unfit(Exception):
    """A value that the source would not take: a code, and a sentence that completes `<filter> …`."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def id_value(value: str) -> str:
    """An id of one record, without its type."""
    if not _ID.fullmatch(value) or value in (".", "..") or not value.isprintable():
        raise Unfit("invalid", "is an id as the source gave it")
    return value


def text_value(value: str) -> str:
    """Text to search for; FHIR's separators are refused, since nothing says that Millennium knows them escaped."""
    if not value.strip() or len(value) > LONGEST_VALUE or not value.isprintable():
        raise Unfit("invalid", f"is text of 1 to {LONGEST_VALUE} printable characters")
    if any(character in value for character in ",|$\\"):
        raise Unfit("invalid", "cannot hold a comma, a bar, a dollar sign or a backslash")
    return value


def token_value(value: str) -> str:
    """A token: `system|code` or `code`."""
    system, bar, code = value.partition("|")
    empty = not value or (bar and not (system and code))
    if empty or len(value) > LONGEST_VALUE or not value.isprintable() or any(c in system or c in code for c in ",|$\\ "):
        raise Unfit("invalid", "reads system|code or code, without blanks, commas, dollar signs or backslashes")
    return value


def coded_value(value: str) -> str:
    """A token with its system."""
    if "|" not in value:
        raise Unfit("invalid", "needs its code system: system|code")
    return token_value(value)


def clinical_code(value: str) -> str:
    """A token with its system; a bare LOINC code gets its own."""
    if _LOINC_CODE.fullmatch(value):
        return f"{LOINC}|{value}"
    if "|" not in value:
        raise Unfit("invalid", "reads system|code, or is a bare LOINC code such as 2345-7")
    return token_value(value)


def order_code(value: str) -> str:
    """A token of a tenant's order catalog, which is the only system that orders are searched by. Source: fact sheet §3.2."""
    if not is_proprietary(value) or not value.partition("|")[0].endswith("/codeSet/200"):
        raise Unfit("invalid", "reads system|code with the tenant's order catalog as system (its codeSet/200)")
    return token_value(value)


def typed_reference(value: str) -> str:
    """`Type/id` of one record."""
    kind, slash, record_id = value.partition("/")
    if not slash or not _TYPE.fullmatch(kind):
        raise Unfit("invalid", "reads Type/id, such as Condition/p123")
    return f"{kind}/{id_value(record_id)}"


def identifier_parts(value: str) -> tuple[str, str, str]:
    """(system, type, value) of `system|value`, `type|value` or `value`; a bare OID becomes a `urn:oid:` system."""
    first, bar, rest = value.partition("|")
    if not bar:
        return "", "", token_value(value)
    if not (first and rest):
        raise Unfit("invalid", "reads system|value, type|value, or value")
    if _OID.fullmatch(first):
        first = f"urn:oid:{first}"
    token_value(f"{first}|{rest}")
    return (first, "", rest) if ":" in first else ("", first, rest)


def is_proprietary(token: str) -> bool:
    """Whether a token's system belongs to a Millennium tenant. Source: Millennium fact sheet §1.1, §3.4."""
    return _PROPRIETARY.fullmatch(token.partition("|")[0]) is not None


def birth_dates(values: tuple[str, ...]) -> list[str]:
    """One date with any prefix, or a period from `ge` to `le`; a month or a year becomes such a period."""
    parts = [part for value in values for part in _birth_period(value)]
    prefixes = sorted(part[:2] for part in parts)
    if len(parts) > 2 or (len(parts) == 2 and prefixes != ["ge", "le"]):
        raise Unfit("invalid", "is one date, month or year, or a pair ge… and le…")
    return parts


def _birth_period(value: str) -> list[str]:
    match = _BIRTH_DATE.fullmatch(value)
    if match is None:
        raise Unfit("invalid", "is a date, month or year without a time, with one of eq ge gt le lt before it at most")
    prefix, year, month, day = match[1] or "", int(match[2]), match[3], match[4]
    try:
        if day is not None:
            return [f"{prefix}{date(year, int(month), int(day)).isoformat()}"]
        first, last = int(month or 1), int(month or 12)
        lower, upper = date(year, first, 1), date(year, last, calendar.monthrange(year, last)[1])
    except ValueError as error:
        raise Unfit("invalid", "is not a date of the calendar") from error
    # Which edge of a month or year a prefix means. Source: FHIR R4 §3.1.1.4.7 (prefixes)
    edges = {"ge": [f"ge{lower}"], "lt": [f"lt{lower}"], "le": [f"le{upper}"], "gt": [f"gt{upper}"]}
    return edges.get(prefix, [f"ge{lower}", f"le{upper}"])


def instant(value: str, time_zone: str | None) -> datetime:
    """The instant that a bound means, in UTC; a date means the start of that day in the tenant's time zone."""
    try:
        if _INSTANT.fullmatch(value):
            return datetime.fromisoformat(value.replace("Z", "+00:00")).astimezone(UTC)
        if _DATE.fullmatch(value):
            return _start_of_day(date.fromisoformat(value), time_zone)
    except (ValueError, OverflowError) as error:
        raise Unfit("invalid", "is not a date or instant of the calendar") from error
    raise Unfit("invalid", "is a date, or an instant with its offset (Z or ±hh:mm)")


def utc(at: datetime) -> str:
    """The instant as Millennium wants it: UTC, `Z`, no more digits than it has. Source: Millennium fact sheet §4.7."""
    precision = "seconds" if at.microsecond == 0 else "microseconds" if at.microsecond % 1000 else "milliseconds"
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=precision) + "Z"


def from_millisecond(at: datetime) -> str:
    """The first whole millisecond at or after the instant, in UTC: the finest that Millennium's times are, always written out.

    For bounds that the source takes in equal precision only.
    """
    return _milliseconds(at, 0)


def last_millisecond(at: datetime) -> str:
    """The last whole millisecond before the instant: an exclusive bound for a source that takes inclusive ones only."""
    return _milliseconds(at, 1)


def _milliseconds(at: datetime, before: int) -> str:
    try:
        whole = at.astimezone(UTC) + timedelta(microseconds=-at.microsecond % 1000, milliseconds=-before)
    except OverflowError as error:
        raise Unfit("invalid", "is not a date or instant of the calendar") from error
    return whole.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _start_of_day(day: date, time_zone: str | None) -> datetime:
    if time_zone is None:
        raise Unfit("needs_time_zone", f"is a date, and the tenant has no time zone; give an instant such as {day}T00:00:00Z")
    try:
        zone = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise Unfit("needs_time_zone", "is a date, and the tenant's time zone is not known here; give an instant") from error
    return datetime.combine(day, time(), zone).astimezone(UTC)
