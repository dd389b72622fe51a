"""The only place where the parts are joined: settings in, one `App` out, handed to every surface."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from millgate.errors import CODES, GatewayError
from millgate.flow.authenticate import Authenticator
from millgate.flow.bookkeeping import Bookkeeper
from millgate.flow.content import Bounds, Contents
from millgate.flow.cursor import Cursors
from millgate.flow.event_feed import EventFeed
from millgate.flow.floods import Floods, HeldBack
from millgate.flow.launches import Launches
from millgate.flow.published import PublishedKeys
from millgate.flow.read import Reader
from millgate.flow.record import Recorder
from millgate.flow.refreshing import CUT_OFF, Refreshed
from millgate.flow.rejections import Rejections
from millgate.flow.routes import Route, Routes
from millgate.flow.service_types import BookableTypes
from millgate.flow.shelf import Shelf
from millgate.flow.sign_in import SignInFlow
from millgate.flow.sign_out import GivenBack, SignOut
from millgate.flow.trust import Trust
from millgate.flow.write import Writer
from millgate.pathways.credentials import Credentials
from millgate.pathways.declared import objects_of
from millgate.pathways.fhir_dstu2.transport import FhirDstu2
from millgate.pathways.fhir_r4.transport import FhirR4
from millgate.pathways.guard import Guard
from millgate.pathways.http import DICE, Limits, Transport
from millgate.pathways.sign_in import SignInDesk
from millgate.pathways.sources import Sources
from millgate.pathways.tokens import TokenBook
from millgate.pathways.user_tokens import Tokens, UserTokens
from millgate.settings import Settings
from millgate.store.audit import Entry
from millgate.store.jobs import Retention
from millgate.store.store import Store
from millgate.store.vault import MasterKey, master_key

Result = TypeVar("Result")

# What an operator's command is called in the audit chain; it acts with the rights of whoever may read the data directory.
COMMAND_LINE = "command-line"


def utc_now() -> datetime:
    """The wall clock, in UTC."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Address:
    """Where browsers reach this gateway: as set, or as the server found it when it was bound."""

    url: str


@dataclass(slots=True)
class App:
    """Everything that a surface may use."""

    settings: Settings
    store: Store
    pathway: FhirR4
    dstu2: FhirDstu2
    authenticator: Authenticator
    bookable: BookableTypes
    recorder: Recorder
    reader: Reader
    contents: Contents
    writer: Writer
    published: PublishedKeys
    sign_in: SignInFlow
    sign_out: SignOut
    floods: Floods
    sources: Sources
    trust: Trust
    bookkeeper: Bookkeeper
    feed: EventFeed
    address: Address
    now: Callable[[], datetime]
    # Doors whose callers may be gone, and whose audit rows are still to be written: closing waits for them.
    at_the_door: set[asyncio.Task[Any]] = field(default_factory=set)

    @classmethod
    @asynccontextmanager
    async def opened(cls, settings: Settings, *, now: Callable[[], datetime] = utc_now) -> AsyncIterator[App]:
        """An App with its store open and migrated; closed in the reverse order, so that nothing that was taken is lost."""
        async with AsyncExitStack() as closing:
            store = await Store.open(
                database_url=settings.database_url,
                data_dir=settings.folder,
                master_key=_master_key(settings),
                now=now,
                retention=Retention(history=timedelta(days=settings.keep_history_days)),
            )
            closing.push_async_callback(store.close)
            parts = _Parts(settings, store, now)
            await parts.bookkeeper.start()
            closing.push_async_callback(parts.bookkeeper.close)
            closing.push_async_callback(parts.transport.aclose)
            closing.push_async_callback(parts.tokens.aclose)
            parts.recorder.start()
            closing.push_async_callback(parts.recorder.close)
            parts.people.tell_narrowed(parts.sign_out.narrowed)
            closing.push_async_callback(parts.floods.close)
            app = parts.app
            closing.push_async_callback(app.writer.close)
            closing.push_async_callback(app.reader.close)
            closing.push_async_callback(app.leave)
            yield app

    async def leave(self) -> None:
        """Wait for those who are at a door: their work is done, and has to be audited."""
        while self.at_the_door:
            await asyncio.gather(*self.at_the_door, return_exceptions=True)

    async def listen(self) -> None:
        """Hear from now on what other gateways of the database write; back once that is so."""
        await self.store.notices.listen(self.reader.forget, self.reader.forget_everything)

    async def operate(
        self, action: str, object_name: str, work: Callable[[], Awaitable[Result]], *, tenant: str | None = None
    ) -> Result:
        """Do an operator's piece of work from the command line, with its row in the audit chain."""
        status, code = 200, None
        try:
            return await work()
        except BaseException as error:
            status, code = _told_of(error)
            raise
        finally:
            await self.store.audit.append(
                Entry(
                    at=self.now(),
                    request_id=uuid.uuid4().hex,
                    client_id=COMMAND_LINE,
                    tenant=tenant,
                    action=f"operator.{action}",
                    object=object_name,
                    status=status,
                    code=code,
                )
            )


