"""Read: from the shelf while it is fresh enough, else from the source; normalized, encoded once, recorded behind the answer."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Literal, get_args
from urllib.parse import urlencode

import msgspec

from millgate import deadline
from millgate.access.connection import Connection
from millgate.access.parties import Session, Tenant
from millgate.access.rules import allow_patient, allowed, held_patient, is_only_about, require
from millgate.canonical import json
from millgate.canonical.exchange import Call, Query, Resource
from millgate.canonical.patients import patients_of
from millgate.canonical.references import reference_id
from millgate.errors import CallOperator, FixRequest, GatewayError, NeedAccess, TryLater
from millgate.flow.authenticate import Authenticator
from millgate.flow.cursor import Cursors, Holder, Place, same_filters
from millgate.flow.pathway import Pathway
from millgate.flow.record import Recorder
from millgate.flow.service_types import BookableTypes
from millgate.flow.shelf import Body, Shelf, Shelved
from millgate.objects import Context, Declaration, encode_object

# What an answer is rendered as: objects, objects with their canonical resource, or FHIR itself.
Form = Literal["objects", "objects+fhir", "fhir"]
Origin = Literal["live", "cache"]
Key = tuple[Hashable, ...]
Fetched = tuple[Shelved, Sequence[Call]]

DEFAULT_LIMIT = 50
# How long a page may be repeated from the shelf (the largest `max_age`): a cursor is good for 24 hours after that.
LONGEST_KEPT = timedelta(hours=24)
# How many renderings of a page are kept beside it: a caller may ask for any stretch of it, and each is as large as its items.
MOST_BODIES = 4
# How many bytes of a fingerprint a cursor carries. Source: Millennium fact sheet §4.1 (the same id can recur on a later page).
MARK = 8
STALE = {
    "code": "stale",
    "detail": "The source cannot be reached; this is what it answered at `freshness.as_of`, which is older than was asked for.",
}


@dataclass(frozen=True, slots=True)
class ListRequest:
    """A list as the caller asked for it; `max_age` None takes the object's own default."""

    declaration: Declaration
    filters: Mapping[str, tuple[str, ...]]
    limit: int | None
    cursor: str | None
    max_age: float | None
    form: Form


@dataclass(frozen=True, slots=True)
class GetRequest:
    """One object by its id."""

    declaration: Declaration
    id: str
    max_age: float | None
    form: Form


@dataclass(slots=True)
class Answer:
    """Bytes ready to be sent, and what the audit chain has to know of them."""

    body: bytes
    etag: str
    origin: Origin
    as_of: datetime
    ids: tuple[str, ...]
    patients: tuple[str, ...]
    calls: Sequence[Call]
    stale: bool = False  # older than was asked for, since the source cannot be reached


