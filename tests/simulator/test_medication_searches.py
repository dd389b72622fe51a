"""Searches of medicines over the wire, and what the orders, doses and packs of one patient say of each other."""

from __future__ import annotations

import base64
from decimal import Decimal
from typing import Any

from millgate.simulator.hospital import Hospital, numbers

from .conftest import Bench


def _holder(hospital: Hospital, kind: str, wanted: str = "") -> tuple[str, list[dict[str, Any]]]:
    """The patient with the most records of a kind of which one holds a word."""
    charts = {numbers.person_id(each): hospital.chart(kind, numbers.person_id(each)) for each in range(hospital.patient_count)}
    fitting = {patient: held for patient, held in charts.items() if any(wanted in str(each) for each in held)}
    patient = max(fitting, key=lambda each: len(fitting[each]))
    return patient, fitting[patient]


async def test_orders_by_status_and_intent(bench: Bench) -> None:
    patient, held = _holder(bench.hospital, "MedicationRequest", "patientspecified")
    base = f"{bench.report['open_base']}/MedicationRequest?patient={patient}&_count=100"
    assert sorted((await bench.get(base)).ids) == sorted(each["id"] for each in held)
    plans = {each["id"] for each in held if each["intent"] == "plan"}
    assert set((await bench.get(f"{base}&intent=plan")).ids) == plans
    gone = {each["id"] for each in held if each["status"] in ("completed", "stopped")}
    assert set((await bench.get(f"{base}&status=completed,stopped")).ids) == gone
    assert (await bench.get(f"{base}&intent=proposal")).status == 400


async def test_a_page_token_names_the_concept(bench: Bench) -> None:
    patient, held = _holder(bench.hospital, "MedicationRequest")
    first = await bench.get(f"{bench.report['open_base']}/MedicationRequest?patient={patient}&_count=2")
    link = first.link("next")
    assert link is not None
    text = base64.urlsafe_b64decode(link.partition("-pageContext=")[2].partition("&")[0].replace("%3D", "=")).decode()
    assert text.startswith("OpenPlatformFhirContext=true&pageContext=")
    assert text.endswith("_1_1&concept=charted")
    assert (await bench.get(link)).ids == [each["id"] for each in held][2:4]
    spoiled = link.replace("-pageContext=", "-pageContext=AAAA")
    assert (await bench.get(spoiled)).status == 400


async def test_times_of_orders_need_a_time_of_day(bench: Bench) -> None:
    base = f"{bench.report['open_base']}/MedicationRequest?patient={numbers.person_id(1)}"
    assert (await bench.get(f"{base}&_lastUpdated=ge2020-01-01")).status == 400
    assert (await bench.get(f"{base}&_lastUpdated=ge2020-01-01T00:00:00Z&_lastUpdated=le2020-02-01T00:00:00Z")).status == 200
    assert (await bench.get(f"{base}&-timing-boundsPeriod=le2020-01-01T00:00:00Z")).status == 400
    assert (await bench.get(f"{base}&-timing-boundsPeriod=ge2020-01-01T00:00:00Z")).status == 200


async def test_packs_take_one_date_and_pass_it_over_beside_last_updated(bench: Bench) -> None:
    patient, held = _holder(bench.hospital, "MedicationDispense")
    base = f"{bench.report['open_base']}/MedicationDispense?patient={patient}&_count=100"
    assert (await bench.get(f"{base}&date=ge2099-01-01")).ids == []
    both = await bench.get(f"{base}&date=ge2099-01-01&_lastUpdated=ge2000-01-01T00:00:00Z")
    assert sorted(both.ids) == sorted(each["id"] for each in held)
    assert (await bench.get(f"{base}&date=le2020-01-01")).status == 400


async def test_doses_by_time_and_giver(bench: Bench) -> None:
    patient, held = _holder(bench.hospital, "MedicationAdministration", "contained")
    base = f"{bench.report['open_base']}/MedicationAdministration?patient={patient}&_count=100"
    giver = held[0]["performer"][0]["actor"]["reference"].partition("/")[2]
    of_giver = {each["id"] for each in held if each["performer"][0]["actor"]["reference"].endswith(giver)}
    assert set((await bench.get(f"{base}&performer=Practitioner/{giver}")).ids) == of_giver
    assert (await bench.get(f"{base}&effective-time=2020")).status == 400


def test_a_mixture_holds_what_its_dose_can_be_worked_out_from(bench_hospital: Hospital) -> None:
    _, held = _holder(bench_hospital, "MedicationAdministration", "contained")
    mixed = next(each for each in held if "contained" in each and "dosage" in each)
    medication, dose = mixed["contained"][0], mixed["dosage"]["dose"]
    assert mixed["medicationReference"]["reference"] == f"#{medication['id']}"
    for ingredient in medication["ingredient"]:
        denominator = ingredient["strength"]["denominator"]
        assert (denominator["value"], denominator["code"]) == (dose["value"], dose["code"])
        assert Decimal(ingredient["strength"]["numerator"]["value"]) > 0


def test_doses_and_packs_name_an_order_of_the_same_patient(bench_hospital: Hospital) -> None:
    for number in range(bench_hospital.patient_count):
        patient = numbers.person_id(number)
        orders = {f"MedicationRequest/{each['id']}": each for each in bench_hospital.chart("MedicationRequest", patient)}
        for dose in bench_hospital.chart("MedicationAdministration", patient):
            order = orders[dose["request"]["reference"]]
            assert order["category"][0]["coding"][0]["code"] == "inpatient"
            assert dose["context"] == order["encounter"]
        for pack in bench_hospital.chart("MedicationDispense", patient):
            order = orders[pack["authorizingPrescription"][0]["reference"]]
            assert order["status"] not in ("cancelled", "unknown")
            assert pack["quantity"].get("unit") == order["dispenseRequest"]["quantity"].get("unit")
