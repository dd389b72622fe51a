"""A search in the gateway's words, turned into the parameters that Millennium takes, or refused before the call.

What the source would refuse, or would answer with something else than was asked, is refused here with everything that is wrong
and what would be accepted. No filter is left out silently. Source: Millennium fact sheet §3.1, §3.2; tables/search*.csv.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from millgate.canonical.exchange import Query
from millgate.errors import FieldProblem, FixRequest
from millgate.pathways.fhir.search_table import Filter, Rule, SearchRules
from millgate.pathways.fhir.search_values import (
    Unfit,
    birth_dates,
    clinical_code,
    coded_value,
    from_millisecond,
    id_value,
    identifier_parts,
    instant,
    is_proprietary,
    last_millisecond,
    order_code,
    text_value,
    token_value,
    typed_reference,
    utc,
)

MOST_VALUES: Final = 200

Parameters = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class IdentifierType:
    """An identifier's type that Millennium cannot search by: the answer is held to it by the pathway."""

    code: str
    value: str


@dataclass(frozen=True, slots=True)
class EncodedSearch:
    """The parameters in their order, and what is left for the pathway to check in the answer."""

    parameters: tuple[tuple[str, str], ...]
    identifier_type: IdentifierType | None = None


class _Problems:
    """What is wrong with one query, collected so that the caller learns all of it at once."""

    def __init__(self, resource_type: str, rules: SearchRules) -> None:
        self.found: list[FieldProblem] = []
        self._resource_type = resource_type
        self._rules = rules

    def add(self, field: str, code: str, detail: str) -> None:
        self.found.append(FieldProblem(field, code, detail))

    def refuse(self) -> None:
        """Raise FixRequest `search_not_supported` if anything was wrong."""
        if self.found:
            detail = f"{self._resource_type} cannot be searched like this. {accepted(self._rules)}"
            raise FixRequest("search_not_supported", detail, errors=self.found)


def accepted(rules: SearchRules) -> str:
    """One sentence or more on what this resource type's search takes."""
    said = [f"It takes {', '.join(sorted(rules.filters))}."]
    for rule in rules.rules:
        if rule.kind == "one_of":
            said.append(f"Exactly one of {', '.join(rule.filters)} is required.")
        elif rule.kind == "any_of":
            said.append(f"At least one of {', '.join(rule.filters)} is required.")
    return " ".join(said)


def as_they_are(query: Query, found: Parameters) -> Parameters:
    """The parameters of a release whose searches the tables say in full."""
    return found


def encode_search(
    query: Query,
    tables: Mapping[str, SearchRules],
    *,
    time_zone: str | None,
    complete: Callable[[Query, Parameters], Parameters] = as_they_are,
) -> EncodedSearch:
    """The parameters for this search; FixRequest `search_not_supported` names all that is wrong and what would be accepted.

    `tables` are the release's. `time_zone` is the tenant's, for bounds that are dates: such a bound means the start of that day there.
    `complete` is given the parameters for what the tables cannot say.
    """
    rules = tables.get(query.resource_type)
    if rules is None:
        offered = ", ".join(sorted(tables))
        raise FixRequest("search_not_supported", f"{query.resource_type} cannot be searched; these can: {offered}.")
    problems = _Problems(query.resource_type, rules)
    given = {name: values for name, values in query.filters.items() if values}
    _check_combination(given, rules, problems)
    encoder = _Encoder(query.resource_type, given, rules, time_zone, problems)
    parameters = complete(query, encoder.parameters())
    problems.refuse()
    includes = () if "ids" in given else tuple(("_include", include) for include in query.include)
    return EncodedSearch((*parameters, *_count(query.limit, given, rules), *includes), encoder.identifier_type)


def _check_combination(given: Mapping[str, tuple[str, ...]], rules: SearchRules, problems: _Problems) -> None:
    for name in given.keys() - rules.filters.keys():
        problems.add(name, "not_searchable", f"{name} cannot be searched by.")
    if "ids" in given:
        for name in given.keys() & rules.filters.keys() - {"ids"}:
            problems.add(name, "excluded", f"{name} cannot be combined with ids.")
    for rule in rules.rules:
        _check_rule(rule, given, problems)


def _check_rule(rule: Rule, given: Mapping[str, tuple[str, ...]], problems: _Problems) -> None:
    present = [name for name in rule.filters if name in given]
    listed = ", ".join(rule.filters)
    if rule.kind == "any_of" and not present:
        problems.add(rule.filters[0], "required", f"At least one of {listed} is required.")
    if rule.kind == "one_of" and not present:
        problems.add(rule.filters[0], "required", f"Exactly one of {listed} is required.")
    if rule.kind == "one_of" and len(present) > 1:
        for name in present[1:]:
            problems.add(name, "excluded", f"{name} cannot be combined with {present[0]}.")
    if rule.kind == "needs" and not any(name in given for name in rule.others):
        for name in present:
            problems.add(name, "incomplete", f"{name} needs {' or '.join(rule.others)} beside it.")
    if rule.kind == "excludes" and present:
        for name in rule.others:
            if name in given:
                problems.add(name, "excluded", f"{name} cannot be combined with {' and '.join(present)}.")