class Reader:
    """Lists and single objects of one tenant at a time, for one session at a time."""

    def __init__(
        self,
        *,
        authenticator: Authenticator,
        pathway: Pathway,
        recorder: Recorder,
        bookable: BookableTypes,
        cursors: Cursors,
        shelf: Shelf,
        now: Callable[[], datetime],
    ) -> None:
        self._authenticator = authenticator
        self._pathway = pathway
        self._recorder = recorder
        self._bookable = bookable
        self._cursors = cursors
        self._shelf = shelf
        self._now = now
        self._under_way: dict[Key, _Shared] = {}
        # How often each (tenant, object) was written: what was asked before a write is not kept after it.
        self._writes: Counter[tuple[str, str]] = Counter()

    async def page(self, session: Session, request: ListRequest) -> Answer:
        """One page of a list. Raises GatewayError as the contract's error table says."""
        declaration = request.declaration
        _check_searchable(declaration)
        request = _confined(session, request)
        tenant = await self._authenticator.tenant_of(session)
        holder = Holder(tenant.name, tenant.fhir_base, session.client_id, declaration.name, session.patient_id)
        place = self._place(request, holder)
        held = held_patient(session, _check_rights(session, declaration, place.filters))
        filters = tuple(sorted(place.filters.items()))
        key = (*_realm(session, tenant, declaration), request.form, place.link, place.seen, place.limit, filters)
        page, calls, origin = await self._held_or_fetched(key, request, lambda: self._fetch_page(session, request, place, held))
        stop = place.offset + (request.limit or place.limit)
        body = self._list_body(page, request, place, stop, holder)
        answer = _answer(page, body, origin, calls)
        # Who asks about a patient has looked at the patient, also where nothing was found.
        answer.patients = tuple(sorted({*answer.patients, *place.filters.get("patient_id", ())}))
        return answer

    async def one(self, session: Session, request: GetRequest) -> Answer:
        """One object. Raises GatewayError("not_found") if the source has none of that id, or hides it."""
        declaration = request.declaration
        context = require(session, declaration.resource_type, "r")
        held = held_patient(session, context)
        if declaration.name == "patient":
            allow_patient(session, request.id, context)
        tenant = await self._authenticator.tenant_of(session)
        key = (*_realm(session, tenant, declaration), request.form, "one", request.id)
        page, calls, origin = await self._held_or_fetched(key, request, lambda: self._fetch_one(session, request, held))
        return _answer(page, _one_body(page, request.form), origin, calls)

    def forget(self, tenant: str, objects: Sequence[str]) -> None:
        """Something was written: answers about these objects are asked of the source again, those under way too."""
        self._shelf.forget(tenant, objects)
        self._writes.update((tenant, name) for name in objects)
        for key in [key for key in self._under_way if key[0] == tenant and key[1] in objects]:
            del self._under_way[key]

    def _place(self, request: ListRequest, holder: Holder) -> Place:
        if request.cursor is None:
            return Place(dict(request.filters), request.limit or DEFAULT_LIMIT, None, 0)
        place = self._cursors.open(request.cursor, holder, self._now())
        if not same_filters(request.filters, place):
            raise FixRequest(
                "invalid_cursor",
                "The filters differ from those that this cursor began with; leave them out, or begin again without a cursor.",
            )
        return place

    async def _held_or_fetched(
        self, key: Key, request: ListRequest | GetRequest, fetch: Callable[[], Awaitable[Fetched]]
    ) -> tuple[Shelved, Sequence[Call], Origin]:
        """The page from the shelf if it is fresh enough; else from the source, by one call however many ask at once."""
        max_age = request.declaration.cache_seconds if request.max_age is None else request.max_age
        held = self._shelf.take(key, max_age, self._now()) if max_age > 0 else None
        if held is not None:
            return held, (), "cache"
        written = (str(key[0]), str(key[1]))
        writes = self._writes[written]
        try:
            if max_age <= 0:  # the caller wants the source's word now, not that of a call already under way
                page, calls = await fetch()
            else:
                page, calls = await self._together(key, fetch)
        except TryLater as error:
            return self._stale(key, request, error), [call for call in error.calls if isinstance(call, Call)], "cache"
        if self._writes[written] == writes:
            self._shelf.put(key, page)
        return page, calls, "live"

    def _stale(self, key: Key, request: ListRequest | GetRequest, error: TryLater) -> Shelved:
        """What is on the shelf, however old, told to be so, while the source cannot be reached; the error if there is nothing.

        Whoever asks with `max_age=0` wants the source's word or none.
        """
        held = self._shelf.take(key, LONGEST_KEPT.total_seconds(), self._now())
        if error.code not in ("upstream_unavailable", "upstream_timeout") or request.max_age == 0 or held is None:
            raise error
        return replace(held, warnings=(*held.warnings, STALE), bodies={})

    async def _together(self, key: Key, fetch: Callable[[], Awaitable[Fetched]]) -> Fetched:
        """Equal reads under way are one call; it goes on while anybody still waits for it."""
        shared = self._under_way.get(key)
        if shared is None:
            with deadline.unbounded():  # those who join later may have more time than the first
                shared = _Shared(asyncio.ensure_future(fetch()))
            self._under_way[key] = shared
            shared.task.add_done_callback(lambda _: self._end(key, shared))
        shared.waiting += 1
        try:
            return await deadline.wait(shared.task)
        finally:
            shared.waiting -= 1
            if shared.waiting == 0 and not shared.task.done():
                self._end(key, shared)
                shared.task.cancel()

    def _end(self, key: Key, shared: _Shared) -> None:
        """Let nobody join this call any more; a later one of the same key stays."""
        if self._under_way.get(key) is shared:
            del self._under_way[key]

    async def _fetch_page(self, session: Session, request: ListRequest, place: Place, held: str | None) -> Fetched:
        declaration = request.declaration
        connection = await self._authenticator.connection_of(session)
        if place.link is not None:
            page = await self._pathway.follow(connection, declaration.resource_type, place.link)
        else:
            filters = await self._bookable.complete(session.tenant, declaration, place.filters)
            query = Query(declaration.resource_type, filters, place.limit, _includes(session, declaration))
            page = await self._pathway.search(connection, query)
        shown, withheld = _visible(held, page.resources, scoped=declaration.patient_scoped)
        written = [_Written.of(resource) for resource in shown]
        beside = [_Written.of(resource) for resource in _visible(held, page.included, scoped=False)[0]]
        await self._keep(connection, written + beside, page.fetched_at)
        warnings = tuple({"code": "source_warning", "detail": text} for text in page.warnings)
        # Of a search for patients it is not told that there were others: that somebody of a name is a patient here is theirs to tell.
        if withheld and declaration.name != "patient":
            warnings += ({"code": "withheld", "detail": f"{withheld} records that are not this patient's alone were left out."},)
        shelved = self._shelve(
            connection, request, written, beside, page.next_link, page.fetched_at, warnings, _marks(place.seen)
        )
        return shelved, page.calls

    async def _fetch_one(self, session: Session, request: GetRequest, held: str | None) -> Fetched:
        connection = await self._authenticator.connection_of(session)
        found = await self._pathway.read(connection, request.declaration.resource_type, request.id)
        if not _visible(held, [found.resource], scoped=request.declaration.patient_scoped)[0]:
            error = NeedAccess(
                "patient_out_of_context", "The session is held to one patient, and this is not that patient's alone."
            )
            error.calls = tuple(found.calls)
            raise error
        companions, calls = await self._companion(connection, session, request.declaration, found.resource)
        companions = _visible(held, companions, scoped=False)[0]
        written, beside = [_Written.of(found.resource)], [_Written.of(one) for one in companions]
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
            found = await self._pathway.read(connection, resource_type, companion_id)
        except GatewayError as error:
            if error.code not in ("not_found", "scope_narrowed"):
                raise
            return [], [call for call in error.calls if isinstance(call, Call)]
        return [found.resource], found.calls

    async def _keep(self, connection: Connection, brought: Sequence[_Written], received_at: datetime) -> None:
        resources, fingerprints = [one.resource for one in brought], [one.fingerprint for one in brought]
        await self._bookable.learn(connection.tenant, resources)
        if connection.registration.persona == "patient":
            return  # the patient host masks what it shows: that is no version of the record
        await self._recorder.put(connection.tenant.name, self._pathway.name, resources, received_at, fingerprints)

    def _shelve(
        self,
        connection: Connection,
        request: ListRequest | GetRequest,
        brought: Sequence[_Written],
        beside: Sequence[_Written],
        next_link: str | None,
        fetched_at: datetime,
        warnings: tuple[dict[str, str], ...],
        seen: frozenset[bytes] = frozenset(),
    ) -> Shelved:
        """Normalize and encode each resource that was not `seen` on the page before; one that cannot be read becomes a warning."""
        context = Context(
            tenant=connection.tenant.name,
            pathway=self._pathway.name,
            received_at=instant(fetched_at),
            time_zone=connection.tenant.time_zone,
            include_fhir=request.form == "objects+fhir",
            base_url=connection.tenant.fhir_base,
            included={f"{one.resource.get('resourceType')}/{one.resource.get('id')}": one.resource for one in beside},
        )
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
                item = one.raw if request.form == "fhir" else encode_object(request.declaration.normalize(resource, context))
            except GatewayError as error:
                spoiled.append({"code": error.code, "detail": f"{_reference(resource)}: {error.detail}"})
                continue
            items.append(item)
            fingerprints.append(one.fingerprint)
            ids.append(str(resource.get("id", "")))
            patients.append(patients_of(resource))
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
            beside=tuple(one.fingerprint for one in beside) if request.form != "fhir" else (),
        )

    def _list_body(self, page: Shelved, request: ListRequest, place: Place, stop: int, holder: Holder) -> Body:
        """The page's bytes between two offsets, rendered once and kept beside the page."""
        kept = page.bodies.get((place.offset, stop, holder.client_id))
        if kept is not None:
            return kept
        following = None
        if stop < len(page.items):
            following = msgspec.structs.replace(place, offset=stop)
        elif page.next_link:
            seen = b"".join(fingerprint[:MARK] for fingerprint in page.fingerprints)
            following = msgspec.structs.replace(place, link=page.next_link, offset=0, seen=seen or place.seen)
        cursor = self._cursors.seal(following, holder, page.as_of + LONGEST_KEPT) if following else None
        chosen = slice(place.offset, stop)
        etag = _etag(request.form, *page.fingerprints[chosen], *page.beside, b"more" if cursor else b"last")
        if request.form == "fhir":
            live = cached = _bundle(page, request.declaration, place.offset, stop, cursor)
        else:
            items = b",".join(page.items[chosen])
            live, cached = _envelope(page, items, cursor, "live"), _envelope(page, items, cursor, "cache")
        body = Body(live, cached, etag, page.ids[chosen], _union(page.patients[chosen]))
        if len(page.bodies) >= MOST_BODIES:
            page.bodies.pop(next(iter(page.bodies)))
        page.bodies[place.offset, stop, holder.client_id] = body
        return body


