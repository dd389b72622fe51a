"""Appointments, schedules and slots. Of the tenant's own codes the types of appointments are shown."""

from __future__ import annotations

from millgate.simulator.dstu2.render.codes import code
from millgate.simulator.dstu2.render.datatypes import DATA_ABSENT, Json, aged, first, picked

_APPOINTMENT_TYPES = "14249"


def appointment(new: Json, r4: Json) -> Json | None:
    """An appointment. Codings that it must have and has not say why: `unsupported` for a reason in words, `unknown` for roles."""
    status = code("Appointment.status", r4.get("status"))
    if status is None:
        return None
    reasons = new.get("reasonCode") or [None]
    return {
        "status": status,
        **first({"type": aged(r4.get("serviceType", []), own_set=_APPOINTMENT_TYPES)}, "type"),
        **({"reason": _coded(reasons[0], "unsupported")} if reasons[0] else {}),
        **picked(new, "description", "start", "end", "minutesDuration", "slot", "comment"),
        "participant": [_participant(one) for one in new.get("participant", ())],
    }


def _participant(new: Json) -> Json:
    kinds = [_coded(one, "unknown") for one in new.get("type", ())]
    return {**({"type": kinds} if kinds else {}), **picked(new, "actor", "required", "status")}


def _coded(concept: Json, reason: str) -> Json:
    if "coding" in concept:
        return concept
    return {"coding": [{"extension": [{"url": DATA_ABSENT, "valueCode": reason}]}], **concept}


def schedule(new: Json, r4: Json) -> Json:
    """A schedule, by the words of its type; it has one actor."""
    kinds = [{"text": one["text"]} for one in new.get("serviceType", ()) if "text" in one]
    return {**picked(new, "extension"), **({"type": kinds} if kinds else {}), **first(new, "actor")}


def slot(new: Json, r4: Json) -> Json | None:
    """A slot."""
    status = code("Slot.freeBusyType", r4.get("status"))
    if status is None:
        return None
    return {
        **picked(new, "extension", "schedule", "start", "end"),
        **first({"type": aged(r4.get("serviceType", []), own_set=_APPOINTMENT_TYPES)}, "type"),
        "freeBusyType": status,
    }
