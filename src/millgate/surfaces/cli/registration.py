"""What an operator gives to connect a tenant, or to register for one more persona of it: checked as a whole, then kept as a whole."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, get_args
from urllib.parse import urlsplit

from millgate.access.addresses import LOOPBACK, base_of, objection
from millgate.access.parties import FHIR_R4, AuthMethod, PathwayName, Persona, Registration, ScopeForm, ServiceType, Tenant
from millgate.errors import FieldProblem, FixRequest, GatewayError

if TYPE_CHECKING:
    from millgate.app import App

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
LONGEST_SECRET = 4096


@dataclass(frozen=True, slots=True)
class Credential:
    """How the gateway proves itself; the secret half never shows in a repr."""

    method: AuthMethod
    secret: bytes = field(repr=False)
    key_id: str | None = None
    algorithm: str | None = None
    public_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A tenant as the operator named it, with the registration for one persona; the credential never shows in a repr.

    `calls_base` is set where this persona's calls do not go to the tenant's own base (Millennium's patient host).
    """

    name: str
    fhir_base: str
    time_zone: str | None
    client_id: str
    method: AuthMethod
    scope_form: ScopeForm
    credential: bytes = field(repr=False)
    key_id: str | None = None
    algorithm: str | None = None
    service_types: tuple[ServiceType, ...] = ()
    persona: Persona = "system"
    public_key: str | None = None
    redirect_uri: str | None = None
    calls_base: str | None = None
    private_address: bool = False
    pathway: PathwayName = FHIR_R4

    def tenant(self, created_at: datetime) -> Tenant:
        """The tenant alone."""
        return Tenant(self.name, self.fhir_base, self.time_zone, created_at, self.private_address)

    async def keep(self, app: App, *, replace: bool = False) -> None:
        """Add the tenant (or change the one of that name and address), its registration and its service types.

        Raises FixRequest where the name stands for another address; with `replace` that tenant is removed, and this one takes its name.
        """
        tenant = self.tenant(app.now())
        known = await app.store.tenants.get(self.name)
        if known is None:
            await app.store.tenants.add(tenant)
        elif not await app.store.tenants.update(tenant):
            if not replace:
                raise taken(known)
            await app.store.tenants.replace(tenant)
        await self._complete(app)

    async def keep_moved(self, app: App) -> None:
        """As `keep`, where the operator knows that the tenant of that name is this very one, wherever it answered before.

        One whose own id, the last part of its base, is another is another hospital all the same, and takes its place.
        """
        known = await app.store.tenants.get(self.name)
        if known is None or same_tenant(known.fhir_base, self.fhir_base):
            tenant = self.tenant(app.now())
            if known is None or not await app.store.tenants.update(tenant):
                await (app.store.tenants.move(tenant) if known else app.store.tenants.add(tenant))
            await self._complete(app)
        else:
            await self.keep(app, replace=True)

    async def _complete(self, app: App) -> None:
        await self.register(app)
        if self.service_types:
            await app.store.tenants.learn_service_types(self.name, self.service_types)

    async def register(self, app: App) -> None:
        """Keep the registration alone; the tenant is there."""
        await app.store.tenants.register(
            Registration(
                tenant=self.name,
                persona=self.persona,
                client_id=self.client_id,
                method=self.method,
                scope_form=self.scope_form,
                credential=self.credential,
                key_id=self.key_id,
                algorithm=self.algorithm,
                redirect_uri=self.redirect_uri,
                public_key=self.public_key,
                fhir_base=self.calls_base,
                pathway=self.pathway,
            )
        )


@dataclass(frozen=True, slots=True)
class Words:
    """What the command line said of a registration, unread."""

    persona: str
    client_id: str
    scopes: str
    secret_stdin: bool
    key: str | None
    key_id: str | None
    generate_key: bool
    redirect_uri: str | None
    url: str | None = None
    allow_private_address: bool = False


