"""The FHIR surfaces of a tenant: the secure one and the patients', where every call but discovery needs a token, and the open one.

Only the secure surface of staff and systems takes writes; portal users' tokens are good on the patients' surface, all others' elsewhere.

Not known from public sources, chosen here: an interaction that the tenant does not offer is a 404 like an unknown resource type; an
`If-Match` that is no entity tag counts as missing (412); a wrong media type of a body is a bare 415; the second, portal-side allow
list answers with an OperationOutcome `forbidden`.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from email.utils import format_datetime

from millgate.simulator import documents
from millgate.simulator.answers import Answer, Refused, bad_request, conflict, fhir, not_found, outcome, unprocessable
from millgate.simulator.authorization import Token, insufficient_scope
from millgate.simulator.call import Call
from millgate.simulator.clients import Persona
from millgate.simulator.discovery import Addresses, Surface, capability_statement, offers, smart_configuration
from millgate.simulator.records import Record
from millgate.simulator.scheduling.appointment_body import read_appointment
from millgate.simulator.scheduling.appointment_patch import read_change
from millgate.simulator.scheduling.json_patch import decode_json, read_patch
from millgate.simulator.search.dates import span_of
from millgate.simulator.search.table import RULES
from millgate.simulator.tenant import Tenant
from millgate.simulator.view import View

_BODY_TYPES = frozenset({"application/fhir+json", "application/json"})
_PATCH_TYPE = "application/json-patch+json"
OPEN_CLIENT = "open"


class FhirSurface:
    """One tenant as it is reached on one surface."""

    def __init__(self, tenant: Tenant, call: Call, surface: Surface) -> None:
        self._tenant, self._call, self._surface = tenant, call, surface
        self._addresses = Addresses(call.origin, tenant.tenant_id)
        self._base = self._addresses.base(surface)
        self._token: Token | None = None

    def answer(self, rest: tuple[str, ...]) -> Answer:
        """The answer to the path below the tenant's base."""
        rest = rest[:-1] if rest and rest[-1] == "" else rest
        if rest == ("metadata",) and self._call.method == "GET":
            self._call.check_acceptable()
            return fhir(200, capability_statement(self._addresses, self._tenant.today(self._call.now), self._surface))
        if rest == (".well-known", "smart-configuration") and self._surface != "open" and self._call.method == "GET":
            host: Persona = "patient" if self._surface == "patient" else "provider"
            answer = fhir(200, smart_configuration(self._addresses, host, names_issuer=self._tenant.names_issuer))
            answer.content_type = "application/json"
            return answer
        if self._surface != "open":
            self._token = self._tenant.authorization.bearer(self._call.header("Authorization"))
            self._call.client = self._token.client.client_id
            client = self._token.client
            if client.release != "r4" or (client.persona == "patient") is not (self._surface == "patient"):
                raise insufficient_scope()
        if rest[:1] == ("Binary",) and len(rest) == 2 and self._call.method == "GET":
            return self._binary(rest[1])
        self._call.check_acceptable()
        if rest == ("DocumentReference", documents.FETCH) and self._call.method == "GET":
            return self._fetch_summary()
        if not rest:
            return self._batch()
        if not offers(self._surface, rest[0]) or len(rest) > 2:
            raise not_found()
        return self._interaction(rest[0], rest[1] if len(rest) == 2 else None)

    def _interaction(self, resource_type: str, resource_id: str | None) -> Answer:
        method = self._call.method
        if method == "GET" and resource_id is None and RULES[resource_type].searchable:
            self._may(resource_type, "s")
            return self._tenant.search.run(
                RULES[resource_type],
                self._call.raw_query,
                self._base,
                lambda other: self._may(other, "r"),
                self._view(resource_type, "s"),
            )
        if method == "GET" and resource_id is not None:
            self._may(resource_type, "r")
            return self._read(resource_type, resource_id)
        if self._surface == "ehr" and method == "POST" and resource_type == "Appointment" and resource_id is None:
            self._may(resource_type, "c")
            return self._create_appointment()
        if self._surface == "ehr" and method == "PATCH" and resource_type in ("Appointment", "Slot") and resource_id is not None:
            self._may(resource_type, "u")
            return self._patch(resource_type, resource_id)
        raise not_found()

    def _may(self, resource_type: str, letter: str) -> None:
        """Refused with the gateway's 403 without the scope, with the portal's 403 if the app is not let at the resource type."""
        if self._token is None:
            return
        if not self._token.permits(resource_type, letter):
            raise insufficient_scope()
        allowed = self._token.client.resources
        if allowed is not None and resource_type not in allowed:
            raise Refused(outcome(403, "forbidden", "Forbidden resource"))

    def _view(self, resource_type: str, letter: str) -> View:
        return View.of(self._token, self._tenant.records, resource_type, letter)

    # --- reads

    def _read(self, resource_type: str, resource_id: str) -> Answer:
        view = self._view(resource_type, "r")
        record = self._tenant.records.read(resource_type, resource_id)
        if record is None or not view.lets_through(record):
            raise view.missing(resource_id) or not_found()
        record = view.shown(record)
        headers = {"ETag": _entity_tag(record)} if "meta" in record.resource else {}  # a combined record has no version
        if modified := _last_modified(record):
            headers["Last-Modified"] = modified
        return fhir(200, record.body, headers, [record.key])

    # --- documents

    def _binary(self, resource_id: str) -> Answer:
        """The bytes of a document. They need the scope of Binary and of one type that has documents."""
        self._may("Binary", "r")
        if self._token is not None and not any(self._token.permits(holder, "r") for holder in documents.HOLDERS):
            raise insufficient_scope()
        accept = self._call.header("Accept") or "*/*"
        if resource_id == documents.GENERATE:
            self._may("DocumentReference", "r")
            given = documents.operation_parameters(self._call.raw_query, ("patient", "start", "end", "encounter"))
            self._view("Binary", "r").check_patients([given["patient"]])
            body = self._tenant.hospital.summary(given["patient"], self._call.now, str(uuid.uuid4()))
            if body is None:
                raise not_found()
            return documents.content(documents.generated(body, self._call.now), accept)
        view = self._view("Binary", "r")
        record = self._tenant.records.read("Binary", resource_id)
        if record is None or not view.lets_through(record):
            raise not_found()
        return documents.content(record.resource, accept)

    def _fetch_summary(self) -> Answer:
        self._may("DocumentReference", "r")
        given = documents.operation_parameters(self._call.raw_query, ("patient", "start", "end", "type"))
        self._view("DocumentReference", "r").check_patients([given["patient"]])
        if self._tenant.records.read("Patient", given["patient"]) is None:
            raise not_found()
        return documents.summary_bundle(self._base, self._call.raw_query, given, self._call.now)

    # --- writes

    def _client(self) -> str:
        return self._token.client.client_id if self._token is not None else OPEN_CLIENT

    def _create_appointment(self) -> Answer:
        if self._call.media_type() not in _BODY_TYPES:
            raise Refused(Answer(415))
        new = read_appointment(decode_json(self._call.body))
        self._view("Appointment", "c").check_patients([new.patient_id])
        record = self._tenant.calendar.create(new, self._client())
        return self._written(201, record, {"Location": f"{self._base}/Appointment/{record.id}"})

    def _patch(self, resource_type: str, resource_id: str) -> Answer:
        record = self._tenant.records.read(resource_type, resource_id)
        if record is None or not self._view(resource_type, "u").lets_through(record):
            raise not_found()
        if self._call.media_type() != _PATCH_TYPE:
            raise Refused(Answer(415))
        self._check_version(record)
        operations = read_patch(self._call.body)
        if resource_type == "Slot":
            return self._written(200, self._tenant.calendar.hold(record, operations, self._client()))
        change = read_change(record.resource, operations, self._tenant.tenant_id)
        if change.links is not None:
            self._may(resource_type, "r")
        return self._written(200, self._tenant.calendar.change(record, change, self._client()))

    def _check_version(self, record: Record) -> None:
        sent = (self._call.header("If-Match") or "").strip()
        if not (sent.startswith(('W/"', '"')) and sent.endswith('"')):
            raise Refused(outcome(412, "required", "If-Match must be provided"))
        if sent.removeprefix("W/") != _entity_tag(record).removeprefix("W/"):
            raise conflict("the version in If-Match is not the current version")

    def _written(self, status: int, record: Record, headers: dict[str, str] | None = None) -> Answer:
        """No body, and the media type of a page: so the live server answers a write."""
        return Answer(status, b"", "text/html", {"ETag": _entity_tag(record), **(headers or {})})

    def _batch(self) -> Answer:
        """A batch may only create Provenance, for which there is no endpoint here: every batch is refused."""
        if self._surface != "ehr" or self._call.method != "POST":
            raise not_found()
        if self._call.media_type() not in _BODY_TYPES:
            raise Refused(Answer(415))
        body = decode_json(self._call.body)
        if not isinstance(body, dict) or body.get("resourceType") != "Bundle" or body.get("type") != "batch":
            raise bad_request("the body must be a Bundle of type batch")
        raise unprocessable("the batch has an entry that is not supported", "not-supported")


def _entity_tag(record: Record) -> str:
    return f'W/"{record.resource.get("meta", {}).get("versionId", "")}"'


def _last_modified(record: Record) -> str | None:
    span = span_of(record.resource.get("meta", {}).get("lastUpdated"))
    return format_datetime(_whole_second(span.low), usegmt=True) if span is not None else None


def _whole_second(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0)
