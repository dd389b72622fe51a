"""The funnel: every canonical resource that passes through is kept once, with its versions and a row in the change feed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from millgate.canonical.exchange import Resource
from millgate.errors import NeedAccess
from millgate.store.content import Draft, drafts, opened_body, record_key, sealed_body, term_hash, term_rows
from millgate.store.database import Connection, Database, Row
from millgate.store.queries import queries
from millgate.store.tenant_keys import TenantKeys
from millgate.store.vault import Vault

_SQL = queries("records")
SEEN_EVERY = timedelta(hours=1)
FIND_LIMIT = 1000
_BATCH = 500


@dataclass(frozen=True, slots=True)
class SaveResult:
    """How many resources of a page were new, changed, and unchanged (or older than what is stored)."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0

    def __add__(self, other: SaveResult) -> SaveResult:
        return SaveResult(self.new + other.new, self.changed + other.changed, self.unchanged + other.unchanged)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A stored resource; `received_at` is when this content came, `seen_at` when the source last showed it (exact to an hour)."""

    resource: Resource = field(repr=False)
    pathway: str
    version: int
    received_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a resource; `replaced_at` is None for the current one."""

    resource: Resource = field(repr=False)
    version: int
    received_at: datetime
    replaced_at: datetime | None


@dataclass(frozen=True, slots=True)
class Change:
    """One row of the change feed."""

    seq: int
    tenant: str
    resource_type: str
    record_key: bytes
    version: int
    kind: Literal["created", "updated"]
    at: datetime


