"""Which appointment types a tenant books. Millennium lists them nowhere, so they are set by the operator and learned from what is seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from millgate.access.parties import ServiceType, Tenant
from millgate.canonical.exchange import Resource
from millgate.errors import FieldProblem, FixRequest
from millgate.objects import Declaration


class Catalog(Protocol):
    """The store's side."""

    async def service_types(self, tenant: str) -> Sequence[ServiceType]: ...
    async def learn_service_types(self, tenant: str, types: Sequence[ServiceType]) -> None: ...


class BookableTypes:
    """The bookable types of each tenant, remembered in this process so that only what is new goes to the store."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._seen: set[tuple[Tenant, str, str]] = set()

    async def of(self, tenant: str) -> list[ServiceType]:
        """All that are known, by system and code."""
        return sorted(await self._catalog.service_types(tenant), key=lambda known: (known.system, known.code))

    async def complete(
        self, tenant: str, declaration: Declaration, filters: Mapping[str, tuple[str, ...]]
    ) -> Mapping[str, tuple[str, ...]]:
        """The filters, with all known service types where a slot search names none.

        Raises FixRequest where none is known, or where a slot search has no period: the types that are put in here want one, and
        the caller should be told of what it left out, not of types that it never wrote. Source: oracle-health §3.2.
        """
        if declaration.name != "slot" or "ids" in filters:
            return filters
        if missing := [name for name in ("from", "to") if name not in filters]:
            raise FixRequest(
                "search_not_supported",
                f"Slots are searched by a period, or by ids: add {' and '.join(missing)}.",
                errors=[FieldProblem(name, "required", f"add {name}: a date or an instant with its offset") for name in missing],
            )
        if "service_type" in filters:
            return filters
        known = [f"{known.system}|{known.code}" for known in await self.of(tenant) if _proprietary(known.system)]
        if not known:
            raise FixRequest(
                "search_not_supported",
                "The source wants a service type for every slot search, and none is known of this tenant as yet.",
                errors=[
                    FieldProblem(
                        "service_type",
                        "required",
                        "name one as system|code; the operator can set them with `millgate tenants add … --service-type`",
                    )
                ],
            )
        return {**filters, "service_type": tuple(known)}

    async def find(self, tenant: str, asked: str) -> ServiceType | None:
        """The known type that `asked` names, as `system|code` or as a code alone."""
        system, _, code = asked.rpartition("|")
        for known in await self.of(tenant):
            if known.code == code and system in ("", known.system):
                return known
        return None

    async def learn(self, tenant: Tenant, resources: Sequence[Resource]) -> None:
        """Keep the service types that appointments, schedules and slots name."""
        fresh: dict[tuple[Tenant, str, str], ServiceType] = {}
        for resource in resources:
            if resource.get("resourceType") not in ("Appointment", "Schedule", "Slot"):
                continue
            for coding in _codings(resource):
                key = (tenant, coding["system"], coding["code"])
                if key not in self._seen:
                    display = coding.get("display")
                    fresh[key] = ServiceType(key[1], key[2], display if isinstance(display, str) else None, "seen")
        if fresh:
            await self._catalog.learn_service_types(tenant.name, list(fresh.values()))
            self._seen.update(fresh)


def _codings(resource: Resource) -> list[dict[str, str]]:
    """The proprietary codings of `serviceType`: a slot search may not mix them with standard ones. Source: oracle-health §3.2."""
    found = []
    concepts = resource.get("serviceType")
    for concept in concepts if isinstance(concepts, list) else []:
        for coding in (concept.get("coding") or []) if isinstance(concept, dict) else []:
            if isinstance(coding, dict) and isinstance(coding.get("code"), str) and _proprietary(coding.get("system")):
                found.append(coding)
    return found


def _proprietary(system: object) -> bool:
    return isinstance(system, str) and system.endswith("/codeSet/14249")
