"""The doctor: looks at one tenant from discovery to a call per granted resource, and tells of each thing as it is seen."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

from millgate.access.connection import Connection
from millgate.access.parties import FHIR_R4, PathwayName, Persona, Registration, ScopeForm, Tenant
from millgate.access.rules import CONTEXTS_OF
from millgate.access.scopes import ScopeSet, of_form, translate
from millgate.errors import FixRequest, GatewayError
from millgate.flow import findings
from millgate.flow.findings import Finding, Tls
from millgate.flow.pathway import Grant
from millgate.flow.watch import Documents

NOBODY = "0"  # an id that no record has


class Described(Protocol):
    """What a server says of itself, read."""

    @property
    def token_endpoint(self) -> str | None: ...

    @property
    def authorization_endpoint(self) -> str | None: ...

    @property
    def scopes_supported(self) -> tuple[str, ...]: ...

    @property
    def interactions(self) -> Mapping[str, frozenset[str]]: ...


class Pathway(Protocol):
    async def documents(self, fhir_base: str) -> Documents: ...
    async def discover(self, fhir_base: str) -> Described: ...
    async def authorize(self, connection: Connection) -> Grant: ...
    async def read(self, connection: Connection, resource_type: str, resource_id: str) -> object: ...


class Retired(Protocol):
    """A release that the vendor has retired."""

    async def discover(self, fhir_base: str) -> Described: ...


class Tenants(Protocol):
    async def get(self, name: str) -> Tenant | None: ...
    async def personas(self, tenant: str) -> Sequence[Persona]: ...
    async def registration(self, tenant: str, persona: Persona, pathway: PathwayName = FHIR_R4) -> Registration | None: ...
    async def orders(self, tenant: str) -> Mapping[str, Sequence[str]]: ...


class Grants(Protocol):
    async def of_tenant(self, tenant: str, persona: Persona) -> Sequence[tuple[str, ...]]: ...


class Doctor:
    """Asks the source only harmless things: its public documents, a token, and records that are not there."""

    def __init__(
        self,
        *,
        pathway: Pathway,
        tenants: Tenants,
        grants: Grants,
        look_at_tls: Callable[[str], Awaitable[Tls]],
        now: Callable[[], datetime],
        dstu2: Retired,
        successors: Mapping[str, str],
    ) -> None:
        """`successors`: what R4 gives instead of each type of DSTU2."""
        self._dstu2 = dstu2
        self._successors = successors
        self._pathway = pathway
        self._tenants = tenants
        self._grants = grants
        self._look_at_tls = look_at_tls
        self._now = now

    async def examine(self, name: str) -> AsyncIterator[Finding]:
        """The findings, as they come. Raises FixRequest `not_found` where there is no such tenant."""
        tenant = await self._tenants.get(name)
        if tenant is None:
            raise FixRequest("not_found", f"There is no tenant {name!r}; `millgate tenants list` names them.")
        registrations = [
            found
            for persona in await self._tenants.personas(name)
            if (found := await self._tenants.registration(name, persona)) is not None
        ]
        if not registrations:
            do = f"`millgate tenants register {name} --persona system …`."
            yield Finding("registrations", "failed", "the gateway is registered for no persona", "nobody can be let in", do)
        bases = dict.fromkeys([tenant.fhir_base, *(one.fhir_base for one in registrations if one.fhir_base)])
        for base in bases:
            reached = False
            of = next((f"{one.persona} " for one in registrations if one.fhir_base == base != tenant.fhir_base), "")
            async for finding in self._server(tenant, base):
                reached = finding.check == "clock"  # the last of a server that answers
                yield replace(finding, check=of + finding.check)
            for one in registrations:
                if (one.fhir_base or tenant.fhir_base) != base:
                    continue
                if not reached:
                    yield Finding(f"{one.persona} token", "skipped", "not looked at", "the server cannot be asked")
                    continue
                async for finding in self._registration(replace(tenant, fhir_base=base), one):
                    yield finding
        async for finding in self._retired(name):
            yield finding

    async def _retired(self, name: str) -> AsyncIterator[Finding]:
        """Where the tenant still relies on DSTU2; of a server that answers, the types that it has."""
        registration = await self._tenants.registration(name, "system", "fhir-dstu2")
        offered = self._successors
        if registration is not None and registration.fhir_base:
            try:
                found = await self._dstu2.discover(registration.fhir_base)
            except GatewayError as error:
                yield findings.of_unreachable("dstu2 discovery", error)
            else:
                offered = {kind: instead for kind, instead in offered.items() if kind in found.interactions}
        relied_on = findings.of_retired(name, registration, await self._tenants.orders(name), offered)
        if relied_on is not None:
            yield relied_on

    async def _server(self, tenant: Tenant, base: str) -> AsyncIterator[Finding]:
        """Address, TLS, discovery, clock; the clock only where the server answers."""
        yield findings.of_address(base, tenant.private_address)
        for host in await self._hosts(base):
            yield findings.of_tls(await self._look_at_tls(host), self._now())
        try:
            documents = await self._pathway.documents(base)
            found = await self._pathway.discover(base)
        except GatewayError as error:
            yield findings.of_unreachable("discovery", error)
            return
        for finding in findings.of_discovery(documents.texts, len(found.scopes_supported), found.interactions, base):
            yield finding
        yield findings.of_clock(documents.server_time, documents.asked_at)

    async def _hosts(self, base: str) -> list[str]:
        """The https addresses to shake hands with: the base's host, and the token endpoint's if that is another."""
        addresses = {urlsplit(base).netloc: base}
        try:
            endpoint = (await self._pathway.discover(base)).token_endpoint
        except GatewayError:
            endpoint = None
        if endpoint:
            addresses.setdefault(urlsplit(endpoint).netloc, endpoint)
        return [address for address in addresses.values() if urlsplit(address).scheme == "https"]

    async def _registration(self, tenant: Tenant, registration: Registration) -> AsyncIterator[Finding]:
        found = await self._pathway.discover(tenant.fhir_base)
        contexts = CONTEXTS_OF[registration.persona]
        if registration.persona != "system":
            documents = await self._pathway.documents(tenant.fhir_base)
            for finding in findings.of_sign_in(registration, _object(documents.texts), found.authorization_endpoint):
                yield finding
            yield findings.of_scope_form(registration, _counts(found.scopes_supported, contexts), None)
            held = await self._grants.of_tenant(tenant.name, registration.persona)
            offline = sum("offline_access" in scopes for scopes in held)
            advertised = "offline_access" in found.scopes_supported
            yield findings.of_offline_access(registration.persona, advertised, len(held), offline)
            return
        async for finding in self._system(tenant, registration, found.scopes_supported):
            yield finding

    async def _system(self, tenant: Tenant, registration: Registration, supported: Sequence[str]) -> AsyncIterator[Finding]:
        """The token request, the form of its scopes, what was granted, and a call for each resource type of it."""
        counts = _counts(supported, ("system",))
        connection = _asking(tenant, registration, supported, registration.scope_form)
        granted: tuple[str, ...] = ()
        try:
            grant = await self._pathway.authorize(connection)
        except GatewayError as error:
            yield findings.of_refused_token(registration, error)
        else:
            granted = tuple(scope for scope in grant.scopes if scope.startswith("system/"))
            yield findings.of_token(registration, grant.scopes, grant.expires_in)
        yield findings.of_scope_form(registration, counts, await self._working_form(tenant, registration, supported, granted))
        if not granted:
            return
        yield findings.of_granted("system", connection.scopes, granted)
        for resource_type in _readable(granted):
            yield await self._call(connection, resource_type)

    async def _working_form(
        self, tenant: Tenant, registration: Registration, supported: Sequence[str], granted: Sequence[str]
    ) -> str | None:
        """The form in which data scopes are granted: the registration's own, the other, or None where neither brings any."""
        if granted:
            return registration.scope_form
        other: ScopeForm = "v1" if registration.scope_form == "v2" else "v2"
        connection = _asking(tenant, registration, supported, other)
        if not connection.scopes:
            return None
        try:
            grant = await self._pathway.authorize(connection)
        except GatewayError:
            return None
        return other if any(scope.startswith("system/") for scope in grant.scopes) else None

    async def _call(self, connection: Connection, resource_type: str) -> Finding:
        try:
            await self._pathway.read(connection, resource_type, NOBODY)
        except GatewayError as error:
            return findings.of_call("system", resource_type, error)
        return findings.of_call("system", resource_type, None)


def _asking(tenant: Tenant, registration: Registration, supported: Sequence[str], form: ScopeForm) -> Connection:
    """A connection that asks for all that the tenant advertises for the system persona in that form."""
    asked = translate(ScopeSet.parse(["system/*.cruds"]), form, of_form(supported, form)).asked
    return Connection(tenant, replace(registration, scope_form=form), asked)


def _counts(supported: Sequence[str], contexts: Sequence[str]) -> dict[str, int]:
    forms: tuple[ScopeForm, ...] = ("v1", "v2")
    return {
        form: sum(scope.partition("/")[0] in contexts for scope in of_form(supported, form) if "/" in scope) for form in forms
    }


def _readable(granted: Sequence[str]) -> list[str]:
    """The resource types that may be read by id."""
    held = ScopeSet.parse(granted)
    return sorted({atom.resource_type for atom in held.atoms if atom.letter == "r" and atom.resource_type != "*"})


def _object(texts: Mapping[str, str]) -> dict[str, Any]:
    try:
        document = json.loads(texts.get("smart-configuration", "{}"))
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