class Records:
    """Saves, loads and finds canonical resources of all tenants."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def save(
        self,
        tenant: str,
        pathway: str,
        resources: Sequence[Resource],
        *,
        received_at: datetime,
        connected_at: datetime | None = None,
    ) -> SaveResult:
        """Keep what is new or changed. Unchanged content costs one query; its seen mark moves at most once an hour.

        Content received before what is stored is left aside: answers overtake each other. With `connected_at`, nothing is kept once
        the tenant that was connected then is removed: NeedAccess `tenant_not_allowed`.
        """
        if connected_at is not None and not await self._database.fetch_one(_SQL["is_connected"], _named(tenant, connected_at)):
            raise _removed(tenant)  # before a key is made for it
        keys = await self._vault.tenant(tenant)
        result = SaveResult()
        pending = drafts(keys, pathway, resources)
        for start in range(0, len(pending), _BATCH):
            batch = pending[start : start + _BATCH]
            result += await _Page(self._database, keys, tenant, pathway, received_at, connected_at).save(batch)
        return result

    async def load(self, tenant: str, pathway: str, resource_type: str, source_id: str) -> Loaded | None:
        """The current version of one resource, or None."""
        return (await self.load_many(tenant, pathway, resource_type, [source_id])).get(source_id)

    async def load_many(self, tenant: str, pathway: str, resource_type: str, source_ids: Sequence[str]) -> dict[str, Loaded]:
        """The current versions by source id; ids that are not stored are left out."""
        keys = await self._vault.tenant(tenant)
        by_key = {record_key(keys, pathway, resource_type, source_id): source_id for source_id in source_ids}
        rows = await self._database.fetch(_SQL["load"], {"keys": list(by_key)})
        keys = await self._vault.tenant(tenant, opening=(row[3] for row in rows))
        return {by_key[bytes(row[0])]: _loaded(keys, row) for row in rows}

    async def find(
        self,
        tenant: str,
        kind: str,
        value: str,
        *,
        resource_type: str | None = None,
        pathway: str | None = None,
        limit: int = FIND_LIMIT,
    ) -> list[Loaded]:
        """The records that have this normalized value of a kind (see `canonical.terms`; `patient` finds a patient's records)."""
        keys = await self._vault.tenant(tenant)
        parameters = {"hash": term_hash(keys, kind, value), "resource_type": resource_type, "pathway": pathway, "limit": limit}
        rows = await self._database.fetch(_SQL["find"], parameters)
        keys = await self._vault.tenant(tenant, opening=(row[3] for row in rows))
        return [_loaded(keys, row) for row in rows]

    async def history(self, tenant: str, pathway: str, resource_type: str, source_id: str) -> list[Version]:
        """All versions that are kept, newest first."""
        keys = await self._vault.tenant(tenant)
        key = record_key(keys, pathway, resource_type, source_id)
        rows = await self._database.fetch(_SQL["history"], {"key": key})
        keys = await self._vault.tenant(tenant, opening=(row[1] for row in rows))
        return [Version(opened_body(keys, key, bytes(body)), version, came, gone) for version, body, came, gone in rows]

    async def changes(self, *, after: int = 0, tenant: str | None = None, limit: int = 500) -> list[Change]:
        """The change feed behind `after`, in order. What comes later has a higher number than whatever was shown."""
        rows = await self._database.fetch(_SQL["changes"], {"after": after, "tenant": tenant, "limit": limit})
        return [Change(seq, name, kind_of, bytes(key), version, kind, at) for seq, name, kind_of, key, version, kind, at in rows]

    async def prune(self, *, older_than: datetime) -> int:
        """Delete replaced versions and change-feed rows from before; how many versions. Current versions stay."""
        async with self._database.transaction() as connection:
            versions = (await connection.execute(_SQL["prune_history"], {"before": older_than})).rowcount
            await connection.execute(_SQL["prune_changes"], {"before": older_than})
        return versions

    async def forget(self, tenant: str) -> int:
        """Delete everything stored of a tenant; how many records."""
        async with self._database.transaction() as connection:
            for query in ("forget_terms", "forget_history", "forget_changes"):
                await connection.execute(_SQL[query], {"tenant": tenant})
            return (await connection.execute(_SQL["forget_records"], {"tenant": tenant})).rowcount

    async def counts(self) -> dict[str, dict[str, int]]:
        """Records by tenant and resource type."""
        found: dict[str, dict[str, int]] = {}
        for tenant, resource_type, records, _ in await self._database.fetch(_SQL["counts"]):
            found.setdefault(tenant, {})[resource_type] = records
        return found


class _Page:
    """One batch of resources on its way into the tables."""

    def __init__(
        self,
        database: Database,
        keys: TenantKeys,
        tenant: str,
        pathway: str,
        received_at: datetime,
        connected_at: datetime | None,
    ) -> None:
        self._database = database
        self._keys = keys
        self._common: dict[str, Any] = {"tenant": tenant, "pathway": pathway, "received_at": received_at}
        self._received_at = received_at
        self._tenant = tenant
        self._connected_at = connected_at

    async def save(self, batch: Sequence[Draft]) -> SaveResult:
        async with self._database.connection() as connection:
            looked = await connection.execute(_SQL["look"], {"keys": [draft.key for draft in batch]})
            known = {bytes(row[0]): row[1:] for row in await looked.fetchall()}
            fresh = [draft for draft in batch if draft.key not in known]
            altered = [draft for draft in batch if draft.key in known and self._differs(draft, known[draft.key])]
            due = [key for key, row in known.items() if self._received_at - row[2] >= SEEN_EVERY]
            new = changed = 0
            if fresh or altered:
                async with connection.transaction():
                    await self._hold_tenant(connection)
                    new, changed = await self._write(connection, fresh, altered)
            if due:
                await connection.execute(_SQL["mark_seen"], {**self._common, "keys": due})
        return SaveResult(new, changed, len(batch) - new - changed)

    async def _hold_tenant(self, connection: Connection) -> None:
        """Keep the tenant from being removed until what is written is there to be removed with it."""
        if self._connected_at is None:
            return
        held = await connection.execute(_SQL["hold_connected"], _named(self._tenant, self._connected_at))
        if await held.fetchone() is None:
            raise _removed(self._tenant)

    def _differs(self, draft: Draft, stored: Row) -> bool:
        content_hash, received_at = stored[0], stored[1]
        return bytes(content_hash) != draft.content_hash and received_at <= self._received_at

    async def _write(self, connection: Connection, fresh: list[Draft], altered: list[Draft]) -> tuple[int, int]:
        """Insert the fresh, then replace the altered: those, and the fresh that another process has inserted meanwhile."""
        inserted = await self._insert(connection, fresh) if fresh else []
        taken = {draft.key for draft in inserted}
        contested = sorted([*altered, *(draft for draft in fresh if draft.key not in taken)], key=lambda draft: draft.key)
        replaced = await self._replace(connection, contested) if contested else {}
        written = [*inserted, *(draft for draft in contested if draft.key in replaced)]
        if written:
            await self._index(connection, written)
            await self._announce(connection, inserted, [draft for draft in contested if draft.key in replaced], replaced)
        return len(inserted), len(replaced)

    async def _insert(self, connection: Connection, fresh: Sequence[Draft]) -> list[Draft]:
        rows = await connection.execute(_SQL["insert"], self._columns(fresh))
        taken = {bytes(row[0]) for row in await rows.fetchall()}
        return [draft for draft in fresh if draft.key in taken]

    async def _replace(self, connection: Connection, contested: Sequence[Draft]) -> Mapping[bytes, int]:
        """New version numbers by key, of those that differ still once their rows are locked."""
        rows = await connection.execute(_SQL["lock"], {"keys": [draft.key for draft in contested]})
        locked = {bytes(row[0]): row[1:] for row in await rows.fetchall()}
        differing = [draft for draft in contested if draft.key in locked and self._differs(draft, locked[draft.key][1:])]
        if differing:
            columns = self._columns(differing)
            await connection.execute(_SQL["keep_history"], columns)
            await connection.execute(_SQL["update"], columns)
            await connection.execute(_SQL["clear_terms"], columns)
        return {draft.key: locked[draft.key][0] + 1 for draft in differing}

    def _columns(self, batch: Sequence[Draft]) -> dict[str, Any]:
        return {
            **self._common,
            "keys": [draft.key for draft in batch],
            "types": [draft.resource_type for draft in batch],
            "hashes": [draft.content_hash for draft in batch],
            "bodies": [sealed_body(self._keys, draft) for draft in batch],
        }

    async def _index(self, connection: Connection, written: Sequence[Draft]) -> None:
        hashes, keys, kinds = term_rows(self._keys, written)
        if hashes:
            await connection.execute(_SQL["insert_terms"], {**self._common, "hashes": hashes, "keys": keys, "kinds": kinds})

    async def _announce(
        self, connection: Connection, inserted: Sequence[Draft], replaced: Sequence[Draft], versions: Mapping[bytes, int]
    ) -> None:
        rows = [(draft, 1, "created") for draft in inserted] + [(draft, versions[draft.key], "updated") for draft in replaced]
        columns = {
            "keys": [draft.key for draft, _, _ in rows],
            "types": [draft.resource_type for draft, _, _ in rows],
            "versions": [version for _, version, _ in rows],
            "kinds": [kind for _, _, kind in rows],
        }
        await connection.execute(_SQL["take_turn"])  # the last thing in the transaction: others wait until it ends
        await connection.execute(_SQL["insert_changes"], {**self._common, **columns})


def _named(tenant: str, connected_at: datetime) -> dict[str, Any]:
    return {"tenant": tenant, "connected_at": connected_at}


def _removed(tenant: str) -> NeedAccess:
    return NeedAccess("tenant_not_allowed", f"The tenant {tenant!r} was removed meanwhile; what was read of it is not kept.")


def _loaded(keys: TenantKeys, row: Row) -> Loaded:
    key, pathway, version, body, received_at, seen_at = row
    return Loaded(opened_body(keys, bytes(key), bytes(body)), pathway, version, received_at, seen_at)
