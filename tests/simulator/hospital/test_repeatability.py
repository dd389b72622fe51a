"""The same seed gives the same hospital, byte for byte, in every process and at every size."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from hashlib import sha256

import msgspec

from millgate.simulator.hospital import CHART_TYPES, Hospital, numbers

from .conftest import NOW, TODAY, make

_ENCODER = msgspec.json.Encoder(decimal_format="number")


def _patient_bytes(hospital: Hospital, patient: int) -> bytes:
    patient_id = numbers.person_id(patient)
    return _ENCODER.encode([hospital.read("Patient", patient_id), *(hospital.chart(kind, patient_id) for kind in CHART_TYPES)])


def fingerprint() -> str:
    """One number for a small hospital: a few whole charts, its staff and places, one calendar."""
    hospital = make(12)
    total = sha256(b"".join(_patient_bytes(hospital, patient) for patient in range(6)))
    schedules = list(hospital.schedules())
    slots = hospital.slots(schedule_id=schedules[0]["id"], start=NOW, end=NOW + timedelta(days=30))
    house = [list(hospital.practitioners()), list(hospital.locations()), list(hospital.organizations()), schedules, slots]
    total.update(_ENCODER.encode(house))
    hospital.close()
    return total.hexdigest()


def test_another_process_with_another_hash_seed_makes_the_same_bytes() -> None:
    program = "from tests.simulator.hospital.test_repeatability import fingerprint; print(fingerprint())"
    found = {fingerprint()}
    for hash_seed in ("1", "4711"):
        environment = os.environ | {"PYTHONHASHSEED": hash_seed, "TZ": "Asia/Kathmandu"}
        run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
        found.add(run.stdout.strip())
    assert len(found) == 1


def test_a_patient_is_the_same_in_a_small_and_in_a_large_hospital() -> None:
    small, large = make(50), make(5_000)
    for patient in (0, 1, 7, 23, 24, 49):
        assert _patient_bytes(small, patient) == _patient_bytes(large, patient)


def test_another_seed_makes_other_people() -> None:
    one, other = make(8, seed=1), make(8, seed=2)
    assert not [patient for patient in range(8) if _patient_bytes(one, patient) == _patient_bytes(other, patient)]


def test_a_later_day_adds_to_charts_and_changes_nothing_that_was_over() -> None:
    now, later = make(40), make(40, today=TODAY + timedelta(days=400))
    added = 0
    for patient in range(40):
        patient_id = numbers.person_id(patient)
        before = {each["id"]: each for each in now.chart("Encounter", patient_id) if _is_of_years(each["id"])}
        after = {each["id"]: each for each in later.chart("Encounter", patient_id) if _is_of_years(each["id"])}
        if now.read("Patient", patient_id) != later.read("Patient", patient_id):
            continue  # a small child, or one who has died since
        over = {key: each for key, each in before.items() if each["status"] == "finished"}
        assert over == {key: after[key] for key in over}
        added += len(after) - len(before)
    assert added > 15


def _is_of_years(encounter_id: str) -> bool:
    place = numbers.encounter_place(encounter_id)
    return place is not None and place.ordinal <= 90
