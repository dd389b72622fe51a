"""Whether credentials may follow what a tenant's server says of itself: only to origins that were there when it was connected.

Whoever can change a discovery document for a moment could have client secrets, signed assertions and refresh tokens sent to a place of
their own. So the origins of the endpoints are remembered, and a new one waits for the operator.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import Any, Final, Protocol

from millgate.access.event_types import ENDPOINT_ACCEPTED, ENDPOINT_REFUSED
from millgate.errors import CallOperator

REFUSED: Final = ENDPOINT_REFUSED.name
ACCEPTED: Final = ENDPOINT_ACCEPTED.name


class Origins(Protocol):
    async def tenants_at(self, fhir_base: str) -> Sequence[str]: ...
    async def accepted(self, tenant: str, fhir_base: str) -> frozenset[str] | None: ...
    async def accept(self, tenant: str, fhir_base: str, origins: Iterable[str]) -> None: ...


class Events(Protocol):
    async def add(self, event_type: str, tenant: str | None, data: Mapping[str, Any], *, event_id: str | None = None) -> bool: ...


class Trust:
    """The memory of where credentials went. Origins read `https://host:443`."""

    def __init__(self, origins: Origins, events: Events) -> None:
        self._origins = origins
        self._events = events
        self._accepting = False

    @contextmanager
    def accepting(self) -> Iterator[None]:
        """The operator is at it: inside, what servers say is accepted and remembered."""
        self._accepting = True
        try:
            yield
        finally:
            self._accepting = False

    async def check(self, fhir_base: str, origins: Sequence[str]) -> None:
        """Nothing, if all of these were accepted, or nobody has looked at this base before: then they are remembered.

        Raises CallOperator `upstream_error` with what to do, and tells of each new set of origins once by an event.
        """
        for tenant in await self._origins.tenants_at(fhir_base):
            known = await self._origins.accepted(tenant, fhir_base)
            new = sorted(set(origins) - (known or set()))
            if known is None or (new and self._accepting):
                await self._origins.accept(tenant, fhir_base, origins)
            if known is None or not new:
                continue
            told = {"fhir_base": fhir_base, "accepted": sorted(known), "new": new}
            if self._accepting:
                await self._events.add(ACCEPTED, tenant, told)
                continue
            mark = sha256("\n".join([tenant, fhir_base, *sorted(known), "", *new]).encode()).hexdigest()[:32]
            await self._events.add(REFUSED, tenant, told, event_id=f"event_{mark}")
            raise CallOperator(
                "upstream_error",
                f"The server of tenant {tenant} now names {', '.join(new)} as the place for credentials; until now it was "
                f"{', '.join(sorted(known))}. Nothing is sent there. If the vendor confirms the move: `millgate tenants check {tenant} "
                "--accept-endpoints`.",
            )
