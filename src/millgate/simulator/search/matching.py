"""Whether one resource fits one parameter: tokens, strings, references and dates, found under the parameter's paths."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from millgate.simulator.search.dates import span_in
from millgate.simulator.search.query import Given, Query

Resource = Mapping[str, Any]
_CODE_SET = "/codeSet/"
VITAL_SIGNS = "vital-signs"
SOCIAL_HISTORY = "social-history"


def matches(resource: Resource, query: Query, passed_over: Iterable[str] = ()) -> bool:
    """Whether a resource fits every given parameter that has paths, apart from those that its source has already seen to."""
    return all(fits(resource, given) for name, given in query.given.items() if given.parameter.paths and name not in passed_over)


def fits(resource: Resource, given: Given) -> bool:
    """Whether a resource fits one parameter: any of its values for most kinds, all of its dates for a date."""
    parameter = given.parameter
    values = [value for path in parameter.paths for value in at(resource, path.split("."))]
    if parameter.kind == "date":
        return _fits_dates(resource, given, values)
    if parameter.kind == "string":
        return any(_fits_string(value, wanted, parameter.partial) for value in values for wanted in given.values)
    if parameter.kind == "reference":
        return any(reference_id(value) == wanted for value in values for wanted in given.values)
    if not parameter.proprietary or (parameter.name == "code" and in_category(resource, VITAL_SIGNS)):
        values = [value for value in values if not _is_proprietary(value)]
    return any(_fits_token(value, wanted) for value in values for wanted in given.values)


def at(value: Any, path: list[str]) -> Iterator[Any]:
    """Everything that a resource holds under a path of element names; lists on the way are gone into."""
    if isinstance(value, list):
        for item in value:
            yield from at(item, path)
    elif not path:
        if value is not None:
            yield value
    elif isinstance(value, dict) and path[0] in value:
        yield from at(value[path[0]], path[1:])


def reference_id(value: Any) -> str | None:
    """The id that a Reference points at, if it points anywhere."""
    text = value.get("reference") if isinstance(value, dict) else None
    return text.rpartition("/")[2] if isinstance(text, str) else None


def in_category(resource: Resource, code: str) -> bool:
    return any(coding.get("code") == code for coding in at(resource, ["category", "coding"]) if isinstance(coding, dict))


@lru_cache(maxsize=4096)
def folded(text: str) -> str:
    """A text without accents and case, as string searches compare it. Source: FHIR R4 §3.1.1.4.8 (string)."""
    return "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char)).casefold()


def _fits_dates(resource: Resource, given: Given, values: list[Any]) -> bool:
    if given.parameter.name == "-date-or-req-period":
        name = "requestedPeriod" if resource.get("status") == "proposed" else "start"
        values = list(at(resource, [name]))
    elif given.parameter.name == "date" and resource.get("status") == "proposed":
        return False
    spans = [span for span in map(span_in, values) if span is not None]
    return any(all(date.accepts(span) for date in given.dates) for span in spans)


def _fits_string(value: Any, wanted: str, partial: bool) -> bool:
    if not isinstance(value, str):
        return False
    have, want = folded(value), folded(wanted)
    return want in have if partial else have.startswith(want)


def _fits_token(value: Any, wanted: str) -> bool:
    system, bar, code = wanted.rpartition("|")
    if isinstance(value, dict):
        have_code, have_system = value.get("code", value.get("value")), value.get("system")
    else:
        have_code, have_system = (str(value).lower() if isinstance(value, bool) else value), None
        system = ""  # a plain code has one system, which a query may name
    if code and have_code != code:
        return False
    if not bar:
        return bool(code)
    return have_system == system if system else have_system is None


def _is_proprietary(value: Any) -> bool:
    return isinstance(value, dict) and _CODE_SET in str(value.get("system", ""))
