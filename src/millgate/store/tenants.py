"""Tenants: their registrations with the credential in the vault, their bookable service types, and how they are removed for good."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit

from millgate.access.parties import FHIR_R4, PathwayName, Persona, Registration, ServiceType, Tenant
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
        self._private_hosts: dict[str, str] = {}

    def allows_private(self, host: str) -> bool:
        """Whether a tenant that was read here lately may have this host as a private address."""
        return host in self._private_hosts.values()

    def note(self, tenant: Tenant) -> Tenant:
        """Remember whether this tenant may have private addresses; every one that is read is noted. The same tenant."""
        if tenant.private_address:
            self._private_hosts[tenant.name] = _host(tenant.fhir_base)
        else:
            self._forget_hosts(tenant.name)
        return tenant

    def _forget_hosts(self, name: str) -> None:
        for of in [of for of in self._private_hosts if of.partition("/")[0] == name]:
            del self._private_hosts[of]

    async def add(self, tenant: Tenant) -> None:
        """Keep a new tenant. Raises FixRequest where one of that name is there already."""
        if not tenant.name:
            raise FixRequest("invalid_request", "a tenant needs a name", errors=[FieldProblem("name", "required", "give a name")])
        if not await self._database.execute(_SQL["insert"], _columns(tenant)):
            problem = FieldProblem("name", "taken", f"there is a tenant {tenant.name} already")
            raise FixRequest("invalid_request", problem.detail, errors=[problem])
        await self._vault.tenant(tenant.name)

    async def update(self, tenant: Tenant) -> bool:
        """Change what is allowed of a tenant, and its time zone if one is given; whether there is one of that name at that address.

        Its address never changes by this: what is stored under its key is one hospital's. See `move` and `replace`.
        """
        return await self._database.execute(_SQL["update"], _columns(tenant)) > 0

    async def move(self, tenant: Tenant) -> bool:
        """The same hospital answers at another address: its records stay, sessions and people's tokens end; whether it is there."""
        async with self._database.transaction() as connection:
            found = (await connection.execute(_SQL["move"], _columns(tenant))).rowcount > 0
            for query in ("forget_sessions", "forget_sign_ins", "forget_grants"):
                await connection.execute(_SQL[query], {"name": tenant.name})
        return found

    async def replace(self, tenant: Tenant) -> None:
        """Another hospital takes the name: the former one is removed as by `remove`, with its records and keys, then this one added."""
        await self.remove(tenant.name)
        await self.add(tenant)

    async def get(self, name: str) -> Tenant | None:
        """The tenant of that name, or None."""
        if "\0" in name:  # PostgreSQL takes no such text
            return None
        row = await self._database.fetch_one(_SQL["get"], {"name": name})
        if row is None:
            self._forget_hosts(name)
            return None
        return self.note(_tenant(row))

    async def list(self) -> list[Tenant]:
        """All tenants by name."""
        return [self.note(_tenant(row)) for row in await self._database.fetch(_SQL["list"])]

    async def remove(self, name: str) -> bool:
        """Delete the tenant, all that is stored of it, and its keys, so that copies cannot be read either; the audit trail stays."""
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["forget_hours"], {"name": name})
            found = (await connection.execute(_SQL["remove"], {"name": name})).rowcount > 0
            await connection.execute(_SQL["forget_idempotency"], {"name": name})
            await connection.execute(_SQL["forget_events"], {"name": name})
        await self._records.forget(name)
        await self._vault.destroy(name)
        return found

    async def register(self, registration: Registration) -> None:
        """Keep the gateway's registration for a persona, in place of an older one; the credential goes into the vault.

        Credentials of another client id that it replaces are forgotten with it.
        """
        tenant, persona, client_id = registration.tenant, registration.persona, registration.client_id
        secret = _secret_name(registration.pathway, persona, client_id)
        async with self._database.transaction() as connection:
            older = await (await connection.execute(_SQL["lock_registration"], _place(registration))).fetchone()
            await self._vault.put_secret(tenant, secret, registration.credential, connection=connection)
            await connection.execute(_SQL["put_registration"], _registration_columns(registration))
            gone = await connection.execute(_SQL["forget_previous"], {**_place(registration), "keep": [client_id]})
            names = [str(row[0]) for row in await gone.fetchall()]
        if older and older[0] != client_id:
            names.append(_secret_name(registration.pathway, persona, older[0]))
        for name in names:
            await self._vault.forget_secret(tenant, name)

    async def rotate(self, renewed: Registration, *, good_until: datetime) -> bool:
        """Put the credential of `renewed` in place of the one that is kept, which stays good until `good_until`.

        Whether there is such a registration (of that tenant, persona and client id). All in one transaction, so that a reader
        sees either credential, whole.
        """
        place = _place(renewed)
        name = _secret_name(renewed.pathway, renewed.persona, renewed.client_id)
        older = await self._vault.get_secret(renewed.tenant, name)
        async with self._database.transaction() as connection:
            row = await (await connection.execute(_SQL["lock_registration"], place)).fetchone()
            if row is None or older is None or row[0] != renewed.client_id:
                return False
            secret = f"{name}/{uuid.uuid4().hex}"
            known = dict(zip(("client_id", "method", "key_id", "algorithm", "public_key"), row, strict=True))
            await self._vault.put_secret(renewed.tenant, secret, older, connection=connection)
            await connection.execute(
                _SQL["supersede"], {**place, **known, "secret": secret, "now": self._now(), "good_until": good_until}
            )
            await self._vault.put_secret(renewed.tenant, name, renewed.credential, connection=connection)
            await connection.execute(_SQL["put_registration"], _registration_columns(renewed))
        return True

    async def registration(self, tenant: str, persona: Persona, pathway: PathwayName = FHIR_R4) -> Registration | None:
        """The registration for a persona with its credential, and those before it that may still be good; or None."""
        place = {"tenant": tenant, "pathway": pathway, "persona": persona, "secret": _secret_name(pathway, persona, "")}
        row = await self._database.fetch_one(_SQL["registration"], place)
        if row is None:
            return None
        client_id, method, scope_form, key_id, algorithm, redirect_uri, public_key, fhir_base, sealed = row
        credential = await self._vault.open_secret(tenant, _secret_name(pathway, persona, client_id), bytes(sealed))
        if fhir_base and tenant in self._private_hosts:  # names of tenants hold no slash
            self._private_hosts[f"{tenant}/{pathway}/{persona}"] = _host(fhir_base)
        current = Registration(
            tenant, persona, client_id, method, scope_form, credential, key_id, algorithm, redirect_uri, public_key, fhir_base,
            pathway=pathway,
        )  # fmt: skip
        older = await self._database.fetch(_SQL["previous"], {**place, "now": self._now()})
        return replace(current, previous=tuple([await self._previous(current, one) for one in older]))

    async def _previous(self, current: Registration, row: Row) -> Registration:
        client_id, method, key_id, algorithm, public_key, good_until, secret, sealed = row
        return replace(
            current,
            client_id=client_id,
            method=method,
            credential=await self._vault.open_secret(current.tenant, secret, bytes(sealed)),
            key_id=key_id,
            algorithm=algorithm,
            public_key=public_key,
            good_until=good_until,
        )

    async def public_keys(self) -> Sequence[str]:
        """The public keys of all registrations, and of those that they replaced within the overlap: JWKs as JSON text."""
        return [row[0] for row in await self._database.fetch(_SQL["public_keys"], {"now": self._now()})]

    async def prune_credentials(self) -> int:
        """Delete replaced credentials whose overlap has ended; how many."""
        return await self._database.execute(_SQL["prune_previous"], {"now": self._now()})

    async def personas(self, tenant: str, pathway: PathwayName = FHIR_R4) -> Sequence[Persona]:
        """The personas that the tenant has a registration for by this pathway."""
        return [row[0] for row in await self._database.fetch(_SQL["personas"], {"tenant": tenant, "pathway": pathway})]

    async def pathways(self, tenant: str, persona: Persona) -> Sequence[PathwayName]:
        """The pathways by which the gateway is registered for a persona."""
        return [row[0] for row in await self._database.fetch(_SQL["pathways"], {"tenant": tenant, "persona": persona})]

    async def orders(self, tenant: str) -> dict[str, tuple[PathwayName, ...]]:
        """By object, the pathways in the order in which the operator wants them asked; an object without one is not there."""
        return {name: tuple(pathways) for name, pathways in await self._database.fetch(_SQL["orders"], {"tenant": tenant})}

    async def set_order(self, tenant: str, object_name: str, pathways: Sequence[PathwayName]) -> None:
        """Keep the order of an object's pathways; none at all takes it back to the default."""
        parameters = {"tenant": tenant, "object": object_name, "pathways": [*pathways], "now": self._now()}
        await self._database.execute(_SQL["put_order" if pathways else "remove_order"], parameters)

    async def unregister(self, tenant: str, persona: Persona, pathway: PathwayName = FHIR_R4) -> bool:
        """Delete a registration with its credential; whether there was one."""
        place = {"tenant": tenant, "pathway": pathway, "persona": persona}
        found = await self.registration(tenant, persona, pathway)
        gone = await self._database.fetch(_SQL["forget_previous"], {**place, "keep": []})
        for name in [row[0] for row in gone] + ([_secret_name(pathway, persona, found.client_id)] if found else []):
            await self._vault.forget_secret(tenant, name)
        return await self._database.execute(_SQL["remove_registration"], place) > 0

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
    return {name: getattr(tenant, name) for name in ("name", "fhir_base", "time_zone", "created_at", "private_address")}


def _host(fhir_base: str) -> str:
    return urlsplit(fhir_base).hostname or ""


def _place(registration: Registration) -> dict[str, str]:
    return {"tenant": registration.tenant, "pathway": registration.pathway, "persona": registration.persona}


_OF_REGISTRATION = (
    "tenant", "persona", "client_id", "method", "scope_form", "key_id", "algorithm", "redirect_uri", "public_key", "fhir_base",
    "pathway",
)  # fmt: skip


def _registration_columns(registration: Registration) -> dict[str, object]:
    return {name: getattr(registration, name) for name in _OF_REGISTRATION}


def _tenant(row: Row) -> Tenant:
    return Tenant(*row)


def _secret_name(pathway: PathwayName, persona: Persona, client_id: str) -> str:
    within = "" if pathway == FHIR_R4 else f"{pathway}/"  # R4's had no name to be told by once, and keep theirs
    return f"registration/{within}{persona}/{client_id}"