@dataclass(frozen=True, slots=True)
class _Written:
    """A resource with its bytes and their fingerprint, made once for the answer, its ETag and the record."""

    resource: Resource
    raw: bytes
    fingerprint: bytes

    @classmethod
    def of(cls, resource: Resource) -> _Written:
        """The resource, written."""
        raw = json.encode(resource)
        return cls(resource, raw, _fingerprint(raw))


@dataclass(slots=True)
class _Shared:
    task: asyncio.Task[Fetched]
    waiting: int = 0


def _answer(page: Shelved, body: Body, origin: Origin, calls: Sequence[Call]) -> Answer:
    sent = body.live if origin == "live" else body.cached
    return Answer(sent, body.etag, origin, page.as_of, body.ids, body.patients, calls, stale=STALE in page.warnings)


def instant(moment: datetime) -> str:
    """An instant as the API writes it: UTC, milliseconds, `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _realm(session: Session, tenant: Tenant, declaration: Declaration) -> Key:
    """Who may share an answer: the same tenant, persona, patient context and scopes. A person's sessions share with nobody.

    A tenant that was removed and connected anew, or that moved, is another one.
    """
    person = None if session.persona == "system" else session.id
    same = (tenant.fhir_base, tenant.created_at, session.persona, session.patient_id, session.scopes, person)
    return (tenant.name, declaration.name, *same)


def _includes(session: Session, declaration: Declaration) -> tuple[str, ...]:
    """The companion's include, where the session may read it."""
    if declaration.companion is None or not allowed(session, declaration.companion[1], "r"):
        return ()
    return (f"{declaration.resource_type}:{declaration.companion[0]}",)