def _told_of(error: BaseException) -> tuple[int, str]:
    """Status and code of an error in the audit chain, as an answer over HTTP would have them."""
    if isinstance(error, GatewayError):
        return error.meaning.status, error.code
    if isinstance(error, Exception):
        return CODES["internal_error"].status, "internal_error"
    return 499, CUT_OFF  # the command was interrupted


def _status_of(code: str | None) -> int:
    """The status that an answer of that outcome would have."""
    if code is None:
        return 200
    return 499 if code == CUT_OFF else CODES[code].status


class _Parts:
    """The parts of one App, each made once, of those that it needs."""

    def __init__(self, settings: Settings, store: Store, now: Callable[[], datetime]) -> None:
        self.settings = settings
        self.store = store
        self.now = now
        self.address = Address(settings.public_url or f"http://{settings.host}:{settings.port}")

    @cached_property
    def sources(self) -> Sources:
        return Sources(now=self.now, jitter=DICE.uniform, most_at_once=self.settings.max_upstream_connections)

    @cached_property
    def bookkeeper(self) -> Bookkeeper:
        return Bookkeeper(self.sources, self.store.budgets, uuid.uuid4())

    @cached_property
    def transport(self) -> Transport:
        limits = Limits(
            read_s=self.settings.request_seconds,
            total_s=self.settings.request_seconds,
            connections_per_host=self.settings.max_upstream_connections,
        )
        return Transport(limits, now=self.now, sources=self.sources, guard=Guard(self.store.tenants.allows_private))

    @cached_property
    def credentials(self) -> Credentials:
        return Credentials(self.now, Rejections(self.store.events, self.now))

    @cached_property
    def tokens(self) -> TokenBook:
        return TokenBook(self.transport, self.now, self.credentials)

    @cached_property
    def people(self) -> UserTokens:
        return UserTokens(self.transport, self.store.grants, now=self.now, credentials=self.credentials)

    @cached_property
    def pathway(self) -> FhirR4:
        return FhirR4(self.transport, Tokens(self.tokens, self.people), self.now, self.trust.check)

    @cached_property
    def dstu2(self) -> FhirDstu2:
        return FhirDstu2(self.transport, Tokens(self.tokens, self.people), self.now, self.trust.check)

    @cached_property
    def routes(self) -> Routes:
        """The pathways in their default order."""
        return Routes(
            {
                "fhir-r4": Route(self.pathway, objects_of("millgate.pathways.fhir_r4")),
                "fhir-dstu2": Route(self.dstu2, objects_of("millgate.pathways.fhir_dstu2")),
            },
            self.store.tenants,
        )

    @cached_property
    def trust(self) -> Trust:
        return Trust(self.store.origins, self.store.events)

    @cached_property
    def recorder(self) -> Recorder:
        return Recorder(self.store.records)

    @cached_property
    def authenticator(self) -> Authenticator:
        return Authenticator(
            clients=self.store.clients,
            sessions=self.store.sessions,
            tenants=self.store.tenants,
            pathway=self.pathway,
            now=self.now,
            new_id=_new_session_id,
            session_seconds=self.settings.session_seconds,
            beside={"fhir-dstu2": self.dstu2},
        )

    @cached_property
    def sign_in(self) -> SignInFlow:
        return SignInFlow(
            authenticator=self.authenticator,
            pathway=self.pathway,
            desk=self.desk,
            sign_ins=self.store.sign_ins,
            grants=self.store.grants,
            sessions=self.store.sessions,
            launches=Launches(_Directory(self.store)),
            sign_out=self.sign_out,
            now=self.now,
            new_id=_new_session_id,
            session_seconds=self.settings.session_seconds,
            public_url=lambda: self.address.url,
        )

    @cached_property
    def desk(self) -> SignInDesk:
        return SignInDesk(self.transport, self.now, self.credentials)

    @cached_property
    def sign_out(self) -> SignOut:
        return SignOut(
            authenticator=self.authenticator,
            pathway=self.pathway,
            desk=self.desk,
            grants=self.store.grants,
            sessions=self.store.sessions,
            now=self.now,
            forget=self.people.forget,
            audited=self.given_back,
        )

    @cached_property
    def floods(self) -> Floods:
        refusals, launches = self.settings.refusals_per_minute, self.settings.launches_per_minute
        return Floods({"authenticate": refusals, "key": refusals, "sign_in": refusals, "launch": launches}, self.held_back)

    async def held_back(self, some: HeldBack) -> None:
        """Audit how many attempts from an address were refused without a row of their own."""
        await self.store.audit.append(
            Entry(
                at=self.now(),
                request_id=uuid.uuid4().hex,
                action=some.action,
                object="attempts",
                target_ids=(f"{some.attempts} from {some.address}",),
                status=CODES["rate_limited"].status,
                code="rate_limited",
            )
        )

    async def given_back(self, done: GivenBack) -> None:
        """Audit that the tokens of a session that is over were given back to the source; nobody asked for it."""
        left = done.left
        await self.store.audit.append(
            Entry(
                at=self.now(),
                request_id=uuid.uuid4().hex,
                client_id=left.client_id,
                session_id=left.session_id,
                tenant=left.tenant,
                persona=left.persona,
                action="expire",
                object="session",
                status=CODES[done.code].status if done.code else 200,
                code=done.code,
                calls=tuple(done.calls),
            )
        )

    @cached_property
    def bookable(self) -> BookableTypes:
        return BookableTypes(self.store.tenants)

    @cached_property
    def reader(self) -> Reader:
        vault = self.store.vault
        return Reader(
            authenticator=self.authenticator,
            routes=self.routes,
            recorder=self.recorder,
            bookable=self.bookable,
            cursors=Cursors(vault.subkey("cursor/encrypt") + vault.subkey("cursor/authenticate")),
            shelf=Shelf(self.settings.cache_bytes // 2),  # the other half is what the reader makes of resources
            now=self.now,
            content_url=lambda: self.address.url.rstrip("/"),
            tell=self.store.notices.tell,
            audited=self.refreshed,
        )

    async def refreshed(self, done: Refreshed) -> None:
        """Audit that the source was asked anew in a session's name, behind an answer from the cache."""
        question, session = done.question, done.question.session
        await self.store.audit.append(
            Entry(
                at=self.now(),
                request_id=uuid.uuid4().hex,
                client_id=session.client_id,
                session_id=session.id,
                tenant=session.tenant,
                persona=session.persona,
                user=session.user,
                action="refresh",
                object=question.object,
                target_ids=tuple(done.ids),
                patients=tuple(done.patients),
                status=_status_of(done.code),
                code=done.code,
                calls=tuple(done.calls),
                freshness=None if done.code else "live",
                pathway=question.pathway,
            )
        )

    @cached_property
    def contents(self) -> Contents:
        settings = self.settings
        bounds = Bounds(
            head_s=settings.request_seconds,
            generate_s=settings.generate_seconds,
            total_s=settings.content_seconds,
            memory_bytes=settings.content_memory_bytes,
            most_bytes=settings.content_limit_bytes,
        )
        return Contents(authenticator=self.authenticator, pathway=self.pathway, bounds=bounds)

    @cached_property
    def writer(self) -> Writer:
        return Writer(
            authenticator=self.authenticator,
            pathway=self.pathway,
            recorder=self.recorder,
            reader=self.reader,
            bookable=self.bookable,
            keys=self.store.idempotency,
            now=self.now,
        )

    @cached_property
    def app(self) -> App:
        """All that surfaces use."""
        return App(
            settings=self.settings,
            store=self.store,
            pathway=self.pathway,
            dstu2=self.dstu2,
            authenticator=self.authenticator,
            bookable=self.bookable,
            recorder=self.recorder,
            reader=self.reader,
            contents=self.contents,
            writer=self.writer,
            published=PublishedKeys(self.store.tenants),
            sign_in=self.sign_in,
            sign_out=self.sign_out,
            floods=self.floods,
            sources=self.sources,
            trust=self.trust,
            bookkeeper=self.bookkeeper,
            feed=EventFeed(self.store.events, self.store.vault.subkey("events/place")),
            address=self.address,
            now=self.now,
        )


def _new_session_id() -> str:
    return f"session_{uuid.uuid4().hex}"


class _Directory:
    """Tenants and clients as a launch looks for them."""

    def __init__(self, store: Store) -> None:
        self.tenants = store.tenants.list
        self.registration = store.tenants.registration
        self.clients = store.clients.list
        self.client = store.clients.get


def _master_key(settings: Settings) -> MasterKey:
    """The vault's master key. One is made for an embedded database only: a shared one must be given its key by the operator."""
    file = Path(settings.master_key_file).expanduser() if settings.master_key_file else None
    return master_key(
        value=settings.master_key,
        command=settings.master_key_command,
        key_file=file,
        data_dir=settings.folder,
        create=settings.database_url is None,
    )
