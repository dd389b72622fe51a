"""What a session is shown never depends on who asked before: through one reader with its cache, in any order and at once, as through one of
its own.

The source is the worst there is: it answers every search with everybody's records.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from millgate.access.parties import Session
from millgate.errors import GatewayError
from millgate.flow.read import Form, GetRequest, ListRequest
from millgate.objects import OBJECTS
from tests.flow.ward import NOW, SESSION, Journeys, Ward, appointment

OF_A_PATIENT = ("patient/Appointment.rs", "patient/Observation.rs")
PATIENT = replace(SESSION, id="session_p", persona="patient", scopes=OF_A_PATIENT, patient_id="7", user="Patient/7")
CLINICIAN = replace(SESSION, id="session_d", persona="provider", scopes=("user/*.rs",), user="Practitioner/1")
SESSIONS = (
    SESSION,
    replace(SESSION, id="session_t", client_id="another client"),
    replace(SESSION, id="session_n", scopes=("system/Appointment.rs",)),
    replace(SESSION, id="session_q", scopes=("system/Observation.rs?category=laboratory", "system/Appointment.r")),
    PATIENT,
    replace(PATIENT, id="session_p2"),
    replace(PATIENT, id="session_8", patient_id="8", user="Patient/8"),
    replace(PATIENT, id="session_0", patient_id=None),
    replace(PATIENT, id="session_s", scopes=("patient/Appointment.s",)),
    CLINICIAN,
    replace(CLINICIAN, id="session_c", patient_id="7", scopes=OF_A_PATIENT),
    replace(CLINICIAN, id="session_e", patient_id="8", scopes=OF_A_PATIENT),
)


@dataclass(frozen=True)
class Question:
    """A list by its filters, or one object by its id."""

    name: str
    form: Form
    max_age: float | None
    resource_id: str | None = None
    patient_id: str | None = None
    category: str | None = None

    def of(self, session: Session) -> tuple[str, Question]:
        """Whose it is, and what is asked whatever `max_age`: of whoever is held to a patient, a list is that patient's."""
        patient_id = session.patient_id if self.patient_id is None and self.resource_id is None else self.patient_id
        return session.id, replace(self, max_age=None, patient_id=patient_id)

    async def ask(self, journeys: Journeys, session: Session) -> tuple[str, ...] | tuple[str, tuple[str, ...], bytes]:
        """What it shows, or why it shows nothing; `origin` apart, which depends on who asked before."""
        try:
            if self.resource_id is not None:
                one = GetRequest(OBJECTS[self.name], self.resource_id, self.max_age, self.form)
                answer = await journeys.reader.one(session, one)
            else:
                given = {"patient_id": self.patient_id, "category": self.category}
                filters = {name: (value,) for name, value in given.items() if value is not None}
                page = ListRequest(OBJECTS[self.name], filters, None, None, self.max_age, self.form)
                answer = await journeys.reader.page(session, page)
        except GatewayError as error:
            return (error.code,)
        return answer.origin, answer.ids, answer.body.replace(b'"from":"cache"', b'"from":"live"')


FORMS: tuple[Form, ...] = ("objects", "fhir")
QUESTIONS = (
    *(Question("appointment", *how, patient_id=who) for how in product(FORMS, (None, 3600, 0)) for who in (None, "7", "8")),
    *(Question("appointment", *how, resource_id=which) for how in product(FORMS, (None, 3600)) for which in ("1", "2", "3")),
    *(Question("observation", "objects", None, category=one) for one in (None, "laboratory", "vital-signs")),
)
AT_ONCE = st.lists(st.tuples(st.sampled_from(SESSIONS), st.sampled_from(QUESTIONS)), min_size=1, max_size=4)
STEPS = st.lists(st.tuples(st.integers(0, 40), AT_ONCE), min_size=1, max_size=10)


def ward() -> Ward:
    of = {"1": ("7",), "2": ("8",), "3": ("7", "8")}
    appointments = {
        one: appointment(one, "booked") | {"participant": [{"actor": {"reference": f"Patient/{who}"}} for who in whose]}
        for one, whose in of.items()
    }
    observations = [
        {"resourceType": "Observation", "id": f"o{who}", "status": "final", "subject": {"reference": f"Patient/{who}"}}
        for who in ("7", "8")
    ]
    return Ward(appointments=appointments, observations=observations)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_nobody_is_shown_what_is_kept_for_others(steps: list[tuple[int, list[tuple[Session, Question]]]]) -> None:
    asyncio.run(walk(steps))


async def walk(steps: list[tuple[int, list[tuple[Session, Question]]]]) -> None:
    source = ward()
    shared = Journeys(source)
    asked: set[tuple[str, Question]] = set()
    elapsed = 0
    for seconds, at_once in steps:
        elapsed += seconds
        shared.at = NOW + timedelta(seconds=elapsed)
        questions = [question.of(session) for session, question in at_once]
        said = await asyncio.gather(*(question.ask(shared, session) for session, question in at_once))
        for (session, question), shown in zip(at_once, said, strict=True):
            alone = await question.ask(Journeys(source), session)
            assert shown[1:] == alone[1:], (session.id, question)
            assert len(shown) > 1 or shown == alone, (session.id, question)
            if session.persona != "system" and shown[0] == "cache":
                own = question.of(session)
                assert own in asked or questions.count(own) > 1, "a person is repeated only what it was shown itself"
        asked.update(questions)
    await shared.reader.close()
    whose = {session.id: session for session, _ in (pair for _, some in steps for pair in some)}
    for row in shared.refreshed:
        session = row.question.session
        assert session == whose[session.id]
        if session.patient_id is not None:
            assert set(row.patients) <= {session.patient_id}