def _confined(session: Session, request: ListRequest) -> ListRequest:
    """The request, held to the session's patient where the session is held to one; another patient's is refused."""
    declaration = request.declaration
    if not declaration.patient_scoped or request.cursor is not None:
        return request
    context = require(session, declaration.resource_type, "s", _conditions(request.filters))
    held = held_patient(session, context)
    name = "ids" if declaration.name == "patient" else "patient_id"
    if held is None or (name == "patient_id" and "ids" in request.filters):
        return request
    for patient_id in request.filters.get(name, ()):
        allow_patient(session, patient_id, context)
    if declaration.name == "patient" and set(request.filters) - {"ids"}:
        return request  # a search by name shows the patient's own record, if it fits: `_visible` sees to it
    return replace(request, filters={**request.filters, name: (held,)})


def _visible(held: str | None, resources: Sequence[Resource], *, scoped: bool) -> tuple[list[Resource], int]:
    """The resources that may be shown, and how many may not: whoever is held to one patient sees that patient's alone."""
    if held is None:
        return list(resources), 0
    shown = [one for one in resources if is_only_about(patients_of(one), held, scoped=scoped)]
    return shown, len(resources) - len(shown)


def _check_searchable(declaration: Declaration) -> None:
    """Refuse what no source can be searched for, before anybody is asked for rights to it that no source gives."""
    if not declaration.filters:
        detail = f"No source that is connected has a search for {declaration.resource_type}."
        raise FixRequest("search_not_supported", detail)


