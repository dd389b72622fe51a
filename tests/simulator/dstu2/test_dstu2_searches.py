"""Searches of DSTU2's other types: teams as plans, the calendar, orders and statements, contracts with what they name."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.simulator.conftest import TODAY, Open
from tests.simulator.dstu2.conftest import Dstu2Bench


async def found(dstu2: Dstu2Bench, search: str) -> list[dict[str, Any]]:
    said = await dstu2.get(search)
    assert said.status == 200, said.body
    return [entry["resource"] for entry in said.json.get("entry", ()) if entry["search"]["mode"] == "match"]


async def one_of(dstu2: Dstu2Bench, resource_type: str, query: str = "", by: str = "patient") -> dict[str, Any]:
    for patient in dstu2.bench.hospital.find_patients():
        for resource in await found(dstu2, f"{resource_type}?{by}={patient}{query}"):
            return resource
    raise AssertionError(f"the hospital has no {resource_type}")


async def test_teams_are_plans_that_only_a_category_finds(dstu2: Dstu2Bench) -> None:
    team = await one_of(dstu2, "CarePlan", "&category=careteam")
    patient = team["subject"]["reference"].removeprefix("Patient/")
    assert team["category"][0]["coding"][0]["code"] == "careteam"
    assert team["participant"][0]["member"]["reference"]
    assert team["id"] not in {one["id"] for one in await found(dstu2, f"CarePlan?patient={patient}")}
    named = await found(dstu2, f"CarePlan?subject:Patient={patient}&category=http://argonaut.hl7.org|careteam")
    assert team["id"] in {one["id"] for one in named}
    kinds = [await found(dstu2, f"CarePlan?patient={patient}&category={kind}") for kind in ("longitudinal", "encounter")]
    assert sorted(one["id"] for kind in kinds for one in kind) == sorted(one["id"] for one in named)
    assert (await dstu2.get(f"CarePlan/{team['id']}")).json == team


async def test_plans_come_ten_to_a_page_at_most(dstu2: Dstu2Bench) -> None:
    for patient in dstu2.bench.hospital.find_patients():
        page = await dstu2.get(f"CarePlan?patient={patient}&_count=50")
        assert len(page.ids) <= 10
        if page.link("next"):
            assert len(page.ids) == 10
            assert page.link("next").startswith(f"{dstu2.base}/CarePlan?")  # type: ignore[union-attr]
            return
    raise AssertionError("nobody has more than ten plans")


async def test_slots_are_found_by_their_type_with_their_schedules(dstu2: Dstu2Bench) -> None:
    kind = dstu2.report["service_types"][0]
    start, end = TODAY + timedelta(days=1), TODAY + timedelta(days=8)
    search = f"Slot?slot-type={kind['system']}|{kind['code']}&start=ge{start}&start=lt{end}&_include=Slot:schedule"
    said = await dstu2.get(search)
    slots = [one["resource"] for one in said.json["entry"] if one["search"]["mode"] == "match"]
    schedules = {one["resource"]["id"] for one in said.json["entry"] if one["search"]["mode"] == "include"}

    assert slots
    assert all(one["freeBusyType"] == "free" and one["type"]["coding"][0]["code"] == kind["code"] for one in slots)
    assert [one["start"] for one in slots] == sorted(one["start"] for one in slots)
    assert {one["schedule"]["reference"].removeprefix("Schedule/") for one in slots} == schedules
    day = await found(dstu2, f"Slot?slot-type={kind['code']}&start={start}")
    assert all(one["start"].startswith(f"{start}T") for one in day)
    assert (await dstu2.get(f"Slot/{slots[0]['id']}")).json == slots[0]


async def test_appointments_are_found_by_who_takes_part(dstu2: Dstu2Bench) -> None:
    appointment = await one_of(dstu2, "Appointment", "&date=ge2020&date=lt2028")
    actors = [one["actor"]["reference"] for one in appointment["participant"] if "reference" in one.get("actor", {})]
    day = appointment["start"][:10]
    for reference in actors:
        kind, number = reference.split("/")
        matches = await found(dstu2, f"Appointment?{kind.lower()}={number}&date={day}")
        assert appointment["id"] in {one["id"] for one in matches}
    assert appointment["type"]["coding"][0]["system"].endswith("/codeSet/14249")


async def test_what_was_booked_over_r4_is_seen_over_dstu2(open_bench: Open) -> None:
    bench = await open_bench()
    side = Dstu2Bench(bench)
    side.bearer = (await side.token()).json["access_token"]
    records = bench.running.simulator.tenants[bench.tenant].records
    patient = bench.hospital.find_patients()[0]
    seeded = next(
        one
        for each in bench.hospital.find_patients()
        for one in bench.hospital.chart("Appointment", each)
        if one["status"] == "booked"
    )
    before = await side.get(f"Appointment/{seeded['id']}")
    assert before.status == 200, before.body
    assert before.json["status"] != "noshow"
    changed = {
        **seeded,
        "status": "noshow",
        "participant": [{"actor": {"reference": f"Patient/{patient}"}, "status": "accepted"}],
    }
    records.write(changed)
    assert (await side.get(f"Appointment/{seeded['id']}")).json["status"] == "noshow"


async def test_doses_are_found_by_status_giver_and_whether_they_were_given(dstu2: Dstu2Bench) -> None:
    dose = await one_of(dstu2, "MedicationAdministration")
    patient = dose["patient"]["reference"].removeprefix("Patient/")
    every = await found(dstu2, f"MedicationAdministration?patient={patient}&_count=100")
    given = await found(dstu2, f"MedicationAdministration?patient={patient}&notgiven=false&_count=100")
    not_given = await found(dstu2, f"MedicationAdministration?patient={patient}&notgiven=true&_count=100")
    assert len(given) + len(not_given) == len(every)
    assert all(one["wasNotGiven"] for one in not_given)
    giver = dose["practitioner"]["reference"]
    assert dose["id"] in {
        one["id"] for one in await found(dstu2, f"MedicationAdministration?patient={patient}&practitioner={giver}")
    }
    assert not await found(dstu2, f"MedicationAdministration?patient={patient}&effectivetime=le1990-01-01")


async def test_statements_are_found_by_several_statuses(dstu2: Dstu2Bench) -> None:
    statement = await one_of(dstu2, "MedicationStatement", "&status=active,intended")
    assert statement["status"] in ("active", "intended")
    assert statement["wasNotTaken"] is False


async def test_persons_are_found_by_their_patients_numbers(dstu2: Dstu2Bench) -> None:
    patient = (await dstu2.get(f"Patient/{dstu2.bench.hospital.find_patients()[0]}")).json
    number = next(one for one in patient["identifier"] if "system" in one)
    (person,) = await found(dstu2, f"Person?identifier={number['system']}|{number['value']}")
    assert (person["id"], person["name"]) == (patient["id"], patient["name"])
    assert (await dstu2.get(f"Person/{patient['id']}")).json == person


async def test_a_combined_patient_is_read_and_not_found(dstu2: Dstu2Bench) -> None:
    from millgate.simulator.hospital import numbers

    everybody = (numbers.person_id(each, 1) for each in range(120))
    combined = next(one for one in everybody if dstu2.bench.hospital.read("Patient", one))
    read = (await dstu2.get(f"Patient/{combined}")).json
    assert read["link"][0]["type"] == "replace"
    assert not {"name", "identifier"} & read.keys()
    assert await found(dstu2, f"Patient?_id={combined}") == []
    assert (await dstu2.get(f"Person/{combined}")).json["active"] is False


async def test_contracts_bring_along_whom_they_name(dstu2: Dstu2Bench) -> None:
    contract = await one_of(dstu2, "Contract", by="subject")
    (subject,), actor = contract["subject"], contract["actor"][0]["entity"]["reference"]
    search = f"Contract?subject={subject['reference']}&_include=Contract:actor&_include=Contract:patient"
    entries = (await dstu2.get(search)).json["entry"]
    included = {
        f"{one['resource']['resourceType']}/{one['resource']['id']}" for one in entries if one["search"]["mode"] == "include"
    }
    assert included >= {actor, subject["reference"]}
    by_actor = await found(dstu2, f"Contract?actor={actor}")
    assert contract["id"] in {one["id"] for one in by_actor}
    assert all(one["actor"][0]["entity"]["reference"] == actor for one in by_actor)
    number = (await dstu2.get(actor)).json["identifier"][0]
    by_number = await found(dstu2, f"Contract?actor.identifier={number['system']}|{number['value']}")
    assert contract["id"] in {one["id"] for one in by_number}
    (same,) = await found(dstu2, f"RelatedPerson?identifier={number['system']}|{number['value']}")
    assert f"RelatedPerson/{same['id']}" == actor


async def test_include_needs_the_scope_of_what_it_brings(dstu2: Dstu2Bench) -> None:
    bearer = (await dstu2.token("system/Contract.read system/Patient.read")).json["access_token"]
    patient = dstu2.bench.hospital.find_patients()[0]
    assert (await dstu2.get(f"Contract?subject={patient}&_include=Contract:patient", bearer=bearer)).status == 200
    assert (await dstu2.get(f"Contract?subject={patient}&_include=Contract:actor", bearer=bearer)).status == 403


@pytest.mark.parametrize(
    "resource_type", ["AllergyIntolerance", "Device", "Goal", "Immunization", "Procedure", "RelatedPerson", "Condition"]
)
async def test_what_is_searched_can_be_read(dstu2: Dstu2Bench, resource_type: str) -> None:
    resource = await one_of(dstu2, resource_type)
    assert (await dstu2.get(f"{resource_type}/{resource['id']}")).json == resource


async def test_the_heavy_patient_is_searched_in_outline_and_shown_whole(open_bench: Open) -> None:
    bench = await open_bench(signed_in=False, heavy_patient=True)
    side = Dstu2Bench(bench)
    patient = bench.report["heavy_patient"]
    page = await side.get(f"{side.report['dstu2_open_base']}/Observation?patient={patient}&_count=100", bearer="")
    observations = [one["resource"] for one in page.json["entry"]]
    assert len(observations) >= 100
    assert all("issued" in one and "status" in one and "code" in one for one in observations)
    assert sum("valueQuantity" in one for one in observations) > 50
