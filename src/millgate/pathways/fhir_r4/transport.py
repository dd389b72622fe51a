"""FHIR R4 of Millennium over HTTP: the only file of this pathway with sockets, tokens or a clock."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote, urlencode

from millgate.access.connection import Connection
from millgate.canonical.exchange import (
    AppointmentWrite,
    Arriving,
    BookSlot,
    Call,
    ChangeStatus,
    Found,
    Page,
    ProposeAppointment,
    Query,
    Resource,
    Sent,
    Wanted,
)
from millgate.canonical.json import encode
from millgate.canonical.references import relative_references
from millgate.errors import CallOperator, FixRequest, GatewayError, TryLater
from millgate.pathways.fhir.discovery import Discovery, Release
from millgate.pathways.fhir.documents import Documents
from millgate.pathways.fhir.links import check_link
from millgate.pathways.fhir.refusals import Purpose, is_bad_record
from millgate.pathways.fhir.search import IdentifierType
from millgate.pathways.fhir.server import Grant, Request, Server, Tokens
from millgate.pathways.fhir.statements import Calls, Trust, anything
from millgate.pathways.fhir.wire import (
    Searchset,
    etag_version,
    located_id,
    read_resource,
    read_searchset,
    version_of,
)
from millgate.pathways.fhir_r4 import effect
from millgate.pathways.fhir_r4.bad_records import Isolation, Rest, Unsteady, bad_record_warnings
from millgate.pathways.fhir_r4.content import open_content
from millgate.pathways.fhir_r4.decode import names_addresses
from millgate.pathways.fhir_r4.encode.appointment import FHIR_JSON, encode_appointment
from millgate.pathways.fhir_r4.encode.search import encode_search
from millgate.pathways.fhir_r4.links import Place, place_of
from millgate.pathways.fhir_r4.runs import Runs
from millgate.pathways.http import OutcomeUnknown, Transport

MOST_EFFECT_PAGES: Final = 5
RELEASE: Final = Release("FHIR R4", "CapabilityStatement", "4.0", FHIR_JSON)


class FhirR4:
    """The FHIR R4 pathway. Every method raises only GatewayError, with the exchanges so far in its `calls`."""

    name = "fhir-r4"

    def __init__(
        self,
        transport: Transport,
        tokens: Tokens,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        trust: Trust = anything,
    ) -> None:
        """`trust` is asked, before credentials follow what a server says of itself, whether they may (`fhir/statements.py`)."""
        self._server = Server(RELEASE, transport, tokens, now, trust)
        self._now = now
        self._runs = Runs()

    async def discover(self, fhir_base: str) -> Discovery:
        """What the tenant's server says of itself, at most an hour old; an older answer serves while a newer cannot be had."""
        return await self._server.discover(fhir_base)

    async def documents(self, fhir_base: str) -> Documents:
        """The documents in which the tenant's server describes itself, fetched anew."""
        return await self._server.documents(fhir_base)

    async def authorize(self, connection: Connection) -> Grant:
        """The scopes that the tenant grants to this connection; fetches a token, or uses the one at hand."""
        return await self._server.authorize(connection)

    async def search(self, connection: Connection, query: Query) -> Page:
        """The first page of a search. FixRequest `search_not_supported` before the call, where the source would refuse it."""
        encoded = encode_search(query, time_zone=connection.tenant.time_zone)
        await self._server.check_offered(connection, query.resource_type, "search-type")
        base = connection.tenant.fhir_base
        link = f"{base}/{query.resource_type}?{urlencode(encoded.parameters, quote_via=quote, safe='')}".rstrip("?")
        page = await self.follow(connection, query.resource_type, link)
        if encoded.identifier_type is not None:
            _hold_to_type(page, encoded.identifier_type)
        return page

    async def follow(self, connection: Connection, resource_type: str, link: str) -> Page:
        """The page behind one of the source's own links, which is used as given, and only if it is under the tenant's base."""
        place = place_of(link)
        check_link(place.address, connection.tenant.fhir_base, resource_type)
        calls: list[Call] = []
        if place.run:
            return await self._divided(connection, resource_type, place, calls, None)
        try:
            found = await self._twice(connection, resource_type, place.address, calls)
        except GatewayError as error:
            if not _names_bad_record(error):
                raise
            return await self._divided(connection, resource_type, place, calls, error)
        return Page(
            resources=found.resources,
            included=found.included,
            next_link=place.after(found.next_link, len(found.resources)),
            self_link=found.self_link or place.address,
            calls=calls,
            fetched_at=self._now(),
            warnings=found.warnings,
        )

    async def _twice(self, connection: Connection, resource_type: str, address: str, calls: list[Call]) -> Searchset:
        """The page; one that fails on a bad record is asked for once more, before a whole search is divided for it."""
        try:
            return await self._searchset(connection, resource_type, address, calls)
        except GatewayError as error:
            if not _names_bad_record(error):
                raise
        return await self._searchset(connection, resource_type, address, calls)

    async def _divided(
        self, connection: Connection, resource_type: str, place: Place, calls: list[Call], error: GatewayError | None
    ) -> Page:
        """A page of what is left of the search without the records that fail it; the first one says what is missing."""
        owner = (connection.tenant.name, connection.tenant.fhir_base, connection.session_id, connection.scopes, resource_type)
        run = self._runs.take(owner, place.run, self._now()) if place.run else None
        if run is None:
            with Calls(calls):
                rest = await self._without_bad_records(connection, resource_type, place, calls, error)
            run = self._runs.keep(owner, place.run or uuid.uuid4().hex[:16], rest, self._now())
        stop = place.offset + (place.size if place.size and place.fits else len(run.rest.resources))
        return Page(
            resources=run.rest.resources[place.offset : stop],
            included=run.rest.included,
            next_link=place.within(run.name, stop) if stop < len(run.rest.resources) else None,
            self_link=place.address,
            calls=calls,
            fetched_at=run.at,
            warnings=bad_record_warnings(resource_type, run.rest) if place.offset == 0 else [],
        )

    async def _searchset(self, connection: Connection, resource_type: str, link: str, calls: list[Call]) -> Searchset:
        answer = await self._server.ask(connection, Request("GET", link, resource_type, "search"), calls)
        base = connection.tenant.fhir_base
        with Calls(calls):
            found = read_searchset(answer.body, resource_type)
        if names_addresses(answer.body):
            found.resources = [relative_references(resource, base) for resource in found.resources]
            found.included = [relative_references(resource, base) for resource in found.included]
        return found

    async def _without_bad_records(
        self, connection: Connection, resource_type: str, place: Place, calls: list[Call], error: GatewayError | None
    ) -> Rest:
        """All that is left of the search; `error`, or one like it, if nothing can be had past the bad record."""

        async def fetch(other: str) -> Searchset | None:
            check_link(other, connection.tenant.fhir_base, resource_type)
            for last in (False, True):
                try:
                    return await self._searchset(connection, resource_type, other, calls)
                except GatewayError as failed:
                    if _names_bad_record(failed):
                        return None
                    # One call of many must not undo all the others, so it has more tries than a call by itself.
                    if last or failed.code != "upstream_unavailable" or failed.retry_after is not None:
                        raise
            return None

        try:
            rest = await Isolation(fetch, f"{connection.tenant.fhir_base}/{resource_type}", place.search, place.shown).run()
        except FixRequest:
            rest = Rest()  # the source does not take a part of its search: no matter of the caller's
        except Unsteady as unsteady:
            raise TryLater(
                "upstream_unavailable", "The source fails on a stored record, on another page each time; ask for this one again."
            ) from unsteady
        if not rest.passed:
            error = error or CallOperator("upstream_error", "The source cannot build what is left of this list.")
            where = f" It comes after {rest.position} records of the search." if rest.position is not None else ""
            raise CallOperator(error.code, f"{error.detail}{where}", upstream=error.upstream)
        return rest

    async def read(self, connection: Connection, resource_type: str, resource_id: str) -> Found:
        """One resource by id. FixRequest `not_found`; CallOperator `upstream_error` if the source answers with another."""
        calls: list[Call] = []
        answer = await self._server.ask_one(connection, resource_type, resource_id, calls)
        with Calls(calls):
            resource = read_resource(answer.body, resource_type, resource_id)
        resource = relative_references(resource, connection.tenant.fhir_base)
        return Found(resource, version_of(resource, answer.headers), calls, self._now())

    def content(self, connection: Connection, wanted: Wanted, calls: list[Call]) -> AbstractAsyncContextManager[Arriving]:
        """The bytes behind a document's link, on their way as long as the block goes on (`content.py`)."""
        return open_content(self._server, connection, wanted, calls)

    async def send(self, connection: Connection, write: AppointmentWrite) -> Sent:
        """What the write made or changed. OutcomeUnknown if it may have taken effect without an answer that says so."""
        encoded = encode_appointment(write)
        await self._server.check_offered(connection, "Appointment", "create" if encoded.method == "POST" else "patch")
        calls: list[Call] = []
        request = Request(
            encoded.method,
            f"{connection.tenant.fhir_base}/{encoded.path}",
            "Appointment",
            _purpose(write),
            encode(encoded.body),
            {"Content-Type": encoded.content_type} | ({"If-Match": encoded.if_match} if encoded.if_match else {}),
        )
        answer = await self._server.ask(connection, request, calls)
        made = write.appointment_id if isinstance(write, ChangeStatus) else located_id(answer.headers, "Appointment")
        if made is None:
            error = OutcomeUnknown("upstream_error", "The source took the appointment, but does not say under which id.")
            error.calls = tuple(calls)
            raise error
        return Sent(made, etag_version(answer.headers), calls)

    async def find_effect(self, connection: Connection, write: AppointmentWrite, since: datetime | None = None) -> Sent | None:
        """What a write of unknown outcome made or changed, or None if it left no trace at the source.

        `since`: when it was sent; tells it from an equal one that was there before.
        """
        calls: list[Call] = []
        with Calls(calls):
            if isinstance(write, ChangeStatus):
                now = await self.read(connection, "Appointment", write.appointment_id)
                calls += now.calls
                shows = effect.change_shows(write, now.resource, now.version)
                return Sent(write.appointment_id, now.version, calls) if shows else None
            if isinstance(write, BookSlot):
                slot = await self.read(connection, "Slot", write.slot_id)
                calls += slot.calls
                query = effect.query_for_booking(write, slot.resource)
                if query is None:
                    raise CallOperator("upstream_error", "The slot does not say when it is, so its booking cannot be looked for.")
                found = effect.booking_among(write, slot.resource, await self._all(connection, query, calls), since)
            else:
                query = effect.query_for_proposal(write)
                found = effect.proposal_among(write, await self._all(connection, query, calls), since)
        return Sent(str(found["id"]), version_of(found, {}), calls) if found is not None else None

    async def _all(self, connection: Connection, query: Query, calls: list[Call]) -> list[Resource]:
        page = await self.search(connection, query)
        calls += page.calls
        found = list(page.resources)
        pages = 1
        while page.next_link is not None:
            if pages == MOST_EFFECT_PAGES:
                raise CallOperator("upstream_error", "The patient has too many appointments at that time to look through.")
            page = await self.follow(connection, query.resource_type, page.next_link)
            calls += page.calls
            found += page.resources
            pages += 1
        return found


