"""Whether a write whose outcome nobody told took effect: how to look for it, and how to know it again. Pure.

Millennium has no idempotency key, so the effect itself is looked for. Source: Millennium fact sheet §10 (duplicate-safe writes).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from millgate.canonical.exchange import BookSlot, ChangeStatus, ProposeAppointment, Query, Resource
from millgate.canonical.references import reference_id
from millgate.pathways.fhir.search_values import utc
from millgate.pathways.fhir.wire import instant_of
from millgate.pathways.fhir_r4.encode.appointment import bare_version

# A booking may have moved on since it was made. Source: FHIR R4 AppointmentStatus, Millennium fact sheet §3.3.
HELD = frozenset({"booked", "arrived", "checked-in", "fulfilled", "pending"})
MOST = 100


def query_for_booking(write: BookSlot, slot: Resource) -> Query | None:
    """The search that finds the booking of this slot, or None if the slot does not say when it is."""
    start = instant_of(slot.get("start"))
    if start is None:
        return None
    filters = {"patient_id": (write.patient_id,), "from": (utc(start),), "to": (utc(start + timedelta(minutes=1)),)}
    return Query("Appointment", filters, MOST)


def query_for_proposal(write: ProposeAppointment) -> Query:
    """The search that finds the proposal."""
    filters = {"patient_id": (write.patient_id,), "status": ("proposed",), "from": (write.start,), "to": (write.end,)}
    return Query("Appointment", filters, MOST)


def booking_among(
    write: BookSlot, slot: Resource, appointments: Iterable[Resource], since: datetime | None = None
) -> Resource | None:
    """The appointment that is this booking: the patient's, at the slot's time and place, and not another's reason.

    With `since`, only one that changed after it: the patient may be booked with somebody else at that time and place already.
    """
    place = _slot_place(slot)
    start = instant_of(slot.get("start"))
    for appointment in appointments:
        places = _actors(appointment, "Location")
        same = (
            appointment.get("status") in HELD
            and appointment.get("id") != write.instead_of
            and instant_of(appointment.get("start")) == start
            and write.patient_id in _actors(appointment, "Patient")
            and (place is None or not places or place in places)
            and _slot_fits(write.slot_id, appointment)
        )
        if same and not _is_older(appointment, since) and _reason_fits(write.reason, appointment):
            return appointment
    return None


def proposal_among(write: ProposeAppointment, appointments: Iterable[Resource], since: datetime | None) -> Resource | None:
    """The proposed appointment for the same period, places, type and reason; with `since`, only one that changed after it."""
    for appointment in appointments:
        same = (
            appointment.get("status") == "proposed"
            and _same_period(write, appointment)
            and set(write.location_ids) <= _actors(appointment, "Location")
            and _same_type(write, appointment)
        )
        if same and not _is_older(appointment, since) and _reason_fits(write.reason, appointment):
            return appointment
    return None


def change_shows(write: ChangeStatus, appointment: Resource, version: str | None) -> bool:
    """Whether the appointment has the status that was asked for, in another version than the one that was to be changed."""
    return (
        appointment.get("status") == write.status and version is not None and bare_version(version) != bare_version(write.version)
    )


def _is_older(appointment: Resource, since: datetime | None) -> bool:
    meta = appointment.get("meta")
    updated = instant_of(meta.get("lastUpdated")) if isinstance(meta, dict) else None
    return since is not None and updated is not None and updated < since


def _slot_place(slot: Resource) -> str | None:
    for extension in _list(slot.get("extension")):
        if isinstance(extension, dict) and str(extension.get("url", "")).endswith("/scheduling-location"):
            return reference_id(extension.get("valueReference"), "Location")
    return None


def _actors(appointment: Resource, resource_type: str) -> set[str]:
    found = (reference_id(p.get("actor"), resource_type) for p in _list(appointment.get("participant")) if isinstance(p, dict))
    return {actor for actor in found if actor is not None}


def _slot_fits(slot_id: str, appointment: Resource) -> bool:
    """Reads seldom name the slot; where they do, it has to be this one."""
    named = [reference_id(slot, "Slot") for slot in _list(appointment.get("slot"))]
    return not named or slot_id in named


def _reason_fits(reason: str | None, appointment: Resource) -> bool:
    """Another reason than the one that was sent shows another's booking; a missing one shows nothing."""
    texts = {r.get("text") for r in _list(appointment.get("reasonCode")) if isinstance(r, dict)} - {None}
    return reason is None or not texts or reason in texts


def _same_period(write: ProposeAppointment, appointment: Resource) -> bool:
    wanted = (instant_of(write.start), instant_of(write.end))
    periods = [p for p in _list(appointment.get("requestedPeriod")) if isinstance(p, dict)]
    return any((instant_of(p.get("start")), instant_of(p.get("end"))) == wanted for p in periods)


def _same_type(write: ProposeAppointment, appointment: Resource) -> bool:
    wanted = (write.service_type.get("system"), write.service_type.get("code"))
    codings = [c for kind in _list(appointment.get("serviceType")) if isinstance(kind, dict) for c in _list(kind.get("coding"))]
    return any((c.get("system"), c.get("code")) == wanted for c in codings if isinstance(c, dict))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
