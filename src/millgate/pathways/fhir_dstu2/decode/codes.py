"""Codes of DSTU2 in R4's value sets, row by row in `tables/codes.csv`.

Where one R4 code stands for several of DSTU2, the source's own stands beside it as the finer status.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from typing import Any

from millgate.canonical.extensions import SOURCE_STATUS
from millgate.pathways.fhir_dstu2.decode.rules import Element, Rule, beside, kept

MISTAKEN = "entered-in-error"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"


@cache
def table(name: str) -> tuple[dict[str, str], ...]:
    """The rows of one of the pathway's tables."""
    text = files("millgate.pathways.fhir_dstu2").joinpath(f"tables/{name}.csv").read_text("utf-8")
    return tuple(csv.DictReader(text.splitlines()))


@cache
def codes(element: str) -> dict[str, str]:
    """R4's code for each of DSTU2's, of one element (`Goal.status`)."""
    return {row["dstu2"]: row["r4"] for row in table("codes") if row["element"] == element}


@cache
def _shared(element: str) -> frozenset[str]:
    """The R4 codes that stand for more than one of DSTU2's."""
    found = list(codes(element).values())
    return frozenset(code for code in found if found.count(code) > 1)


def code(element: str, to: str, value: Any) -> Element:
    """The R4 code under `to`, with the source's own beside it where it was finer; a code that is in no table stays beside alone."""
    if not isinstance(value, str):
        return {to: value}
    new = codes(element).get(value)
    if new is None:
        kind, _, name = element.rpartition(".")
        return beside(to, kind, name, value)
    return {to: new} if new == value or new not in _shared(element) else {to: new, f"_{to}": _finer(value)}


def status(element: str, to: str = "status", *, unless: tuple[str, str] | None = None) -> Rule:
    """A status code. One that R4 does not know is no R4 status: it is kept as the source's own.

    `unless` names the flag that says that it did not happen, and R4's status for that, which then goes before the source's.
    """

    def make(value: Any, old: Element) -> Element:
        if unless is not None and old.get(unless[0]) is True and value != MISTAKEN:
            return {to: unless[1], f"_{to}": _finer(value)} if isinstance(value, str) else {to: unless[1]}
        if isinstance(value, str) and value not in codes(element):
            return {f"_{to}": _finer(value)}
        return code(element, to, value)

    return Rule(to, make)


def coded(element: str, to: str) -> Rule:
    """A code of another value set under another name."""
    return Rule(to, lambda value, _: code(element, to, value))


def concept(system: str, element: str, value: Any) -> Any:
    """A CodeableConcept of R4 for a code of DSTU2; the source's own coding where R4 has none."""
    if not isinstance(value, str):
        return value
    new = codes(element).get(value)
    if new is None:
        return {"coding": [{"system": f"http://hl7.org/fhir/{system.removeprefix('allergyintolerance-')}", "code": value}]}
    return {"coding": [{"system": TERMINOLOGY + system, "code": new}]}


def as_concept(system: str, element: str, to: str) -> Rule:
    """A code that is a CodeableConcept in R4."""
    return Rule(to, lambda value, _: {to: concept(system, element, value)}, primitive=False)


def negated(flag: str, other: str, kind: str, to: str = "status") -> Rule:
    """The flag itself (`wasNotGiven`): with a status beside it, the status says it; a mistaken record stays mistaken first of all."""

    def make(value: Any, old: Element) -> Element:
        if value is False:
            return {}
        if value is not True or old.get("status") == MISTAKEN:
            return kept(kind, flag, value)
        return {} if "status" in old else {to: other}

    return Rule(to, make)


def _finer(value: str) -> Element:
    return {"extension": [{"url": SOURCE_STATUS, "valueCode": value}]}
