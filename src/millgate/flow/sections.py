"""The sections of a patient's summary: which objects make each of them, as a table (`summary_sections.csv`).

Source: International Patient Summary Implementation Guide 2.0.0 (HL7), Composition; each row names the section that it stands for.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from millgate.objects import OBJECTS, Declaration

LOINC = "http://loinc.org"


@dataclass(frozen=True, slots=True)
class Keep:
    """Which objects belong to a part: those whose `field` is one of the codes, or, `wanted` False, is none of them."""

    field: str
    codes: frozenset[str]
    wanted: bool

    def takes(self, found: Mapping[str, Any]) -> bool:
        """Whether the object belongs here; one whose field is missing has none of the codes."""
        return (code_of(found.get(self.field)) in self.codes) is self.wanted


@dataclass(frozen=True, slots=True)
class Part:
    """One search that a section is made of.

    `active` names the field by which what is active goes first; `newest_first` says that the source lists it so; `page` is how many
    objects to ask for at once (of what sources give unpaged: all, since a page that is given once need not be walked in steps);
    `times` are the fields that say when, the first that is there counts; `columns` are what a table shows.
    """

    title: str
    declaration: Declaration
    filters: Mapping[str, tuple[str, ...]]
    keep: Keep | None
    active: str | None
    newest_first: bool
    page: int
    times: tuple[str, ...]
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """One section: its name here, its title, its LOINC code, and what the IPS says of it (`none`: the IPS has no such section)."""

    name: str
    title: str
    loinc: str
    display: str
    ips: str
    parts: tuple[Part, ...]


def code_of(value: Any) -> str | None:
    """The code of a field that is a concept or a bare code."""
    code = value.get("code") if isinstance(value, Mapping) else value
    return code if isinstance(code, str) else None


def _load() -> dict[str, Section]:
    with files(__package__).joinpath("summary_sections.csv").open(encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    return {name: _section([row for row in rows if row["section"] == name]) for name in dict.fromkeys(r["section"] for r in rows)}


def _section(rows: list[dict[str, str]]) -> Section:
    first = rows[0]
    parts = tuple(_part(row) for row in rows)
    return Section(first["section"], first["title"], first["loinc"], first["display"], first["ips"], parts)


def _part(row: dict[str, str]) -> Part:
    name, _, values = row["filters"].partition("=")
    return Part(
        title=row["part"],
        declaration=OBJECTS[row["object"]],
        filters={name: tuple(sorted(values.split()))} if name else {},
        keep=_keep(row["keep"]),
        active=row["active"] or None,
        newest_first=row["newest_first"] == "yes",
        page=int(row["page"]),
        times=tuple(row["times"].split()),
        columns=tuple(row["columns"].split()),
    )


def _keep(written: str) -> Keep | None:
    if not written:
        return None
    field, _, codes = written.partition("=")
    return Keep(field.removesuffix("!"), frozenset(codes.split()), not field.endswith("!"))


SECTIONS: Mapping[str, Section] = _load()
