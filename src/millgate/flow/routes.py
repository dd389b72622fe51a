"""By which pathway a tenant's object is read: the caller's choice, or the first of the tenant's order that offers it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from millgate.access.parties import FHIR_R4, PathwayName, Persona, Session
from millgate.errors import FieldProblem, FixRequest, NotOffered
from millgate.flow.memory import Memory
from millgate.flow.pathway import Pathway
from millgate.objects import Declaration


class Directory(Protocol):
    """The store's side."""

    async def pathways(self, tenant: str, persona: Persona) -> Sequence[PathwayName]: ...
    async def orders(self, tenant: str) -> Mapping[str, Sequence[PathwayName]]: ...


@dataclass(frozen=True, slots=True)
class Route:
    """A pathway, and the names of the objects that it offers; None where that is all of them."""

    pathway: Pathway
    objects: frozenset[str] | None = None

    def offers(self, object_name: str) -> bool:
        """Whether objects of this name come by it."""
        return self.objects is None or object_name in self.objects


class Routes:
    """The pathways in their default order, FHIR R4 first; what the store says of a tenant is remembered for two seconds."""

    def __init__(self, routes: Mapping[PathwayName, Route], directory: Directory | None = None) -> None:
        """Without a `directory` every tenant is reached by all of them."""
        self._routes = routes
        self._directory = directory
        self._known: Memory[tuple[tuple[PathwayName, ...], Mapping[str, Sequence[PathwayName]]]] = Memory()

    def pathway(self, name: PathwayName) -> Pathway:
        """The pathway of that name. FixRequest `invalid_cursor` where there is none: another release may have named it."""
        if name not in self._routes:
            raise FixRequest("invalid_cursor", "The cursor goes on by a pathway that this gateway does not have; begin again.")
        return self._routes[name].pathway

    async def check_searchable(self, session: Session, declaration: Declaration) -> None:
        """Refuse what none of the tenant's pathways has, before anybody is asked for rights to it that no source gives."""
        registered, _ = await self._of_tenant(session)
        if not any(route.offers(declaration.name) for name, route in self._routes.items() if name in registered):
            detail = f"No source that is connected has a search for {declaration.resource_type}."
            raise FixRequest("search_not_supported", detail)

    async def of(self, session: Session, declaration: Declaration, wanted: str | None = None) -> tuple[PathwayName, ...]:
        """The pathways that offer the object to the session, in the order in which they are asked; `wanted` alone, if one is wanted.

        Where none offers it, FHIR R4, whose refusal says what it takes. Raises FixRequest for a name that is no pathway's, and
        NotOffered `not_offered_by_tenant` where the wanted one is not the tenant's, or does not have the object.
        """
        registered, orders = await self._of_tenant(session)
        order = (*orders.get(declaration.name, ()), *self._routes)
        usable = [name for name in dict.fromkeys(order) if name in registered and name in self._routes]
        offering = tuple(name for name in usable if self._routes[name].offers(declaration.name))
        if wanted is None:
            return offering or (FHIR_R4,)
        chosen = next((name for name in self._routes if name == wanted), None)
        if chosen is None:
            known = f"may be {', '.join(self._routes)}"
            raise FixRequest("invalid_request", f"pathway {known}", errors=[FieldProblem("pathway", "invalid", known)])
        if chosen not in registered:
            raise NotOffered(
                "not_offered_by_tenant",
                f"The tenant has no registration for the {session.persona} persona by {chosen}; the operator adds one.",
            )
        if chosen not in offering:
            raise NotOffered("not_offered_by_tenant", f"{chosen} has no {declaration.name}; leave `pathway` out.")
        return (chosen,)

    async def _of_tenant(self, session: Session) -> tuple[tuple[PathwayName, ...], Mapping[str, Sequence[PathwayName]]]:
        known = await self._known.of(f"{session.persona}/{session.tenant}", lambda: self._ask(session.tenant, session.persona))
        return known if known is not None else ((), {})

    async def _ask(self, tenant: str, persona: Persona) -> tuple[tuple[PathwayName, ...], Mapping[str, Sequence[PathwayName]]]:
        if self._directory is None:
            return tuple(self._routes), {}
        return tuple(await self._directory.pathways(tenant, persona)), await self._directory.orders(tenant)
