"""Open, find and end sessions: an API key becomes a session on one tenant with the scopes that all sides allow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from millgate.access.connection import Connection
from millgate.access.parties import FHIR_R4, Client, PathwayName, Persona, Registration, Session, Tenant
from millgate.access.rules import CONTEXTS_OF
from millgate.access.scopes import ScopeSet, expand, granted, of_form, translate
from millgate.errors import FieldProblem, FixRequest, GatewayError, NeedAccess
from millgate.flow.memory import Memory
from millgate.flow.pathway import Pathway

log = structlog.get_logger(__name__)

# Scopes of a person's launch that are no data scopes. Source: SMART App Launch 2.2 §3.0, Millennium fact sheet §2.3.
LAUNCH_WORDS = ("openid", "fhirUser", "profile", "launch", "launch/patient", "online_access", "offline_access")


class Clients(Protocol):
    async def by_key(self, key: str) -> Client | None: ...


class Sessions(Protocol):
    async def open(self, session: Session) -> str: ...
    async def by_token(self, token: str) -> Session | None: ...
    async def end(self, session_id: str) -> None: ...


class Tenants(Protocol):
    async def get(self, name: str) -> Tenant | None: ...
    async def registration(self, tenant: str, persona: Persona, pathway: PathwayName = FHIR_R4) -> Registration | None: ...


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
        pathway: Pathway,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        session_seconds: int,
        beside: Mapping[PathwayName, Pathway] | None = None,
    ) -> None:
        """`pathway` is FHIR R4, where every tenant has to be registered; those `beside` it open a session's way to more."""
        self._beside = beside or {}
        self._clients = clients
        self._sessions = sessions
        self._tenants = tenants
        self._pathway = pathway
        self._now = now
        self._new_id = new_id
        self._life = timedelta(seconds=session_seconds)
        self._known: Memory[Session] = Memory()
        self._parties: Memory[tuple[Tenant, Registration]] = Memory()

    async def client_of(self, key: str) -> Client:
        """The client that holds `key`. Raises NeedAccess("invalid_key")."""
        client = await self._clients.by_key(key) if key.startswith("mg_") else None
        if client is None or client.revoked_at is not None:
            raise NeedAccess("invalid_key", "Send the API key as `Authorization: Bearer mg_…`; it may be mistyped or revoked.")
        return client

    async def knows(self, key: str) -> bool:
        """Whether `key` opens sessions: it is a client's, and was not revoked."""
        try:
            await self.client_of(key)
        except NeedAccess:
            return False
        return True

    async def session_of(self, token: str) -> Session:
        """The open session that `token` stands for. Raises NeedAccess("invalid_session" | "session_expired")."""
        session = await self._known.of(token, lambda: self._sessions.by_token(token)) if token.startswith("ms_") else None
        if session is None:
            raise NeedAccess(
                "invalid_session",
                "Send the session token of POST /authenticate as `Authorization: Bearer ms_…`; this one is unknown or has ended.",
            )
        if session.expires_at <= self._now():
            raise NeedAccess("session_expired", "The session has expired; open another with POST /authenticate.")
        return session

    async def open(self, client: Client, *, tenant: str, persona: Persona, scopes: Sequence[str] | None) -> Opened:
        """A new session with what client, tenant and source all allow; what was wanted but not granted stands in `denied_scopes`.

        Raises NeedAccess("tenant_not_allowed" | "scope_missing"), FixRequest("invalid_request"), or the source's own refusal.
        """
        if tenant not in client.tenants:
            raise NeedAccess(
                "tenant_not_allowed", f"This client may not use the tenant {tenant!r}; ask the operator to allow it."
            )
        wish = None if scopes is None else read_scopes(scopes, persona)
        connection, allowed, wanted = await self._ask(client, tenant, persona, wish)
        held, more = await self._granted_beside(client, tenant, persona, wish)
        if connection.scopes or not held:
            grant = await self._pathway.authorize(connection)
            held = held.union(granted(allowed, grant.scopes).scopes)
        wanted = wanted.union(more)
        if not held:
            raise NeedAccess("scope_narrowed", f"The tenant granted none of the scopes asked for: {' '.join(connection.scopes)}.")
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

    async def _granted_beside(
        self, client: Client, tenant: str, persona: Persona, wish: ScopeSet | None
    ) -> tuple[ScopeSet, ScopeSet]:
        """What other pathways than R4 grant, and what was wanted of them. One that fails grants nothing: `denied_scopes` tells it."""
        held, wanted = ScopeSet(), ScopeSet()
        for name, pathway in self._beside.items():
            if await self._parties_or_none(tenant, persona, name) is None:
                continue
            try:
                connection, allowed, more = await self._ask(client, tenant, persona, wish, name)
                wanted = wanted.union(more)
                if connection.scopes:
                    held = held.union(granted(allowed, (await pathway.authorize(connection)).scopes).scopes)
            except GatewayError as error:
                log.warning("a pathway grants nothing", tenant=tenant, pathway=name, code=error.code)
        return held, wanted

    async def tenant_of(self, session: Session) -> Tenant:
        """The session's tenant as it is now, or was two seconds ago."""
        return (await self.parties_of(session.tenant, session.persona))[0]

    async def own_base_of(self, tenant_name: str) -> str | None:
        """The tenant's own base, whatever base a persona's calls go to; None of a tenant that is gone."""
        tenant = await self._tenants.get(tenant_name)
        return tenant.fhir_base if tenant is not None else None

    async def connection_of(self, session: Session, pathway: PathwayName = FHIR_R4) -> Connection:
        """The tenant, the registration and the scopes with which a session's calls go to the source by this pathway."""
        tenant, registration = await self.parties_of(session.tenant, session.persona, pathway)
        supported = (await self._by(pathway).discover(tenant.fhir_base)).scopes_supported
        advertised = of_form(supported, registration.scope_form)
        connection = self._connect(tenant, registration, ScopeSet.parse(session.scopes), advertised)
        return connection if session.persona == "system" else replace(connection, session_id=session.id)

    async def _ask(
        self, client: Client, tenant_name: str, persona: Persona, wish: ScopeSet | None, pathway: PathwayName = FHIR_R4
    ) -> tuple[Connection, ScopeSet, ScopeSet]:
        """The connection to ask for a grant with, what of the wish client and tenant allow, and the wish itself."""
        tenant, registration = await self.parties_of(tenant_name, persona, pathway)
        supported = (await self._by(pathway).discover(tenant.fhir_base)).scopes_supported
        advertised = of_form(supported, registration.scope_form)
        ceiling = ScopeSet.parse(client.scopes)
        wanted = expand(of_persona(ceiling, persona) if wish is None else wish, advertised)
        allowed = wanted.intersect(ceiling)
        if not allowed:
            raise NeedAccess(
                "scope_missing",
                f"None of the scopes asked for is allowed to this client on this tenant. It may have: {' '.join(client.scopes)}.",
            )
        return self._connect(tenant, registration, allowed, advertised), allowed, wanted

    def _by(self, pathway: PathwayName) -> Pathway:
        return self._beside.get(pathway, self._pathway)

    async def parties_of(self, tenant_name: str, persona: Persona, pathway: PathwayName = FHIR_R4) -> tuple[Tenant, Registration]:
        """The tenant, with the base that this persona's calls go to, and the gateway's registration there for the persona.

        Raises NeedAccess("tenant_not_allowed") where there is none.
        """
        known = await self._parties_or_none(tenant_name, persona, pathway)
        if known is None:
            by = "" if pathway == FHIR_R4 else f" by {pathway}"
            raise NeedAccess(
                "tenant_not_allowed",
                f"The tenant {tenant_name!r} has no registration for the {persona} persona{by}; the operator adds one.",
            )
        return known

    async def _parties_or_none(
        self, tenant_name: str, persona: Persona, pathway: PathwayName
    ) -> tuple[Tenant, Registration] | None:
        key = f"{pathway}/{persona}/{tenant_name}"
        return await self._parties.of(key, lambda: self._parties_now(tenant_name, persona, pathway))

    async def _parties_now(self, tenant_name: str, persona: Persona, pathway: PathwayName) -> tuple[Tenant, Registration] | None:
        tenant = await self._tenants.get(tenant_name)
        registration = await self._tenants.registration(tenant_name, persona, pathway) if tenant else None
        if tenant is None or registration is None:
            return None
        return replace(tenant, fhir_base=registration.fhir_base or tenant.fhir_base), registration

    @staticmethod
    def _connect(tenant: Tenant, registration: Registration, scopes: ScopeSet, advertised: Sequence[str]) -> Connection:
        return Connection(tenant, registration, translate(scopes, registration.scope_form, advertised).asked)


