"""The DSTU2 surfaces of a tenant: the secure one, where every call but `metadata` needs a token, and the open one. Both only read.

Not known from public sources, chosen here: writes are refused as if their scopes were never granted, for nothing is written over a
release that is retired; an R4 registration's token is not good here, nor a DSTU2 registration's on R4's surfaces, since an app is
registered for one release.
Source: the vendor's DSTU2 pages (last state 2024): media types, `Client Errors`, Binary, `$docref`.
"""

from __future__ import annotations

import base64
import uuid
from email.utils import format_datetime
from typing import Any

from millgate.simulator import documents
from millgate.simulator.answers import FHIR_JSON, Answer, Refused, fhir, not_acceptable, not_found, outcome
from millgate.simulator.authorization import Token, insufficient_scope
from millgate.simulator.call import Call
from millgate.simulator.discovery import Addresses
from millgate.simulator.dstu2.conformance import conformance
from millgate.simulator.dstu2.records import Dstu2Records
from millgate.simulator.dstu2.search.candidates import Sources
from millgate.simulator.dstu2.search.included import Dstu2Search
from millgate.simulator.dstu2.search.table import RULES
from millgate.simulator.dstu2.types import SEARCH_ONLY, sources
from millgate.simulator.dstu2.view import Dstu2View
from millgate.simulator.records import Record
from millgate.simulator.search.dates import span_of
from millgate.simulator.search.paging import PageMemory
from millgate.simulator.search.table import RULES as R4_RULES
from millgate.simulator.tenant import Tenant

MEDIA_TYPE = "application/json+fhir; charset=utf-8"
SECURE, OPEN = "dstu2", "dstu2_open"
_ACCEPTED = frozenset({"application/json+fhir", "application/json", "application/*", "*/*", "json", "text/json"})
OFFERED = {name: rule for name, rule in RULES.items() if all(source in R4_RULES for source in sources(name))}
_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class Dstu2:
    """One tenant's DSTU2 side: its records and searches, made when it is first called."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.records = Dstu2Records(tenant.records)
        self.search = Dstu2Search(self.records, PageMemory(), Sources(self.records).of)


class Dstu2Surface:
    """A tenant's DSTU2 side as one call reaches it."""

    def __init__(self, side: Dstu2, call: Call) -> None:
        self._side, self._tenant, self._call = side, side.tenant, call
        self._addresses = Addresses(call.origin, side.tenant.tenant_id)
        self._secure = call.surface == SECURE
        self._base = self._addresses.dstu2 if self._secure else self._addresses.dstu2_open
        self._token: Token | None = None

    def answer(self, rest: tuple[str, ...]) -> Answer:
        """The answer to the path below the tenant's base."""
        rest = rest[:-1] if rest and rest[-1] == "" else rest
        if rest == ("metadata",) and self._call.method == "GET":
            self._call.check_acceptable(_ACCEPTED)
            return fhir(200, conformance(self._addresses, self._base, OFFERED, secure=self._secure))
        if rest[:1] == (".well-known",):
            raise not_found()
        if self._secure:
            self._token = self._tenant.authorization.bearer(self._call.header("Authorization"))
            self._call.client = self._token.client.client_id
            if self._token.client.release != "dstu2":
                raise insufficient_scope()
        if rest[:1] == ("Binary",) and len(rest) == 2 and self._call.method == "GET":
            return self._binary(rest[1])
        self._call.check_acceptable(_ACCEPTED)
        if rest == ("DocumentReference", documents.FETCH) and self._call.method == "GET":
            return self._fetch_summary()
        if not rest or rest[0] not in OFFERED or len(rest) > 2:
            raise not_found()
        return self._interaction(rest[0], rest[1] if len(rest) == 2 else None)

    def _interaction(self, resource_type: str, resource_id: str | None) -> Answer:
        if self._secure and self._call.method in _WRITES:
            raise insufficient_scope()
        if self._call.method != "GET":
            raise not_found()
        if resource_id is not None and resource_type not in SEARCH_ONLY:
            self._may(resource_type, "r")
            return self._read(resource_type, resource_id)
        if resource_id is None and OFFERED[resource_type].searchable:
            self._may(resource_type, "s")
            return self._side.search.run(
                OFFERED[resource_type],
                self._call.raw_query,
                self._base,
                lambda other: self._may(other, "r"),
                self._view(resource_type, "s"),
            )
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

    def _view(self, resource_type: str, letter: str) -> Dstu2View:
        return Dstu2View.of(self._token, self._side.records, resource_type, letter)

    def _read(self, resource_type: str, resource_id: str) -> Answer:
        view = self._view(resource_type, "r")
        record = self._side.records.read(resource_type, resource_id)
        if record is None or not view.lets_through(record):
            raise not_found()
        return fhir(200, record.body, _version_headers(record), [record.key])

    # --- documents

    def _binary(self, resource_id: str) -> Answer:
        """The bytes of a document. They need the scope of Binary and that of the type that points to them."""
        self._may("Binary", "r")
        accept = self._call.header("Accept") or "*/*"
        if resource_id == documents.GENERATE:
            self._may("DocumentReference", "r")
            given = documents.operation_parameters(self._call.raw_query, ("patient", "start", "end"))
            self._view("Binary", "r").check_patients([given["patient"]])
            body = self._tenant.hospital.summary(given["patient"], self._call.now, str(uuid.uuid4()))
            if body is None:
                raise not_found()
            return _content({**documents.generated(body, self._call.now)}, accept)
        if self._token is not None and not any(
            self._token.permits(holder, "s") for holder in ("DiagnosticReport", "DocumentReference")
        ):
            raise insufficient_scope()
        record = self._tenant.records.read("Binary", resource_id)
        if record is None or not self._view("Binary", "r").lets_through(record):
            raise not_found()
        return _content(record.resource, accept)

    def _fetch_summary(self) -> Answer:
        self._may("DocumentReference", "r")
        given = documents.operation_parameters(self._call.raw_query, ("patient", "start", "end", "type"))
        self._view("DocumentReference", "r").check_patients([given["patient"]])
        if self._tenant.records.read("Patient", given["patient"]) is None:
            raise not_found()
        return documents.summary_bundle(self._base, self._call.raw_query, given, self._call.now, _summary_reference)


