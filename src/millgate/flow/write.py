"""Write: book, propose, move and cancel appointments, once per idempotency key, and never twice blindly.

A request is recorded before anything is sent. Where the outcome is unknown (no answer came), the source is asked for the effect before
the same thing is sent again; the last answer is kept and given again to the same key and body.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec
import structlog

from millgate.access.connection import Connection
from millgate.access.parties import Session
from millgate.access.rules import allow_patient, held_patient, is_only_about, require
from millgate.canonical import json
from millgate.canonical.exchange import AppointmentWrite, BookSlot, Call, ChangeStatus, Found, ProposeAppointment, Sent
from millgate.canonical.patients import is_patient_id, patients_of
from millgate.errors import FieldProblem, FixRequest, GatewayError, NeedAccess, TryLater, Upstream
from millgate.flow.appointment_request import AppointmentRequest, cancel_reason, check, checked, digest, not_sent
from millgate.flow.authenticate import Authenticator
from millgate.flow.pathway import Pathway
from millgate.flow.read import Reader, instant, names_current, object_etag
from millgate.flow.record import Recorder
from millgate.flow.service_types import BookableTypes
from millgate.objects import OBJECTS, Context, encode_object

log = structlog.get_logger(__name__)

APPOINTMENT = OBJECTS["appointment"]
TOUCHED = ("appointment", "slot")
# How far the source's clock may lie behind ours when an effect is looked for by its time.
CLOCKS_APART = timedelta(minutes=2)
OVER = ("cancelled", "fulfilled", "noshow", "entered-in-error")  # Source: FHIR R4 AppointmentStatus


@dataclass(slots=True)
class Written:
    """The answer to a write, ready to be sent: HTTP status, body, the appointment's id and ETag."""

    status: int
    body: bytes
    id: str
    etag: str | None
    patients: tuple[str, ...]
    calls: list[Call] = field(default_factory=list)
    replayed: bool = False


class Conflict(FixRequest):
    """A `version_conflict`, with the object as it is now."""

    current: bytes


class Kept(msgspec.Struct, array_like=True):
    """What is kept of the first answer under an idempotency key."""

    status: int
    body: bytes
    id: str
    etag: str | None
    patients: tuple[str, ...]
    failure: str | None = None  # the error's code, where the answer was a final refusal
    detail: str | None = None
    upstream: Upstream | None = None


class Begun(Protocol):
    """What the store says of a key: `started`, `replay` (with the kept answer), `in_progress`, `reused` or `abandoned`."""

    @property
    def state(self) -> str: ...

    @property
    def answer(self) -> bytes | None: ...

    @property
    def started_at(self) -> datetime | None: ...


class Keys(Protocol):
    """The store's side of idempotency."""

    async def begin(self, *, client_id: str, tenant: str, key: str, body_hash: bytes) -> Begun: ...
    async def finish(self, *, client_id: str, tenant: str, key: str, answer: bytes) -> None: ...
    async def release(self, *, client_id: str, tenant: str, key: str) -> None: ...
    async def leave(self, *, client_id: str, tenant: str, key: str) -> None: ...


