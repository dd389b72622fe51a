from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from millgate.simulator.hospital import CHART_TYPES, Hospital

TENANT = "ec2458f2-1e24-41c8-b71b-0e701af7583d"
TODAY = date(2026, 3, 11)
NOW = datetime(2026, 3, 11, tzinfo=UTC)
Everything = dict[str, list[dict[str, Any]]]


def make(patients: int, *, seed: int = 7, today: date = TODAY, **others: Any) -> Hospital:
    return Hospital(seed=seed, patients=patients, tenant=TENANT, today=today, **others)


@pytest.fixture(scope="session")
def hospital() -> Iterator[Hospital]:
    made = make(140)
    yield made
    made.close()


@pytest.fixture(scope="session")
def everything(hospital: Hospital) -> Everything:
    """All resources of the hospital by type. Tests must not change them."""
    ids = hospital.find_patients()
    found: Everything = {kind: [each for patient in ids for each in hospital.chart(kind, patient)] for kind in CHART_TYPES}
    found["Patient"] = [resource for patient in ids if (resource := hospital.read("Patient", patient))]
    found["Person"] = [resource for patient in ids if (resource := hospital.read("Person", patient))]
    asked = [each["id"] for each in found["QuestionnaireResponse"]]
    found["Questionnaire"] = [resource for each in asked if (resource := hospital.read("Questionnaire", each))]
    found["Communication"] = list(hospital.communications())
    found["InsurancePlan"] = list(hospital.insurance_plans())
    found["Practitioner"] = list(hospital.practitioners())
    found["Location"] = list(hospital.locations())
    found["Organization"] = list(hospital.organizations())
    found["Schedule"] = list(hospital.schedules())
    window = {"start": NOW - timedelta(days=30), "end": NOW + timedelta(days=90)}
    found["Slot"] = [slot for schedule in found["Schedule"] for slot in hospital.slots(schedule_id=schedule["id"], **window)]
    return found
