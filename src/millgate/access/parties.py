"""Who takes part in a call: the API client, its session, the tenant, and the gateway's registration with that tenant."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

Persona = Literal["system", "provider", "patient"]
PathwayName = Literal["fhir-r4", "fhir-dstu2"]
FHIR_R4: Final = "fhir-r4"
ScopeForm = Literal["v1", "v2"]
AuthMethod = Literal["client_secret_basic", "private_key_jwt"]


@dataclass(frozen=True, slots=True)
class Tenant:
    """A health system's Millennium, as the operator named it.

    `time_zone` is an IANA name or None; nothing takes its place when it is missing. `fhir_base` has no trailing slash.
    `private_address`: the operator allows its addresses to be private ones, and plain http beyond the loopback interface.
    """

    name: str
    fhir_base: str
    time_zone: str | None
    created_at: datetime
    private_address: bool = False


@dataclass(frozen=True, slots=True)
class Registration:
    """The gateway's own registration at one tenant for one persona, by one pathway; the credential never shows in a repr.

    `previous` holds the credentials that this one replaced and that may still be good, newest first; they are no part of its identity.
    """

    tenant: str
    persona: Persona
    client_id: str
    method: AuthMethod
    scope_form: ScopeForm
    credential: bytes = field(repr=False)  # the client secret, or the private key as PEM
    key_id: str | None = None  # `kid` of the private key
    algorithm: str | None = None  # RS384 or ES384 with a private key
    redirect_uri: str | None = None  # as registered, for a persona whose users sign in
    public_key: str | None = None  # the public half of a private key: a JWK as JSON text
    fhir_base: str | None = None  # where its calls go, if not to the tenant's own base (the patient host, DSTU2)
    previous: tuple[Registration, ...] = field(default=(), compare=False, repr=False)
    good_until: datetime | None = field(default=None, compare=False)  # of a previous one: when its overlap ends
    pathway: PathwayName = FHIR_R4


@dataclass(frozen=True, slots=True)
class Client:
    """An application of the operator's customer: the tenants that it may use, and the ceiling of its scopes."""

    id: str
    name: str
    tenants: tuple[str, ...]
    scopes: tuple[str, ...]
    created_at: datetime
    revoked_at: datetime | None = None
    return_urls: tuple[str, ...] = ()  # where a browser may go back to after a sign-in; compared exactly


@dataclass(frozen=True, slots=True)
class Session:
    """What `POST /authenticate` opened: one client on one tenant for one persona, with the scopes that were granted."""

    id: str
    client_id: str
    tenant: str
    persona: Persona
    scopes: tuple[str, ...]
    denied_scopes: tuple[str, ...]
    patient_id: str | None
    encounter_id: str | None
    created_at: datetime
    expires_at: datetime
    user: str | None = None  # who signed in, as the source names them: Practitioner/…, Patient/…, Person/…
    need_patient_banner: bool | None = None  # whether the application has to show whose chart it is


@dataclass(frozen=True, slots=True)
class ServiceType:
    """A bookable appointment type of a tenant; Millennium lists them nowhere, so each says where it was learned."""

    system: str
    code: str
    display: str | None
    origin: Literal["operator", "seen"]
