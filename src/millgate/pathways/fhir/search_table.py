"""The search rules of a release of FHIR at Millennium as rows: which filters, in which combinations, with which page sizes."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter of the gateway on one resource type, and the parameter that carries it."""

    name: str
    parameter: str
    kind: str
    many: bool
    note: str
    values: Mapping[str, str]  # those that are taken, and the words in which the source has them; empty: any


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule on combinations: `any_of`, `one_of`, `needs` (each of `filters` needs one of `others`), `excludes`."""

    kind: str
    filters: tuple[str, ...]
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fixed:
    """A parameter that the source wants beside a filter, always with the same value."""

    filter: str
    parameter: str
    value: str


@dataclass(frozen=True, slots=True)
class PageSize:
    """The bounds of `_count`, and the filters with which it is honoured."""

    minimum: int
    maximum: int | None
    only_with: frozenset[str]
    never_with: frozenset[str]


@dataclass(frozen=True, slots=True)
class SearchRules:
    """All rows of one resource type."""

    filters: dict[str, Filter]
    rules: tuple[Rule, ...]
    page_size: PageSize | None
    fixed: tuple[Fixed, ...] = ()


Rows = tuple[dict[str, str], ...]


@cache
def rules_of(package: str) -> dict[str, SearchRules]:
    """The rules of every resource type that can be searched, out of the `tables/` of a pathway's package."""
    rows = {table: _rows(package, table) for table in ("search", "search_values", "search_rules", "search_fixed", "page_sizes")}
    sizes = {row["resource_type"]: _page_size(row) for row in rows["page_sizes"]}
    kinds = dict.fromkeys(row["resource_type"] for row in rows["search"])
    return {kind: SearchRules(_filters(kind, rows), _rules(kind, rows), sizes.get(kind), _fixed(kind, rows)) for kind in kinds}


def _filters(resource_type: str, rows: dict[str, Rows]) -> dict[str, Filter]:
    values: dict[str, dict[str, str]] = {}
    for row in rows["search_values"]:
        if row["resource_type"] == resource_type:
            values.setdefault(row["filter"], {})[row["value"]] = row.get("sent") or row["value"]
    return {
        row["filter"]: Filter(
            row["filter"],
            row["parameter"],
            row["kind"],
            row["many"] == "yes",
            row["note"],
            values.get(row["filter"], {}),
        )
        for row in rows["search"]
        if row["resource_type"] == resource_type
    }


def _rules(resource_type: str, rows: dict[str, Rows]) -> tuple[Rule, ...]:
    return tuple(
        Rule(row["rule"], tuple(row["filters"].split()), tuple(row["others"].split()))
        for row in rows["search_rules"]
        if row["resource_type"] == resource_type
    )


def _fixed(resource_type: str, rows: dict[str, Rows]) -> tuple[Fixed, ...]:
    return tuple(
        Fixed(row["filter"], row["parameter"], row["value"])
        for row in rows["search_fixed"]
        if row["resource_type"] == resource_type
    )


def _page_size(row: dict[str, str]) -> PageSize:
    return PageSize(
        int(row["minimum"] or 1),
        int(row["maximum"]) if row["maximum"] else None,
        frozenset(row["only_with"].split()),
        frozenset(row["never_with"].split()),
    )


def _rows(package: str, table: str) -> Rows:
    text = files(package).joinpath(f"tables/{table}.csv").read_text("utf-8")
    return tuple(csv.DictReader(text.splitlines()))
