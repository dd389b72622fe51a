"""What the body of a new Appointment must hold, and what is kept of it. Source: fact sheet section 3.3 (Appointment POST)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from millgate.simulator.answers import bad_request, unprocessable
from millgate.simulator.scheduling.appointment_patch import reason_code, slot_reference
from millgate.simulator.search.dates import span_of

_CODE_SET = "/codeSet/"


@dataclass(frozen=True, slots=True)
class NewAppointment:
    """A new appointment that the rules allow. `slot_id` for a booked one; service type, places and period for a proposed one."""

    status: str
    patient_id: str
    reason_code: list[Any]
    comment: str | None
    slot_id: str | None = None
    service_type: dict[str, Any] | None = None
    location_ids: tuple[str, ...] = ()
    requested_period: dict[str, Any] | None = None


def read_appointment(body: Any) -> NewAppointment:
    """What is kept of a request body; Refused if it breaks a rule. Elements that are not listed are passed over."""
    if not isinstance(body, dict) or body.get("resourceType") != "Appointment":
        raise bad_request("the body must be an Appointment")
    _check_unsupported(body)
    comment = body.get("comment")
    if comment is not None and not isinstance(comment, str):
        raise unprocessable("comment must be a string")
    reasons = reason_code(body.get("reasonCode", []))
    if body.get("status") == "booked":
        patients, places = _participants(body, "accepted")
        if places:
            raise unprocessable("a booked appointment must have exactly one Patient participant; its place comes from the slot")
        return NewAppointment("booked", _one_patient(patients), reasons, comment, slot_id=slot_reference(body.get("slot")))
    if body.get("status") != "proposed":
        raise unprocessable("status must be proposed or booked")
    patients, places = _participants(body, "needs-action")
    if not places:
        raise unprocessable("a proposed appointment must have at least one Location participant")
    return NewAppointment(
        "proposed",
        _one_patient(patients),
        reasons,
        comment,
        service_type=_service_type(body.get("serviceType")),
        location_ids=tuple(places),
        requested_period=_period(body.get("requestedPeriod")),
    )


def _check_unsupported(body: Mapping[str, Any]) -> None:
    if "implicitRules" in body:
        raise unprocessable("implicitRules is not supported", "not-supported")
    if "modifierExtension" in body:
        raise unprocessable("modifierExtension is not supported", "extension")
    for codings in _coding_lists(dict(body)):
        own = [_CODE_SET in str(coding.get("system")) for coding in codings if isinstance(coding, dict)]
        if any(own) and not all(own):
            raise unprocessable("standard and proprietary codings must not be mixed")


def _coding_lists(value: Any) -> Iterator[list[Any]]:
    for name, child in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        if name == "coding" and isinstance(child, list):
            yield child
        yield from _coding_lists(child)


def _participants(body: Mapping[str, Any], status: str) -> tuple[list[str], list[str]]:
    """The patients and the places among the participants, all of which must have the given status and no type."""
    participants = body.get("participant")
    if not isinstance(participants, list) or not participants:
        raise unprocessable("participant must be provided")
    found: dict[str, list[str]] = {"Patient": [], "Location": []}
    for participant in participants:
        if not isinstance(participant, dict) or "type" in participant:
            raise unprocessable("participant.type must not be provided")
        if participant.get("status") != status:
            raise unprocessable(f"participant.status must be {status}")
        actor = participant.get("actor")
        reference = actor.get("reference") if isinstance(actor, dict) else None
        kind, _, actor_id = reference.rpartition("/") if isinstance(reference, str) else ("", "", "")
        if kind.rpartition("/")[2] not in found or not actor_id:
            raise unprocessable("participant.actor must be a Patient or Location reference")
        found[kind.rpartition("/")[2]].append(actor_id)
    return found["Patient"], found["Location"]


def _one_patient(patients: list[str]) -> str:
    if len(patients) != 1:
        raise unprocessable("participant must have exactly one Patient")
    return patients[0]


def _service_type(value: Any) -> dict[str, Any]:
    if not isinstance(value, list) or len(value) != 1 or not isinstance(value[0], dict) or not value[0].get("coding"):
        raise unprocessable("serviceType must be provided exactly once")
    return value[0]


def _period(value: Any) -> dict[str, Any]:
    period = value[0] if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict) else {}
    start, end = (span_of(period.get(name), zone_required=True) for name in ("start", "end"))
    if start is None or end is None or start.low >= end.high or not all("T" in str(period[name]) for name in ("start", "end")):
        raise unprocessable("requestedPeriod must be provided exactly once, with start and end, each with time and zone")
    return {"start": period["start"], "end": period["end"]}