def of_persona(ceiling: ScopeSet, persona: Persona) -> ScopeSet:
    """What of a client's ceiling is for this persona."""
    contexts = CONTEXTS_OF[persona]
    return ScopeSet(frozenset(atom for atom in ceiling.atoms if atom.context in contexts))


def read_scopes(scopes: Sequence[str], persona: Persona) -> ScopeSet:
    """The scopes that were asked for. Raises FixRequest("invalid_request") naming all that cannot be read, or are another persona's.

    A system session holds `system/` scopes only, and none of the words of a person's launch.
    """
    contexts = CONTEXTS_OF[persona]
    words = () if persona == "system" else LAUNCH_WORDS
    asked = ScopeSet()
    problems: list[FieldProblem] = []
    try:
        asked = ScopeSet.parse(scopes)
    except FixRequest as error:
        problems += error.errors
    problems += [
        FieldProblem(
            f"scopes[{number}]",
            "wrong_persona",
            f"{scope[:80]!r} is not a scope of the {persona} persona ({'/, '.join(contexts)}/)",
        )
        for number, scope in enumerate(scopes)
        if scope.split("/")[0] not in contexts and scope not in words
    ]
    if problems:
        raise FixRequest(
            "invalid_request", f"Some scopes cannot be read, or do not go with the {persona} persona.", errors=problems
        )
    return asked
