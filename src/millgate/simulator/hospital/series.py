"""Ids of the records of a chart, in series: every id holds the number of its patient, so that a read needs no search.

The looks of the ids are those of the published examples (`p73077203`, `HM-…`, `LIFETIME_PROVIDER-…`); their numbers are row
numbers of the sizes that are met there. Source: oracle-health fact sheet, 3.2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from millgate.simulator.hospital import numbers
from millgate.simulator.hospital.numbers import EVENTS_EACH, Place


@dataclass(frozen=True, slots=True)
class Series:
    """Ids of one look: a number between a prefix and a suffix. `each` is how many of them a patient has room for."""

    base: int
    each: int
    prefix: str = ""
    suffix: str = ""

    def number(self, patient: int, ordinal: int) -> int:
        if not 0 <= ordinal < self.each:
            raise ValueError(f"a patient has no number {ordinal} in a series of {self.each}")
        return self.base + patient * self.each + ordinal

    def id(self, patient: int, ordinal: int) -> str:
        return f"{self.prefix}{self.number(patient, ordinal)}{self.suffix}"

    def place(self, text: str) -> Place | None:
        """Whose id it is, and the how manieth; None for an id of another look."""
        if not (text.startswith(self.prefix) and text.endswith(self.suffix)):
            return None
        digits = text[len(self.prefix) : len(text) - len(self.suffix)]
        if not re.fullmatch(r"[1-9][0-9]{0,11}", digits, re.ASCII) or int(digits) < self.base:
            return None
        return Place(*divmod(int(digits) - self.base, self.each))


PROBLEM = Series(73_000_000, 64, "p")
DIAGNOSIS = Series(2_572_000_000, 512, "d")
# Of those who lay in for years, what there was no room for.
FURTHER_DIAGNOSIS = Series(1 << 37, 4096, "d")
CONCERN = Series(1 << 40, 8)
ALLERGY = Series(12_760_000, 16)
OUTSIDE_ALLERGY = Series(75_479_000, 4, "S-")
ORDER = Series(313_000_000, 128)
ADMINISTRATION = Series(640_000_000, 256)
DISPENSE = Series(410_000_000, 256)
VACCINE = Series(197_000_000, 64, "M")
REMINDER = Series(178_000_000, 64, "HM")
PROCEDURE = Series(2_570_000_000, 64)
DOCUMENT = Series(5_000_000_000, 256)
# Orders of studies have the number of the event that they led to, a thousand million further on.
SERVICE = Series(1_200_000_000, EVENTS_EACH)
CARE_PLAN = Series(17_460_000, 32)
GOAL = Series(187_000_000, 32)
DEVICE = Series(31_500_000, 4)
DIET = Series(328_000_000, 32)
SPECIMEN = Series(3_000_000_000, EVENTS_EACH)
CHARGE = Series(321_000_000, 512)

_OF_TYPE: dict[str, tuple[Series, ...]] = {
    "Condition": (PROBLEM, FURTHER_DIAGNOSIS, DIAGNOSIS),
    "AllergyIntolerance": (ALLERGY, OUTSIDE_ALLERGY),
    "MedicationRequest": (ORDER,),
    "MedicationAdministration": (ADMINISTRATION,),
    "MedicationDispense": (DISPENSE,),
    "Immunization": (VACCINE, REMINDER),
    "Procedure": (PROCEDURE,),
    "DocumentReference": (DOCUMENT,),
    "CarePlan": (CARE_PLAN,),
    "Goal": (GOAL,),
    "Device": (DEVICE,),
    "ServiceRequest": (SERVICE,),
    "NutritionOrder": (DIET,),
    "Specimen": (SPECIMEN,),
    "ChargeItem": (CHARGE,),
}
_RELATED = re.compile(r"(?P<person>[0-9]+)-(?P<patient>[0-9]+)|E-[0-9]+-(?P<encounter>[0-9]+)", re.ASCII)
_CONSENT = re.compile(r"AR-(?P<patient>[0-9]+)-[0-9]+", re.ASCII)
_ACCOUNT = re.compile(r"[FCGS](?P<encounter>[0-9]+)", re.ASCII)
_ANSWERS = re.compile(r"SH-(?P<patient>[0-9]+)", re.ASCII)
_COVERAGE = re.compile(
    r"PHP-[0-9]+-(?P<patient>[0-9]+)|PH-[0-9]+-(?P<encounter>[0-9]+)"
    r"|(?P<own_patient>[0-9]+)-[0-9]+-[0-9]+|(?P<own_encounter>[0-9]+)-[0-9]+",
    re.ASCII,
)
_TEAM = re.compile(r"(?:LIFETIME_PROVIDER|CARE_TEAM)-(?P<patient>\d+)(?:-\d+){5}", re.ASCII)
# Types whose ids name the patient or an encounter of the patient.
_OTHERS = {
    "RelatedPerson": _RELATED,
    "Consent": _CONSENT,
    "Coverage": _COVERAGE,
    "Account": _ACCOUNT,
    "QuestionnaireResponse": _ANSWERS,
}
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-(?P<number>[0-9a-f]{12})", re.ASCII)


def diagnosis_id(patient: int, ordinal: int) -> str:
    """The id of a diagnosis; from the 512th on it is of another series."""
    return DIAGNOSIS.id(patient, ordinal) if ordinal < DIAGNOSIS.each else FURTHER_DIAGNOSIS.id(patient, ordinal - DIAGNOSIS.each)


def uuid_of(series: Series, patient: int, ordinal: int, digits: str) -> str:
    """An id in the look of a UUID: its last part is the number, the rest are `digits` (20 hexadecimal ones at least)."""
    number = f"{series.number(patient, ordinal):012x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[12:15]}-8{digits[15:18]}-{number}"


def patient_in(resource_type: str, text: str) -> int | None:
    """The number of the patient in whose chart an id of that type belongs; the id itself need not exist."""
    for series in _OF_TYPE.get(resource_type, ()):
        if place := series.place(text):
            return place.patient
    if resource_type == "FamilyMemberHistory" and (place := numbers.person_place(text.partition("-")[0])):
        return place.patient
    if resource_type == "CareTeam" and (found := _TEAM.fullmatch(text)) and (place := numbers.person_place(found["patient"])):
        return place.patient
    if found := _OTHERS[resource_type].fullmatch(text) if resource_type in _OTHERS else None:
        return _named(found)
    if resource_type == "Condition" and (found := _UUID.fullmatch(text)) and int(found["number"], 16) >= CONCERN.base:
        return (int(found["number"], 16) - CONCERN.base) // CONCERN.each
    return None


def _named(found: re.Match[str]) -> int | None:
    """The patient whom an id names itself or by one of the patient's encounters."""
    named = found.groupdict()
    encounter = named.get("encounter") or named.get("own_encounter")
    patient = named.get("patient") or named.get("own_patient")
    place = numbers.encounter_place(encounter) if encounter else numbers.person_place(patient or "")
    return place.patient if place else None
