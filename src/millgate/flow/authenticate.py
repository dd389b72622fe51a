"""Open, find and end sessions: an API key becomes a session on one tenant with the scopes that all sides allow."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from millgate.access.connection import Connection
from millgate.access.parties import Client, Persona, Registration, Session, Tenant
from millgate.access.scopes import ScopeSet, granted, translate
from millgate.errors import FieldProblem, FixRequest, NeedAccess, NotOffered
from millgate.flow.pathway import Pathway

# How long another gateway's word (a session ended, a client revoked) may take to be heard here.
REMEMBERED_S = 2.0


class Clients(Protocol):
    async def by_key(self, key: str) -> Client | None: ...


class Sessions(Protocol):
    async def open(self, session: Session) -> str: ...
    async def by_token(self, token: str) -> Session | None: ...
    async def end(self, session_id: str) -> None: ...


class Tenants(Protocol):
    async def get(self, name: str) -> Tenant | None: ...
    async def registration(self, tenant: str, persona: Persona) -> Registration | None: ...


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that was just opened; the token is shown this once."""

    session: Session
    token: str


class Authenticator:
    """Turns keys into sessions and session tokens back into sessions; remembers both for two seconds."""

    def __init__(
        self,
        *,
        clients: Clients,
        sessions: Sessions,
        tenants: Tenants,
        pathways: Mapping[str, Pathway],
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        session_seconds: int,
    ) -> None:
        self._clients = clients
        self._sessions = sessions
        self._tenants = tenants
        self._pathways = pathways
        self._now = now
        self._new_id = new_id
        self._life = timedelta(seconds=session_seconds)
        self._known: _Memory[Session] = _Memory()
        self._parties: _Memory[tuple[Tenant, Registration]] = _Memory()

    async def client_of(self, key: str) -> Client:
        """The client that holds `key`. Raises NeedAccess("invalid_key")."""
        client = await self._clients.by_key(key) if key.startswith("mg_") else None
        if client is None or client.revoked_at is not None:
            raise NeedAccess("invalid_key", "Send the API key as `Authorization: Bearer mg_…`; it may be mistyped or revoked.")
        return client

    async def session_of(self, token: str) -> Session:
        """The open session that `token` stands for. Raises NeedAccess("invalid_session" | "session_expired")."""
        session = self._known.get(token)
        if session is None:
            session = await self._sessions.by_token(token) if token.startswith("ms_") else None
            if session is None:
                raise NeedAccess(
                    "invalid_session",
                    "Send the session token of POST /authenticate as `Authorization: Bearer ms_…`; this one is unknown or has ended.",
                )
            self._known.put(token, session)
        if session.expires_at <= self._now():
            raise NeedAccess("session_expired", "The session has expired; open another with POST /authenticate.")
        return session

    async def open(self, client: Client, *, tenant: str, persona: Persona, scopes: Sequence[str] | None) -> Opened:
        """A new session with what client, tenant and source all allow; what was wanted but not granted stands in `denied_scopes`.

        Raises NeedAccess("tenant_not_allowed" | "scope_missing"), FixRequest("invalid_request"), or the source's own refusal.
        """
        if tenant not in client.tenants:
            raise NeedAccess("tenant_not_allowed", f"This client may not use the tenant {tenant!r}; ask the operator to allow it.")
        if persona != "system":
            raise NotOffered("not_offered_by_tenant", "Only the system persona can be used as yet.")
        connection, wanted = await self._ask(client, tenant, persona, scopes)
        grant = await self._pathways["fhir-r4"].authorize(connection)
        held = granted(grant.scopes).intersect(wanted)
        now = self._now()
        session = Session(
            id=self._new_id(),
            client_id=client.id,
            tenant=tenant,
            persona=persona,
            scopes=held.strings(),
            denied_scopes=wanted.minus(held).strings(),
            patient_id=None,
            encounter_id=None,
            created_at=now,
            expires_at=now + self._life,
        )
        return Opened(session, await self._sessions.open(session))

    async def end(self, token: str, session: Session) -> None:
        """End the session here and, within two seconds, at every other gateway."""
        await self._sessions.end(session.id)
        self._known.drop(token)

    async def connection_of(self, session: Session) -> Connection:
        """The tenant, the registration and the scopes with which a session's calls go to the source."""
        tenant, registration = await self._parties_of(session.tenant, session.persona)
        return await self._connect(tenant, registration, ScopeSet.parse(session.scopes))

    async def _ask(
        self, client: Client, tenant_name: str, persona: Persona, scopes: Sequence[str] | None
    ) -> tuple[Connection, ScopeSet]:
        tenant, registration = await self._parties_of(tenant_name, persona)
        ceiling = ScopeSet.parse(client.scopes)
        wanted = ceiling if scopes is None else ScopeSet.parse(scopes)
        _refuse_other_contexts(wanted, persona)
        allowed = wanted.intersect(ceiling)
        if not allowed:
            raise NeedAccess("scope_missing", f"None of the scopes asked for is allowed to this client; it may have {ceiling}.")
        return await self._connect(tenant, registration, allowed), wanted
