"""What a patch of an Appointment may hold: the operations, what each must come with, and which status follows which.

Source: fact sheet section 3.3 (Appointment); `appointment_patch` of the vendor's documentation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from millgate.simulator.answers import bad_request, conflict, unprocessable
from millgate.simulator.scheduling.json_patch import Operation

EXTENSION_ROOT = "https://fhir-ehr.cerner.com/r4/StructureDefinition/"
CANCELLATION_SYSTEM = "http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason"
LONGEST_REASON = 255
LONGEST_LINK = 255

# Which status may follow which.
TRANSITIONS: dict[str, frozenset[str]] = {
    "proposed": frozenset({"booked", "cancelled"}),
    "booked": frozenset({"arrived", "checked-in", "cancelled"}),
    "arrived": frozenset({"checked-in", "cancelled"}),
    "checked-in": frozenset({"fulfilled", "cancelled"}),
}
PATCHABLE_STATUSES = frozenset({"arrived", "checked-in", "cancelled", "booked", "fulfilled"})

_PROVIDER_LINK, _PATIENT_LINK = "/contained/0/telecom/0/value", "/contained/1/telecom/0/value"
_LINK_START, _LINK_END = "/contained/0/telecom/0/period/start", "/contained/0/telecom/0/period/end"
VIDEO_PATHS = (_PROVIDER_LINK, _PATIENT_LINK, _LINK_START, _LINK_END)

# Each operation with the sets of others of which one has to be in the same patch. `=` names the value that it must have.
_CANCEL = frozenset({"replace /status=cancelled"})
_BOOK = frozenset({"replace /status=booked"})
_RESCHEDULE = frozenset({"replace /slot"})
COMPANIONS: dict[str, tuple[frozenset[str], ...]] = {
    "replace /status": (),
    "add /slot": (_BOOK,),
    "replace /slot": (),
    "add /reasonCode": (_BOOK,),
    "add /cancelationReason": (_CANCEL,),
    "replace /extension": (_CANCEL | {"add /cancelationReason"}, _RESCHEDULE),
    "add /extension": (_RESCHEDULE,),
    "replace /comment": (_RESCHEDULE,),
    "replace /patient-status": (),
    **{f"{op} {path}": (frozenset(f"{op} {p}" for p in VIDEO_PATHS),) for op in ("add", "replace") for path in VIDEO_PATHS},
}


@dataclass(frozen=True, slots=True)
class Change:
    """A patch that the rules allow, as what it asks for. None = not asked for."""

    status: str | None = None
    slot_id: str | None = None
    reschedule: bool = False
    reason_code: list[Any] | None = None
    cancelation_reason: dict[str, Any] | None = None
    extension: dict[str, Any] | None = None
    comment: str | None = None
    accept_patient: bool = False
    links: Mapping[str, str] | None = None


def read_change(appointment: Mapping[str, Any], operations: Sequence[Operation], tenant: str) -> Change:
    """What a patch asks for; Refused if an operation, a companion, a value or the status of the appointment forbids it."""
    by_key = {operation.key: operation for operation in operations}
    if len(by_key) != len(operations):
        raise unprocessable("an operation must be provided only once")
    _check_companions(by_key)
    values = {key: operation.value for key, operation in by_key.items()}
    status = _status(appointment, values)
    return Change(
        status=status,
        slot_id=_slot(values.get("add /slot", values.get("replace /slot"))),
        reschedule=_rescheduling(appointment, values, status),
        reason_code=reason_code(values["add /reasonCode"]) if "add /reasonCode" in values else None,
        cancelation_reason=_cancelation_reason(values.get("add /cancelationReason"), tenant),
        extension=_extension(values),
        comment=_text(values, "replace /comment"),
        accept_patient=_accepting(appointment, values),
        links=_links(appointment, by_key),
    )


def _check_companions(by_key: Mapping[str, Operation]) -> None:
    there = set(by_key) | {f"{key}={operation.value}" for key, operation in by_key.items() if isinstance(operation.value, str)}
    if len({key.partition(" ")[0] for key in by_key if by_key[key].path in VIDEO_PATHS}) > 1:
        raise unprocessable("add and replace must not be mixed for video visit links")
    for key in by_key:
        if key not in COMPANIONS:
            raise unprocessable(f"{key} is not supported")
        needed = COMPANIONS[key]
        if needed and not any(companions <= there for companions in needed):
            raise unprocessable(f"{key} must be provided with {' or '.join(', '.join(sorted(c - {key})) for c in needed)}")
    if by_key.keys() & {"replace /status"} and by_key["replace /status"].value == "booked" and "add /slot" not in by_key:
        raise unprocessable("replace /status booked must be provided with add /slot")


def _status(appointment: Mapping[str, Any], values: Mapping[str, Any]) -> str | None:
    if "replace /status" not in values:
        return None
    wanted, now = values["replace /status"], appointment.get("status")
    if not isinstance(wanted, str) or wanted not in PATCHABLE_STATUSES:
        raise unprocessable(f"status must be one of {', '.join(sorted(PATCHABLE_STATUSES))}")
    if wanted not in TRANSITIONS.get(str(now), ()):
        raise unprocessable(f"status must not change from {now} to {wanted}")
    return wanted


def _rescheduling(appointment: Mapping[str, Any], values: Mapping[str, Any], status: str | None) -> bool:
    if "replace /slot" not in values:
        return False
    if status is not None or appointment.get("status") != "booked":
        raise unprocessable("replace /slot is only for a booked appointment, without a change of status")
    return True


def slot_reference(value: Any) -> str:
    """The slot id in a list of one Slot reference; Refused with 422 for anything else."""
    reference = value[0].get("reference") if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict) else None
    kind, _, slot_id = reference.rpartition("/") if isinstance(reference, str) else ("", "", "")
    if kind.rpartition("/")[2] != "Slot" or not slot_id:
        raise unprocessable("slot must be a list of exactly one Slot reference")
    return slot_id


def _slot(value: Any) -> str | None:
    return None if value is None else slot_reference(value)


def reason_code(value: Any) -> list[Any]:
    """A reason as the tenant keeps it: at most one, text only. Refused with 400 if it is too long, 422 if it is something else."""
    if not isinstance(value, list) or len(value) > 1:
        raise unprocessable("reasonCode must have at most one element")
    if not value:
        return []
    text = value[0].get("text") if isinstance(value[0], dict) else None
    if not isinstance(text, str) or not text.strip():
        raise unprocessable("reasonCode.text must be provided")
    if len(text) > LONGEST_REASON:
        raise bad_request(f"reasonCode.text must have at most {LONGEST_REASON} characters")
    return [{"text": text}]


def _cancelation_reason(value: Any, tenant: str) -> dict[str, Any] | None:
    if value is None:
        return None
    codings = value.get("coding") if isinstance(value, dict) else None
    coding = codings[0] if isinstance(codings, list) and len(codings) == 1 and isinstance(codings[0], dict) else {}
    systems = (CANCELLATION_SYSTEM, f"https://fhir.cerner.com/{tenant}/codeSet/14229")
    if coding.get("system") not in systems or not isinstance(coding.get("code"), str):
        raise unprocessable("cancelationReason must have exactly one standard or codeSet/14229 coding")
    kept = {name: coding[name] for name in ("system", "code", "display") if isinstance(coding.get(name), str)}
    return {"coding": [{**kept, "userSelected": coding["system"] != CANCELLATION_SYSTEM}]}


def _extension(values: Mapping[str, Any]) -> dict[str, Any] | None:
    wanted = {
        "replace /extension": ("action-comment", "valueString"),
        "add /extension": ("reschedule-reason", "valueCodeableConcept"),
    }
    found = [(key, *names) for key, names in wanted.items() if key in values]
    if len(found) > 1:
        raise unprocessable("only one of replace /extension and add /extension must be provided")
    for key, name, member in found:
        value = values[key]
        extension = value[0] if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict) else {}
        if extension.get("url") != EXTENSION_ROOT + name or member not in extension:
            raise unprocessable(f"{key} must have exactly one {name} extension with {member}")
        return {member: extension[member], "url": extension["url"]}
    return None


def _text(values: Mapping[str, Any], key: str) -> str | None:
    if key in values and not isinstance(values[key], str):
        raise unprocessable(f"{key} must be a string")
    return values.get(key)


def _accepting(appointment: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    if "replace /patient-status" not in values:
        return False
    if values["replace /patient-status"] != "accepted":
        raise unprocessable("patient-status must be accepted")
    patient = patient_of(appointment)
    if appointment.get("status") != "booked" or patient is None or patient.get("status") != "tentative":
        raise unprocessable("patient-status may change only while the appointment is booked and the patient tentative")
    return True


def patient_of(appointment: Mapping[str, Any]) -> dict[str, Any] | None:
    """The patient among the participants."""
    participants = appointment.get("participant", [])
    return next((p for p in participants if str(p.get("actor", {}).get("reference", "")).startswith("Patient/")), None)


def _links(appointment: Mapping[str, Any], by_key: Mapping[str, Operation]) -> dict[str, str] | None:
    operations = [operation for operation in by_key.values() if operation.path in VIDEO_PATHS]
    if not operations:
        return None
    rooms = appointment.get("contained", [])
    if len(rooms) < 2:
        raise unprocessable("links may be provided only for a video visit")
    if any(not isinstance(operation.value, str) or len(operation.value) > LONGEST_LINK for operation in operations):
        raise unprocessable(f"a link must be a string of at most {LONGEST_LINK} characters")
    if operations[0].op == "add" and any(room.get("telecom", [{}])[0].get("value") for room in rooms[:2]):
        raise conflict("the video visit already has links")
    return {operation.path: str(operation.value) for operation in operations}
