"""Every published body about medications, coverages, people around the patient, devices, food, consent and money, requests included.

A body that is sent to create something has no id; one is given to it here, since an object has to have one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from millgate.canonical.json import decode
from millgate.objects import BY_RESOURCE_TYPE
from tests.objects.r4_orders_and_money import RESOURCES
from tests.objects.test_no_silent_loss import CONTEXT, unexplained

FOLDERS = ("r4", "soarian-r4", "captures-2026", "inline")


def resources_in(value: Any) -> Iterator[dict[str, Any]]:
    """The resources of our types anywhere in a body."""
    if isinstance(value, dict):
        if value.get("resourceType") in RESOURCES:
            yield {"id": "new", **value}
            return
        for child in value.values():
            yield from resources_in(child)
    elif isinstance(value, list):
        for child in value:
            yield from resources_in(child)


def published(corpus: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for folder in FOLDERS:
        for path in sorted((corpus / "oracle-health-docs" / folder).glob("*.json")):
            for resource in resources_in(decode(path.read_bytes())):
                yield f"{folder}/{path.name}", resource


def test_no_published_body_loses_anything_unexplained(corpus: Path) -> None:
    seen: Counter[str] = Counter()
    missing: set[tuple[str, str]] = set()
    for name, resource in published(corpus):
        seen[resource["resourceType"]] += 1
        missing |= {(name, path) for path in unexplained(resource)}
    assert sorted(missing) == []
    assert set(RESOURCES) - seen.keys() == {"MedicationStatement", "MedicationDispense"}, "the rest is published"
    assert sum(seen.values()) > 80


def test_infusions_tell_the_dose_of_each_ingredient_in_the_same_unit(corpus: Path) -> None:
    found = []
    for _, resource in published(corpus):
        if resource["resourceType"] == "MedicationAdministration":
            made = BY_RESOURCE_TYPE["MedicationAdministration"].normalize(resource, CONTEXT)
            if made.dosage is not None:
                found += [(each.text, str(each.quantity.value), each.quantity.code) for each in made.dosage.ingredient_doses]
    assert found
    assert ("K-Sol", "40", "meq") in found