def taken(known: Tenant) -> FixRequest:
    """Why a name that stands for another address is not simply given to this one."""
    told = (
        f"there is a tenant {known.name} already, at {known.fhir_base}, and its sessions and stored records belong to that address: "
        "give this one another name, remove that one first (`millgate tenants remove`), or say --replace to do both at once"
    )
    return FixRequest("invalid_request", told, errors=[FieldProblem("--url", "taken", told)])


def same_tenant(base: str, other: str) -> bool:
    """Whether two bases end in the same tenant id, which is opaque and one of a kind. Source: Millennium fact sheet section 1.1."""
    return base.rstrip("/").rsplit("/", 1)[-1] == other.rstrip("/").rsplit("/", 1)[-1]


def read_tenant(
    name: str, url: str, words: Words, *, time_zone: str | None, service_types: Sequence[str] | None, offline: bool = False
) -> Given:
    """What was given, if it is good. Raises FixRequest("invalid_request") naming all that is not. `offline`: no name is resolved."""
    problems: list[FieldProblem] = []
    if not NAME.fullmatch(name):
        problems.append(FieldProblem("NAME", "invalid", "lower-case letters, digits, - and _; 63 at most"))
    base = _base(url, words.allow_private_address, offline, problems)
    _check_zone(time_zone, problems)
    types = tuple(one for text in service_types or () if (one := _service_type(text, problems)))
    tenant = Tenant(name, base or "", time_zone, datetime.now(UTC), words.allow_private_address)
    given = _registration(tenant, words, types, problems)
    if problems or given is None:
        raise FixRequest("invalid_request", "The tenant cannot be added as given.", errors=problems)
    return given


def read_registration(tenant: Tenant, words: Words) -> Given:
    """What was given for one more persona of a tenant. Raises FixRequest("invalid_request") naming all that is wrong."""
    problems: list[FieldProblem] = []
    base = _base(words.url, tenant.private_address, False, problems) if words.url else None
    if base is not None and not same_tenant(base, tenant.fhir_base):
        told = f"must be another base of the same tenant, which ends as {tenant.fhir_base} does; add another hospital by its own name"
        problems.append(FieldProblem("--url", "another_tenant", told))
    given = _registration(tenant, words, (), problems)
    if problems or given is None:
        raise FixRequest("invalid_request", "The registration cannot be taken as given.", errors=problems)
    return replace(given, calls_base=None if base == tenant.fhir_base else base)


def read_credential(
    *, secret_stdin: bool, key: str | None, key_id: str | None, generate_key: bool, problems: list[FieldProblem]
) -> Credential | None:
    """The credential, of the one kind that was named; None where something is wrong, which `problems` then holds."""
    if [secret_stdin, key is not None, generate_key].count(True) != 1:
        told = "give one of --secret-stdin, --key FILE with --key-id KID, and --generate-key"
        problems.append(FieldProblem("--secret-stdin", "required", told))
        return None
    if key is not None and key_id is None:
        problems.append(FieldProblem("--key-id", "required", "name the key's `kid`, as in the JWKS that is registered"))
    if key is not None:
        return _read_key(key, key_id or "", problems)
    if generate_key:
        return _new_key()
    if problems:  # nothing is read from standard input in vain
        return None
    secret = sys.stdin.buffer.readline(LONGEST_SECRET).strip()
    if not secret:
        problems.append(FieldProblem("--secret-stdin", "empty", "no secret came on standard input"))
    return Credential("client_secret_basic", secret)


