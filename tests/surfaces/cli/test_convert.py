"""`millgate convert`: which pathways it takes, and what its exit status says."""

from __future__ import annotations

import json
from pathlib import Path

from tests.journeys.processes import run

DSTU2 = {"resourceType": "MedicationOrder", "id": "309", "status": "active", "medicationCodeableConcept": {"text": "ibuprofen"}}


def test_a_file_of_the_retired_version(tmp_path: Path) -> None:
    file = tmp_path / "order.json"
    file.write_text(json.dumps(DSTU2))
    done = run("convert", "--from", "fhir-dstu2", "--fhir", str(file))
    line = json.loads(done.stdout)
    assert (done.returncode, line["problems"], line["pathway"]) == (0, [], "fhir-dstu2")
    assert line["objects"][0]["object"] == "medication_request"
    assert line["fhir"][0]["intent"] == "order"


def test_what_no_object_is_made_from_is_told_by_the_exit_status(tmp_path: Path) -> None:
    file = tmp_path / "order.json"
    file.write_text(json.dumps(DSTU2))
    assert run("convert", str(file), check=3).returncode == 3


def test_an_unknown_pathway_is_refused_by_name() -> None:
    done = run("convert", "--from", "smoke-signals", "-", check=64)
    assert done.returncode == 64
    assert "known are fhir-r4, fhir-dstu2" in done.stderr
