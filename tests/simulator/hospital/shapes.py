"""Element paths of FHIR resources, and the published examples to compare with."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

TYPES = (
    "Patient", "Encounter", "Observation", "DiagnosticReport", "Appointment", "Schedule", "Slot", "Practitioner", "Location",
    "Organization", "Condition", "AllergyIntolerance", "MedicationRequest", "MedicationAdministration",
    "MedicationDispense",
    "Immunization", "Procedure",
    "DocumentReference",
    "CarePlan", "CareTeam", "Goal", "Device", "ServiceRequest",
    "FamilyMemberHistory",
    "RelatedPerson", "Person", "Consent", "Coverage", "InsurancePlan",
    "Account", "ChargeItem", "NutritionOrder", "Questionnaire", "QuestionnaireResponse", "Specimen", "Communication",
)  # fmt: skip
_REQUESTS = ("-create-", "-patch-", "-update-", "-operation-request")


def corpus() -> Path:
    """The folder of published examples; skips the caller's test where there is none."""
    default = Path(__file__).parents[4] / "shared" / "corpus"
    folder = Path(os.environ.get("MILLGATE_CORPUS", default)) / "oracle-health-docs"
    if not folder.is_dir():
        pytest.skip("the published examples are not here (set MILLGATE_CORPUS)")
    return folder


def paths(node: Any, prefix: str) -> Iterator[str]:
    """Every path to a value below a node: without places in lists, with the names of extensions and contained types."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("extension", "modifierExtension"):
                for extension in value:
                    qualified = f"{prefix}.{key}({extension['url'].rsplit('/', 1)[-1]})"
                    yield qualified
                    yield from paths({name: each for name, each in extension.items() if name != "url"}, qualified)
            elif key == "contained":
                for resource in value:
                    yield from paths(resource, f"{prefix}.contained({resource['resourceType']})")
            else:
                yield from paths(value, f"{prefix}.{key}")
    elif isinstance(node, list):
        for each in node:
            yield from paths(each, prefix)
    else:
        yield prefix


def resources(node: Any) -> Iterator[dict[str, Any]]:
    """All resources of these types in a body, however deep the published examples wrap them."""
    if isinstance(node, dict):
        if node.get("resourceType") in TYPES:
            yield node
        else:
            for value in node.values():
                yield from resources(value)
    elif isinstance(node, list):
        for value in node:
            yield from resources(value)


def example_paths() -> dict[str, str]:
    """Every path of the published examples (answers, not requests), with the file in which it is first seen."""
    found: dict[str, str] = {}
    for folder in ("r4", "captures-2026"):
        for file in sorted((corpus() / folder).glob("*.json")):
            if any(word in file.name for word in _REQUESTS):
                continue
            for resource in resources(json.loads(file.read_text(encoding="utf-8"))):
                for path in paths(resource, resource["resourceType"]):
                    found.setdefault(path, f"{folder}/{file.name}")
    return found
