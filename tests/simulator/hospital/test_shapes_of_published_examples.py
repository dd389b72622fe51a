"""Does the hospital make everything that the vendor's examples show? What it does not is excused by name, with a reason."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from millgate.simulator.hospital import Hospital, numbers, visits

from . import shapes
from .conftest import Everything

_EXCUSES = Path(__file__).with_name("unmade_paths.csv")


def _excuses() -> dict[str, str]:
    with _EXCUSES.open(encoding="utf-8", newline="") as lines:
        return {row["path"]: row["reason"] for row in csv.DictReader(lines)}


@pytest.fixture(scope="module")
def made(hospital: Hospital, everything: Everything) -> set[str]:
    found = {path for kind, each in everything.items() for resource in each for path in shapes.paths(resource, kind)}
    for kind, resource in _read_only(hospital):
        found.update(shapes.paths(resource, kind))
    return found


def _read_only(hospital: Hospital) -> list[tuple[str, dict[str, object]]]:
    """Combined patients, persons and encounters: found by their ids alone, which nothing refers to."""
    everyone = range(hospital.patient_count)
    patients = [(kind, numbers.person_id(each, 1)) for each in everyone for kind in ("Patient", "Person")]
    encounters = [("Encounter", numbers.encounter_id(each, visits.COMBINED)) for each in everyone]
    return [(kind, found) for kind, number in patients + encounters if (found := hospital.read(kind, number))]


def test_every_path_of_the_examples_is_made_or_excused(made: set[str]) -> None:
    published, excuses = shapes.example_paths(), _excuses()
    missing = sorted(f"{path} (as in {file})" for path, file in published.items() if path not in made and path not in excuses)
    assert not missing, "\n".join(["never made, and not excused in unmade_paths.csv:", *missing])


def test_no_excuse_is_out_of_date(made: set[str]) -> None:
    published = shapes.example_paths()
    idle = sorted(path for path in _excuses() if path in made or path not in published)
    assert not idle, "\n".join(["excused in unmade_paths.csv without need:", *idle])


def test_every_excuse_has_a_reason() -> None:
    assert all(reason.strip() for reason in _excuses().values())
