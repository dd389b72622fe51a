"""Whoever is held to one patient reads and writes about that patient alone, whatever the source answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from millgate.access.parties import Session
from millgate.errors import FixRequest, NeedAccess
from millgate.flow.appointment_request import AppointmentRequest
from millgate.flow.read import Answer, Form, GetRequest, ListRequest
from millgate.objects import OBJECTS
from tests.flow.ward import PERIOD, SESSION, Begun, Journeys, Keys, Ward, appointment, slot

MINE, OTHER = "7", "8"
FORMS: tuple[Form, ...] = ("objects", "objects+fhir", "fhir")
SCOPES = (
    *("patient/Appointment.crus", "patient/Observation.rs", "patient/Patient.rs"),
    *("user/Slot.rus", "user/Schedule.rs"),
)
PATIENT = replace(SESSION, persona="patient", scopes=SCOPES, patient_id=MINE, user="Patient/7")
# A clinician who was given `patient/` scopes only: the chart that was open, and no other.
CLINICIAN = replace(SESSION, persona="provider", scopes=SCOPES, patient_id=MINE, user="Practitioner/1")
BOTH = pytest.mark.parametrize("session", [PATIENT, CLINICIAN], ids=["patient", "clinician"])


def of(patient_id: str, appointment_id: str, *more: str, status: str = "booked") -> dict[str, Any]:
    """An appointment of one patient, or of several."""
    made = appointment(appointment_id, status)
    made["participant"] = [{"actor": {"reference": f"Patient/{one}"}, "status": "accepted"} for one in (patient_id, *more)]
    return made


@pytest.fixture
def ward() -> Ward:
    ward = Ward()
    ward.appointments = {"1": of(MINE, "1"), "2": of(OTHER, "2"), "3": of(MINE, "3", OTHER)}
    ward.slots = {"s1": slot("s1")}
    ward.observations = [
        {"resourceType": "Observation", "id": "o1", "subject": {"reference": f"Patient/{MINE}"}},
        {"resourceType": "Observation", "id": "o2", "subject": {"reference": f"Patient/{OTHER}"}},
        {"resourceType": "Observation", "id": "o3"},
    ]
    return ward


async def listed(journeys: Journeys, session: Session, name: str, form: Form = "objects", **filters: tuple[str, ...]) -> Answer:
    return await journeys.reader.page(session, ListRequest(OBJECTS[name], filters, None, None, None, form))


async def one(journeys: Journeys, session: Session, name: str, resource_id: str, form: Form = "objects") -> Answer:
    return await journeys.reader.one(session, GetRequest(OBJECTS[name], resource_id, None, form))


@BOTH
@pytest.mark.parametrize("form", ["objects", "objects+fhir", "fhir"])
async def test_a_source_that_answers_with_others_records_shows_none_of_them(ward: Ward, session: Session, form: Form) -> None:
    for name, mine in (("appointment", ("1",)), ("observation", ("o1",))):
        answer = await listed(Journeys(ward), session, name, form)
        assert answer.ids == mine
        assert b"Patient/8" not in answer.body
        assert set(answer.patients) == {MINE}


async def test_what_was_left_out_is_told_but_not_whose_it_was(ward: Ward) -> None:
    answer = await listed(Journeys(ward), PATIENT, "appointment")
    assert b'"code":"withheld"' in answer.body
    assert b"2 records" in answer.body


@BOTH
async def test_another_patient_is_refused_before_anything_is_asked(ward: Ward, session: Session) -> None:
    for filters in ({"patient_id": (OTHER,)}, {"patient_id": (MINE, OTHER)}):
        with pytest.raises(NeedAccess, match="patient_out_of_context"):
            await listed(Journeys(ward), session, "appointment", **filters)
    assert ward.searches == 0


@BOTH
@pytest.mark.parametrize("appointment_id", ["2", "3"])
async def test_an_appointment_that_is_not_ones_own_alone_is_not_shown(ward: Ward, session: Session, appointment_id: str) -> None:
    with pytest.raises(NeedAccess, match="patient_out_of_context"):
        await one(Journeys(ward), session, "appointment", appointment_id)
    assert (await one(Journeys(ward), session, "appointment", "1")).ids == ("1",)


@BOTH
async def test_answers_kept_for_one_session_are_not_given_to_another(ward: Ward, session: Session) -> None:
    journeys = Journeys(ward)
    assert len((await journeys.page("appointment")).ids) == 3
    assert (await listed(journeys, session, "appointment")).ids == ("1",)
    other = replace(session, id="another", patient_id=OTHER)
    assert (await listed(journeys, other, "appointment")).ids == ("2",)
    assert (await listed(journeys, session, "appointment")).origin == "cache"


FOREIGN = (
    {"reference": f"https://other.example/r4/t/Patient/{MINE}"},
    {"reference": f"https://other.example/r4/t/Patient/{MINE}/_history/2"},
    {"reference": f"HTTPS://FHIR.EXAMPLE/r4/t/Patient/{MINE}"},
    {"identifier": {"system": "urn:oid:1.2", "value": "mrn-8"}, "type": "Patient"},
    {"reference": "#p", "type": "Patient"},
    {"reference": "urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7", "type": "Patient"},
)


@BOTH
@pytest.mark.parametrize("foreign", FOREIGN, ids=str)
async def test_a_patient_of_another_server_is_not_ones_own_though_the_id_be_the_same(
    ward: Ward, session: Session, foreign: dict[str, Any]
) -> None:
    ward.observations = [{"resourceType": "Observation", "id": "o9", "subject": foreign}]
    ward.appointments["9"] = {**of(MINE, "9"), "participant": [{"actor": foreign, "status": "accepted"}]}
    ward.appointments["10"] = of(MINE, "10")
    ward.appointments["10"]["participant"].append({"actor": foreign, "status": "accepted"})
    before = {name: dict(found) for name, found in ward.appointments.items()}
    for form in FORMS:
        assert (await listed(Journeys(ward), session, "observation", form)).ids == ()
        assert set((await listed(Journeys(ward), session, "appointment", form)).ids) <= {"1"}
    for appointment_id in ("9", "10"):
        with pytest.raises(NeedAccess, match="patient_out_of_context"):
            await one(Journeys(ward), session, "appointment", appointment_id)
        for change in ({"status": "cancelled"}, {"slot_id": "s1"}):
            with pytest.raises(NeedAccess, match="patient_out_of_context"):
                await write(ward, session, appointment_id=appointment_id, **change)
    assert ward.appointments == before


async def test_an_appointment_of_a_patient_elsewhere_is_not_booked_anew_for_a_namesake(ward: Ward) -> None:
    ward.appointments["9"] = {**of(MINE, "9"), "participant": [{"actor": FOREIGN[0], "status": "accepted"}]}
    with pytest.raises(FixRequest, match="names no single patient"):
        await write(ward, SESSION, appointment_id="9", slot_id="s1")
    assert ward.slots["s1"]["status"] == "free"


@BOTH
async def test_a_session_without_a_patient_sees_nobody(ward: Ward, session: Session) -> None:
    with pytest.raises(NeedAccess, match="patient_out_of_context"):
        await listed(Journeys(ward), replace(session, patient_id=None), "observation")
    assert ward.searches == 0


async def test_the_schedule_of_a_slot_brings_no_other_patient_along(ward: Ward) -> None:
    """A Schedule's actor may be a patient. Source: FHIR R4 Schedule.actor."""
    ward.schedule["actor"] = [{"reference": f"Patient/{OTHER}"}, {"reference": "Practitioner/4"}]
    for form in ("objects", "objects+fhir"):
        listing = await listed(Journeys(ward), PATIENT, "slot", form, **PERIOD)
        single = await one(Journeys(ward), PATIENT, "slot", "s1", form)
        assert b"Practitioner/4" not in listing.body + single.body
        assert b'"4"' not in listing.body + single.body
    ward.schedule["actor"] = [{"reference": "Practitioner/4"}]
    assert b'"4"' in (await one(Journeys(ward), PATIENT, "slot", "s1")).body


