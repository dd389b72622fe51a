"""What a journey needs of a pathway, so that `flow` can be handed any of them."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from millgate.access.connection import Connection
from millgate.canonical.exchange import AppointmentWrite, Arriving, Call, Found, Page, Query, Sent, Wanted


class Grant(Protocol):
    """What the source's authorization server granted."""

    @property
    def scopes(self) -> tuple[str, ...]: ...

    @property
    def expires_in(self) -> float: ...


class Discovery(Protocol):
    """What a tenant's server says of itself."""

    @property
    def scopes_supported(self) -> tuple[str, ...]: ...

    @property
    def authorization_endpoint(self) -> str | None: ...

    @property
    def token_endpoint(self) -> str | None: ...

    @property
    def revocation_endpoint(self) -> str | None: ...

    @property
    def issuer(self) -> str | None: ...

    @property
    def names_issuer(self) -> bool: ...


class Pathway(Protocol):
    """One way to a source. Each call raises only GatewayError; each result names the exchanges it took."""

    @property
    def name(self) -> str: ...

    async def discover(self, fhir_base: str) -> Discovery: ...

    async def authorize(self, connection: Connection) -> Grant: ...

    async def search(self, connection: Connection, query: Query) -> Page: ...

    async def follow(self, connection: Connection, resource_type: str, link: str) -> Page: ...

    async def read(self, connection: Connection, resource_type: str, resource_id: str) -> Found: ...

    async def send(self, connection: Connection, write: AppointmentWrite) -> Sent: ...

    async def find_effect(
        self, connection: Connection, write: AppointmentWrite, since: datetime | None = None
    ) -> Sent | None: ...


class ContentPathway(Protocol):
    """A way to a source that keeps documents."""

    async def read(self, connection: Connection, resource_type: str, resource_id: str) -> Found: ...

    def content(self, connection: Connection, wanted: Wanted, calls: list[Call]) -> AbstractAsyncContextManager[Arriving]: ...
