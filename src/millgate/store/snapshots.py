"""What tenants' servers said of themselves, dated. They hold nothing of a patient and no secret, so they are compressed, not sealed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import zstandard
from psycopg.types.json import Jsonb

from millgate.store.database import Connection, Database
from millgate.store.events import Events
from millgate.store.queries import queries

_SQL = queries("snapshots")
CHANGED = "tenant.capability_changed"
MOST_BYTES = 256 * 1024 * 1024
_LEVEL = 9

Documents = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A state that a server was found in: first at `taken_at`, last at `confirmed_at`."""

    digest: bytes
    documents: Documents
    taken_at: datetime
    confirmed_at: datetime


@dataclass(frozen=True, slots=True)
class Changes:
    """What was found different at `taken_at` from the time before; nothing for the first snapshot of a base."""

    taken_at: datetime
    confirmed_at: datetime
    fhir_base: str
    changes: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of documents that were handed in: whether it is the first snapshot of that base, and what changed."""

    first: bool
    changes: Sequence[Mapping[str, Any]]


class Snapshots:
    """The snapshots of all tenants."""

    def __init__(self, database: Database, events: Events, now: Callable[[], datetime]) -> None:
        self._database = database
        self._events = events
        self._now = now

    async def last(self, tenant: str, fhir_base: str) -> Snapshot | None:
        """The newest snapshot of the tenant at that base, or None."""
        async with self._database.connection() as connection:
            found = await self._last(connection, tenant, fhir_base)
        return found[1] if found else None

    async def take(
        self,
        tenant: str,
        fhir_base: str,
        documents: Documents,
        *,
        digest: Callable[[Documents], bytes],
        compare: Callable[[Documents, Documents], Sequence[Mapping[str, Any]]],
    ) -> Taken | None:
        """Keep these documents, if they differ from the last ones, with the event that tells so; else note that nothing changed.

        In one transaction under a lock on the tenant: of two processes that look at once, one finds the change. None for no tenant.
        """
        place = {"tenant": tenant, "fhir_base": fhir_base}
        async with self._database.transaction() as connection:
            if await (await connection.execute(_SQL["lock_tenant"], place)).fetchone() is None:
                return None
            found = await self._last(connection, tenant, fhir_base)
            fresh = digest(documents)
            if found and found[1].digest == fresh:
                await connection.execute(_SQL["confirm"], {"id": found[0], "now": self._now()})
                return Taken(False, ())
            changes = [] if found is None else [dict(one) for one in compare(found[1].documents, documents)]
            kept = {**place, "digest": fresh, "documents": _packed(documents), "changes": Jsonb(changes), "now": self._now()}
            await connection.execute(_SQL["keep"], kept)
            if changes:
                await self._events.add(CHANGED, tenant, {"changes": changes, **_counted(changes)}, connection=connection)
        return Taken(found is None, changes)

    async def changes(self, tenant: str, since: datetime) -> list[Changes]:
        """What was found different since then, oldest first, without states in which nothing was."""
        rows = await self._database.fetch(_SQL["changes"], {"tenant": tenant, "since": since})
        return [Changes(*row) for row in rows if row[3]]

    async def due(self, before: datetime) -> list[str]:
        """The tenants that nobody has looked at since `before`, the longest unseen first."""
        return [row[0] for row in await self._database.fetch(_SQL["due"], {"before": before})]

    @staticmethod
    async def _last(connection: Connection, tenant: str, fhir_base: str) -> tuple[int, Snapshot] | None:
        place = {"tenant": tenant, "fhir_base": fhir_base}
        row = await (await connection.execute(_SQL["last"], place)).fetchone()
        if row is None:
            return None
        snapshot_id, digest, documents, taken_at, confirmed_at = row
        return snapshot_id, Snapshot(bytes(digest), _unpacked(bytes(documents)), taken_at, confirmed_at)


def _packed(documents: Documents) -> bytes:
    return zstandard.ZstdCompressor(level=_LEVEL).compress(msgspec.json.encode(dict(documents)))


def _unpacked(packed: bytes) -> Documents:
    plain = zstandard.ZstdDecompressor().decompress(packed, max_output_size=MOST_BYTES)
    return msgspec.json.decode(plain, type=dict[str, str])


def _counted(changes: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    return {weight: sum(one.get("class") == weight for one in changes) for weight in ("breaking", "additive", "cosmetic")}
