"""Messages between staff about patients, as Communication, and their words.

Ids: `<number>.0.-4.prsnl`, the same as that of the Binary with the words. Not known, chosen here: who writes to whom; every practitioner has
got a dozen messages in the month before the day of the run. A group of recipients is named, and cannot be read: so the tenant has it.
Source: published Communication examples, oracle-health fact sheet 3.2.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import timedelta

from millgate.simulator.hospital import moments
from millgate.simulator.hospital.coding import STRUCTURE, Resource, coding, hl7
from millgate.simulator.hospital.house import House, encounter_reference, patient_reference
from millgate.simulator.hospital.narrative import narrative
from millgate.simulator.hospital.note_text import NoteText
from millgate.simulator.hospital.plan import Chart
from millgate.simulator.hospital.staff import Practitioner

MESSAGES_EACH = 12
GROUP = "1568"
_FIRST, _ROOM = 489_580_000, 16
_ID = re.compile(r"(?P<number>[0-9]{9,10})\.0\.-4\.prsnl", re.ASCII)
_TOPICS = (
    ("Refill request", "Asks for a refill of the blood pressure medicine."),
    ("Lab follow-up", "Please look at the results of this morning."),
    ("CDI Query", "Please clarify the acuity of the diagnosis."),
    ("Call back", "Would like to be called about the last visit."),
)


class Messages:
    """Renders the messages that one hospital's staff have got. `plan` gives the plan of a patient's chart."""

    def __init__(self, house: House, patients: int, plan: Callable[[int], Chart]) -> None:
        self._house, self._patients, self._plan = house, patients, plan
        self._staff = {practitioner.number: practitioner for practitioner in house.staff.all}

    def to_practitioner(self, practitioner_id: str) -> Iterator[Resource]:
        """What one of the staff has got, oldest first."""
        recipient = self._house.staff.by_id.get(practitioner_id)
        if recipient is not None and recipient.number in self._staff:
            yield from (self._message(recipient, ordinal) for ordinal in range(MESSAGES_EACH))

    def all(self) -> Iterator[Resource]:
        for practitioner in self._staff.values():
            yield from self.to_practitioner(practitioner.id)

    def read(self, message_id: str) -> Resource | None:
        place = self._place(message_id)
        return self._message(*place) if place else None

    def patient_in(self, message_id: str) -> int | None:
        """The number of the patient whom a message is about."""
        place = self._place(message_id)
        return self._patient(*place) if place else None

    def binary(self, message_id: str) -> Resource | None:
        """The words of a message."""
        message, place = self.read(message_id), self._place(message_id)
        if message is None or place is None:
            return None
        title, text = _TOPICS[place[1] % len(_TOPICS)]
        data = b64encode(NoteText(title, (("", text),)).encoded("text/html")).decode()
        meta = {"lastUpdated": message["meta"]["lastUpdated"]}
        return {"resourceType": "Binary", "id": message_id, "meta": meta, "contentType": "text/html", "data": data}

    # --- one message --------------------------------------------------------------------------------------------------

    def _place(self, message_id: str) -> tuple[Practitioner, int] | None:
        found = _ID.fullmatch(message_id)
        number, ordinal = divmod(int(found["number"]) - _FIRST, _ROOM) if found else (-1, 0)
        recipient = self._staff.get(number)
        return (recipient, ordinal) if recipient and ordinal < MESSAGES_EACH else None

    def _patient(self, recipient: Practitioner, ordinal: int) -> int:
        return self._house.dice("message-about", recipient.number, ordinal).randint(0, self._patients - 1)

    def _message(self, recipient: Practitioner, ordinal: int) -> Resource:
        random = self._house.dice("message", recipient.number, ordinal)
        chart = self._plan(self._patient(recipient, ordinal))
        sent = moments.midnight(self._house.today) - timedelta(
            days=2 * (MESSAGES_EACH - ordinal), minutes=random.randint(1, 1400)
        )
        own, topic = _id(recipient.number, ordinal), _TOPICS[ordinal % len(_TOPICS)][0]
        status = ("completed", "Completed") if random.random() < 0.8 else ("accepted", "Accepted")
        told = {"coding": [coding("http://hl7.org/fhir/task-status", *status)], "text": status[1]}
        sender = self._house.staff.one_of("nurse", random.randint(0, 9))
        kind = ("reminder", "Reminder") if random.random() < 0.25 else ("notification", "Notification")
        made: Resource = {
            "resourceType": "Communication",
            "id": own,
            "meta": {"versionId": "0", "lastUpdated": moments.milliseconds(sent)},
            "text": narrative("Communication"),
            "extension": [{"valueCodeableConcept": told, "url": STRUCTURE + "email-status"}],
        }
        if ordinal % 4 == 3:
            made["inResponseTo"] = [{"reference": f"Communication/{_id(recipient.number, ordinal - 1)}"}]
        made |= {"status": "completed", "category": [hl7("communication-category", *kind)]}
        made["priority"] = random.choice(("routine", "routine", "urgent"))
        made |= {"subject": patient_reference(chart.person), "topic": {"text": topic}}
        if chart.charted and random.random() < 0.5:
            made["encounter"] = encounter_reference(chart.person, chart.charted[-1])
        made |= {"sent": moments.milliseconds(sent), "received": moments.milliseconds(sent)}
        made["recipient"] = [recipient.reference]
        if random.random() < 0.3:
            made["recipient"].append({"reference": f"Group/{GROUP}", "display": "Clinic Message Pool"})
        return made | {"sender": sender.reference, "payload": [{"contentReference": {"reference": f"Binary/{own}"}}]}


def _id(practitioner: int, ordinal: int) -> str:
    return f"{_FIRST + practitioner * _ROOM + ordinal}.0.-4.prsnl"
