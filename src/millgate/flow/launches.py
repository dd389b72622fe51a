"""Whom a launch by an EHR is for: the tenant and persona whose FHIR base it names, and the client that was meant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from millgate.access.parties import Client, Persona, Registration, Tenant
from millgate.errors import FieldProblem, FixRequest

PEOPLE: tuple[Persona, ...] = ("provider", "patient")


class Directory(Protocol):
    """Tenants and clients, to find whom a launch is for."""

    async def tenants(self) -> Sequence[Tenant]: ...
    async def registration(self, tenant: str, persona: Persona) -> Registration | None: ...
    async def clients(self) -> Sequence[Client]: ...
    async def client(self, client_id: str) -> Client | None: ...


class Launches:
    """Finds the parties of a launch among those that the operator has connected."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    async def place(self, iss: str) -> tuple[str, Persona]:
        """The tenant and the persona whose FHIR base this is; bases with and without a trailing slash are one.

        Raises FixRequest("invalid_request") for any other address; none is ever called.
        """
        base = iss.rstrip("/")
        for tenant in await self._directory.tenants():
            for persona in PEOPLE:
                registration = await self._directory.registration(tenant.name, persona)
                if registration is not None and (registration.fhir_base or tenant.fhir_base).rstrip("/") == base:
                    return tenant.name, persona
        raise FixRequest(
            "invalid_request",
            "The launch is refused: `iss` is the FHIR base of no tenant of this gateway.",
            errors=[FieldProblem("iss", "unknown", "must be the FHIR base of a tenant, as its operator added it")],
        )

    async def client(self, tenant: str, client_id: str | None) -> Client:
        """The client that a launch is for: the one named in the launch URL, or the only one that could be meant.

        Raises FixRequest("invalid_request") where that is not clear.
        """
        if client_id is not None:
            named = await self._directory.client(client_id)
            candidates = [named] if named else []
        else:
            candidates = list(await self._directory.clients())
        fit = [one for one in candidates if one.revoked_at is None and tenant in one.tenants and one.return_urls]
        if len(fit) == 1:
            return fit[0]
        told = "register the launch URL with ?client=<client id>, of a client with a return URL"
        raise FixRequest(
            "invalid_request",
            "It is not clear which client this launch is for.",
            errors=[FieldProblem("client", "required", told)],
        )
