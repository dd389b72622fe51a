"""Tenants: their registrations with the credential in the vault, their bookable service types, and how they are removed for good."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from millgate.access.parties import Persona, Registration, ServiceType, Tenant
from millgate.errors import FieldProblem, FixRequest
from millgate.store.database import Database, Row
from millgate.store.queries import queries
from millgate.store.records import Records
from millgate.store.vault import Vault

_SQL = queries("tenants")


class Tenants:
    """The health systems that the operator has connected."""

    def __init__(self, database: Database, vault: Vault, records: Records, now: Callable[[], datetime]) -> None:
        self._database = database
        self._vault = vault
        self._records = records
        self._now = now

    async def add(self, tenant: Tenant) -> None:
        """Keep a new tenant. Raises FixRequest where one of that name is there already."""
        if not tenant.name:
            raise FixRequest("invalid_request", "a tenant needs a name", errors=[FieldProblem("name", "required", "give a name")])
        if not await self._database.execute(_SQL["insert"], _columns(tenant)):
            problem = FieldProblem("name", "taken", f"there is a tenant {tenant.name} already")
            raise FixRequest("invalid_request", problem.detail, errors=[problem])
        await self._vault.tenant(tenant.name)

    async def update(self, tenant: Tenant) -> bool:
        """Change address and time zone of a tenant; whether there is one of that name."""
        return await self._database.execute(_SQL["update"], _columns(tenant)) > 0

    async def get(self, name: str) -> Tenant | None:
        """The tenant of that name, or None."""
        if "\0" in name:  # PostgreSQL takes no such text
            return None
        row = await self._database.fetch_one(_SQL["get"], {"name": name})
        return _tenant(row) if row else None

    async def list(self) -> list[Tenant]:
        """All tenants by name."""
        return [_tenant(row) for row in await self._database.fetch(_SQL["list"])]

    async def remove(self, name: str) -> bool:
        """Delete the tenant, all that is stored of it, and its keys, so that copies cannot be read either; the audit trail stays."""
        async with self._database.transaction() as connection:
            found = (await connection.execute(_SQL["remove"], {"name": name})).rowcount > 0
            await connection.execute(_SQL["forget_idempotency"], {"name": name})
        await self._records.forget(name)
        await self._vault.destroy(name)
        return found

    async def register(self, registration: Registration) -> None:
        """Keep the gateway's registration for a persona, in place of an older one; the credential goes into the vault."""
        parameters = {
            name: getattr(registration, name)
            for name in ("tenant", "persona", "client_id", "method", "scope_form", "key_id", "algorithm")
        }
        secret = _secret_name(registration.persona, registration.client_id)
        await self._vault.put_secret(registration.tenant, secret, registration.credential)
        older = await self.registration(registration.tenant, registration.persona)
        await self._database.execute(_SQL["put_registration"], parameters)
        if older and older.client_id != registration.client_id:
            await self._vault.forget_secret(older.tenant, _secret_name(older.persona, older.client_id))

    async def registration(self, tenant: str, persona: Persona) -> Registration | None:
        """The registration for a persona with its credential, or None."""
        row = await self._database.fetch_one(_SQL["registration"], {"tenant": tenant, "persona": persona})
        if row is None:
            return None
        client_id, method, scope_form, key_id, algorithm = row
        credential = await self._vault.get_secret(tenant, _secret_name(persona, client_id))
        if credential is None:
            return None
        return Registration(tenant, persona, client_id, method, scope_form, credential, key_id, algorithm)

    async def personas(self, tenant: str) -> list[Persona]:  # type: ignore[valid-type]  # `list` is the method above for mypy
        """The personas that the tenant has a registration for."""
        return [row[0] for row in await self._database.fetch(_SQL["personas"], {"tenant": tenant})]

    async def unregister(self, tenant: str, persona: Persona) -> bool:
        """Delete a registration with its credential; whether there was one."""
        found = await self.registration(tenant, persona)
        if found:
            await self._vault.forget_secret(tenant, _secret_name(persona, found.client_id))
        return await self._database.execute(_SQL["remove_registration"], {"tenant": tenant, "persona": persona}) > 0

    async def service_types(self, tenant: str) -> Sequence[ServiceType]:
        """The bookable types known of a tenant, by system and code."""
        return [ServiceType(*row) for row in await self._database.fetch(_SQL["service_types"], {"tenant": tenant})]

    async def learn_service_types(self, tenant: str, types: Sequence[ServiceType]) -> None:
        """Keep bookable types; one that the operator has set is not changed by what is seen."""
        distinct = {(one.system, one.code): one for one in types}.values()
        if not distinct:
            return
        parameters = {
            "tenant": tenant,
            "now": self._now(),
            "systems": [one.system for one in distinct],
            "codes": [one.code for one in distinct],
            "displays": [one.display for one in distinct],
            "origins": [one.origin for one in distinct],
        }
        await self._database.execute(_SQL["learn_service_types"], parameters)

    async def remove_service_type(self, tenant: str, system: str, code: str) -> bool:
        """Forget a bookable type; whether it was known."""
        parameters = {"tenant": tenant, "system": system, "code": code}
        return await self._database.execute(_SQL["remove_service_type"], parameters) > 0


def _columns(tenant: Tenant) -> dict[str, object]:
    return {name: getattr(tenant, name) for name in ("name", "fhir_base", "time_zone", "created_at")}


def _tenant(row: Row) -> Tenant:
    return Tenant(*row)


def _secret_name(persona: str, client_id: str) -> str:
    return f"registration/{persona}/{client_id}"