class Writer:
    """Carries out one appointment request at a time for a session."""

    def __init__(
        self,
        *,
        authenticator: Authenticator,
        pathway: Pathway,
        recorder: Recorder,
        reader: Reader,
        bookable: BookableTypes,
        keys: Keys,
        now: Callable[[], datetime],
    ) -> None:
        self._authenticator = authenticator
        self._pathway = pathway
        self._recorder = recorder
        self._reader = reader
        self._bookable = bookable
        self._keys = keys
        self._now = now
        self._under_way: set[asyncio.Task[Written]] = set()

    async def appointment(
        self, session: Session, request: AppointmentRequest, *, key: str, if_match: str | None = None
    ) -> Written:
        """What came of the request; the first answer again if this key and body came before.

        Raises FixRequest("invalid_request" | "slot_taken" | "version_conflict" | "idempotency_key_reused" | "rejected_by_source"),
        TryLater("operation_in_progress" | "upstream_unavailable" …), NeedAccess("scope_missing" …).
        """
        check(request)
        _check_rights(session, request)
        held = {"client_id": _holder(session), "tenant": session.tenant, "key": key}
        begun = await self._keys.begin(**held, body_hash=digest(request))
        if begun.state == "replay" and begun.answer is not None:
            return _replay(begun.answer)
        if begun.state == "reused":
            raise FixRequest("idempotency_key_reused", "This idempotency key came with another request before; use a new key.")
        if begun.state == "in_progress":
            raise TryLater("operation_in_progress", "The first request with this key is still under way.", retry_after=2)
        # From here on the outcome belongs to the key, whether or not the caller still waits for it.
        work = asyncio.ensure_future(
            self._carry_out(
                session, request, held, again=begun.started_at if begun.state == "abandoned" else None, if_match=if_match
            )
        )
        self._under_way.add(work)
        work.add_done_callback(self._under_way.discard)
        return await asyncio.shield(work)

    async def close(self) -> None:
        """Wait for the writes that are under way, whether or not their callers still do."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _carry_out(
        self, session: Session, request: AppointmentRequest, held: dict[str, str], *, again: datetime | None, if_match: str | None
    ) -> Written:
        try:
            written = await self._perform(session, request, again=again, if_match=if_match)
        except GatewayError as error:
            await self._settle_failure(error, held, again=again)
            raise
        except BaseException:
            await self._keys.leave(**held)  # whoever asks next looks for the effect first
            raise
        kept = Kept(written.status, written.body, written.id, written.etag, written.patients)
        await self._finish(held, kept)
        return written

    async def _finish(self, held: dict[str, str], kept: Kept) -> None:
        """Keep the key's answer. Where that fails the key is left, so that whoever asks next looks for the effect."""
        try:
            await self._keys.finish(**held, answer=msgspec.msgpack.encode(kept))
        except BaseException:
            await self._keys.leave(**held)
            raise

    async def _settle_failure(self, error: GatewayError, held: dict[str, str], *, again: datetime | None) -> None:
        """Keep the source's refusal as the key's answer; free the key if nothing was sent or the same may succeed; leave it open
        if nobody knows, and as long as nobody knows what became of an earlier sending (`again`)."""
        sent = any(
            isinstance(call, Call) and call.method in ("POST", "PATCH") and call.resource_type != "token" for call in error.calls
        )
        if error.outcome_unknown:
            await self._keys.leave(**held)
        elif not sent or error.meaning.retryable or error.code in ("upstream_error", "version_conflict"):
            await (self._keys.leave if again else self._keys.release)(**held)
        else:
            await self._finish(held, Kept(error.meaning.status, b"", "", None, (), error.code, error.detail, error.upstream))

    async def _perform(
        self, session: Session, request: AppointmentRequest, *, again: datetime | None, if_match: str | None
    ) -> Written:
        connection = await self._authenticator.connection_of(session)
        calls: list[Call] = []
        try:
            if request.appointment_id is None:
                write = await self._booking(session, request)
                sent = await self._send(connection, write, calls, again=again)
                warnings = not_sent(request, "service_type") if isinstance(write, BookSlot) else []
                return await self._answer(connection, sent, 201, calls, warnings)
            if request.slot_id is not None:
                return await self._reschedule(session, connection, request, calls, again=again, if_match=if_match)
            return await self._change_status(session, connection, request, calls, again=again, if_match=if_match)
        except GatewayError as error:
            error.calls = (*calls, *error.calls)
            raise
        finally:
            await self._reader.written(session.tenant, TOUCHED)

    async def _booking(self, session: Session, request: AppointmentRequest) -> AppointmentWrite:
        patient_id = checked(request.patient_id)
        if request.slot_id is not None:
            return BookSlot(request.slot_id, patient_id, request.reason, request.comment)
        period = checked(request.requested_period)
        known = await self._bookable.find(session.tenant, request.service_type or "")
        if known is None:
            raise FixRequest(
                "invalid_request",
                "The service type is not one of this tenant's.",
                errors=[FieldProblem("service_type", "unknown", "GET /service_types lists the bookable types of this tenant")],
            )
        coding = {"system": known.system, "code": known.code} | ({"display": known.display} if known.display else {})
        return ProposeAppointment(
            patient_id=patient_id,
            location_ids=(checked(request.location_id),),
            service_type=coding,
            start=period.start,
            end=period.end,
            reason=request.reason,
            comment=request.comment,
        )

    async def _change_status(
        self,
        session: Session,
        connection: Connection,
        request: AppointmentRequest,
        calls: list[Call],
        *,
        again: datetime | None,
        if_match: str | None,
    ) -> Written:
        appointment_id, status = checked(request.appointment_id), checked(request.status)
        found = await self._current(session, connection, appointment_id, calls, None if again else if_match)
        if again and found.resource.get("status") == status:
            return await self._answer(connection, Sent(appointment_id, found.version, []), 200, calls, [], found)
        reason, warnings = cancel_reason(request)
        write = ChangeStatus(appointment_id, status, found.version or "", reason)
        sent = await self._send_change(connection, write, calls)
        return await self._answer(connection, sent, 200, calls, warnings)

    async def _reschedule(
        self,
        session: Session,
        connection: Connection,
        request: AppointmentRequest,
        calls: list[Call],
        *,
        again: datetime | None,
        if_match: str | None,
    ) -> Written:
        """Book the new slot, then cancel the old appointment: at no moment is there neither."""
        appointment_id, slot_id = checked(request.appointment_id), checked(request.slot_id)
        old = await self._current(session, connection, appointment_id, calls, None if again else if_match)
        status = old.resource.get("status")
        if status == "proposed":
            sent = await self._send_change(
                connection, ChangeStatus(appointment_id, "booked", old.version or "", None, slot_id), calls
            )
            return await self._answer(connection, sent, 200, calls, not_sent(request, "reason", "comment"))
        patients = patients_of(old.resource)
        if len(patients) != 1 or not is_patient_id(patients[0]):
            raise FixRequest("rejected_by_source", "The appointment names no single patient, so it cannot be booked anew.")
        allow_patient(session, patients[0], require(session, "Appointment", "c"))
        if again and "requestedPeriod" in old.resource:  # it was a proposal: the first sending may have given it this slot
            done = await self._effect(connection, BookSlot(slot_id, patients[0]), calls, None)
            if done is not None and done.resource_id == appointment_id:
                return await self._answer(connection, done, 200, calls, [], old)
        reason = request.reason or _text_of(old.resource.get("reasonCode"))
        comment = request.comment or _plain(old.resource.get("comment"))
        write = BookSlot(slot_id, patients[0], reason, comment, instead_of=appointment_id)
        if status in OVER:  # unless it was this very request that cancelled it
            done = await self._effect(connection, write, calls, again - CLOCKS_APART) if again else None
            if done is None:
                told = f"The appointment is {status}, so it cannot be rescheduled; book a new one."
                raise FixRequest("rejected_by_source", told)
            return await self._answer(connection, done, 201, calls, [])
        sent = await self._send(connection, write, calls, again=again)
        warnings = await self._cancel_old(connection, ChangeStatus(appointment_id, "cancelled", old.version or ""), calls)
        return await self._answer(connection, sent, 201, calls, warnings)

    async def _cancel_old(self, connection: Connection, write: ChangeStatus, calls: list[Call]) -> list[dict[str, str]]:
        """Cancel what was rescheduled. The new booking stands whether or not this succeeds, so a failure is a warning."""
        try:
            await self._send_change(connection, write, calls)
        except GatewayError as error:
            calls.extend(call for call in error.calls if isinstance(call, Call))
            told = f"The new slot is booked, but the old appointment could not be cancelled ({error.code}); cancel it."
            return [{"code": "old_appointment_not_cancelled", "field": "appointment_id", "detail": told}]
        return []

    async def _current(
        self, session: Session, connection: Connection, appointment_id: str, calls: list[Call], if_match: str | None
    ) -> Found:
        """The appointment as it is now, if the session may see it and it is still the one that the caller saw (`If-Match`)."""
        found = await self._pathway.read(connection, "Appointment", appointment_id)
        calls.extend(found.calls)
        held = held_patient(session, require(session, "Appointment", "u"))
        if held is not None and not is_only_about(patients_of(found.resource), held, scoped=True):
            raise NeedAccess(
                "patient_out_of_context", "The session is held to one patient, and this is not that patient's alone."
            )
        if if_match is not None and not names_current(if_match, found.resource, connection.tenant.time_zone):
            raise self._conflict(connection, found)
        return found

    async def _send(self, connection: Connection, write: AppointmentWrite, calls: list[Call], *, again: datetime | None) -> Sent:
        """Send, and where nobody knows whether it arrived, look for the effect first and send once more only if there is none.

        The first sending may still take effect after that. A slot is given once, and a version changes once, so the source itself
        then refuses the second; nothing refuses a second proposal, so it is not sent again within the same call.
        """
        if again and (done := await self._effect(connection, write, calls, again - CLOCKS_APART)):
            return done
        since = self._now() - CLOCKS_APART
        for attempt in (1, 2):
            try:
                sent = await self._pathway.send(connection, write)
                calls.extend(sent.calls)
                return sent
            except GatewayError as error:
                uncertain = error.outcome_unknown or (attempt == 2 and error.code in ("slot_taken", "version_conflict"))
                if not uncertain:
                    raise
                calls.extend(call for call in error.calls if isinstance(call, Call))
                error.calls = ()
                log.warning("outcome unknown", tenant=connection.tenant.name, code=error.code, attempt=attempt)
                if done := await self._effect(connection, write, calls, since):
                    return done
                if attempt == 2 or isinstance(write, ProposeAppointment):
                    error.outcome_unknown = True  # also of a refusal: the first sending may be what it was refused for
                    raise
        raise AssertionError("unreachable")

    async def _effect(
        self, connection: Connection, write: AppointmentWrite, calls: list[Call], since: datetime | None
    ) -> Sent | None:
        try:
            done = await self._pathway.find_effect(connection, write, since)
        except GatewayError as error:
            error.outcome_unknown = True  # we still do not know
            raise
        if done:
            calls.extend(done.calls)
        return done

    async def _send_change(self, connection: Connection, write: ChangeStatus, calls: list[Call]) -> Sent:
        """A PATCH with `If-Match` is safe to repeat; a stale version comes back with the object as it is now."""
        try:
            return await self._send(connection, write, calls, again=None)
        except GatewayError as error:
            if error.code != "version_conflict":
                raise
            calls.extend(call for call in error.calls if isinstance(call, Call))
            found = await self._pathway.read(connection, "Appointment", write.appointment_id)
            calls.extend(found.calls)
            raise self._conflict(connection, found) from error

    def _conflict(self, connection: Connection, found: Found) -> Conflict:
        conflict = Conflict("version_conflict", "The appointment has changed since it was read; `current` holds it as it is now.")
        conflict.current = encode_object(self._normalize(connection, found))
        return conflict

    def _normalize(self, connection: Connection, found: Found) -> Any:
        tenant = connection.tenant
        return APPOINTMENT.normalize(
            found.resource,
            Context(
                tenant=tenant.name,
                pathway=self._pathway.name,
                received_at=instant(found.fetched_at),
                time_zone=tenant.time_zone,
            ),
        )

    async def _answer(
        self,
        connection: Connection,
        sent: Sent,
        status: int,
        calls: list[Call],
        warnings: Sequence[Mapping[str, str]],
        found: Found | None = None,
    ) -> Written:
        """The appointment as it stands after the write. The write has happened, so a failure to read it back is not a failure."""
        if found is None:
            try:
                found = await self._pathway.read(connection, "Appointment", sent.resource_id)
            except GatewayError as error:
                calls.extend(call for call in error.calls if isinstance(call, Call))
                return _unread(connection, sent, status, calls, error)
            calls.extend(found.calls)
        if connection.registration.persona != "patient":  # the patient host masks what it shows: that is no version of the record
            await self._recorder.put(
                connection.tenant.name,
                self._pathway.name,
                [found.resource],
                found.fetched_at,
                connected_at=connection.tenant.created_at,
            )
        body = encode_object(self._normalize(connection, found))
        if warnings:
            told = msgspec.json.decode(body)
            told["warnings"] = [*told.get("warnings", []), *warnings]
            body = msgspec.json.encode(told)
        tag = object_etag(found.resource, connection.tenant.time_zone)
        return Written(status, body, sent.resource_id, tag, patients_of(found.resource), calls)


