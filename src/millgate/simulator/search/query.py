"""A search as it was asked: parsed from the query string and held against the rules of `table`. Every breach is a 400 with its text.

The captured text of a missing parameter sets the style of all others, which no public source shows. A parameter that the tenant does
not know is passed over; only when none is left that it can use does the live server complain, and so does this one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from millgate.simulator.answers import bad_request
from millgate.simulator.search.dates import DateValue, parse
from millgate.simulator.search.rules import DateRule, Parameter, SearchRule

MOST_PARAMETERS = 64
PAGE_CONTEXT = "-pageContext"
PAGE_DIRECTION = "-pageDirection"
_REFERENCE = re.compile(r"(?:.*/)?(?P<type>[A-Za-z]+)/(?P<id>[^/]+)")


@dataclass(frozen=True, slots=True)
class Given:
    """One known parameter as given: its values (comma lists taken apart), its modifier, and its dates if it is one."""

    parameter: Parameter
    values: tuple[str, ...]
    modifier: str | None = None
    dates: tuple[DateValue, ...] = ()


@dataclass(slots=True)
class Query:
    """A search that the rules allow. `kept` is the query string without page parameters, as it came; `within` are the only patients
    to be looked at, if not all of them are."""

    rule: SearchRule
    given: dict[str, Given] = field(default_factory=dict)
    includes: tuple[str, ...] = ()
    revincludes: tuple[str, ...] = ()
    count: int | None = None
    page_context: str | None = None
    page_direction: str = "NEXT"
    kept: str = ""
    within: frozenset[str] | None = None

    def values(self, name: str) -> tuple[str, ...]:
        given = self.given.get(name)
        return given.values if given else ()

    def first(self, name: str) -> str | None:
        values = self.values(name)
        return values[0] if values else None

    def dates(self, name: str) -> tuple[DateValue, ...]:
        given = self.given.get(name)
        return given.dates if given else ()


def read_query(rule: SearchRule, raw_query: str) -> Query:
    """The search that a query string asks for; Refused with 400 if the tenant does not take it so."""
    try:
        pairs = parse_qsl(raw_query, keep_blank_values=True, max_num_fields=MOST_PARAMETERS, errors="strict")
    except ValueError as error:
        raise bad_request("the query string is not valid") from error
    query = Query(rule, kept=_without_page(raw_query))
    if _read_page(query, pairs):
        return query
    named: dict[str, list[tuple[str | None, str]]] = {}
    for key, value in pairs:
        name, _, modifier = key.partition(":")
        if value.strip():
            named.setdefault(name, []).append((modifier or None, value.strip()))
    query.includes = _included(named.pop("_include", []), [include.value for include in rule.includes], "_include")
    query.revincludes = _included(named.pop("_revinclude", []), rule.revincludes, "_revinclude")
    for name, occurrences in named.items():
        parameter = rule.parameter(name)
        if parameter is not None and all(m is None or m in parameter.modifiers for m, _ in occurrences):
            query.given[name] = _read_parameter(parameter, occurrences)
    for first, second in rule.passed_over:
        if second in query.given:
            query.given.pop(first, None)
    _check_combinations(query)
    _read_count(query)
    return query


def _read_page(query: Query, pairs: Sequence[tuple[str, str]]) -> bool:
    """Whether the search goes on with a page token. What stands beside the token was settled when the token was made."""
    given = dict(pairs)
    token = given.get(PAGE_CONTEXT) or given.get("pageContext")
    if token is None or query.rule.page is None:
        return False
    direction = given.get(PAGE_DIRECTION) or given.get("direction") or "NEXT"
    if direction not in ("NEXT", "PREVIOUS"):
        raise bad_request(f"{PAGE_DIRECTION} must be NEXT or PREVIOUS")
    query.page_context, query.page_direction = token, direction
    return True


def _without_page(raw_query: str) -> str:
    dropped = (PAGE_CONTEXT, PAGE_DIRECTION, "pageContext", "direction")
    return "&".join(part for part in raw_query.split("&") if part and part.partition("=")[0] not in dropped)


def _included(occurrences: list[tuple[str | None, str]], offered: Sequence[str], name: str) -> tuple[str, ...]:
    values = [value for _, value in occurrences]
    for value in values:
        if value not in offered:
            raise bad_request(f"{name} {value} is not supported")
    if name == "_revinclude" and len(values) > 1:
        raise bad_request("_revinclude must be provided only once")
    return tuple(dict.fromkeys(values))


def _read_parameter(parameter: Parameter, occurrences: list[tuple[str | None, str]]) -> Given:
    most = 2 if parameter.dates is not None and parameter.dates.pairs else 1
    if len(occurrences) > most:
        raise bad_request(f"{parameter.name} must be provided only {'twice' if most == 2 else 'once'}")
    texts = [text for _, text in occurrences]
    if parameter.dates is not None:
        return Given(parameter, tuple(texts), None, _read_dates(parameter.name, parameter.dates, texts))
    values = [part.strip() for part in texts[0].split(",")] if parameter.many or parameter.kind != "string" else texts
    values = [value for value in values if value]
    if parameter.kind != "string" and len(values) > 1 and not parameter.many:
        raise bad_request(f"{parameter.name} must have a single value")
    for value in values:
        _check_value(parameter, value)
    if parameter.kind == "reference":
        values = [_reference(parameter, value) for value in values]
    return Given(parameter, tuple(dict.fromkeys(values)), occurrences[0][0])


def _check_value(parameter: Parameter, value: str) -> None:
    if parameter.codes is not None and value.rpartition("|")[2] not in parameter.codes:
        raise bad_request(f"{parameter.name} must be one of {', '.join(sorted(parameter.codes))}")
    if parameter.system_required and not all(value.partition("|")[::2]):
        raise bad_request(f"{parameter.name} must have a system and a code")
    if parameter.own_set is not None and not value.rpartition("|")[0].endswith(f"/codeSet/{parameter.own_set}"):
        raise bad_request(f"{parameter.name} must have the system of code set {parameter.own_set}")
    if len(value) < parameter.shortest:
        raise bad_request(f"{parameter.name} must have at least {parameter.shortest} characters")


def _reference(parameter: Parameter, value: str) -> str:
    """The id in `123`, `Patient/123` or an absolute address; 400 for another resource type than the parameter takes."""
    match = _REFERENCE.fullmatch(value.partition("/_history/")[0])
    if match is None and parameter.typed:
        raise bad_request(f"{parameter.name} must be a reference with its type")
    if match is None:
        return value
    if match["type"] not in parameter.targets:
        raise bad_request(f"{parameter.name} must be a reference to {' or '.join(parameter.targets)}")
    return f"{match['type']}/{match['id']}" if parameter.typed else match["id"]


def _read_dates(name: str, rule: DateRule, texts: Sequence[str]) -> tuple[DateValue, ...]:
    dates = []
    for text in texts:
        date = parse(text)
        if date is None or date.prefix in ("ne", "sa", "eb", "ap"):
            raise bad_request(f"{name} is not a valid date or has an unsupported prefix")
        dates.append(date)
    if len(dates) == 2:
        return _pair(name, rule, dates)
    _check_single(name, rule, dates[0])
    return tuple(dates)


def _check_single(name: str, rule: DateRule, date: DateValue) -> None:
    if not rule.single:
        raise bad_request(f"{name} must be provided twice, with {' and '.join(sorted(rule.lower | rule.upper))}")
    if date.prefix not in rule.single:
        raise bad_request(f"{name} must have one of the prefixes {', '.join(sorted(rule.single - {''}))}")
    needs_time = rule.time == "always" or (rule.time == "with-prefix" and date.prefix not in ("", "eq"))
    _check_time(name, rule, date, needs_time)


def _pair(name: str, rule: DateRule, dates: Sequence[DateValue]) -> tuple[DateValue, ...]:
    lower = [date for date in dates if date.prefix in rule.lower]
    upper = [date for date in dates if date.prefix in rule.upper]
    if len(lower) != 1 or len(upper) != 1 or lower[0].span.low > upper[0].span.high:
        lows, highs = " or ".join(sorted(rule.lower)), " or ".join(sorted(rule.upper))
        raise bad_request(f"{name} prefix pairs must create a closed range: {lows} with {highs}")
    for date in dates:
        _check_time(name, rule, date, rule.time in ("always", "in-pairs"))
    if rule.same_precision and len({len(date.text) for date in dates}) > 1:
        raise bad_request(f"{name} must have the same precision in both values")
    return (lower[0], upper[0])


def _check_time(name: str, rule: DateRule, date: DateValue, needs_time: bool) -> None:
    if needs_time and not date.has_time:
        raise bad_request(f"{name} must have a time component")
    if rule.time == "never" and date.has_time:
        raise bad_request(f"{name} must not have a time component")


def _check_combinations(query: Query) -> None:
    rule, given = query.rule, query.given
    if rule.any_of and not any(name in given for name in rule.any_of):
        raise bad_request(_missing(rule))
    beside = [name for name in given if name not in (rule.alone, "_count")]
    if rule.alone in given and beside:
        raise bad_request(f"{rule.alone} must not be provided with {_listed(beside, 'or')}")
    if len([name for name in rule.one_of if name in given]) > 1:
        raise bad_request(f"only one of {_listed(rule.one_of, 'or')} must be provided")
    for need in rule.needs:
        if need.name in given and not any(other in given for other in need.others):
            raise bad_request(
                f"{need.name} must be provided with {'' if len(need.others) == 1 else 'one of '}{_listed(need.others, 'or')}"
            )
    for first, second in rule.not_together:
        if first in given and second in given:
            raise bad_request(f"{first} must not be provided with {second}")
    if query.revincludes and not any(name in given for name in ("_id", "patient", "subject")):
        raise bad_request("_revinclude must be provided with one of _id, patient, or subject")


def _missing(rule: SearchRule) -> str:
    names = [*rule.any_of, *([PAGE_CONTEXT] if rule.page is not None else [])]
    return f"{names[0]} must be provided" if len(names) == 1 else f"at least one of {_listed(names, 'or')} must be provided"


def _listed(names: Sequence[str], word: str) -> str:
    if len(names) < 3:
        return f" {word} ".join(names)
    return ", ".join(names[:-1]) + f", {word} {names[-1]}"


def _read_count(query: Query) -> None:
    text, page = query.first("_count"), query.rule.page
    if text is None:
        return
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        raise bad_request("_count must be a positive number")
    ignored = page is None or any(name in query.given for name in page.count_ignored_with)
    if page is not None and page.count_only_with and not any(name in query.given for name in page.count_only_with):
        ignored = True
    if page is not None and not ignored:
        query.count = min(max(int(text), page.minimum), page.maximum)
