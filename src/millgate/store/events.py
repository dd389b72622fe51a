"""Events: what happened, in a feed that whoever wants to be told can follow. They hold no patient data and no secrets."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from millgate.store.database import Connection, Database
from millgate.store.queries import queries

_SQL = queries("events")
MOST = 1000


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened; `seq` is its place in the feed."""

    seq: int
    id: str
    type: str
    tenant: str | None
    at: datetime
    data: Mapping[str, Any]


class Events:
    """The feed of one store."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def add(
        self,
        event_type: str,
        tenant: str | None,
        data: Mapping[str, Any],
        *,
        event_id: str | None = None,
        connection: Connection | None = None,
    ) -> bool:
        """Tell of something, in the transaction of `connection` if given. Whether it was new: an id is told of once."""
        parameters = {
            "id": event_id or f"event_{uuid.uuid4().hex}",
            "type": event_type,
            "tenant": tenant,
            "at": self._now(),
            "data": Jsonb(dict(data)),
        }
        if connection is None:
            return await self._database.execute(_SQL["add"], parameters) > 0
        return (await connection.execute(_SQL["add"], parameters)).rowcount > 0

    async def list(self, *, after: int = 0, tenant: str | None = None, limit: int = 100) -> list[Event]:
        """Events after that place in the feed, oldest first, at most `limit` (1,000)."""
        parameters = {"after": after, "tenant": tenant, "limit": min(limit, MOST)}
        return [Event(*row) for row in await self._database.fetch(_SQL["list"], parameters)]

    async def prune(self, *, older_than: datetime) -> int:
        """Delete older events; how many."""
        return await self._database.execute(_SQL["prune"], {"older_than": older_than})
