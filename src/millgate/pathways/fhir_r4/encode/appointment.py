"""Appointments as Millennium takes them: a create body, or a JSON Patch with exactly the companions that it wants.

Source: Millennium fact sheet §3.3 (Appointment).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from millgate.canonical.exchange import AppointmentWrite, BookSlot, ChangeStatus, ProposeAppointment
from millgate.errors import FieldProblem, FixRequest

FHIR_JSON: Final = "application/fhir+json"
JSON_PATCH: Final = "application/json-patch+json"
LONGEST_REASON: Final = 255  # characters; the source answers 400 to 256
LONGEST_COMMENT: Final = 4000  # characters; the source publishes no bound, this one is the gateway's
CHANGES: Final = ("arrived", "checked-in", "fulfilled", "cancelled", "booked")

_ID = re.compile(r"[^\s|/\\?#]{1,128}")
_ZONED = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})")
_VERSION = re.compile(r'[^"\s]{1,128}')


@dataclass(frozen=True, slots=True)
class EncodedWrite:
    """One request: method, path under the tenant's base, JSON body, its media type, and the value of If-Match."""

    method: str
    path: str
    body: Any
    content_type: str
    if_match: str | None = None


def encode_appointment(write: AppointmentWrite) -> EncodedWrite:
    """The request for this write; FixRequest `invalid_request` names everything that the source would refuse."""
    problems: list[FieldProblem] = []
    if isinstance(write, BookSlot):
        encoded = _book(write, problems)
    elif isinstance(write, ProposeAppointment):
        encoded = _propose(write, problems)
    else:
        encoded = _change(write, problems)
    if problems:
        raise FixRequest("invalid_request", "The appointment cannot be written like this.", errors=problems)
    return encoded


def _book(write: BookSlot, problems: list[FieldProblem]) -> EncodedWrite:
    _check_id("slot_id", write.slot_id, problems)
    _check_id("patient_id", write.patient_id, problems)
    body = {
        "resourceType": "Appointment",
        "status": "booked",
        "slot": [{"reference": f"Slot/{write.slot_id}"}],
        "participant": [{"actor": {"reference": f"Patient/{write.patient_id}"}, "status": "accepted"}],
        **_texts(write.reason, write.comment, problems),
    }
    return EncodedWrite("POST", "Appointment", body, FHIR_JSON)


def _propose(write: ProposeAppointment, problems: list[FieldProblem]) -> EncodedWrite:
    _check_id("patient_id", write.patient_id, problems)
    for location_id in write.location_ids:
        _check_id("location_id", location_id, problems)
    if not write.location_ids:
        problems.append(FieldProblem("location_id", "required", "A proposed appointment needs at least one location."))
    _check_period(write.start, write.end, problems)
    actors = [f"Patient/{write.patient_id}", *(f"Location/{location_id}" for location_id in write.location_ids)]
    body = {
        "resourceType": "Appointment",
        "status": "proposed",
        "serviceType": [{"coding": [_coding("service_type", write.service_type, problems)]}],
        **_texts(write.reason, write.comment, problems),
        "participant": [{"actor": {"reference": actor}, "status": "needs-action"} for actor in actors],
        "requestedPeriod": [{"start": write.start, "end": write.end}],
    }
    return EncodedWrite("POST", "Appointment", body, FHIR_JSON)


def _change(write: ChangeStatus, problems: list[FieldProblem]) -> EncodedWrite:
    _check_id("appointment_id", write.appointment_id, problems)
    if write.status not in CHANGES:
        problems.append(FieldProblem("status", "not_offered", f"An appointment moves to {', '.join(CHANGES)}."))
    if (write.status == "booked") != (write.slot_id is not None):
        problems.append(FieldProblem("slot_id", "companion", "A slot comes with the status booked, and booked with a slot."))
    if write.reason is not None and write.status != "cancelled":
        problems.append(FieldProblem("reason", "companion", "A coded reason comes with the status cancelled only."))
    if not _VERSION.fullmatch(bare_version(write.version)):
        problems.append(
            FieldProblem("version", "required", "A change needs the version of the appointment that it was read with.")
        )
    return EncodedWrite(
        "PATCH",
        f"Appointment/{quote(write.appointment_id, safe='')}",
        _operations(write, problems),
        JSON_PATCH,
        f'W/"{bare_version(write.version)}"',
    )


def _operations(write: ChangeStatus, problems: list[FieldProblem]) -> list[dict[str, Any]]:
    """The patch; in the order of the vendor's examples."""
    replace_status = {"op": "replace", "path": "/status", "value": write.status}
    if write.slot_id is not None:
        _check_id("slot_id", write.slot_id, problems)
        return [{"op": "add", "path": "/slot", "value": [{"reference": f"Slot/{write.slot_id}"}]}, replace_status]
    if write.reason is not None:
        reason = {"coding": [_coding("reason", write.reason, problems)]}
        return [replace_status, {"op": "add", "path": "/cancelationReason", "value": reason}]
    return [replace_status]


def bare_version(version: str) -> str:
    """The version without the wrapping of a weak ETag, however it came: `W/"10-1"`, `"10-1"` or `10-1`."""
    text = version.strip().removeprefix("W/")
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def _texts(reason: str | None, comment: str | None, problems: list[FieldProblem]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if reason is not None:
        _check_text("reason", reason, LONGEST_REASON, problems)
        found["reasonCode"] = [{"text": reason}]
    if comment is not None:
        _check_text("comment", comment, LONGEST_COMMENT, problems)
        found["comment"] = comment
    return found


def _coding(field: str, coding: Mapping[str, Any], problems: list[FieldProblem]) -> dict[str, Any]:
    """One coding, so that standard and proprietary ones are never mixed: the source answers that with 422."""
    system, code, display = coding.get("system"), coding.get("code"), coding.get("display")
    if not (isinstance(system, str) and system and isinstance(code, str) and code):
        problems.append(FieldProblem(field, "invalid", f"{field} needs one coding with its system and code."))
    kept = {"system": system, "code": code, "display": display}
    return {name: value for name, value in kept.items() if value is not None}


def _check_id(field: str, value: str, problems: list[FieldProblem]) -> None:
    if not _ID.fullmatch(value) or value in (".", ".."):
        problems.append(FieldProblem(field, "invalid", f"{field} is an id as the source gave it."))


def _check_text(field: str, value: str, longest: int, problems: list[FieldProblem]) -> None:
    if not value.strip():
        problems.append(FieldProblem(field, "empty", f"{field} holds no text."))
    if len(value) > longest:
        problems.append(FieldProblem(field, "too_long", f"{field} has {len(value)} characters; at most {longest} are taken."))


def _check_period(start: str, end: str, problems: list[FieldProblem]) -> None:
    read: list[datetime] = []
    for side, value in (("start", start), ("end", end)):
        try:
            if not _ZONED.fullmatch(value):
                raise ValueError
            read.append(datetime.fromisoformat(value.replace("Z", "+00:00")))
        except ValueError:
            detail = f"The {side} is a dateTime with seconds and offset; the source refuses times without a zone."
            problems.append(FieldProblem(f"requested_period.{side}", "invalid", detail))
    if len(read) == 2 and read[0] >= read[1]:
        problems.append(FieldProblem("requested_period.end", "empty_period", "The end has to be later than the start."))