def _holder(session: Session) -> str:
    """Whose keys these are: the client's, or one person's at the client; who acts for several patients has keys for each."""
    if session.persona == "system":
        return session.client_id
    person = f"{session.client_id}/{session.user or session.id}"
    return f"{person}/{session.patient_id}" if session.persona == "patient" else person


def _check_rights(session: Session, request: AppointmentRequest) -> None:
    context = require(session, "Appointment", "u" if request.appointment_id else "c")
    require(session, "Appointment", "r")
    if request.slot_id is not None:
        require(session, "Slot", "r")  # where no answer comes, the slot's time is what the effect is looked for by
    if request.slot_id is not None and request.appointment_id is not None:
        require(session, "Appointment", "c")
    if request.patient_id is not None:
        allow_patient(session, request.patient_id, context)


def _replay(answer: bytes) -> Written:
    kept = msgspec.msgpack.decode(answer, type=Kept)
    if kept.failure is not None:
        raise Replayed(kept.failure, kept.detail or "", upstream=kept.upstream)
    return Written(kept.status, kept.body, kept.id, kept.etag, kept.patients, replayed=True)


class Replayed(FixRequest):
    """The first answer under this key was a refusal; here it is again."""


def _text_of(concepts: object) -> str | None:
    first = concepts[0] if isinstance(concepts, list) and concepts else None
    return _plain(first.get("text")) if isinstance(first, dict) else None


def _plain(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _unread(connection: Connection, sent: Sent, status: int, calls: list[Call], error: GatewayError) -> Written:
    """The write took effect, but its result could not be read back: the id, and a warning that says so."""
    told = {
        "id": sent.resource_id,
        "object": "appointment",
        "tenant": connection.tenant.name,
        "warnings": [
            {"code": "not_read_back", "detail": f"The write succeeded; reading the appointment back failed ({error.code})."}
        ],
    }
    return Written(status, json.encode(told), sent.resource_id, None, (), calls)
