"""With whose rights a pathway speaks to a tenant."""

from __future__ import annotations

from dataclasses import dataclass

from millgate.access.parties import Registration, Tenant


@dataclass(frozen=True, slots=True)
class Connection:
    """One tenant, the registration to use there, and the scopes that the token shall hold (sorted, in the tenant's form).

    `session_id` names the person's session whose own tokens are used; without one, the gateway's own are fetched.
    """

    tenant: Tenant
    registration: Registration
    scopes: tuple[str, ...]
    session_id: str | None = None
