"""What an operator gives to connect a tenant: checked as a whole, then kept as a whole."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from millgate.access.parties import AuthMethod, Registration, ScopeForm, ServiceType, Tenant
from millgate.errors import FieldProblem, FixRequest, GatewayError

if TYPE_CHECKING:
    from millgate.app import App

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


@dataclass(frozen=True, slots=True)
class Given:
    """A tenant as the operator named it, with the system persona's registration; the credential never shows in a repr."""

    name: str
    fhir_base: str
    time_zone: str | None
    client_id: str
    method: AuthMethod
    scope_form: ScopeForm
    credential: bytes = field(repr=False)
    key_id: str | None
    algorithm: str | None
    service_types: tuple[ServiceType, ...]

    async def keep(self, app: App) -> None:
        """Add the tenant (or change the one of that name), its registration and its service types."""
        tenant = Tenant(self.name, self.fhir_base, self.time_zone, app.now())
        if not await app.store.tenants.update(tenant):
            await app.store.tenants.add(tenant)
        await app.store.tenants.register(
            Registration(
                tenant=self.name,
                persona="system",
                client_id=self.client_id,
                method=self.method,
                scope_form=self.scope_form,
                credential=self.credential,
                key_id=self.key_id,
                algorithm=self.algorithm,
            )
        )
        if self.service_types:
            await app.store.tenants.learn_service_types(self.name, self.service_types)


def read_registration(
    name: str,
    url: str,
    client_id: str,
    *,
    secret_stdin: bool,
    key: str | None,
    key_id: str | None,
    scopes: str,
    time_zone: str | None,
    service_types: list[str] | None,
) -> Given:
    """What was given, if it is good. Raises FixRequest("invalid_request") naming all that is not."""
    problems: list[FieldProblem] = []
    if not NAME.fullmatch(name):
        problems.append(FieldProblem("NAME", "invalid", "lower-case letters, digits, - and _; 63 at most"))
    base = url.rstrip("/")
    parts = urlsplit(base)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
        problems.append(FieldProblem("--url", "invalid", "must be the http(s) address of a FHIR base, without a query"))
    if scopes not in ("v1", "v2"):
        problems.append(FieldProblem("--scopes", "invalid", "must be v1 or v2"))
    if secret_stdin == (key is not None):
        problems.append(FieldProblem("--secret-stdin", "required", "give either --secret-stdin or --key FILE"))
    _check_zone(time_zone, problems)
    types = tuple(one for text in service_types or () if (one := _service_type(text, problems)))
    credential, algorithm = b"", None
    if key is not None:
        credential, algorithm = _read_key(key, problems)
        if key_id is None:
            problems.append(FieldProblem("--key-id", "required", "name the key's `kid`, as in the JWKS that is registered"))
    elif secret_stdin and not problems:
        credential = sys.stdin.buffer.readline(4096).strip()
        if not credential:
            problems.append(FieldProblem("--secret-stdin", "empty", "no secret came on standard input"))
    if problems:
        raise FixRequest("invalid_request", "The tenant cannot be added as given.", errors=problems)
    method: AuthMethod = "private_key_jwt" if key is not None else "client_secret_basic"
    form: ScopeForm = "v1" if scopes == "v1" else "v2"
    return Given(name, base, time_zone, client_id, method, form, credential, key_id, algorithm, types)


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


def _read_key(path: str, problems: list[FieldProblem]) -> tuple[bytes, str | None]:
    """The PEM and the algorithm that its kind signs with: RS384 for RSA, ES384 for P-384."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        pem = Path(path).expanduser().read_bytes()
        loaded = load_pem_private_key(pem, None)
    except (OSError, ValueError, TypeError) as error:
        told = error.strerror if isinstance(error, OSError) else "it is no PEM private key without a passphrase"
        problems.append(FieldProblem("--key", "invalid", f"{path} cannot be used: {told}"))
        return b"", None
    if isinstance(loaded, rsa.RSAPrivateKey) and loaded.key_size >= 2048:
        return pem, "RS384"
    if isinstance(loaded, ec.EllipticCurvePrivateKey) and isinstance(loaded.curve, ec.SECP384R1):
        return pem, "ES384"
    problems.append(FieldProblem("--key", "invalid", "must be an RSA key of 2048 bits or more, or an EC key on P-384"))
    return b"", None
