"""Events: what happened, in a feed that whoever wants to be told can follow. They hold no patient data and no secrets."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
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
        """Tell of something, in the transaction of `connection` if given. Whether it was new: an id is told of once.

        Others who tell of something wait until that transaction ends, so it is the last thing to be done in one.
        """
        parameters = {
            "id": event_id or f"event_{uuid.uuid4().hex}",
            "type": event_type,
            "tenant": tenant,
            "at": self._now(),
            "data": Jsonb(dict(data)),
        }
        if connection is not None:
            return await _add(connection, parameters)
        async with self._database.transaction() as own:
            return await _add(own, parameters)

    async def list(
        self, *, after: int = 0, tenants: Sequence[str] | None = None, types: Sequence[str] | None = None, limit: int = 100
    ) -> Sequence[Event]:
        """Events after that place in the feed, oldest first, at most `limit` (1,000); None is all tenants, all types."""
        return await self._some("list", tenants, types, limit, after=after)

    async def latest(
        self, *, tenants: Sequence[str] | None = None, types: Sequence[str] | None = None, limit: int = 100
    ) -> Sequence[Event]:
        """The last events of the feed, at most `limit` (1,000), oldest first."""
        return (await self._some("latest", tenants, types, limit))[::-1]

    async def newest(self) -> int:
        """The place of the newest event, 0 in an empty feed. Whatever comes later has a higher one."""
        row = await self._database.fetch_one(_SQL["newest"])
        return int(row[0]) if row else 0

    async def _some(
        self, query: str, tenants: Sequence[str] | None, types: Sequence[str] | None, limit: int, **more: int
    ) -> Sequence[Event]:
        parameters = {
            "tenants": None if tenants is None else [*tenants],
            "types": None if types is None else [*types],
            "limit": min(limit, MOST),
            **more,
        }
        return [Event(*row) for row in await self._database.fetch(_SQL[query], parameters)]

    async def prune(self, *, older_than: datetime) -> int:
        """Delete older events; how many."""
        return await self._database.execute(_SQL["prune"], {"older_than": older_than})


async def _add(connection: Connection, parameters: Mapping[str, Any]) -> bool:
    await connection.execute(_SQL["take_turn"])
    return (await connection.execute(_SQL["add"], parameters)).rowcount > 0
