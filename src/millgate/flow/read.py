"""Read: from the shelf while it is fresh enough, else from the source, by one call for all who ask the same at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from millgate.access.parties import Session
from millgate.access.rules import allow_patient, held_patient, require
from millgate.canonical.exchange import Call
from millgate.errors import FixRequest, GatewayError, TryLater
from millgate.flow.authenticate import Authenticator
from millgate.flow.confinement import check_rights, check_searchable, confined, realm
from millgate.flow.cursor import LONGEST_KEPT, Cursors, Holder, Place, same_filters
from millgate.flow.etags import names_current, object_etag
from millgate.flow.fetch import Fetched, Fetcher
from millgate.flow.making import Making
from millgate.flow.read_request import Answer, Form, GetRequest, ListRequest, Origin
from millgate.flow.record import Recorder
from millgate.flow.refreshing import Question, Refreshed, Refreshing
from millgate.flow.rendering import MOST_BODIES, instant, list_body, one_body
from millgate.flow.routes import Routes
from millgate.flow.service_types import BookableTypes
from millgate.flow.sharing import Key, Sharing
from millgate.flow.shelf import Body, Shelf, Shelved

__all__ = [
    "MOST_BODIES",
    "Answer",
    "Form",
    "GetRequest",
    "ListRequest",
    "Origin",
    "Reader",
    "instant",
    "names_current",
    "object_etag",
]

log = structlog.get_logger(__name__)

DEFAULT_LIMIT = 50
STALE = {
    "code": "stale",
    "detail": "The source cannot be reached; this is what it answered at `freshness.as_of`, which is older than was asked for.",
}


class Reader:
    """Lists and single objects of one tenant at a time, for one session at a time."""

    def __init__(
        self,
        *,
        authenticator: Authenticator,
        routes: Routes,
        recorder: Recorder,
        bookable: BookableTypes,
        cursors: Cursors,
        shelf: Shelf,
        now: Callable[[], datetime],
        content_url: Callable[[], str | None] = lambda: None,
        tell: Callable[[str, Sequence[str]], Awaitable[None]],
        audited: Callable[[Refreshed], Awaitable[None]],
    ) -> None:
        """What was made of resources takes as much memory again as the `shelf`.

        `tell` has the other gateways `forget`; `audited` commits the row of what was asked anew behind an answer.
        """
        self._authenticator = authenticator
        self._routes = routes
        self._fetcher = Fetcher(authenticator, routes, recorder, bookable, content_url, Making(shelf.limit))
        self._cursors = cursors
        self._shelf = shelf
        self._now = now
        self._tell = tell
        self._refreshing = Refreshing(audited)
        self._sharing: Sharing[Fetched] = Sharing()
        # How often each (tenant, object) was written: what was asked before a write is not kept after it.
        self._writes: Counter[tuple[str, str]] = Counter()
        self._cleared = 0  # how often everything was

    async def page(self, session: Session, request: ListRequest) -> Answer:
        """One page of a list. Raises GatewayError as the contract's error table says."""
        declaration = request.declaration
        check_searchable(declaration)
        await self._routes.check_searchable(session, declaration)
        request = confined(session, request)
        tenant = await self._authenticator.tenant_of(session)
        holder = Holder(tenant.name, tenant.fhir_base, session.client_id, declaration.name, session.patient_id)
        place = await self._place(session, request, holder)
        held = held_patient(session, check_rights(session, declaration, place.filters))
        filters = tuple(sorted(place.filters.items()))
        key = (*realm(session, tenant, declaration), request.form, place.pathway, place.link, place.seen, place.limit, filters)
        question = Question(session, declaration.name, place.pathway, patients=place.filters.get("patient_id", ()))
        page, calls, origin = await self._held_or_fetched(
            key, request, question, lambda: self._fetcher.page(session, request, place, held)
        )
        body = list_body(page, request, place, holder, self._cursors)
        answer = _answer(page, body, origin, calls, place.pathway)
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
        by = (await self._routes.of(session, declaration, request.pathway))[0]
        key = (*realm(session, tenant, declaration), request.form, by, "one", request.id)
        question = Question(session, declaration.name, by, ids=(request.id,))
        page, calls, origin = await self._held_or_fetched(
            key, request, question, lambda: self._fetcher.one(session, request, held, by)
        )
        return _answer(page, one_body(page, request.form), origin, calls, by)

    async def written(self, tenant: str, objects: Sequence[str]) -> None:
        """Facts about these objects were written at a source, or a feed brought them: nobody is shown what was true before.

        Whoever changes something calls this, when it has happened and before it is answered: here it holds at once, at the other
        gateways of the database as soon as they hear. If they cannot be told, answers there are as old as they may be at the most.
        """
        self.forget(tenant, objects)
        try:
            await self._tell(tenant, objects)
        except GatewayError as error:
            log.warning("other gateways were not told of a write", tenant=tenant, code=error.code)

    def forget(self, tenant: str, objects: Sequence[str]) -> None:
        """Answers about these objects are asked of the source again, those under way too; in this process."""
        self._shelf.forget(tenant, objects)
        self._writes.update((tenant, name) for name in objects)
        self._sharing.forget(tenant, objects)

    def forget_everything(self) -> None:
        """What others wrote may not have been heard of."""
        self._shelf.clear()
        self._cleared += 1
        self._sharing.forget_everything()

    def end(self, session: Session) -> None:
        """The session is over: nothing is asked in its name any more, and what a person alone was shown is let go of."""
        self._refreshing.end(session.id)
        if session.persona != "system":
            self._shelf.forget_person(session.id)

    async def close(self) -> None:
        """Cut off what is asked anew in the background."""
        await self._refreshing.close()

    async def _place(self, session: Session, request: ListRequest, holder: Holder) -> Place:
        if request.cursor is None:
            by = (await self._routes.of(session, request.declaration, request.pathway))[0]
            return Place(dict(request.filters), request.limit or DEFAULT_LIMIT, None, 0, pathway=by)
        place = self._cursors.open(request.cursor, holder, self._now())
        if request.pathway not in (None, place.pathway):
            raise FixRequest("invalid_cursor", f"This cursor goes on by {place.pathway}; leave `pathway` out, or begin again.")
        if not same_filters(request.filters, place):
            raise FixRequest(
                "invalid_cursor",
                "The filters differ from those that this cursor began with; leave them out, or begin again without a cursor.",
            )
        return place

    async def _held_or_fetched(
        self,
        key: Key,
        request: ListRequest | GetRequest,
        question: Question,
        fetch: Callable[[], Coroutine[Any, Any, Fetched]],
    ) -> tuple[Shelved, Sequence[Call], Origin]:
        """The page from the shelf if it is fresh enough; else from the source, by one call however many ask at once.

        Who does not say how old it may be gets one a little older than the default, too, and the source is asked anew behind it.
        """
        life = request.declaration.shelf_life
        max_age = life.longest if request.max_age is None else request.max_age
        now = self._now()
        held = self._shelf.take(key, max_age, now) if max_age > 0 else None
        if held is not None:
            if request.max_age is None and not held.renewed and (now - held.as_of).total_seconds() > life.seconds:
                held.renewed = self._refreshing.begin(question, fetch, self._keeping(key))
            return held, (), "cache"
        keep = self._keeping(key)
        try:
            if max_age <= 0:  # the caller wants the source's word now, not that of a call already under way
                page, calls = await fetch()
            else:
                page, calls = await self._sharing.of(key, fetch)
        except TryLater as error:
            return self._stale(key, request, error), [call for call in error.calls if isinstance(call, Call)], "cache"
        keep(page)
        return page, calls, "live"

    def _keeping(self, key: Key) -> Callable[[Shelved], None]:
        """How to put on the shelf what is asked of the source from now on: not if something is written meanwhile."""
        written = (str(key[0]), str(key[1]))
        before = (self._writes[written], self._cleared)

        def keep(page: Shelved) -> None:
            if (self._writes[written], self._cleared) == before:
                self._shelf.put(key, page)

        return keep

    def _stale(self, key: Key, request: ListRequest | GetRequest, error: TryLater) -> Shelved:
        """What is on the shelf, however old, told to be so, while the source cannot be reached; the error if there is nothing.

        Whoever asks with `max_age=0` wants the source's word or none.
        """
        held = self._shelf.take(key, LONGEST_KEPT.total_seconds(), self._now())
        if error.code not in ("upstream_unavailable", "upstream_timeout") or request.max_age == 0 or held is None:
            raise error
        return replace(held, warnings=(*held.warnings, STALE), bodies={})


def _answer(page: Shelved, body: Body, origin: Origin, calls: Sequence[Call], by: str) -> Answer:
    sent = body.live if origin == "live" else body.cached
    stale = STALE in page.warnings
    return Answer(sent, body.etag, origin, page.as_of, body.ids, body.patients, calls, pathway=by, stale=stale)