def _conditions(filters: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """What a search is held to by its own filters."""
    return {name: values[0] for name, values in filters.items() if len(values) == 1}


def _check_rights(session: Session, declaration: Declaration, filters: Mapping[str, tuple[str, ...]]) -> str:
    """The context of the scope under which the session may search like this, with its query part, and about its patient."""
    context = require(session, declaration.resource_type, "s", _conditions(filters))
    if declaration.patient_scoped:
        for patient_id in filters.get("patient_id", ()):
            allow_patient(session, patient_id, context)
    return context


def _union(patients: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(sorted({patient for some in patients for patient in some}))


def _reference(resource: Resource) -> str:
    return f"{resource.get('resourceType', 'resource')} at position {resource.get('id', 'without id')}"


def _etag(*parts: str | bytes) -> str:
    digest = blake2b(digest_size=16)
    for part in parts:
        digest.update(part.encode() if isinstance(part, str) else part)
        digest.update(b"\0")
    return f'W/"{digest.hexdigest()}"'


def object_etag(resource: Resource, form: Form = "objects") -> str:
    """The ETag of one object in one form: it changes when, and only when, the resource does."""
    return _etag("one", form, _fingerprint(json.encode(resource)))


def names_current(if_match: str, resource: Resource) -> bool:
    """Whether `If-Match` names the object as it is now, in whichever form the caller saw it. Source: RFC 9110 §13.1.1."""
    named = {tag.strip().removeprefix("W/") for tag in if_match.split(",")}
    return "*" in named or any(object_etag(resource, form).removeprefix("W/") in named for form in get_args(Form))


def _marks(seen: bytes) -> frozenset[bytes]:
    return frozenset(seen[at : at + MARK] for at in range(0, len(seen), MARK))


def _fingerprint(raw: bytes) -> bytes:
    return blake2b(raw, digest_size=16).digest()


def _one_body(page: Shelved, form: Form) -> Body:
    if "one" not in page.bodies:
        etag = _etag("one", form, *page.fingerprints, *page.beside)
        page.bodies["one"] = Body(page.items[0], page.items[0], etag, page.ids, page.patients[0])
    return page.bodies["one"]


def _envelope(page: Shelved, items: bytes, cursor: str | None, origin: Origin) -> bytes:
    """`{"object": "list", "data": […], "has_more", "next_cursor", "freshness", "warnings"}`."""
    return b"".join(
        (
            b'{"object":"list","data":[',
            items,
            b'],"has_more":',
            b"true" if cursor else b"false",
            b',"next_cursor":',
            msgspec.json.encode(cursor),
            b',"freshness":',
            msgspec.json.encode({"from": origin, "as_of": instant(page.as_of)}),
            b',"warnings":',
            msgspec.json.encode(page.warnings),
            b"}",
        )
    )


def _bundle(page: Shelved, declaration: Declaration, start: int, stop: int, cursor: str | None) -> bytes:
    """The same page as a FHIR R4 searchset Bundle; each `fullUrl` is the source's own. Source: FHIR R4 Bundle."""
    entries = [
        b'{"fullUrl":%s,"resource":%s,"search":{"mode":"match"}}'
        % (msgspec.json.encode(f"{page.base}/{declaration.resource_type}/{resource_id}"), item)
        for resource_id, item in zip(page.ids[start:stop], page.items[start:stop], strict=True)
    ]
    links = [{"relation": "next", "url": f"/{declaration.plural}?{urlencode({'cursor': cursor})}"}] if cursor else []
    parts = [b'{"resourceType":"Bundle","type":"searchset"', b',"timestamp":', msgspec.json.encode(instant(page.as_of))]
    if links:
        parts += [b',"link":', msgspec.json.encode(links)]
    if entries:
        parts += [b',"entry":[', b",".join(entries), b"]"]
    return b"".join((*parts, b"}"))
