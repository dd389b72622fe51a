"""The only place where the parts are joined: settings in, one `App` out, handed to every surface."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from millgate.flow.authenticate import Authenticator
from millgate.flow.bookkeeping import Bookkeeper
from millgate.flow.cursor import Cursors
from millgate.flow.published import PublishedKeys
from millgate.flow.read import Reader
from millgate.flow.record import Recorder
from millgate.flow.rejections import Rejections
from millgate.flow.service_types import BookableTypes
from millgate.flow.shelf import Shelf
from millgate.flow.sign_in import SignInFlow
from millgate.flow.write import Writer
from millgate.pathways.credentials import Credentials
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
    authenticator: Authenticator
    bookable: BookableTypes
    recorder: Recorder
    reader: Reader
    writer: Writer
    published: PublishedKeys
    sign_in: SignInFlow
    sources: Sources
    bookkeeper: Bookkeeper
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
            sources = Sources(now=now, jitter=DICE.uniform, most_at_once=settings.max_upstream_connections)
            bookkeeper = Bookkeeper(sources, store.budgets, uuid.uuid4())
            await bookkeeper.start()
            closing.push_async_callback(bookkeeper.close)
            transport = Transport(
                Limits(
                    read_s=settings.request_seconds,
                    total_s=settings.request_seconds,
                    connections_per_host=settings.max_upstream_connections,
                ),
                now=now,
                sources=sources,
                guard=Guard(store.tenants.allows_private),
            )
            closing.push_async_callback(transport.aclose)
            credentials = Credentials(now, Rejections(store.events, now))
            tokens = TokenBook(transport, now, credentials)
            closing.push_async_callback(tokens.aclose)
            people = UserTokens(transport, store.grants, now=now, credentials=credentials)
            recorder = Recorder(store.records)
            recorder.start()
            closing.push_async_callback(recorder.close)
            pathway = FhirR4(transport, Tokens(tokens, people), now)
            desk = SignInDesk(transport, now, credentials)
            app = cls._joined(settings, store, pathway, recorder, people, desk, sources, bookkeeper, now)
            people.tell_narrowed(app.sign_in.narrowed)
            closing.push_async_callback(app.writer.close)
            closing.push_async_callback(app.leave)
            yield app

    async def leave(self) -> None:
        """Wait for those who are at a door: their work is done, and has to be audited."""
        while self.at_the_door:
            await asyncio.gather(*self.at_the_door, return_exceptions=True)

    @classmethod
    def _joined(
        cls,
        settings: Settings,
        store: Store,
        pathway: FhirR4,
        recorder: Recorder,
        people: UserTokens,
        desk: SignInDesk,
        sources: Sources,
        bookkeeper: Bookkeeper,
        now: Callable[[], datetime],
    ) -> App:
        address = Address(settings.public_url or f"http://{settings.host}:{settings.port}")
        authenticator = Authenticator(
            clients=store.clients,
            sessions=store.sessions,
            tenants=store.tenants,
            pathway=pathway,
            now=now,
            new_id=_new_session_id,
            session_seconds=settings.session_seconds,
        )
        sign_in = SignInFlow(
            authenticator=authenticator,
            pathway=pathway,
            desk=desk,
            sign_ins=store.sign_ins,
            grants=store.grants,
            sessions=store.sessions,
            directory=_Directory(store),
            now=now,
            new_id=_new_session_id,
            session_seconds=settings.session_seconds,
            public_url=lambda: address.url,
            forget=people.forget,
        )
        bookable = BookableTypes(store.tenants)
        reader = Reader(
            authenticator=authenticator,
            pathway=pathway,
            recorder=recorder,
            bookable=bookable,
            cursors=Cursors(store.vault.subkey("cursor/encrypt") + store.vault.subkey("cursor/authenticate")),
            shelf=Shelf(settings.cache_bytes),
            now=now,
        )
        writer = Writer(
            authenticator=authenticator,
            pathway=pathway,
            recorder=recorder,
            reader=reader,
            bookable=bookable,
            keys=store.idempotency,
            now=now,
        )
        return cls(
            settings=settings,
            store=store,
            pathway=pathway,
            authenticator=authenticator,
            bookable=bookable,
            recorder=recorder,
            reader=reader,
            writer=writer,
            published=PublishedKeys(store.tenants),
            sign_in=sign_in,
            sources=sources,
            bookkeeper=bookkeeper,
            address=address,
            now=now,
        )

    async def operate(
        self, action: str, object_name: str, work: Callable[[], Awaitable[Result]], *, tenant: str | None = None
    ) -> Result:
        """Do an operator's piece of work from the command line, with its row in the audit chain."""
        status, code = 200, None
        try:
            return await work()
        except BaseException as error:
            status, code = 500, getattr(error, "code", "internal_error")
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
    return master_key(value=settings.master_key, key_file=file, data_dir=settings.folder, create=settings.database_url is None)
