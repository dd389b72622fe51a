"""`POST /create_appointment`: book, propose, reschedule, change status, cancel."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from litestar import Request, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.response.base import ASGIResponse

from millgate.errors import FieldProblem, FixRequest
from millgate.flow.appointment_request import LONGEST_KEY, AppointmentRequest
from millgate.flow.write import APPOINTMENT
from millgate.surfaces.api.door import JSON, PRIVATE, Asked, Door, Reply, Seen, read_body
from millgate.surfaces.api.openapi import refusals, write_operation

WRITE_REFUSALS = (400, 401, 403, 404, 405, 409, 413, 415, 422, 423, 424, 429, 500, 502, 503, 504)


def routes(door: Door) -> list[HTTPRouteHandler]:
    """The writing routes."""
    shape = APPOINTMENT.struct

    @post(
        "/create_appointment",
        status_code=201,
        operation_id="create_appointment",
        tags=["Writing"],
        summary="Book, propose, reschedule or cancel an appointment, or change its status",
        operation_class=write_operation(AppointmentRequest),
        responses={
            201: ResponseSpec(shape, generate_examples=False, description="The appointment that was made."),
            200: ResponseSpec(shape, generate_examples=False, description="The appointment that was changed."),
            **refusals(WRITE_REFUSALS),
        },
    )
    async def create_appointment(request: Request[Any, Any, Any]) -> ASGIResponse:
        async def work(asked: Asked, seen: Seen) -> Reply:
            session = await door.session(asked, seen)
            wanted = await read_body(request, asked, AppointmentRequest)
            seen.action = "update" if wanted.appointment_id else "create"
            seen.ids = (wanted.appointment_id,) if wanted.appointment_id else ()
            seen.patients = (wanted.patient_id,) if wanted.patient_id else ()
            key = _key(asked.idempotency_key, wanted.idempotency_key)
            written = await door.app.writer.appointment(session, wanted, key=key, if_match=asked.if_match)
            seen.ids, seen.patients, seen.calls = (written.id,), written.patients or seen.patients, written.calls
            headers = [("location", f"/appointments/{quote(written.id, safe='')}"), PRIVATE]  # the id is the source's word
            headers += [("etag", written.etag)] if written.etag else []
            headers += [("idempotency-replayed", "true")] if written.replayed else []
            return Reply(written.body, written.status, JSON, headers)

        return await door.lead(request, Seen("create", "appointment"), work)

    return [create_appointment]


def _key(header: str | None, field: str | None) -> str:
    """The idempotency key, from the header or the body; both are fine if they agree."""
    told = None
    if header is None and field is None:
        told = "send the Idempotency-Key header (or idempotency_key in the body): any text that is new for each new request"
    elif header is not None and field is not None and header != field:
        told = "the header and idempotency_key in the body differ; send one of them"
    elif header is not None and not 1 <= len(header) <= LONGEST_KEY:
        told = f"has 1 to {LONGEST_KEY} characters"
    if told:
        raise FixRequest(
            "invalid_request", "The idempotency key is not usable.", errors=[FieldProblem("Idempotency-Key", "required", told)]
        )
    return header or field or ""
