"""The hospital's tables (CSV, one header line, a source for every row) and how to read them."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files


@cache
def rows(name: str) -> tuple[dict[str, str], ...]:
    """All rows of one table, in file order. Callers must not change them."""
    text = files(__package__).joinpath(f"{name}.csv").read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))


@cache
def by_key(name: str) -> dict[str, dict[str, str]]:
    """The rows of a table that has a `key` column, by that key."""
    return {row["key"]: row for row in rows(name)}
