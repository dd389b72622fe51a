"""A refused credential is told of once an hour, by however many gateways, without its secret."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from millgate.access.parties import Registration
from millgate.flow.rejections import Rejections

REGISTRATION = Registration("mercy", "system", "app-1", "private_key_jwt", "v2", b"PEM", "kid-1", "ES384")


class Feed:
    """Events by id, as a store keeps them."""

    def __init__(self) -> None:
        self.told: dict[str | None, tuple[str, str | None, Mapping[str, Any]]] = {}

    async def add(self, event_type: str, tenant: str | None, data: Mapping[str, Any], *, event_id: str | None = None) -> bool:
        new = event_id not in self.told
        self.told.setdefault(event_id, (event_type, tenant, data))
        return new


async def test_the_same_refusal_is_one_event_an_hour_and_names_no_secret() -> None:
    feed, now = Feed(), [datetime(2031, 3, 14, 15, 1, tzinfo=UTC)]
    gateways = [Rejections(feed, lambda: now[-1]) for _ in range(3)]
    for gateway in gateways:
        await gateway(REGISTRATION, True)
    ((event_type, tenant, data),) = feed.told.values()
    assert (event_type, tenant) == ("tenant.credential_rejected", "mercy")
    assert data == {
        "persona": "system",
        "client_id": "app-1",
        "method": "private_key_jwt",
        "key_id": "kid-1",
        "fell_back": True,
    }
    await gateways[0](REGISTRATION, False)  # nothing is left to fall back to: that is another thing
    now.append(now[-1] + timedelta(hours=1))
    await gateways[0](REGISTRATION, True)
    assert len(feed.told) == 3
