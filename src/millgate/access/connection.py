"""With whose rights a pathway speaks to a tenant."""

from __future__ import annotations

from dataclasses import dataclass

from millgate.access.parties import Registration, Tenant


@dataclass(frozen=True, slots=True)
class Connection:
    """One tenant, the registration to use there, and the scopes that the token shall hold (sorted, in the tenant's form)."""

    tenant: Tenant
    registration: Registration
    scopes: tuple[str, ...]