def _count(limit: int, given: Mapping[str, tuple[str, ...]], rules: SearchRules) -> tuple[tuple[str, str], ...]:
    size = rules.page_size
    if size is None or (size.only_with and not size.only_with & given.keys()) or size.never_with & given.keys():
        return ()
    count = max(limit, size.minimum)
    return (("_count", str(count if size.maximum is None else min(count, size.maximum))),)


class _Encoder:
    """Encodes the values of one query; what is wrong with them goes to `problems`."""

    def __init__(
        self,
        resource_type: str,
        given: Mapping[str, tuple[str, ...]],
        rules: SearchRules,
        time_zone: str | None,
        problems: _Problems,
    ) -> None:
        self.identifier_type: IdentifierType | None = None
        self._resource_type = resource_type
        self._given = given
        self._rules = rules
        self._time_zone = time_zone
        self._problems = problems
        self._instants: dict[str, datetime] = {}

    def parameters(self) -> list[tuple[str, str]]:
        """The parameters in the table's order."""
        found: list[tuple[str, str]] = []
        for name, row in self._rules.filters.items():
            if name not in self._given:
                continue
            try:
                found += self._encode(row, self._given[name])
            except Unfit as unfit:
                self._problems.add(name, unfit.code, f"{name} {unfit.detail}.")
        found += [(fixed.parameter, fixed.value) for fixed in self._rules.fixed if fixed.filter in self._given]
        self._check_period()
        return found

    def _encode(self, row: Filter, values: tuple[str, ...]) -> list[tuple[str, str]]:
        if row.kind == "birth_date":
            return [(row.parameter, value) for value in birth_dates(values)]
        if len(values) > 1 and not row.many:
            raise Unfit("single_value", "takes one value")
        if len(values) > MOST_VALUES:
            raise Unfit("too_many", f"takes at most {MOST_VALUES} values")
        encoded = [self._value(row, value) for value in dict.fromkeys(values)]
        if row.kind == "coded" and len({is_proprietary(value) for value in encoded}) > 1:
            raise Unfit("mixed_systems", "takes codes of the tenant's own system or standard ones, never both at once")
        return [(row.parameter, ",".join(encoded))] if row.parameter else []

    def _value(self, row: Filter, value: str) -> str:
        encode: dict[str, Callable[[], str]] = {
            "id": lambda: id_value(value),
            "practitioner": lambda: f"Practitioner/{id_value(value)}",
            "text": lambda: self._text(row, value),
            "code": lambda: _listed(row, value),
            "implied": lambda: _listed(row, value),
            "token": lambda: token_value(value),
            "coded": lambda: coded_value(value),
            "clinical_code": lambda: clinical_code(value),
            "order_code": lambda: order_code(value),
            "reference": lambda: typed_reference(value),
            "identifier": lambda: self._identifier(value),
            "system_identifier": lambda: _with_system(value),
            "lower": lambda: "ge" + self._bound(row, value),
            "after_ms": lambda: "gt" + last_millisecond(self._instant(row, value)),
            "upper": lambda: "lt" + self._bound(row, value),
            "lower_ms": lambda: "ge" + from_millisecond(self._instant(row, value)),
            "upper_ms": lambda: "le" + last_millisecond(self._instant(row, value)),
        }
        return encode[row.kind]()

    def _text(self, row: Filter, value: str) -> str:
        if self._resource_type == "Practitioner" and row.name == "name" and len(value.strip()) < 2:
            raise Unfit("too_short", "needs at least two characters")
        return text_value(value)

    def _identifier(self, value: str) -> str:
        """Millennium cannot search by an identifier's type: search by the value, and leave the type to be checked."""
        system, code, rest = identifier_parts(value)
        if code and self._resource_type != "Patient":
            raise Unfit("invalid", "reads system|value or value here; a type cannot be searched by")
        if code:
            self.identifier_type = IdentifierType(code, rest)
        return f"{system}|{rest}" if system else rest

    def _bound(self, row: Filter, value: str) -> str:
        return utc(self._instant(row, value))

    def _instant(self, row: Filter, value: str) -> datetime:
        self._instants[row.name] = instant(value, self._time_zone)
        return self._instants[row.name]

    def _check_period(self) -> None:
        lower, upper = self._instants.get("from"), self._instants.get("to")
        if lower is not None and upper is not None and lower >= upper:
            self._problems.add("to", "empty_period", "to has to be later than from; it is exclusive.")


def _listed(row: Filter, value: str) -> str:
    if value not in row.values:
        raise Unfit("not_searchable", f"takes {', '.join(sorted(row.values))}")
    return row.values[value]


def _with_system(value: str) -> str:
    system, _, rest = identifier_parts(value)
    if not system:
        raise Unfit("invalid", "reads system|value here; the source wants the system")
    return f"{system}|{rest}"