def _registration(tenant: Tenant, words: Words, types: tuple[ServiceType, ...], problems: list[FieldProblem]) -> Given | None:
    persona: Persona | None = next((one for one in get_args(Persona) if one == words.persona), None)
    form: ScopeForm | None = next((one for one in get_args(ScopeForm) if one == words.scopes), None)
    if persona is None:
        problems.append(FieldProblem("--persona", "invalid", "must be system, provider or patient"))
    if form is None:
        problems.append(FieldProblem("--scopes", "invalid", "must be v1 or v2"))
    if not words.client_id.strip() or "\0" in words.client_id:
        problems.append(FieldProblem("--client-id", "invalid", "must be the client id of the registration"))
    _check_redirect(words.redirect_uri, persona, problems)
    found = read_credential(
        secret_stdin=words.secret_stdin,
        key=words.key,
        key_id=words.key_id,
        generate_key=words.generate_key,
        problems=problems,
    )
    if persona is None or form is None or found is None:
        return None
    return Given(
        name=tenant.name,
        fhir_base=tenant.fhir_base,
        time_zone=tenant.time_zone,
        client_id=words.client_id.strip(),
        method=found.method,
        scope_form=form,
        credential=found.secret,
        key_id=found.key_id,
        algorithm=found.algorithm,
        service_types=types,
        persona=persona,
        public_key=found.public_key,
        redirect_uri=words.redirect_uri,
        private_address=tenant.private_address,
    )


def _base(url: str, allowed: bool, offline: bool, problems: list[FieldProblem]) -> str | None:
    try:
        base = base_of(url)
    except ValueError as error:
        problems.append(FieldProblem("--url", "invalid", str(error)))
        return None
    objected = None if allowed else objection(base, () if offline else _resolved(urlsplit(base).hostname or ""))
    if objected:
        problems.append(FieldProblem("--url", "not_allowed", objected))
    return base


def _resolved(host: str) -> list[str]:
    """The addresses that a name stands for; none where it cannot be resolved, which discovery then tells."""
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        return []


def _check_redirect(uri: str | None, persona: Persona | None, problems: list[FieldProblem]) -> None:
    if uri is None:
        return
    if persona == "system":
        problems.append(FieldProblem("--redirect-uri", "not_allowed", "the system persona has no user who signs in"))
    try:
        parts = urlsplit(uri)
        good = bool(parts.hostname) and not parts.fragment and not parts.username and parts.scheme in ("http", "https")
        good = good and (parts.scheme == "https" or parts.hostname in LOOPBACK)
    except ValueError:
        good = False
    if not good or any(ord(character) <= 0x20 for character in uri):
        told = "must be the https address that is registered (http on this machine only), without a fragment"
        problems.append(FieldProblem("--redirect-uri", "invalid", told))


def _check_zone(time_zone: str | None, problems: list[FieldProblem]) -> None:
    from millgate.canonical import dates

    if time_zone is None:
        return
    try:
        dates.zone(time_zone)
    except GatewayError:
        problems.append(FieldProblem("--time-zone", "invalid", "must be an IANA name such as America/Chicago"))


def _service_type(text: str, problems: list[FieldProblem]) -> ServiceType | None:
    system, _, rest = text.partition("|")
    code, _, display = rest.partition("|")
    if not system or not code:
        problems.append(FieldProblem("--service-type", "invalid", f"{text!r} is not SYSTEM|CODE or SYSTEM|CODE|DISPLAY"))
        return None
    return ServiceType(system, code, display or None, "operator")


def _read_key(path: str, key_id: str, problems: list[FieldProblem]) -> Credential | None:
    from millgate.pathways.signing_keys import read_signing_key

    try:
        found = read_signing_key(Path(path).expanduser().read_bytes(), key_id)
    except (OSError, ValueError) as error:
        told = error.strerror if isinstance(error, OSError) else str(error)
        problems.append(FieldProblem("--key", "invalid", f"{path} cannot be used: {told}"))
        return None
    return Credential("private_key_jwt", found.pem, found.key_id, found.algorithm, found.public_key)


def _new_key() -> Credential:
    from millgate.pathways.signing_keys import new_signing_key

    made = new_signing_key()
    return Credential("private_key_jwt", made.pem, made.key_id, made.algorithm, made.public_key)
