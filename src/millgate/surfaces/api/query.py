"""Query strings into requests: every problem named at once, and what would be accepted."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl

from millgate.access.event_types import EVENT_TYPES
from millgate.canonical import dates
from millgate.canonical.attachments import media_type
from millgate.errors import FieldProblem, FixRequest
from millgate.flow.content import ContentRequest, GeneratedRequest
from millgate.flow.event_feed import LIMIT as EVENTS
from millgate.flow.event_feed import MOST as MOST_EVENTS
from millgate.flow.read import Form, GetRequest, ListRequest
from millgate.flow.sections import SECTIONS
from millgate.flow.summary import SummaryRequest
from millgate.objects import OBJECTS, Declaration
from millgate.objects.declaration import Filter

PATHWAYS = ("fhir-r4", "fhir-dstu2")
LIST_PARAMETERS = ("limit", "cursor", "max_age", "include", "pathway", "ids")
EVENT_PARAMETERS = ("after", "cursor", "limit", "type", "tenant")
FOLLOW_PARAMETERS = ("after", "type", "tenant")
ONE_PARAMETERS = ("max_age", "include", "pathway")
LONGEST_QUERY = 32_768
REMEMBERED_QUERY = 512
MOST_IDS = 100
MOST_SHOWN = 1_000
SUMMARY_PARAMETERS = ("sections", "limit", "max_age", "include", "pathway")
CONTENT_PARAMETERS = ("type", "as", "inline")
GENERATED_PARAMETERS = ("from", "to", "encounter_id", "as", "inline")
OLDEST_S = 86_400

_ID = re.compile(r"[\x21-\x7e]{1,256}")


def parse_list(object_name: str, query: bytes, fhir: bool, no_cache: bool) -> ListRequest:
    """The list that a query string asks for. Raises FixRequest("invalid_request") with all its problems."""
    parse = _list_again if len(query) <= REMEMBERED_QUERY else _list
    return parse(object_name, query, fhir, no_cache)


def _list(object_name: str, query: bytes, fhir: bool, no_cache: bool) -> ListRequest:
    declaration = OBJECTS[object_name]
    filters = {one.name: one for one in declaration.filters}
    given, problems = _pairs(query, (*LIST_PARAMETERS, *filters))
    found = {name: _filter(filters[name], values, problems) for name, values in given.items() if name in filters}
    if "ids" in given:
        found["ids"] = _ids(given["ids"], problems)
    limit = _number("limit", given, 1, 200, problems)
    cursor = _once("cursor", given, problems)
    common = _common(given, fhir, no_cache, problems)
    _refuse(problems)
    return ListRequest(declaration, found, limit, cursor, *common, _pathway(given))


# Callers ask the same things again and again. Long queries (cursors, mostly) come once, and would fill the memory.
_list_again = lru_cache(maxsize=4096)(_list)


def parse_one(object_name: str, object_id: str, query: bytes, fhir: bool, no_cache: bool) -> GetRequest:
    """The object that a path and its query string ask for. Raises FixRequest("invalid_request") with all problems."""
    given, problems = _pairs(query, ONE_PARAMETERS)
    if not _ID.fullmatch(object_id):
        problems.append(FieldProblem("id", "invalid", "an id has 1 to 256 printable ASCII characters"))
    common = _common(given, fhir, no_cache, problems)
    _refuse(problems)
    return GetRequest(OBJECTS[object_name], object_id, *common, _pathway(given))


def parse_summary(patient_id: str, query: bytes, fhir: bool, no_cache: bool) -> SummaryRequest:
    """The summary that a path and its query string ask for. Raises FixRequest("invalid_request") with all problems."""
    given, problems = _pairs(query, SUMMARY_PARAMETERS)
    if not _ID.fullmatch(patient_id):
        problems.append(FieldProblem("id", "invalid", "an id has 1 to 256 printable ASCII characters"))
    names = {one for value in given.get("sections", ()) for one in value.split(",")} or set(SECTIONS)
    if strange := sorted(names - set(SECTIONS) - ({""} if "" in given.get("sections", ()) else set())):
        told = f"there is no section {strange[0][:64]!r}; there are {', '.join(SECTIONS)}"
        problems.append(FieldProblem("sections", "invalid", told))
    limit = _number("limit", given, 1, MOST_SHOWN, problems)
    max_age, form = _common(given, fhir, no_cache, problems)
    _refuse(problems)
    chosen = tuple(section for name, section in SECTIONS.items() if name in names)
    return SummaryRequest(patient_id, chosen, limit, max_age, form != "objects", _pathway(given))


@dataclass(frozen=True, slots=True)
class Ranged:
    """The headers that ask for a part of a document."""

    range: str | None
    if_range: str | None


def parse_content(
    object_name: str, object_id: str, index: str | None, query: bytes, ranged: Ranged
) -> tuple[ContentRequest, bool]:
    """The content that a path and its query string ask for, and whether it may be shown inline. Raises FixRequest("invalid_request")."""
    given, problems = _pairs(query, CONTENT_PARAMETERS)
    if not _ID.fullmatch(object_id):
        problems.append(FieldProblem("id", "invalid", "an id has 1 to 256 printable ASCII characters"))
    if index is not None and not re.fullmatch(r"[0-9]{1,4}", index):
        problems.append(FieldProblem("index", "invalid", "is a whole number from 0"))
    wanted = _once("type", given, problems)
    if wanted and media_type(wanted) is None:
        problems.append(FieldProblem("type", "invalid", "is a media type, such as application/pdf"))
    if wanted and index is not None:
        problems.append(FieldProblem("type", "excluded", "chooses among the contents: leave it out where the path names one"))
    as_text, inline = _shown_as(given, problems)
    _refuse(problems)
    place = None if index is None else int(index)
    request = ContentRequest(OBJECTS[object_name], object_id, place, wanted, as_text, ranged.range, ranged.if_range)
    return request, inline


def parse_generated(patient_id: str, query: bytes, ranged: Ranged) -> tuple[GeneratedRequest, bool]:
    """The generated summary that a path and its query string ask for, and whether inline. Raises FixRequest("invalid_request")."""
    given, problems = _pairs(query, GENERATED_PARAMETERS)
    if not _ID.fullmatch(patient_id):
        problems.append(FieldProblem("id", "invalid", "an id has 1 to 256 printable ASCII characters"))
    narrowed = []
    for name, theirs, check in (
        ("from", "start", _check_instant),
        ("to", "end", _check_instant),
        ("encounter_id", "encounter", _check_id),
    ):
        value = _once(name, given, problems)
        if value and (told := check(value)):
            problems.append(FieldProblem(name, "invalid", told))
        elif value:
            narrowed.append((theirs, value))
    as_text, inline = _shown_as(given, problems)
    _refuse(problems)
    return GeneratedRequest(patient_id, tuple(narrowed), as_text, ranged.range, ranged.if_range), inline


def _shown_as(given: Mapping[str, list[str]], problems: list[FieldProblem]) -> tuple[bool, bool]:
    """`as=text`, and `inline=1`."""
    taken = {"as": ("text",), "inline": ("0", "1")}
    for name, values in taken.items():
        value = _once(name, given, problems)
        if value and value not in values:
            problems.append(FieldProblem(name, "invalid", f"may be {' or '.join(values)}"))
    return given.get("as") == ["text"], given.get("inline") == ["1"]


@dataclass(frozen=True, slots=True)
class EventsRequest:
    """Events as the caller asked for them; `after` None is the beginning of the feed, or its end for who follows it."""

    after: str | None
    types: tuple[str, ...]
    tenant: str | None
    limit: int


def parse_events(query: bytes, *, follows: bool) -> EventsRequest:
    """The events that a query string asks for. Raises FixRequest("invalid_request") with all its problems."""
    given, problems = _pairs(query, FOLLOW_PARAMETERS if follows else EVENT_PARAMETERS)
    after, cursor, tenant = (_once(name, given, problems) for name in ("after", "cursor", "tenant"))
    if after and cursor:
        problems.append(FieldProblem("cursor", "excluded", "says the same as after: give one of them"))
    limit = _number("limit", given, 1, MOST_EVENTS, problems)
    types = tuple(sorted({one for value in given.get("type", ()) for one in value.split(",")}))
    if strange := [one for one in types if one and one not in EVENT_TYPES]:
        told = f"there is no event type {strange[0][:64]}; there are {', '.join(EVENT_TYPES)}"
        problems.append(FieldProblem("type", "invalid", told))
    elif "type" in given and "" in types and "" not in given["type"]:
        problems.append(FieldProblem("type", "empty", "has an empty entry in its list"))
    _refuse(problems)
    return EventsRequest(after or cursor, types, tenant, limit or EVENTS)


def _refuse(problems: list[FieldProblem]) -> None:
    if problems:
        raise FixRequest("invalid_request", "Some parameters are not valid; see `errors`.", errors=problems)


def _pairs(query: bytes, known: tuple[str, ...]) -> tuple[dict[str, list[str]], list[FieldProblem]]:
    if len(query) > LONGEST_QUERY:
        raise FixRequest("invalid_request", f"The query string is longer than {LONGEST_QUERY} bytes.")
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=200)
    except (ValueError, UnicodeDecodeError) as error:
        raise FixRequest(
            "invalid_request", "The query string is not valid percent-encoded UTF-8 (200 fields at most)."
        ) from error
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        given.setdefault(name, []).append(value)
    problems = [
        FieldProblem(name[:64], "unknown", f"no such parameter here; known are {', '.join(known)}")
        for name in given
        if name not in known
    ]
    problems += [FieldProblem(name, "empty", "has no value") for name, values in given.items() if name in known and "" in values]
    problems += [
        FieldProblem(name[:64], "invalid", "has a control character")
        for name, values in given.items()
        if name in known and any(ord(letter) < 32 or ord(letter) == 127 for value in values for letter in value)
    ]
    return given, problems


def _once(name: str, given: Mapping[str, list[str]], problems: list[FieldProblem]) -> str | None:
    values = given.get(name, [])
    if len(values) > 1:
        problems.append(FieldProblem(name, "repeated", "may be given once"))
    return values[0] if values else None


def _number(name: str, given: Mapping[str, list[str]], low: int, high: int, problems: list[FieldProblem]) -> int | None:
    text = _once(name, given, problems)
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
        problems.append(FieldProblem(name, "invalid", f"must be a whole number from {low} to {high}"))
        return None
    return int(text)


def _pathway(given: Mapping[str, list[str]]) -> str | None:
    return given["pathway"][0] if "pathway" in given else None


def _common(
    given: Mapping[str, list[str]], fhir: bool, no_cache: bool, problems: list[FieldProblem]
) -> tuple[float | None, Form]:
    max_age = _number("max_age", given, 0, OLDEST_S, problems)
    include = _once("include", given, problems)
    if include and include != "fhir":
        problems.append(FieldProblem("include", "invalid", "may be fhir"))
    pathway = _once("pathway", given, problems)
    if pathway and pathway not in PATHWAYS:
        problems.append(FieldProblem("pathway", "invalid", f"may be {', '.join(PATHWAYS)}"))
    form: Form = "fhir" if fhir else "objects+fhir" if include == "fhir" else "objects"
    return (0 if no_cache else max_age), form


def _filter(one: Filter, values: list[str], problems: list[FieldProblem]) -> tuple[str, ...]:
    """The values of a filter; those that take lists are split at commas, and the order does not matter."""
    if one.kind in ("id", "token", "code") and one.name != "identifier":
        split = [part for value in values for part in value.split(",")]
        parts = sorted({part for part in split if part})
        if len(parts) < len(set(split)):
            problems.append(FieldProblem(one.name, "empty", "has an empty entry in its list"))
    else:
        parts = values
        if len(values) > 1:
            problems.append(FieldProblem(one.name, "repeated", "may be given once"))
    check = _CHECKS.get(one.kind)
    for part in parts:
        told = "is longer than 1,000 characters" if len(part) > 1000 else check(part) if check and part else None
        if told:
            problems.append(FieldProblem(one.name, "invalid", told))
    return tuple(parts)


def _ids(values: list[str], problems: list[FieldProblem]) -> tuple[str, ...]:
    parts = tuple(sorted({part for value in values for part in value.split(",") if part}))
    if not 1 <= len(parts) <= MOST_IDS or not all(_ID.fullmatch(part) for part in parts):
        problems.append(FieldProblem("ids", "invalid", f"is a comma list of 1 to {MOST_IDS} ids"))
    return parts


def _check_id(text: str) -> str | None:
    return None if _ID.fullmatch(text) else "is an id of 1 to 256 printable ASCII characters"


def _check_date(text: str) -> str | None:
    return None if dates.is_date(text) else "is a date: 2019, 2019-05 or 2019-05-04"


def _check_moment(text: str) -> str | None:
    if dates.is_date(text) or (dates.is_date_time(text) and dates.has_offset(text)):
        return None
    return "is a date (2019-05-04) or an instant with its offset (2019-05-04T10:00:00Z); write + as %2B"


def _check_instant(text: str) -> str | None:
    if "T" in text and dates.is_date_time(text) and dates.has_offset(text):
        return None
    return "is an instant with its offset (2019-05-04T10:00:00Z); write + as %2B"


_CHECKS: dict[str, Callable[[str], str | None]] = {
    "id": _check_id,
    "date": _check_date,
    "moment": _check_moment,
    "instant": _check_instant,
}


def known_parameters(declaration: Declaration) -> tuple[str, ...]:
    """All that a list of these objects takes."""
    return (*LIST_PARAMETERS, *(one.name for one in declaration.filters))