async def write(ward: Ward, session: Session, **request: Any) -> Any:
    return await Journeys(ward).writer.appointment(session, AppointmentRequest(**request), key="k")


@BOTH
@pytest.mark.parametrize(
    "request_",
    [
        {"slot_id": "s1", "patient_id": OTHER},
        {"appointment_id": "2", "status": "cancelled"},
        {"appointment_id": "2", "slot_id": "s1"},
        {"appointment_id": "3", "status": "cancelled"},
        {"appointment_id": "3", "slot_id": "s1"},
    ],
)
async def test_nothing_is_written_about_another_patient(ward: Ward, session: Session, request_: dict[str, str]) -> None:
    before = {name: dict(found) for name, found in ward.appointments.items()}
    with pytest.raises(NeedAccess, match="patient_out_of_context"):
        await write(ward, session, **request_)
    assert ward.appointments == before
    assert ward.slots["s1"]["status"] == "free"


async def test_who_may_change_everybodys_but_book_for_one_cannot_rebook_another(ward: Ward) -> None:
    scopes = ("patient/Appointment.cr", "user/Appointment.ru", "user/Slot.rus", "user/Schedule.rs")
    with pytest.raises(NeedAccess, match="patient_out_of_context"):
        await write(ward, replace(CLINICIAN, scopes=scopes), appointment_id="2", slot_id="s1")
    assert ward.slots["s1"]["status"] == "free"