def _content(binary: dict[str, Any], accept: str) -> Answer:
    """The document as itself, if the caller names its media type, or as a Binary of DSTU2. Refused with 406 for anything else."""
    own = str(binary["contentType"])
    wanted = [part.partition(";")[0].strip().lower().replace(" ", "+") for part in accept.split(",")]
    if own in wanted:
        return Answer(200, base64.b64decode(binary["data"]), own)
    if not {"application/json+fhir", "*/*", "application/*"} & set(wanted):
        raise not_acceptable()
    shown = {("content" if name == "data" else name): value for name, value in binary.items()}
    return fhir(200, shown)


def _summary_reference(r4: dict[str, Any]) -> dict[str, Any]:
    """The reference to a summary as DSTU2 has it: indexed instead of dated, its formats in a list."""
    made = {("indexed" if name == "date" else name): value for name, value in r4.items()}
    return made | {"content": [{**one, "format": [one["format"]]} for one in r4["content"]]}


def _version_headers(record: Record) -> dict[str, str]:
    meta = record.resource.get("meta", {})
    headers = {"ETag": f'W/"{meta["versionId"]}"'} if "versionId" in meta else {}
    span = span_of(meta.get("lastUpdated"))
    if span is not None:
        headers["Last-Modified"] = format_datetime(span.low.replace(microsecond=0), usegmt=True)
    return headers


def spoken(answer: Answer) -> Answer:
    """The answer in DSTU2's media type, if it is FHIR at all."""
    if answer.content_type == FHIR_JSON:
        answer.content_type = MEDIA_TYPE
    return answer
