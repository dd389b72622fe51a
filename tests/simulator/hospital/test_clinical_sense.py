"""Values that could stand in a real chart, and that agree with each other."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from millgate.simulator.hospital import Hospital, numbers, physiology
from millgate.simulator.hospital.problems import draw_problems
from millgate.simulator.hospital.ranges import judge, range_for
from millgate.simulator.hospital.tables import by_key, rows

from .conftest import NOW, Everything

_LIMITS = {row["event_code"]: row for table in ("analytes", "vitals") for row in rows(table) if row["minimum"]}
_GONE = ("cancelled", "entered-in-error")


def _parts(observation: dict[str, Any]) -> list[dict[str, Any]]:
    return [observation, *observation.get("component", [])]


def _own_code(part: dict[str, Any]) -> str:
    return str(part["code"]["coding"][0].get("code", ""))


def test_numbers_lie_within_what_instruments_and_bodies_allow(everything: Everything) -> None:
    seen = 0
    for observation in everything["Observation"]:
        for part in _parts(observation):
            limits, quantity = _LIMITS.get(_own_code(part)), part.get("valueQuantity")
            if limits and quantity:
                seen += 1
                assert Decimal(limits["minimum"]) <= quantity["value"] <= Decimal(limits["maximum"]), observation["text"]["div"]
    assert seen > 10_000


def test_digits_are_kept(everything: Everything) -> None:
    wrong = []
    for observation in everything["Observation"]:
        for part in _parts(observation):
            limits, quantity = _LIMITS.get(_own_code(part)), part.get("valueQuantity")
            if limits and quantity and isinstance(quantity["value"], Decimal):
                exponent = quantity["value"].as_tuple().exponent
                if -int(exponent) != int(limits["decimals"]):
                    wrong.append(quantity)
    assert not wrong


def test_interpretation_agrees_with_the_reference_range(everything: Everything) -> None:
    seen = set()
    for observation in everything["Observation"]:
        for part in _parts(observation):
            quantity, found = part.get("valueQuantity"), part.get("referenceRange")
            if not quantity or not found or not {"low", "high"} & set(found[0]):
                continue
            value = quantity["value"]
            low, high = (found[0].get(side, {}).get("value") for side in ("low", "high"))
            expected = "L" if low is not None and value < low else "H" if high is not None and value > high else "N"
            flag = part["interpretation"][0]["coding"][1]["code"]
            assert flag[0] == expected, observation["text"]["div"]
            seen.add(flag)
    assert {"L", "N", "H", "HH"} <= seen <= {"LL", "L", "N", "H", "HH"}


@pytest.mark.parametrize(
    ("value", "flag"), [("2.8", "LL"), ("2.9", "L"), ("3.5", "N"), ("5.1", "N"), ("5.2", "H"), ("6.2", "HH")]
)
def test_flags_at_their_limits(value: str, flag: str) -> None:
    assert judge(Decimal(value), range_for("potassium", "female", 40), by_key("analytes")["potassium"]) == flag


def _by_draw(everything: Everything) -> dict[tuple[str, str], dict[str, Any]]:
    """Laboratory values by encounter and moment, under their displays."""
    found: dict[tuple[str, str], dict[str, Any]] = defaultdict(dict)
    for each in everything["Observation"]:
        if each["id"].startswith("L-") and "valueQuantity" in each and "encounter" in each:
            found[each["encounter"]["reference"], each.get("effectiveDateTime", "")][each["code"]["text"]] = each[
                "valueQuantity"
            ]["value"]
    return found


def test_filtration_rate_follows_from_creatinine(hospital: Hospital, everything: Everything) -> None:
    seen = 0
    for (encounter, moment), values in _by_draw(everything).items():
        if {"Creatinine Level", "eGFR"} <= set(values):
            place = numbers.encounter_place(encounter.partition("/")[2])
            assert place is not None
            person = hospital._person(place.patient)
            age = (datetime.fromisoformat(moment).date() - person.born).days / 365.25
            rate = physiology.filtration_rate(float(values["Creatinine Level"]), age, person.sex)
            assert abs(float(values["eGFR"]) - rate) <= 1
            seen += 1
    assert seen > 200


def test_cholesterol_is_the_sum_of_its_parts(everything: Everything) -> None:
    seen = 0
    for values in _by_draw(everything).values():
        if {"Cholesterol", "HDL", "LDL Calculated", "Triglycerides"} <= set(values):
            parts = values["HDL"] + values["LDL Calculated"] + values["Triglycerides"] / 5
            assert abs(values["Cholesterol"] - parts) <= 1
            seen += 1
    assert seen > 100


def test_blood_indices_follow_from_the_count(everything: Everything) -> None:
    seen = 0
    for values in _by_draw(everything).values():
        if {"Hgb", "Hct", "RBC", "MCV", "MCH"} <= set(values):
            assert abs(values["MCV"] - values["Hct"] * 10 / values["RBC"]) < Decimal("1.5")
            assert abs(values["MCH"] - values["Hgb"] * 10 / values["RBC"]) < Decimal("0.5")
            seen += 1
    assert seen > 100


def test_body_mass_index_follows_from_weight_and_height(everything: Everything) -> None:
    by_moment: dict[tuple[str, str], dict[str, Any]] = defaultdict(dict)
    for each in everything["Observation"]:
        if each["id"].startswith("VS-") and "valueQuantity" in each:
            by_moment[each["subject"]["reference"], each["effectiveDateTime"]][each["code"]["text"]] = each["valueQuantity"][
                "value"
            ]
    measured = [
        each
        for each in by_moment.values()
        if {"Body Mass Index Measured", "Weight Measured", "Height/Length Measured"} <= set(each)
    ]
    assert len(measured) > 300
    for each in measured:
        meters = each["Height/Length Measured"] / 100
        assert abs(each["Body Mass Index Measured"] - each["Weight Measured"] / (meters * meters)) < Decimal("0.01")


def test_diastolic_is_below_systolic(everything: Everything) -> None:
    pressures = [each for each in everything["Observation"] if each["id"].startswith("BP-")]
    assert len(pressures) > 500
    assert all(
        each["component"][0]["valueQuantity"]["value"] > each["component"][1]["valueQuantity"]["value"] for each in pressures
    )


@pytest.mark.parametrize(
    ("problem", "result", "usual", "with_problem"),
    [("diabetes", "Hemoglobin A1c", 5.7, 6.3), ("kidney_disease", "eGFR", 60, 60)],
)
def test_problems_show_in_the_laboratory(
    hospital: Hospital, everything: Everything, problem: str, result: str, usual: float, with_problem: float
) -> None:
    values: dict[bool, list[float]] = {True: [], False: []}
    for each in everything["Observation"]:
        if each["code"]["text"] == result and "valueQuantity" in each:
            place = numbers.person_place(each["subject"]["reference"].partition("/")[2])
            assert place is not None
            found = {one.key: one for one in draw_problems(hospital._seed, hospital._person(place.patient))}
            has = problem in found and found[problem].onset.isoformat() < each["effectiveDateTime"]
            values[has].append(float(each["valueQuantity"]["value"]))
    mean = {has: sum(each) / len(each) for has, each in values.items() if each}
    if result == "eGFR":
        assert mean[True] < with_problem
        assert mean[False] > usual
    else:
        assert mean[True] > with_problem
        assert mean.get(False, 0) < usual


def test_medications_go_with_problems(hospital: Hospital) -> None:
    problems = [
        each for patient in range(hospital.patient_count) for each in draw_problems(hospital._seed, hospital._person(patient))
    ]
    names = {(each.key, medication.name.split()[0]) for each in problems for medication in each.medications}
    assert {("diabetes", "metformin"), ("hypertension", "lisinopril"), ("lipids", "atorvastatin")} <= names
    assert all(medication.since >= each.onset for each in problems for medication in each.medications)


def test_nothing_clinical_happens_after_today_or_before_birth(everything: Everything) -> None:
    born = {f"Patient/{each['id']}": each["birthDate"] for each in everything["Patient"]}
    today = NOW.date().isoformat()
    for observation in everything["Observation"]:
        when = observation.get("effectiveDateTime") or observation["effectivePeriod"]["start"]
        assert when[:10] <= today, observation["text"]["div"]
        assert when[:10] >= born[observation["subject"]["reference"]][:10]


def test_only_women_are_pregnant(hospital: Hospital) -> None:
    for patient in range(hospital.patient_count):
        person = hospital._person(patient)
        pregnancies = [each for each in draw_problems(hospital._seed, person) if each.key == "pregnancy"]
        assert not pregnancies or person.sex == "female"
        assert all(18 <= (each.onset - person.born).days / 365.25 < 46 for each in pregnancies)


def test_no_record_was_changed_after_today(everything: Everything) -> None:
    """What is happening today may bear today's date."""
    today = NOW.date().isoformat()
    for kind in ("Patient", "Encounter", "Observation", "DiagnosticReport", "Practitioner", "Appointment"):
        late = [each["id"] for each in everything[kind] if each["meta"]["lastUpdated"][:10] > today]
        assert not late, (kind, late)
