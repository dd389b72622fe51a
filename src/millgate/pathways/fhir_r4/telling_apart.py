"""By which values of a search records of one moment can be told apart: a teller is a parameter with the values to try. Pure.

Statuses are known from the source's rules; codes and places from the records around. Source: Millennium fact sheet §3.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from millgate.canonical.exchange import Resource
from millgate.canonical.references import reference_id
from millgate.pathways.fhir_r4.encode.search import search_rules
from millgate.pathways.fhir_r4.wire import moment_of

CODED: Final = frozenset({"Observation", "DiagnosticReport"})
MOST_VALUES: Final = 120
SCHEDULING_LOCATION: Final = "https://fhir-ehr.cerner.com/r4/StructureDefinition/scheduling-location"
LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Teller:
    """A parameter, the values to try in groups that may be asked for together, and whether it takes several at once."""

    parameter: str
    groups: tuple[tuple[str, ...], ...]
    many: bool


def tellers_of(resource_type: str, around: Sequence[Resource], at: datetime | None) -> list[Teller]:
    """What may tell records of the moment `at` apart, the most telling first."""
    near = sorted(around, key=lambda one: abs((moment_of(one) or LONG_AGO) - (at or LONG_AGO)))
    found: list[Teller] = []
    if resource_type in CODED:
        groups = tuple(_codes_by_system(near))
        # A diagnostic report's codes go one at a time: that the source takes a list of them is written nowhere.
        found.append(Teller("code", groups, many=resource_type == "Observation"))
    if resource_type == "Slot":
        found.append(Teller("-location", (tuple(dict.fromkeys(filter(None, map(_place_of, near))))[:MOST_VALUES],), many=True))
    rules = search_rules().get(resource_type)
    for row in rules.filters.values() if rules is not None else ():
        if row.values and row.parameter:
            found.append(Teller(row.parameter, (tuple(sorted(row.values)),), row.many))
    return found


def _codes_by_system(resources: Iterable[Resource]) -> list[tuple[str, ...]]:
    """One coding of each record, grouped: a search takes codes of the tenant's own system or standard ones, never both at once."""
    groups: dict[bool, dict[str, None]] = {False: {}, True: {}}
    for resource in resources:
        chosen = _coding(resource.get("code"))
        if chosen is not None and "," not in (token := f"{chosen[0]}|{chosen[1]}"):
            groups["codeSet" in chosen[0]][token] = None
    return [tuple(group)[:MOST_VALUES] for group in groups.values()]


def _coding(concept: Any) -> tuple[str, str] | None:
    """The standard coding of a concept, else the tenant's own."""
    codings = concept.get("coding") if isinstance(concept, dict) else None
    pairs = [(c.get("system"), c.get("code")) for c in codings or () if isinstance(c, dict)]
    named = [(system, code) for system, code in pairs if isinstance(system, str) and isinstance(code, str)]
    return next((pair for pair in named if "codeSet" not in pair[0]), named[0] if named else None)


def _place_of(slot: Resource) -> str | None:
    """The id of the place where a slot is, which stands in an extension."""
    extensions = slot.get("extension")
    for extension in extensions if isinstance(extensions, list) else ():
        if isinstance(extension, dict) and extension.get("url") == SCHEDULING_LOCATION:
            return reference_id(extension.get("valueReference"), "Location")
    return None
