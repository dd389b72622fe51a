"""Searches of what patients have: conditions and allergies, over the wire."""

from __future__ import annotations

from typing import Any

from millgate.simulator.hospital import numbers

from .conftest import Bench


def _patient_with(bench: Bench, kind: str, wanted: str) -> tuple[str, list[dict[str, Any]]]:
    """A patient whose chart has a record whose encoded form holds a word, and all that patient's records of the kind."""
    for number in range(bench.hospital.patient_count):
        patient = numbers.person_id(number)
        found = bench.hospital.chart(kind, patient)
        if any(wanted in str(each) for each in found):
            return patient, found
    raise AssertionError(f"no {kind} with {wanted}")


async def test_conditions_come_unpaged_and_by_category(bench: Bench) -> None:
    patient, held = _patient_with(bench, "Condition", "health-concern")
    said = await bench.get(f"{bench.report['open_base']}/Condition?patient={patient}")
    assert sorted(said.ids) == sorted(each["id"] for each in held)
    assert [link["relation"] for link in said.json["link"]] == ["self"]
    assert "total" not in said.json
    concerns = (await bench.get(f"{bench.report['open_base']}/Condition?subject=Patient/{patient}&category=health-concern")).ids
    assert concerns
    assert all(len(each) == 36 for each in concerns)


async def test_an_encounter_brings_its_diagnoses_and_every_problem(bench: Bench) -> None:
    patient, held = _patient_with(bench, "Condition", "problem-list-item")
    diagnosis = next(each for each in held if "encounter" in each)
    encounter = diagnosis["encounter"]["reference"].partition("/")[2]
    found = (await bench.get(f"{bench.report['open_base']}/Condition?patient={patient}&encounter={encounter}")).ids
    problems = {each["id"] for each in held if each["id"].startswith("p")}
    of_encounter = {each["id"] for each in held if each.get("encounter", {}).get("reference") == f"Encounter/{encounter}"}
    assert set(found) == problems | of_encounter


async def test_conditions_need_somebody_or_an_id(bench: Bench) -> None:
    said = await bench.get(f"{bench.report['open_base']}/Condition?category=problem-list-item")
    assert said.status == 400
    assert said.text == "at least one of _id, patient, or subject must be provided"
    assert (await bench.get(f"{bench.report['open_base']}/Condition?patient=1&category=tumour")).status == 400


async def test_allergies_by_status(bench: Bench) -> None:
    patient, held = _patient_with(bench, "AllergyIntolerance", "'entered-in-error'")
    said = await bench.get(f"{bench.report['open_base']}/AllergyIntolerance?patient={patient}&clinical-status=active")
    assert sorted(said.ids) == sorted(each["id"] for each in held if "clinicalStatus" in each)
    single = await bench.get(f"{bench.report['open_base']}/AllergyIntolerance/{held[0]['id']}")
    assert single.json == held[0]


async def test_family_history_by_status(bench: Bench) -> None:
    patient, held = _patient_with(bench, "FamilyMemberHistory", "'completed'")
    base = f"{bench.report['open_base']}/FamilyMemberHistory"
    found = (await bench.get(f"{base}?patient={patient}&status=completed")).ids
    assert sorted(found) == sorted(each["id"] for each in held if each["status"] == "completed")
    assert (await bench.get(f"{base}/{found[0]}")).json["patient"] == {"reference": f"Patient/{patient}"}
    assert (await bench.get(f"{base}?status=completed")).status == 400
