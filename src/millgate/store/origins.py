"""Where the operator lets the credentials for a tenant go: the origins of its token and authorization endpoints, sealed beside them."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from millgate.store.database import Database
from millgate.store.queries import queries
from millgate.store.vault import Vault

_SQL = queries("origins")


class Origins:
    """The accepted origins of all tenants, by FHIR base. In the vault: whoever can write to the database alone cannot add one."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def tenants_at(self, fhir_base: str) -> list[str]:
        """The tenants whose calls, or those of a persona, go to this base."""
        return [row[0] for row in await self._database.fetch(_SQL["tenants_at"], {"fhir_base": fhir_base})]

    async def accepted(self, tenant: str, fhir_base: str) -> frozenset[str] | None:
        """The origins that were accepted for a tenant at a base; None where nobody has looked yet."""
        kept = await self._vault.get_secret(tenant, _name(fhir_base))
        return None if kept is None else msgspec.json.decode(kept, type=frozenset[str])

    async def accept(self, tenant: str, fhir_base: str, origins: Iterable[str]) -> None:
        """Accept these, and no others any more."""
        await self._vault.put_secret(tenant, _name(fhir_base), msgspec.json.encode(sorted(origins)))


def _name(fhir_base: str) -> str:
    return f"origins/{fhir_base}"
