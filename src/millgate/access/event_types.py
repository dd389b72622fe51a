"""The events that there are: what each tells, and who may read it. A type that is not in this table is for operators only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from millgate.errors import NeedAccess


@dataclass(frozen=True, slots=True)
class EventType:
    """One kind of event; `members` says what its `data` holds. No event holds a patient's data or a secret."""

    name: str
    told: str
    members: Mapping[str, str]
    example: Mapping[str, Any]
    operators_only: bool


CAPABILITY_CHANGED: Final = EventType(
    name="tenant.capability_changed",
    told="What a tenant's server says of itself differs from the last time it was looked at; once for each look that found something.",
    members={
        "changes": "each change: its `class` (breaking, additive or cosmetic), its `kind`, whether it `came`, `went` or `changed`, "
        "the `subject`, and `before` and `after` (null where there is none)",
        "breaking, additive, cosmetic": "how many changes there are of each class",
    },
    example={
        "changes": [
            {
                "class": "breaking",
                "kind": "search_parameter",
                "change": "went",
                "subject": "Observation.code",
                "before": "token",
                "after": None,
            }
        ],
        "breaking": 1,
        "additive": 0,
        "cosmetic": 0,
    },
    operators_only=False,
)
CREDENTIAL_REJECTED: Final = EventType(
    name="tenant.credential_rejected",
    told="A tenant's authorization server refused the credential of one of the gateway's registrations; once an hour for each.",
    members={
        "persona": "whose registration it is",
        "client_id": "its client id at the tenant",
        "method": "`client_secret_basic` or `private_key_jwt`",
        "key_id": "the `kid` of its key, or null with a secret",
        "fell_back": "whether the credential before it is still good and was tried instead",
    },
    example={
        "persona": "system",
        "client_id": "9c3a1f6e-5d0b-4b52-8a0d-2f1f6a1b7c11",
        "method": "client_secret_basic",
        "key_id": None,
        "fell_back": True,
    },
    operators_only=True,
)
_ORIGINS: Final[Mapping[str, str]] = {
    "fhir_base": "the base whose documents name them",
    "accepted": "the origins to which credentials went until then",
    "new": "the origins that are named now and were not accepted before",
}
_MOVED: Final[Mapping[str, Any]] = {
    "fhir_base": "https://fhir-ehr.cerner.com/r4/TENANT_ID",
    "accepted": ["https://fhir-ehr.cerner.com:443"],
    "new": ["https://fhir.cerner.com:443"],
}
ENDPOINT_REFUSED: Final = EventType(
    name="tenant.endpoint_refused",
    told="A tenant's server names a new place for credentials; nothing is sent there until the operator accepts it. Once for each place.",
    members=_ORIGINS,
    example=_MOVED,
    operators_only=True,
)
ENDPOINT_ACCEPTED: Final = EventType(
    name="tenant.endpoint_accepted",
    told="The operator accepted a new place to which a tenant's server has credentials sent.",
    members=_ORIGINS,
    example=_MOVED,
    operators_only=True,
)
EVENT_TYPES: Final[Mapping[str, EventType]] = {
    one.name: one for one in (CAPABILITY_CHANGED, CREDENTIAL_REJECTED, ENDPOINT_REFUSED, ENDPOINT_ACCEPTED)
}


@dataclass(frozen=True, slots=True)
class Audience:
    """What somebody may read of the feed, or wants to: these tenants and types; None is all that there are."""

    tenants: tuple[str, ...] | None = None
    types: tuple[str, ...] | None = None

    def narrowed(self, *, tenant: str | None, types: tuple[str, ...]) -> Audience:
        """The part of it that is asked for. NeedAccess `tenant_not_allowed` or `scope_missing` for what is no part of it."""
        if tenant is not None and self.tenants is not None and tenant not in self.tenants:
            raise NeedAccess("tenant_not_allowed", f"The events of tenant {tenant!r} are not for this client.")
        beyond = [one for one in types if self.types is not None and one not in self.types]
        if beyond:
            raise NeedAccess("scope_missing", f"Events of type {', '.join(beyond)} are for operators.")
        return Audience(self.tenants if tenant is None else (tenant,), types or self.types)


OPERATORS: Final = Audience()


def audience_of(*tenants: str) -> Audience:
    """What a session or a client of these tenants may read."""
    return Audience(tenants, tuple(one.name for one in EVENT_TYPES.values() if not one.operators_only))
