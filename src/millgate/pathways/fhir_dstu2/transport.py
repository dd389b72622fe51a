"""FHIR DSTU2 of Millennium over HTTP, to read by: the only file of this pathway with sockets, tokens or a clock.

Outside of this pathway every resource type, scope and search has its name of R4; what is asked of the source has DSTU2's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, urlencode

from millgate.access.connection import Connection
from millgate.canonical.exchange import AppointmentWrite, Call, Found, Page, Query, Resource, Sent
from millgate.errors import CallOperator, FixMessage, FixRequest, NotOffered
from millgate.pathways.fhir.discovery import Discovery, Release
from millgate.pathways.fhir.documents import Documents
from millgate.pathways.fhir.links import check_link
from millgate.pathways.fhir.server import Grant, Request, Server, Tokens
from millgate.pathways.fhir.statements import Calls, Trust, anything
from millgate.pathways.fhir.wire import read_resource, read_searchset, version_of
from millgate.pathways.fhir_dstu2.decode import decode_resource
from millgate.pathways.fhir_dstu2.encode.search import encode_search
from millgate.pathways.fhir_dstu2.types import dstu2_type, scopes_in_dstu2, scopes_in_r4, scopes_offered
from millgate.pathways.fhir_dstu2.wire import MEDIA_TYPE
from millgate.pathways.http import Transport

RELEASE: Final = Release("FHIR DSTU2", "Conformance", "1.0", MEDIA_TYPE)
RETIRED: Final = "The vendor has retired DSTU2: nothing is written over it. Appointments are written over R4."


class FhirDstu2:
    """The FHIR DSTU2 pathway. Every method raises only GatewayError, with the exchanges so far in its `calls`."""

    name = "fhir-dstu2"

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

    async def discover(self, fhir_base: str) -> Discovery:
        """What the tenant's server says of itself, at most an hour old; its scopes with the types' names of R4."""
        found = await self._server.discover(fhir_base)
        scopes = found.scopes_supported or scopes_offered(found.interactions)
        return replace(found, scopes_supported=scopes_in_r4(scopes))

    async def documents(self, fhir_base: str) -> Documents:
        """The documents in which the tenant's server describes itself, fetched anew."""
        return await self._server.documents(fhir_base)

    async def authorize(self, connection: Connection) -> Grant:
        """The scopes that the tenant grants to this connection; fetches a token, or uses the one at hand."""
        grant = await self._server.authorize(_in_dstu2(connection))
        return replace(grant, scopes=scopes_in_r4(grant.scopes))

    async def search(self, connection: Connection, query: Query) -> Page:
        """The first page of a search. FixRequest `search_not_supported` before the call, where the source would refuse it."""
        kind = dstu2_type(query.resource_type)
        encoded = encode_search(query, time_zone=connection.tenant.time_zone)
        await self._server.check_offered(connection, kind, "search-type")
        link = f"{connection.tenant.fhir_base}/{kind}?{urlencode(encoded.parameters, quote_via=quote, safe='')}".rstrip("?")
        return await self.follow(connection, query.resource_type, link)

    async def follow(self, connection: Connection, resource_type: str, link: str) -> Page:
        """The page behind one of the source's own links, which is used as given, and only if it is under the tenant's base."""
        kind, base = dstu2_type(resource_type), connection.tenant.fhir_base
        check_link(link, base, kind)
        calls: list[Call] = []
        answer = await self._server.ask(_in_dstu2(connection), Request("GET", link, kind, "search"), calls)
        with Calls(calls):
            found = read_searchset(answer.body, kind)
        page = Page([], [], found.next_link, found.self_link or link, calls, self._now(), found.warnings)
        for old in (*found.resources, *found.included):
            self._sort_in(old, base, resource_type, page)
        return page

    async def read(self, connection: Connection, resource_type: str, resource_id: str) -> Found:
        """One resource by id. FixRequest `not_found`; CallOperator `upstream_error` if the source answers with another."""
        kind, base = dstu2_type(resource_type), connection.tenant.fhir_base
        calls: list[Call] = []
        answer = await self._server.ask_one(_in_dstu2(connection), kind, resource_id, calls)
        with Calls(calls):
            old = read_resource(answer.body, kind, resource_id)
            try:
                resource = decode_resource(old, base)
            except FixMessage as error:
                raise CallOperator("upstream_error", f"The source's {kind} cannot be read: {error.detail}") from error
            if resource["resourceType"] != resource_type:  # a care plan that is a team, or the other way about
                raise FixRequest("not_found", f"The source has no such {resource_type}.")
        return Found(resource, version_of(resource, answer.headers), calls, self._now())

    async def send(self, connection: Connection, write: AppointmentWrite) -> Sent:
        """NotOffered `not_offered_by_tenant`: DSTU2 is read only."""
        raise NotOffered("not_offered_by_tenant", RETIRED)

    async def find_effect(self, connection: Connection, write: AppointmentWrite, since: datetime | None = None) -> Sent | None:
        """NotOffered `not_offered_by_tenant`: nothing was written here whose effect could be looked for."""
        raise NotOffered("not_offered_by_tenant", RETIRED)

    @staticmethod
    def _sort_in(old: Resource, base: str, resource_type: str, page: Page) -> None:
        """Put one resource where it belongs: a search for plans may bring teams. One that cannot be read becomes a warning."""
        try:
            resource = decode_resource(old, base)
        except FixMessage:
            page.warnings.append("entry-unreadable")
            return
        (page.resources if resource["resourceType"] == resource_type else page.included).append(resource)


def _in_dstu2(connection: Connection) -> Connection:
    """The connection with the scopes as the source names them."""
    return replace(connection, scopes=scopes_in_dstu2(connection.scopes))
