"""Searches for the persons around patients, for patients as persons, and for consents."""

from __future__ import annotations

import pytest

from tests.simulator.conftest import Bench, Open

SCOPE = "system/RelatedPerson.rs system/Person.rs system/Consent.rs system/Patient.rs system/Provenance.rs system/Encounter.rs"


@pytest.fixture
async def bench(open_bench: Open) -> Bench:
    return await open_bench(scope=SCOPE)


def _patient_with(bench: Bench, kind: str) -> str:
    return next(patient for patient in bench.hospital.find_patients() if bench.hospital.chart(kind, patient))


async def test_persons_of_a_patient_are_those_of_that_level(bench: Bench) -> None:
    patient = _patient_with(bench, "RelatedPerson")
    said = await bench.search("RelatedPerson", ("patient", patient), ("-relationship-level", "Patient"))
    assert said.ids
    assert said.json["total"] == len(said.ids)
    assert all(each.endswith(f"-{patient}") and not each.startswith("E-") for each in said.ids)
    refused = await bench.search("RelatedPerson", ("patient", patient))
    assert (refused.status, refused.text) == (400, "patient must be provided with -relationship-level")


async def test_persons_of_a_stay_are_found_by_its_encounter_alone(bench: Bench) -> None:
    held = (each for p in bench.hospital.find_patients() for each in bench.hospital.chart("RelatedPerson", p))
    one = next(each for each in held if each["id"].startswith("E-"))
    encounter = one["id"].rpartition("-")[2]
    said = await bench.search("RelatedPerson", ("-encounter", encounter))
    assert said.ids == [one["id"]]
    refused = await bench.search("RelatedPerson", ("-encounter", encounter), ("-relationship-level", "Patient"))
    assert refused.status == 400


async def test_a_person_is_found_by_number(bench: Bench) -> None:
    held = (each for p in bench.hospital.find_patients() for each in bench.hospital.chart("RelatedPerson", p))
    one = next(each for each in held if each.get("identifier"))
    number = one["identifier"][0]
    token = f"{number['system']}|{number['value']}"
    said = await bench.search("RelatedPerson", ("identifier", token), ("-relationship-level", "Patient"))
    assert said.ids == [one["id"]]
    bare = await bench.search("RelatedPerson", ("identifier", number["value"]), ("-relationship-level", "Patient"))
    assert bare.text == "identifier must have a system and a code"


async def test_a_patient_as_a_person_by_id_and_by_number(bench: Bench) -> None:
    patient = bench.hospital.read("Patient", bench.hospital.find_patients()[0])
    assert patient is not None
    number = next(each for each in patient["identifier"] if "system" in each)
    said = await bench.search("Person", ("identifier", f"{number['system']}|{number['value']}"))
    assert said.ids == [patient["id"]]
    assert (await bench.search("Person", ("_id", patient["id"]))).ids == [patient["id"]]
    assert (await bench.get(f"Person/{patient['id']}")).json["name"][0]["family"] == patient["name"][0]["family"]


async def test_a_combined_person_says_only_into_whom(bench: Bench) -> None:
    numbers = [str(int(each) + 1) for each in bench.hospital.find_patients()]
    combined = next(each for each in numbers if bench.hospital.read("Person", each))
    said = await bench.get(f"Person/{combined}")
    assert said.json["active"] is False
    assert said.json["link"] == [{"target": {"reference": f"Person/{int(combined) - 1}"}}]
    assert not said.json.keys() & {"name", "identifier", "birthDate"}


async def test_consents_by_patient_and_by_person_with_what_they_name(bench: Bench) -> None:
    patient = _patient_with(bench, "Consent")
    said = await bench.search("Consent", ("patient", patient), ("_include", "Consent:actor"), ("_include", "Consent:patient"))
    (consent,) = [e["resource"] for e in said.json["entry"] if e["search"]["mode"] == "match"][:1]
    included = {
        (e["resource"]["resourceType"], e["resource"]["id"]) for e in said.json["entry"] if e["search"]["mode"] == "include"
    }
    actor = consent["provision"]["actor"][0]["reference"]["reference"].partition("/")[2]
    assert {("Patient", patient), ("RelatedPerson", actor)} <= included
    assert consent["id"] in (await bench.search("Consent", ("actor", actor))).ids
    both = await bench.search("Consent", ("actor", actor), ("patient", patient))
    assert both.text == "only one of patient, actor, patient.identifier, or actor.identifier must be provided"


async def test_includes_need_the_scope_of_what_they_bring(open_bench: Open) -> None:
    bench = await open_bench(scope="system/Consent.rs system/Patient.rs")
    patient = _patient_with(bench, "Consent")
    assert (await bench.search("Consent", ("patient", patient), ("_include", "Consent:patient"))).status == 200
    assert (await bench.search("Consent", ("patient", patient), ("_include", "Consent:actor"))).status == 403
