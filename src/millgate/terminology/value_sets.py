"""The value sets that FHIR R4 requires for statuses, intents and the like, as far as objects show them, row by row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from millgate.terminology.tables import rows


@dataclass(frozen=True, slots=True)
class ValueSet:
    """The codes that one element may have, and the object's field that shows it.

    The element is a code, or a list of them; with a `system` it is a concept, of which the codings of that system count.
    """

    element: str
    field: str
    system: str | None
    codes: frozenset[str]

    def knows(self, value: Any) -> bool:
        """Whether the element's value is one of the codes; what is missing, or is no code at all, is nothing that it could not know."""
        if value.__class__ is str:
            return self.system is not None or value in self.codes
        if self.system is None:
            return all(code.__class__ is not str or code in self.codes for code in _listed(value))
        codings = _listed(value.get("coding")) if value.__class__ is dict else []
        said = [one.get("code") for one in codings if one.__class__ is dict and one.get("system") == self.system]
        return all(code.__class__ is not str or code in self.codes for code in said)


def _listed(value: Any) -> list[Any]:
    return value if value.__class__ is list else [value]


def _load() -> dict[str, tuple[ValueSet, ...]]:
    found: dict[str, tuple[ValueSet, ...]] = {}
    for row in rows("value_sets.csv"):
        one = ValueSet(row["element"], row["field"], row["system"] or None, frozenset(row["codes"].split()))
        found[row["resource"]] = (*found.get(row["resource"], ()), one)
    return found


_VALUE_SETS = _load()


def value_sets(resource_type: str) -> tuple[ValueSet, ...]:
    """The value sets of a resource type's elements; none where the table has no row for it."""
    return _VALUE_SETS.get(resource_type, ())
