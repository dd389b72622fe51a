"""What a caller asks of an appointment: one form for booking, proposing, rescheduling and changing the status, checked as a whole."""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from millgate.errors import FieldProblem, FixRequest

LONGEST_KEY = 255
STATUSES = ("arrived", "checked-in", "fulfilled", "cancelled")

Given = TypeVar("Given")

Text = Annotated[str, Meta(min_length=1, max_length=1000)]
Id = Annotated[str, Meta(min_length=1, max_length=256)]


class RequestedPeriod(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a proposed appointment should be: two instants with their offsets."""

    start: Annotated[str, Meta(description="Earliest start, an instant with its offset.")]
    end: Annotated[str, Meta(description="Latest end, an instant with its offset.")]


class AppointmentRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Book (`slot_id`, `patient_id`), propose (`requested_period`, `location_id`), reschedule (`appointment_id`, `slot_id`) or change
    the status of (`appointment_id`, `status`) an appointment."""

    slot_id: Annotated[Id | None, Meta(description="The free slot to take.")] = None
    patient_id: Annotated[Id | None, Meta(description="For whom.")] = None
    appointment_id: Annotated[Id | None, Meta(description="The appointment to change; without it, one is made.")] = None
    status: Annotated[str | None, Meta(description="arrived, checked-in, fulfilled or cancelled.")] = None
    service_type: Annotated[
        Text | None, Meta(description="One of /service_types, as system|code or code; for a proposed appointment.")
    ] = None
    reason: Annotated[
        Text | None, Meta(description="Why: text for a booking (255 characters at most), system|code for a cancellation.")
    ] = None
    comment: Annotated[Text | None, Meta(description="A remark for the schedulers.")] = None
    requested_period: Annotated[RequestedPeriod | None, Meta(description="When, for a proposed appointment.")] = None
    location_id: Annotated[Id | None, Meta(description="Where, for a proposed appointment.")] = None
    idempotency_key: Annotated[
        Annotated[str, Meta(min_length=1, max_length=LONGEST_KEY)] | None,
        Meta(description="Instead of the Idempotency-Key header."),
    ] = None


def check(request: AppointmentRequest) -> None:
    """Refuse a request that is none of: book, propose, reschedule, change status. Names all problems at once."""
    problems = list(_problems(request))
    if problems:
        raise FixRequest(
            "invalid_request",
            "To book, send slot_id and patient_id; to reschedule, appointment_id and slot_id; to change the status, appointment_id and "
            "status; to propose, patient_id, location_id, service_type and requested_period.",
            errors=problems,
        )


def _problems(request: AppointmentRequest) -> list[FieldProblem]:
    given = {name for name in request.__struct_fields__ if getattr(request, name) is not None}
    if request.appointment_id is not None:
        wanted: set[str] = set() if {"slot_id", "status"} & given else {"status"}
        allowed = {"slot_id", "reason", "comment"} if "slot_id" in given else {"status", "reason"}
    elif "slot_id" in given:
        wanted, allowed = {"patient_id"}, {"slot_id", "patient_id", "service_type", "reason", "comment"}
    else:
        wanted = {"patient_id", "location_id", "service_type", "requested_period"}
        allowed = wanted | {"reason", "comment"}
        if not given & {"requested_period", "location_id"}:
            wanted = {"slot_id", "patient_id"}
    allowed |= {"appointment_id", "idempotency_key"} | wanted
    problems = [FieldProblem(name, "required", "is missing") for name in sorted(wanted - given)]
    problems += [FieldProblem(name, "not_allowed", "does not go with the other fields") for name in sorted(given - allowed)]
    if request.status is not None and request.status not in STATUSES:
        problems.append(FieldProblem("status", "invalid", f"must be one of {', '.join(STATUSES)}"))
    if request.reason is not None and len(request.reason) > 255 and request.status is None:
        problems.append(FieldProblem("reason", "too_long", "the source takes 255 characters at most"))
    return problems


def checked(value: Given | None) -> Given:
    """A field that `check` has already seen to."""
    if value is None:
        raise AssertionError("a request went on unchecked")
    return value


def digest(request: AppointmentRequest) -> bytes:
    """What makes two requests the same: all fields but the key itself."""
    return sha256(msgspec.json.encode(msgspec.structs.replace(request, idempotency_key=None), order="sorted")).digest()


def cancel_reason(request: AppointmentRequest) -> tuple[dict[str, str] | None, list[dict[str, str]]]:
    """The coded reason for a cancellation. The source takes a coding and ignores text, so text is answered with a warning."""
    if request.reason is None:
        return None, []
    system, bar, code = request.reason.rpartition("|")
    if request.status == "cancelled" and bar and system and code:
        return {"system": system, "code": code}, []
    told = "The source keeps a reason only as a code (system|code) and only for a cancellation; this one was not sent."
    return None, [{"code": "not_sent", "field": "reason", "detail": told}]


def not_sent(request: AppointmentRequest, *names: str) -> list[dict[str, str]]:
    """A warning for each field that was given and that the source takes no such thing of."""
    return [
        {"code": "not_sent", "field": name, "detail": f"The slot decides; the source takes no {name} here, so it was not sent."}
        for name in names
        if getattr(request, name) is not None
    ]