@BOTH
async def test_ones_own_can_be_booked_and_changed(ward: Ward, session: Session) -> None:
    booked = await write(ward, session, slot_id="s1", patient_id=MINE)
    assert booked.status == 201
    assert booked.patients == (MINE,)
    assert (await write(ward, session, appointment_id="1", status="cancelled")).status == 200


class PersonalKeys(Keys):
    """Idempotency keys as the store has them: each holder's for itself."""

    async def begin(self, *, client_id: str, tenant: str, key: str, body_hash: bytes) -> Begun:
        return await super().begin(client_id=client_id, tenant=tenant, key=f"{client_id} {key}", body_hash=body_hash)

    async def finish(self, *, client_id: str, tenant: str, key: str, answer: bytes) -> None:
        await super().finish(client_id=client_id, tenant=tenant, key=f"{client_id} {key}", answer=answer)

    async def release(self, *, client_id: str, tenant: str, key: str) -> None:
        await super().release(client_id=client_id, tenant=tenant, key=f"{client_id} {key}")


@pytest.mark.parametrize(
    "another", [{"patient_id": OTHER}, {"user": "Person/2"}, {"persona": "system", "scopes": ("system/*.cruds",), "user": None}]
)
async def test_an_answer_is_repeated_to_the_person_and_patient_that_it_was_given_to(ward: Ward, another: dict[str, Any]) -> None:
    """Who acts for two patients, and sends the same idempotency key in both sessions, does not get the other's answer."""
    journeys = Journeys(ward)
    journeys.writer._keys = PersonalKeys()
    proxy = replace(PATIENT, user="Person/1")
    asked = AppointmentRequest(appointment_id="1", status="cancelled")
    assert not (await journeys.writer.appointment(proxy, asked, key="k")).replayed
    assert (await journeys.writer.appointment(replace(proxy, id="a later session"), asked, key="k")).replayed
    try:
        written = await journeys.writer.appointment(replace(proxy, **another), asked, key="k")
    except NeedAccess as refused:
        assert refused.code == "patient_out_of_context"
    else:
        assert not written.replayed
