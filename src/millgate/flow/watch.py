"""Looking at what tenants' servers say of themselves: a snapshot now, what is different from the last one, and the tenants that are due."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from millgate.access.parties import Persona, Registration, Tenant
from millgate.canonical.capability import differences, digest_of
from millgate.errors import FixRequest, GatewayError

Texts = Mapping[str, str]
EVERY = timedelta(hours=24)


class Documents(Protocol):
    """What a server says of itself: texts by name."""

    @property
    def texts(self) -> Texts: ...

    @property
    def server_time(self) -> datetime | None: ...

    @property
    def asked_at(self) -> datetime: ...


class Pathway(Protocol):
    async def documents(self, fhir_base: str) -> Documents: ...


class Taken(Protocol):
    @property
    def first(self) -> bool: ...

    @property
    def changes(self) -> Sequence[Mapping[str, Any]]: ...


class Snapshots(Protocol):
    async def take(
        self,
        tenant: str,
        fhir_base: str,
        documents: Texts,
        *,
        digest: Callable[[Texts], bytes],
        compare: Callable[[Texts, Texts], Sequence[Mapping[str, Any]]],
    ) -> Taken | None: ...

    async def due(self, before: datetime) -> Sequence[str]: ...


class Tenants(Protocol):
    async def get(self, name: str) -> Tenant | None: ...
    async def personas(self, tenant: str) -> Sequence[Persona]: ...
    async def registration(self, tenant: str, persona: Persona) -> Registration | None: ...


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look at one base of a tenant found; `first` where there was nothing to compare it with."""

    fhir_base: str
    first: bool
    changes: Sequence[Mapping[str, Any]]
    texts: Texts


class Watch:
    """Takes snapshots. Changes are stored and raise `tenant.capability_changed` in the same transaction."""

    def __init__(self, pathway: Pathway, tenants: Tenants, snapshots: Snapshots, now: Callable[[], datetime]) -> None:
        self._pathway = pathway
        self._tenants = tenants
        self._snapshots = snapshots
        self._now = now

    async def look(self, name: str) -> list[Looked]:
        """A snapshot of each base of the tenant, its own first. Raises FixRequest `not_found`, or what the source raised."""
        tenant = await self._tenants.get(name)
        if tenant is None:
            raise FixRequest("not_found", f"There is no tenant {name!r}; `millgate tenants list` names them.")
        return [await self._look(name, base) for base in await self.bases_of(tenant)]

    async def bases_of(self, tenant: Tenant) -> list[str]:
        """The FHIR bases of a tenant, its own first; a persona may have another (Millennium's patient host)."""
        bases = [tenant.fhir_base]
        for persona in await self._tenants.personas(tenant.name):
            registration = await self._tenants.registration(tenant.name, persona)
            if registration is not None and registration.fhir_base and registration.fhir_base not in bases:
                bases.append(registration.fhir_base)
        return bases

    async def look_at_due(self, every: timedelta = EVERY) -> dict[str, str]:
        """Look at all tenants that nobody has looked at for that long; for each: `unchanged`, `changed`, `first`, or the error's code."""
        found: dict[str, str] = {}
        for name in await self._snapshots.due(self._now() - every):
            try:
                looked = await self.look(name)
            except GatewayError as error:
                found[name] = error.code
                continue
            changed = any(one.changes for one in looked)
            found[name] = "changed" if changed else "first" if any(one.first for one in looked) else "unchanged"
        return found

    async def _look(self, name: str, fhir_base: str) -> Looked:
        documents = await self._pathway.documents(fhir_base)
        taken = await self._snapshots.take(name, fhir_base, documents.texts, digest=digest_of, compare=_compare)
        if taken is None:
            raise FixRequest("not_found", f"There is no tenant {name!r} any more.")
        return Looked(fhir_base, taken.first, taken.changes, documents.texts)


def _compare(before: Texts, after: Texts) -> list[dict[str, str | None]]:
    return [one.as_json() for one in differences(before, after)]
