"""Reading the CSV tables that lie in this package."""

from __future__ import annotations

import csv
from importlib.resources import files


def rows(name: str) -> list[dict[str, str]]:
    """The rows of one table of this package, in file order, each by column name."""
    with files(__package__).joinpath(name).open(encoding="utf-8") as table:
        return list(csv.DictReader(table))
