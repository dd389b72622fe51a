"""A modifier extension that nobody here knows is warned of, wherever it stands, since it changes what its element means."""

from __future__ import annotations

from typing import Any

import pytest

from millgate.canonical.extensions import CONDITION_RESULT
from millgate.objects import BY_RESOURCE_TYPE
from tests.objects.r4 import DEFINITIONS, RESOURCES, every_element
from tests.objects.test_no_silent_loss import CONTEXT

UNKNOWN = [{"url": "http://example.org/refuted-by-the-lab", "valueBoolean": True}]
# Parts that a field shows without looking into them, or that no field shows; the table of what is kept only in `fhir` has them.
NOT_READ = {"DiagnosticReport.media", "Encounter.classHistory", "Encounter.statusHistory", "Location.hoursOfOperation"}


def codes(resource: dict[str, Any]) -> list[tuple[str, str]]:
    made = BY_RESOURCE_TYPE[resource["resourceType"]].normalize(resource, CONTEXT)
    return [(warning.code, warning.field) for warning in made.warnings if warning.code == "unknown_modifier"]


@pytest.mark.parametrize("kind", RESOURCES)
def test_on_the_resource_itself(kind: str) -> None:
    assert codes({"resourceType": kind, "id": "1", "modifierExtension": UNKNOWN}) == [("unknown_modifier", kind)]


@pytest.mark.parametrize("kind", RESOURCES)
def test_on_each_part_of_the_resource(kind: str) -> None:
    silent = set()
    for resource in every_element(kind):
        assert codes(resource) == []
        for element, (of, many) in DEFINITIONS[kind].items():
            if of.startswith(kind + ".") and element in resource:
                part = resource[element][0] if many else resource[element]
                part["modifierExtension"] = UNKNOWN
                if not codes(resource):
                    silent.add(f"{kind}.{element}")
                del part["modifierExtension"]
    assert silent == {part for part in NOT_READ if part.startswith(kind + ".")}


def test_one_that_is_read_is_no_warning() -> None:
    negative = [{"url": CONDITION_RESULT, "valueCodeableConcept": {"text": "Negative"}}]
    condition = {"code": {"text": "Diabetes"}, "modifierExtension": negative}
    assert codes({"resourceType": "FamilyMemberHistory", "id": "1", "condition": [condition]}) == []
    condition["modifierExtension"] = negative + UNKNOWN
    assert codes({"resourceType": "FamilyMemberHistory", "id": "1", "condition": [condition]}) == [
        ("unknown_modifier", "conditions")
    ]
