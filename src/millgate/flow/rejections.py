"""Tells of credentials that a tenant's authorization server refused: `tenant.credential_rejected`, once an hour for each."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from millgate.access.parties import Registration

REJECTED = "tenant.credential_rejected"


class Events(Protocol):
    async def add(self, event_type: str, tenant: str | None, data: Mapping[str, Any], *, event_id: str | None = None) -> bool: ...


class Rejections:
    """What `pathways.credentials` calls; several gateways of one store tell of the same refusal once."""

    def __init__(self, events: Events, now: Callable[[], datetime]) -> None:
        self._events = events
        self._now = now

    async def __call__(self, registration: Registration, fell_back: bool) -> None:
        """Raise the event; its data names the registration, and neither secret nor key."""
        data = {
            "persona": registration.persona,
            "client_id": registration.client_id,
            "method": registration.method,
            "key_id": registration.key_id,
            "fell_back": fell_back,
        }
        hour = self._now().strftime("%Y-%m-%dT%H")
        told = "\0".join(map(str, (registration.tenant, *data.values(), hour)))
        event_id = f"event_{hashlib.sha256(told.encode()).hexdigest()[:32]}"
        await self._events.add(REJECTED, registration.tenant, data, event_id=event_id)
