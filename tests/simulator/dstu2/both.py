"""The hospital's records in R4 beside what DSTU2 makes of them, for tests that look at many."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from millgate.simulator.dstu2.records import Dstu2Records
from millgate.simulator.dstu2.surface import OFFERED
from millgate.simulator.dstu2.types import sources
from millgate.simulator.hospital import Hospital, numbers, visits
from millgate.simulator.records import Record, Records
from tests.simulator.conftest import TODAY

TENANT = "ec2458f2-1e24-41c8-b71b-0e701af7583d"
# Charts with many records: as many patients are looked at as show every form that the hospital has.
_MANY = {
    "Observation": 8,
    "DiagnosticReport": 12,
    "ProcedureRequest": 12,
    "Encounter": 40,
    "Condition": 40,
    "DocumentReference": 12,
    "Device": 140,
    "Appointment": 140,
}
_USUAL = 70
_HOUSE = ("Practitioner", "Schedule")
Pair = tuple[Record, Record | None]


@lru_cache(maxsize=1)
def hospital() -> Hospital:
    return Hospital(seed=7, patients=140, tenant=TENANT, today=TODAY)


@lru_cache(maxsize=1)
def pairs() -> dict[str, list[Pair]]:
    """R4's record and DSTU2's, or None where that has no such record, by DSTU2's type."""
    records = Dstu2Records(Records(hospital(), TODAY))
    return {name: [(r4, next(iter(records.shown(name, [r4])), None)) for r4 in _r4(records, name)] for name in OFFERED}


def _r4(records: Dstu2Records, name: str) -> Iterator[Record]:
    house, ids = records.r4, hospital().find_patients()
    if name in _HOUSE:
        yield from house.all(name)
    elif name in ("Patient", "Person"):
        combined = [numbers.person_id(each, 1) for each in range(hospital().patient_count)]
        yield from (found for one in [*ids[:60], *combined] if (found := house.read("Patient", one)))
    elif name == "Slot":
        start = datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC)
        for schedule in house.all("Schedule")[:6]:
            yield from house.slots(schedule.id, start, start + timedelta(days=7))
    elif name == "Binary":
        shown = (one for _, one in pairs_of_documents(records) if one is not None)
        yield from (
            found for one in shown if (found := house.read("Binary", one.resource["content"][0]["attachment"]["url"][7:]))
        )
    else:
        if name == "Encounter":
            combined = [numbers.encounter_id(each, visits.COMBINED) for each in range(hospital().patient_count)]
            yield from (found for one in combined if (found := house.read("Encounter", one)))
        for patient in ids[: _MANY.get(name, _USUAL)]:
            for source in sources(name):
                yield from house.chart(source, patient)


def pairs_of_documents(records: Dstu2Records) -> list[Pair]:
    chart = records.r4.chart("DocumentReference", hospital().find_patients()[0])
    return [(r4, next(iter(records.shown("DocumentReference", [r4])), None)) for r4 in chart[:5]]


def made() -> dict[str, list[dict[str, Any]]]:
    """DSTU2's resources by type."""
    return {name: [one.resource for _, one in found if one is not None] for name, found in pairs().items()}
