"""Who has which slot: books, reschedules, cancels, holds. No step of it waits for anything, so two bookings never interleave."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from millgate.simulator.answers import conflict, unprocessable
from millgate.simulator.records import Json, Record, Records
from millgate.simulator.scheduling.appointment_body import NewAppointment
from millgate.simulator.scheduling.appointment_patch import EXTENSION_ROOT, Change, patient_of
from millgate.simulator.scheduling.json_patch import Operation
from millgate.simulator.scheduling.wording import appointment_narrative, instant, next_version, slot_narrative
from millgate.simulator.search.candidates import slot_location
from millgate.simulator.search.dates import Span, span_of
from millgate.simulator.search.matching import reference_id

_FIRST_APPOINTMENT_ID = 94_000_001
_OCCUPYING = frozenset({"booked", "arrived", "checked-in"})
_PERFORMER = {
    "coding": [
        {"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "PPRF", "display": "primary performer"}
    ]
}


class Calendar:
    """The appointments and slots of one tenant, as far as they can be changed."""

    def __init__(self, records: Records, now: Callable[[], datetime]) -> None:
        self._records = records
        self._now = now
        self._next_id = _FIRST_APPOINTMENT_ID
        self._held_by: dict[str, str] = {}  # slot id → client that holds it tentatively
        self.appointments_made = 0
        self.appointments_changed = 0

    # --- appointments

    def create(self, new: NewAppointment, client_id: str) -> Record:
        """The new appointment. Refused with 422 if patient, slot or place do not exist, with 409 if the slot is not free."""
        patient = self._records.read("Patient", new.patient_id)
        if patient is None:
            raise unprocessable("participant.actor Patient does not exist")
        appointment: Json = {
            "resourceType": "Appointment",
            "id": "",
            "meta": {},
            "text": {},
            "extension": [],
            "status": new.status,
        }
        if new.slot_id is not None:
            slot = self._free_slot(new.slot_id, client_id)
            self._fill_from_slot(appointment, slot, _patient_participant(self._records.hospital.tenant, patient, "accepted"))
            self._take(slot)
        else:
            self._fill_proposed(appointment, new, patient)
        if new.reason_code:
            appointment["reasonCode"] = new.reason_code
        if new.comment is not None:
            appointment["comment"] = new.comment
        appointment["id"] = self._new_id()
        self.appointments_made += 1
        return self._save(appointment, version="0")

    def change(self, record: Record, change: Change, client_id: str) -> Record:
        """The appointment after a patch that the rules allow. Either all of it happens or, if the new slot is not free, nothing."""
        appointment = copy.deepcopy(record.resource)
        slot = self._free_slot(change.slot_id, client_id) if change.slot_id is not None else None
        if slot is not None:
            patient = patient_of(appointment)
            rooms = [
                p for p in appointment.get("participant", ()) if str(p.get("actor", {}).get("reference", "")).startswith("#")
            ]
            if change.reschedule:
                self._release(record.resource)
            self._fill_from_slot(appointment, slot, {**patient, "status": "accepted"} if patient else None)
            appointment["participant"] += rooms
            self._take(slot)
        _apply(appointment, change)
        if change.status == "cancelled":
            self._release(record.resource)
            appointment.pop("slot", None)
        self.appointments_changed += 1
        return self._save(appointment, version=next_version(str(record.resource["meta"]["versionId"])))

    def _new_id(self) -> str:
        while self._records.read("Appointment", str(self._next_id)) is not None:
            self._next_id += 1
        return str(self._next_id)

    def _save(self, appointment: Json, version: str) -> Record:
        movable = appointment["status"] in ("proposed", "booked")
        mark = {"is-cancelable": movable, "is-reschedulable": movable}
        others = [e for e in appointment.get("extension", ()) if str(e.get("url", "")).removeprefix(EXTENSION_ROOT) not in mark]
        appointment["extension"] = others + [
            {"valueBoolean": value, "url": EXTENSION_ROOT + name} for name, value in mark.items()
        ]
        appointment["meta"] = {"versionId": version, "lastUpdated": instant(self._now())}
        appointment["text"] = appointment_narrative(appointment)
        return self._records.write(appointment)

    def _fill_from_slot(self, appointment: Json, slot: Record, patient: Json | None) -> None:
        """Time, place and provider come from the slot."""
        source, span = slot.resource, _span(slot.resource)
        appointment["serviceType"] = copy.deepcopy(source.get("serviceType", []))
        if description := (source.get("serviceType") or [{}])[0].get("text"):
            appointment["description"] = description
        appointment |= {"start": source["start"], "end": source["end"], "slot": [{"reference": f"Slot/{slot.id}"}]}
        appointment["minutesDuration"] = int((span.high - span.low) / timedelta(minutes=1))
        appointment["participant"] = [p for p in (self._place(slot), self._performer(slot), patient) if p is not None]
        appointment["requestedPeriod"] = [{"start": source["start"], "end": source["end"]}]

    def _fill_proposed(self, appointment: Json, new: NewAppointment, patient: Record) -> None:
        places = [self._records.read("Location", location_id) for location_id in new.location_ids]
        if any(place is None for place in places):
            raise unprocessable("participant.actor Location does not exist")
        appointment["serviceType"] = [new.service_type]
        appointment["participant"] = [
            *(_participant("Location", place, "needs-action") for place in places if place is not None),
            _patient_participant(self._records.hospital.tenant, patient, "needs-action"),
        ]
        appointment["requestedPeriod"] = [new.requested_period]

    def _place(self, slot: Record) -> Json | None:
        location_id = slot_location(slot.resource)
        place = self._records.read("Location", location_id) if location_id else None
        return _participant("Location", place, "accepted") if place is not None else None

    def _performer(self, slot: Record) -> Json | None:
        practitioner = self._practitioner_of(slot)
        if practitioner is None:
            return None
        role = _role(self._records.hospital.tenant, "4574", "Resource")
        return {"type": [role, _PERFORMER], **_participant("Practitioner", practitioner, "accepted")}

    # --- slots

    def hold(self, record: Record, operations: list[Operation], client_id: str) -> Record:
        """The slot after a patch: held tentatively for this client, or given free again."""
        if [operation.key for operation in operations] != ["replace /status"]:
            raise unprocessable("only replace /status is supported")
        wanted, now = operations[0].value, record.resource.get("status")
        if wanted not in ("free", "busy-tentative"):
            raise unprocessable("status must be free or busy-tentative")
        if now not in ("free", "busy-tentative") or (
            now == "busy-tentative" and self._held_by.get(record.id, client_id) != client_id
        ):
            raise conflict("the slot is not available")
        if wanted == "free":
            self._held_by.pop(record.id, None)
        else:
            self._held_by[record.id] = client_id
        return self._set_status(record, wanted)

    def _free_slot(self, slot_id: str, client_id: str) -> Record:
        slot = self._records.read("Slot", slot_id)
        if slot is None:
            raise unprocessable("slot does not exist")
        status = slot.resource.get("status")
        if status != "free" and not (status == "busy-tentative" and self._held_by.get(slot_id) == client_id):
            raise conflict("the slot is not available")
        return slot

    def _take(self, slot: Record) -> None:
        self._held_by.pop(slot.id, None)
        self._set_status(slot, "busy")

    def _release(self, appointment: Json) -> None:
        """Give free the slot that an appointment occupied."""
        if appointment.get("status") in _OCCUPYING:
            slot_id = reference_id(next(iter(appointment.get("slot", ())), None))
            slot = self._records.read("Slot", slot_id) if slot_id else None
            if slot is not None and slot.resource.get("status") == "busy":
                self._set_status(slot, "free")

    def _practitioner_of(self, slot: Record) -> Record | None:
        schedule_id = reference_id(slot.resource.get("schedule"))
        schedule = self._records.read("Schedule", schedule_id) if schedule_id else None
        actors = schedule.resource.get("actor", ()) if schedule is not None else ()
        references = [str(actor.get("reference", "")) for actor in actors]
        found = [r.rpartition("/")[2] for r in references if r.startswith("Practitioner/")]
        return self._records.read("Practitioner", found[0]) if found else None

    def _set_status(self, slot: Record, status: str) -> Record:
        changed = copy.deepcopy(slot.resource)
        changed["status"] = status
        changed["meta"] = {"versionId": next_version(str(changed["meta"]["versionId"])), "lastUpdated": instant(self._now())}
        changed["text"] = slot_narrative(changed)
        return self._records.write(changed)


def _apply(appointment: Json, change: Change) -> None:
    """Everything in a change that touches no slot."""
    if change.status is not None:
        appointment["status"] = change.status
    if change.reason_code is not None:
        appointment.pop("reasonCode", None)
        if change.reason_code:
            appointment["reasonCode"] = change.reason_code
    if change.cancelation_reason is not None:
        appointment["cancelationReason"] = change.cancelation_reason
    if change.extension is not None:
        kept = [e for e in appointment.get("extension", ()) if e.get("url") != change.extension["url"]]
        appointment["extension"] = [*kept, change.extension]
    if change.comment is not None:
        appointment["comment"] = change.comment
    patient = patient_of(appointment)
    if change.accept_patient and patient is not None:
        patient["status"] = "accepted"
    for path, value in (change.links or {}).items():
        _put(appointment, path.strip("/").split("/"), value)


def _put(container: Any, path: list[str], value: str) -> None:
    """Set a value under a path of names and numbers, making what is missing on the way."""
    for name, following in pairwise(path):
        if isinstance(container, list):
            while len(container) <= int(name):
                container.append({})
            container = container[int(name)]
        else:
            container = container.setdefault(name, [] if following.isdigit() else {})
    container[path[-1]] = value


def _span(resource: Json) -> Span:
    start, end = span_of(resource.get("start")), span_of(resource.get("end"))
    if start is None or end is None:
        raise unprocessable("start and end are missing")
    return Span(start.low, end.low)


def _participant(resource_type: str, record: Record, status: str) -> Json:
    actor = {"reference": f"{resource_type}/{record.id}"}
    if display := _display(record.resource):
        actor["display"] = display
    return {"actor": actor, "required": "required", "status": status}


def _patient_participant(tenant: str, patient: Record, status: str) -> Json:
    return {"type": [_role(tenant, "4572", "Patient")], **_participant("Patient", patient, status)}


def _role(tenant: str, code: str, display: str) -> Json:
    system = f"https://fhir.cerner.com/{tenant}/codeSet/14250"
    return {"coding": [{"system": system, "code": code, "display": display, "userSelected": True}], "text": display}


def _display(resource: Json) -> str | None:
    """The name of a place or person as it is written."""
    name = resource.get("name")
    if isinstance(name, str):
        return name
    return str(name[0]["text"]) if isinstance(name, list) and name and isinstance(name[0], dict) and name[0].get("text") else None
