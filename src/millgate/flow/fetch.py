"""Fetch: asked of the source, held to what the session may see, recorded, normalized, and each item encoded once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from millgate.access.connection import Connection
from millgate.access.parties import PathwayName, Session
from millgate.access.rules import allowed
from millgate.canonical import json
from millgate.canonical.exchange import Call, Query, Resource
from millgate.canonical.patients import patients_of
from millgate.canonical.references import reference_id
from millgate.errors import CallOperator, GatewayError, NeedAccess
from millgate.flow.authenticate import Authenticator
from millgate.flow.confinement import includes, visible
from millgate.flow.cursor import MARK, Place, marks
from millgate.flow.etags import fingerprint as fingerprint_of
from millgate.flow.making import RECEIVED, Item, Making
from millgate.flow.read_request import GetRequest, ListRequest
from millgate.flow.record import Recorder
from millgate.flow.rendering import instant
from millgate.flow.routes import Routes
from millgate.flow.service_types import BookableTypes
from millgate.flow.shelf import Shelved
from millgate.objects import Context, Declaration, encode_object

Fetched = tuple[Shelved, Sequence[Call]]


@dataclass(frozen=True, slots=True)
class Written:
    """A resource with its bytes and their fingerprint, made once for the answer, its ETag and the record."""

    resource: Resource
    raw: bytes
    fingerprint: bytes

    @classmethod
    def of(cls, resource: Resource) -> Written:
        """The resource, written."""
        raw = json.encode(resource)
        return cls(resource, raw, fingerprint_of(raw))


class Fetcher:
    """Pages and single objects as the source has them now."""

    def __init__(
        self,
        authenticator: Authenticator,
        routes: Routes,
        recorder: Recorder,
        bookable: BookableTypes,
        content_url: Callable[[], str | None],
        making: Making,
    ) -> None:
        """`content_url` is where the contents of documents can be had: the gateway's own address."""
        self._authenticator = authenticator
        self._content_url = content_url
        self._making = making
        self._routes = routes
        self._recorder = recorder
        self._bookable = bookable

    async def page(self, session: Session, request: ListRequest, place: Place, held: str | None) -> Fetched:
        """The page at a place, without what a session held to one patient may not see."""
        declaration = request.declaration
        pathway = self._routes.pathway(place.pathway)
        connection = await self._authenticator.connection_of(session, place.pathway)
        if place.link is not None:
            page = await pathway.follow(connection, declaration.resource_type, place.link)
        else:
            filters = await self._bookable.complete(session.tenant, declaration, place.filters)
            query = Query(declaration.resource_type, filters, place.limit, includes(session, declaration))
            page = await pathway.search(connection, query)
        shown, withheld = visible(held, page.resources, scoped=declaration.patient_scoped)
        written = [Written.of(resource) for resource in shown]
        beside = [Written.of(resource) for resource in visible(held, page.included, scoped=False)[0]]
        await self._keep(connection, written + beside, page.fetched_at)
        warnings = tuple({"code": "source_warning", "detail": text} for text in page.warnings)
        # Of a search for patients it is not told that there were others: that somebody of a name is a patient here is theirs to tell.
        if withheld and declaration.name != "patient":
            warnings += ({"code": "withheld", "detail": f"{withheld} records that are not this patient's alone were left out."},)
        shelved = self._shelve(connection, request, written, beside, page.next_link, page.fetched_at, warnings, marks(place.seen))
        return shelved, page.calls

    async def one(self, session: Session, request: GetRequest, held: str | None, by: PathwayName) -> Fetched:
        """One object by one pathway, with what its fields look at too."""
        connection = await self._authenticator.connection_of(session, by)
        found = await self._routes.pathway(by).read(connection, request.declaration.resource_type, request.id)
        if not visible(held, [found.resource], scoped=request.declaration.patient_scoped)[0]:
            error = NeedAccess(
                "patient_out_of_context", "The session is held to one patient, and this is not that patient's alone."
            )
            error.calls = tuple(found.calls)
            raise error
        companions, calls = await self._companion(connection, session, request.declaration, found.resource)
        companions = visible(held, companions, scoped=False)[0]
        written, beside = [Written.of(found.resource)], [Written.of(one) for one in companions]
        await self._keep(connection, written + beside, found.fetched_at)
        return self._shelve(connection, request, written, beside, None, found.fetched_at, ()), [*found.calls, *calls]

    async def _companion(
        self, connection: Connection, session: Session, declaration: Declaration, resource: Resource
    ) -> tuple[list[Resource], Sequence[Call]]:
        """The resource that the object's fields look at too, where the session may read it and the source has it."""
        if declaration.companion is None or not allowed(session, declaration.companion[1], "r"):
            return [], ()
        element, resource_type = declaration.companion
        companion_id = reference_id(resource.get(element), resource_type)
        if companion_id is None:
            return [], ()
        try:
            found = await self._routes.pathway(connection.registration.pathway).read(connection, resource_type, companion_id)
        except GatewayError as error:
            if error.code not in ("not_found", "scope_narrowed"):
                raise
            return [], [call for call in error.calls if isinstance(call, Call)]
        return [found.resource], found.calls

    async def _keep(self, connection: Connection, brought: Sequence[Written], received_at: datetime) -> None:
        resources, fingerprints = [one.resource for one in brought], [one.fingerprint for one in brought]
        await self._bookable.learn(connection.tenant, resources)
        if connection.registration.persona == "patient":
            return  # the patient host masks what it shows: that is no version of the record
        await self._recorder.put(
            connection.tenant.name,
            connection.registration.pathway,
            resources,
            received_at,
            fingerprints,
            connected_at=connection.tenant.created_at,
        )

    def _shelve(
        self,
        connection: Connection,
        request: ListRequest | GetRequest,
        brought: Sequence[Written],
        beside: Sequence[Written],
        next_link: str | None,
        fetched_at: datetime,
        warnings: tuple[dict[str, str], ...],
        seen: frozenset[bytes] = frozenset(),
    ) -> Shelved:
        """Normalize and encode each resource that was not `seen` on the page before; one that cannot be read becomes a warning."""
        context = Context(
            tenant=connection.tenant.name,
            pathway=connection.registration.pathway,
            received_at=RECEIVED,
            time_zone=connection.tenant.time_zone,
            include_fhir=request.form == "objects+fhir",
            base_url=connection.tenant.fhir_base,
            content_url=self._content_url(),
            included={f"{one.resource.get('resourceType')}/{one.resource.get('id')}": one.resource for one in beside},
        )
        circumstances = (request.declaration.name, request.form, *_told(context), *(one.fingerprint for one in beside))
        received_at = instant(fetched_at).encode()
        items: list[bytes] = []
        fingerprints: list[bytes] = []
        ids: list[str] = []
        patients: list[tuple[str, ...]] = []
        spoiled: list[dict[str, str]] = []
        for one in brought:
            resource = one.resource
            if one.fingerprint[:MARK] in seen:
                continue
            try:
                item = self._making.of((one.fingerprint, *circumstances), partial(_made, request, one, context))
            except GatewayError as error:
                spoiled.append({"code": error.code, "detail": f"{_reference(resource)}: {error.detail}"})
                continue
            items.append(item.received(received_at))
            fingerprints.append(one.fingerprint)
            ids.append(item.id)
            patients.append(item.patients)
        if isinstance(request, GetRequest) and not items:
            raise CallOperator("upstream_error", f"The source's record cannot be read: {spoiled[0]['detail']}")
        return Shelved(
            items=tuple(items),
            fingerprints=tuple(fingerprints),
            ids=tuple(ids),
            patients=tuple(patients),
            warnings=(*warnings, *spoiled),
            next_link=next_link,
            as_of=fetched_at,
            base=connection.tenant.fhir_base,
            time_zone=connection.tenant.time_zone,
            beside=tuple(one.fingerprint for one in beside) if request.form != "fhir" else (),
        )


def _reference(resource: Resource) -> str:
    return f"{resource.get('resourceType', 'resource')} at position {resource.get('id', 'without id')}"


def _made(request: ListRequest | GetRequest, one: Written, context: Context) -> Item:
    """One resource as what is asked for."""
    made = one.raw if request.form == "fhir" else encode_object(request.declaration.normalize(one.resource, context))
    return Item.of(made, str(one.resource.get("id", "")), patients_of(one.resource))


def _told(context: Context) -> tuple[str | None, ...]:
    """What of a context an item depends on, beside the resources."""
    return (context.tenant, context.pathway, context.time_zone, context.base_url, context.content_url)
