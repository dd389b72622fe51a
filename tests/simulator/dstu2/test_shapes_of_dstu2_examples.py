"""Is everything that the vendor's DSTU2 bodies show made of the hospital? What is not is excused by name, with a reason."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from millgate.simulator.dstu2.surface import OFFERED
from millgate.simulator.dstu2.types import TYPES
from tests.simulator.dstu2 import both
from tests.simulator.hospital import shapes

_EXCUSES = Path(__file__).with_name("unmade_dstu2_paths.csv")
_REQUESTS = ("-create-", "-update-")


def _excuses() -> dict[str, str]:
    with _EXCUSES.open(encoding="utf-8", newline="") as lines:
        return {row["path"]: row["reason"] for row in csv.DictReader(lines)}


def _resources(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict) and node.get("resourceType") in TYPES:
        yield node
    elif isinstance(node, dict | list):
        for value in node.values() if isinstance(node, dict) else node:
            yield from _resources(value)


@pytest.fixture(scope="module")
def published() -> dict[str, str]:
    """Every path of the published bodies of what is offered, with the file in which it is first seen."""
    found: dict[str, str] = {}
    for file in sorted((shapes.corpus() / "dstu2").glob("*.json")):
        if any(word in file.name for word in _REQUESTS):
            continue
        for resource in _resources(json.loads(file.read_text(encoding="utf-8"))):
            if resource["resourceType"] in OFFERED:
                for path in shapes.paths(resource, resource["resourceType"]):
                    found.setdefault(path, file.name)
    return found


@pytest.fixture(scope="module")
def made() -> set[str]:
    return {path for name, resources in both.made().items() for one in resources for path in shapes.paths(one, name)}


def test_every_path_of_the_dstu2_bodies_is_made_or_excused(made: set[str], published: dict[str, str]) -> None:
    excuses = _excuses()
    missing = sorted(f"{path} (as in {file})" for path, file in published.items() if path not in made and path not in excuses)
    assert not missing, "\n".join(["never made, and not excused in unmade_dstu2_paths.csv:", *missing])


def test_no_excuse_of_dstu2_is_out_of_date(made: set[str], published: dict[str, str]) -> None:
    listed = [path for path in _excuses() if path.partition(".")[0] in OFFERED]
    idle = sorted(path for path in listed if path in made or path not in published)
    assert not idle, "\n".join(["excused in unmade_dstu2_paths.csv without need:", *idle])


def test_every_excuse_of_dstu2_has_a_reason() -> None:
    assert all(reason.strip() for reason in _excuses().values())


def test_every_type_is_made_or_its_source_is_not_in_the_hospital() -> None:
    assert {name for name, found in both.made().items() if found} == set(OFFERED)
    assert set(OFFERED) <= TYPES


def test_required_elements_are_there() -> None:
    """Those that DSTU2 asks for, of what the hospital has. Source: FHIR DSTU2, cardinalities."""
    required = {
        "AllergyIntolerance": ("substance", "patient"),
        "Appointment": ("status", "participant"),
        "Binary": ("contentType", "content"),
        "CarePlan": ("status",),
        "Condition": ("patient", "code", "verificationStatus"),
        "Goal": ("description", "status"),
        "Immunization": ("status", "vaccineCode", "patient", "wasNotGiven", "reported"),
        "MedicationAdministration": ("status", "patient"),
        "MedicationOrder": ("status", "patient"),
        "MedicationStatement": ("patient", "status"),
        "Observation": ("status", "code"),
        "DiagnosticReport": ("status", "code", "subject", "issued", "performer"),
        "DocumentReference": ("type", "indexed", "status", "content"),
        "Procedure": ("subject", "status", "code"),
        "ProcedureRequest": ("subject", "code"),
        "Schedule": ("actor",),
        "Slot": ("schedule", "freeBusyType", "start", "end"),
    }
    lacking = {
        f"{name}.{element}"
        for name, resources in both.made().items()
        for one in resources
        for element in required.get(name, ())
        if element not in one
    }
    assert not lacking