def _names_bad_record(error: GatewayError) -> bool:
    """Whether the source failed because a stored record lacks what it requires."""
    upstream = error.upstream
    return upstream is not None and (upstream.status or 0) >= 500 and is_bad_record((upstream.outcome or "").split())


def _purpose(write: AppointmentWrite) -> Purpose:
    if isinstance(write, ProposeAppointment):
        return "create"
    return "book" if isinstance(write, BookSlot) or write.status == "booked" else "change"


def _hold_to_type(page: Page, wanted: IdentifierType) -> None:
    """Keep the patients whose identifier of that value has that type; Millennium cannot search by the type itself."""
    if page.next_link is not None:
        raise FixRequest("search_not_supported", "Too many records hold this value; give the identifier's system: system|value.")
    page.resources = [resource for resource in page.resources if _has_identifier(resource, wanted)]


def _has_identifier(resource: Mapping[str, Any], wanted: IdentifierType) -> bool:
    for identifier in _dicts(resource.get("identifier")):
        for kind in _dicts([identifier.get("type")]):
            codes = [kind.get("text"), *(coding.get("code") for coding in _dicts(kind.get("coding")))]
            if identifier.get("value") == wanted.value and wanted.code in codes:
                return True
    return False


def _dicts(value: Any) -> list[dict[str, Any]]:
    """The objects of a list, whatever stands in its place or among them."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
