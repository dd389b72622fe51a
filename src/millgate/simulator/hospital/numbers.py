"""Logical ids: every id says whose it is and which it is, so that a read needs no search.

Millennium's ids are row numbers of its tables (`PERSON_ID`, `ENCNTR_ID`, `EVENT_ID`); these are numbers of the same sizes, in
which the number of the patient and the place in the chart are folded. Source: oracle-health fact sheet, 3.2 and 9.6.
"""

from __future__ import annotations

import re
from typing import NamedTuple

PERSONS_EACH = 4
ENCOUNTERS_EACH = 128
EVENTS_EACH_ENCOUNTER = 128
EVENTS_EACH = ENCOUNTERS_EACH * EVENTS_EACH_ENCOUNTER
HISTORIES_EACH = 8
# Long stays have a series of their own: a flowsheet has many times the events that a visit has room for.
FIRST_STAY, STAYS_EACH, EVENTS_EACH_STAY = 91, 8, 16_384
APPOINTMENTS_EACH = 8
ROWS_EACH = 32

_PERSON = 12_724_000
_ENCOUNTER = 97_000_000
_EVENT = 200_000_000
_FLOW = 1 << 36
_HISTORY = 73_000_000
_SECTION = 55_000_000
_APPOINTMENT = 4_800_000
_ROW = 490_000_000
_FIN = 16_000
_RELATIVE_MRN, _RELATIVES_EACH = 61_000_000, 2

SYSTEM_PRACTITIONER = "1"
_PRACTITIONER, _PRACTITIONER_STEP = 4_122_600, 6
_LOCATION, _LOCATION_STEP = 21_304_800, 4
_PLAN, _PLAN_STEP = 2_798_233, 7
_ORGANIZATION, _ORGANIZATION_STEP = 675_844, 1_000


class Place(NamedTuple):
    """Where something stands: the patient's number, and its own number within that patient."""

    patient: int
    ordinal: int


class FlowPlace(NamedTuple):
    """Where an entry of a flowsheet stands: the patient's number, the stay as an ordinal of visits, its number within the stay."""

    patient: int
    stay: int
    ordinal: int


def person_id(patient: int, kind: int = 0) -> str:
    """`kind` 0 is the patient, 1 a record that was combined into the patient, 2 the person to contact."""
    return str(_PERSON + patient * PERSONS_EACH + kind)


def encounter_id(patient: int, ordinal: int) -> str:
    return str(_ENCOUNTER + patient * ENCOUNTERS_EACH + ordinal)


def fin(patient: int, ordinal: int) -> str:
    """The number by which the billing office knows an encounter: its FIN."""
    return str(_FIN + patient * ENCOUNTERS_EACH + ordinal)


def relative_mrn(patient: int, place: int) -> str:
    """The medical record number of a person around a patient."""
    return str(_RELATIVE_MRN + patient * _RELATIVES_EACH + place)


def event_number(patient: int, visit: int, ordinal: int) -> int:
    """The number of an event of a visit. Those beyond the room of a visit are entries of the flowsheet of a long stay."""
    beyond = ordinal - EVENTS_EACH_ENCOUNTER
    if beyond >= 0:
        return _FLOW + (patient * STAYS_EACH + visit - FIRST_STAY) * EVENTS_EACH_STAY + beyond
    return _EVENT + patient * EVENTS_EACH + visit * EVENTS_EACH_ENCOUNTER + ordinal


def history_number(patient: int, ordinal: int) -> int:
    return _HISTORY + patient * HISTORIES_EACH + ordinal


def section_number(patient: int, visit: int) -> int:
    return _SECTION + patient * ENCOUNTERS_EACH + visit


def appointment_id(patient: int, ordinal: int) -> str:
    return str(_APPOINTMENT + patient * APPOINTMENTS_EACH + ordinal)


def row_number(patient: int, ordinal: int) -> int:
    """The row of an alias, a phone or an address: what follows `CI-` in element ids."""
    return _ROW + patient * ROWS_EACH + ordinal


def practitioner_id(number: int) -> str:
    return str(_PRACTITIONER + number * _PRACTITIONER_STEP)


def plan_id(number: int) -> str:
    return str(_PLAN + number * _PLAN_STEP)


def location_id(number: int) -> str:
    return str(_LOCATION + number * _LOCATION_STEP)


def organization_id(number: int) -> str:
    return str(_ORGANIZATION + number * _ORGANIZATION_STEP)


def _decode(text: str, base: int, each: int) -> Place | None:
    if not re.fullmatch(r"[1-9][0-9]{0,11}", text, re.ASCII) or int(text) < base:
        return None
    return Place(*divmod(int(text) - base, each))


def person_place(text: str) -> Place | None:
    return _decode(text, _PERSON, PERSONS_EACH)


def encounter_place(text: str) -> Place | None:
    return _decode(text, _ENCOUNTER, ENCOUNTERS_EACH)


def fin_place(text: str) -> Place | None:
    return _decode(text, _FIN, ENCOUNTERS_EACH)


def relative_place(mrn: str) -> Place | None:
    """Whose relative has that medical record number, and the how manieth; the relative need not exist."""
    return _decode(mrn, _RELATIVE_MRN, _RELATIVES_EACH)


def appointment_place(text: str) -> Place | None:
    return _decode(text, _APPOINTMENT, APPOINTMENTS_EACH)


def event_place(text: str) -> Place | None:
    """The ordinal is `visit * EVENTS_EACH_ENCOUNTER + number within the visit`."""
    place = _decode(text, _EVENT, EVENTS_EACH)
    return place if place and int(text) < _FLOW else None


def flow_place(observation_id: str) -> FlowPlace | None:
    """Where the id of an Observation stands in a flowsheet; None for one that is of none."""
    found = _OBSERVATION.fullmatch(observation_id)
    place = _decode((found["event"] or found["systolic"] or "") if found else "", _FLOW, STAYS_EACH * EVENTS_EACH_STAY)
    if place is None:
        return None
    stay, ordinal = divmod(place.ordinal, EVENTS_EACH_STAY)
    return FlowPlace(place.patient, FIRST_STAY + stay, ordinal)


# Which number of which table follows the prefix of an Observation id.
_OBSERVATION = re.compile(
    r"(?:(?:L|VS)-(?P<event>\d+)|BP-(?P<systolic>\d+)-\d+|VS-CV-(?P<section>\d+)-SECT-\d+|SH-\d+-(?P<history>\d+)|SH-(?P<asked>\d+)-q\d+)",
    re.ASCII,
)


def observation_place(text: str) -> Place | None:
    """The patient of an Observation id, and the visit it was made in (-1 for social history)."""
    if flow := flow_place(text):
        return Place(flow.patient, flow.stay)
    found = _OBSERVATION.fullmatch(text)
    if found is None:
        return None
    if event := found["event"] or found["systolic"]:
        place = event_place(event)
        return place and Place(place.patient, place.ordinal // EVENTS_EACH_ENCOUNTER)
    if section := found["section"]:
        return _decode(section, _SECTION, ENCOUNTERS_EACH)
    place = _decode(found["history"] or found["asked"], _HISTORY, HISTORIES_EACH)
    return place and Place(place.patient, -1)
