"""The audit trail: append-only, hash-chained, one row per access, committed before the answer leaves."""

from __future__ import annotations

import hmac
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg import IsolationLevel

from millgate.canonical.exchange import Call
from millgate.store.audit_event import audit_event
from millgate.store.audit_row import Detail, Entry, head_mac, opened, patient_hash, row_hash, stored_fields
from millgate.store.audit_writer import COMMIT_TIMEOUT_S, Writer
from millgate.store.database import Connection, Database, Row
from millgate.store.queries import queries
from millgate.store.vault import Vault

__all__ = ["Audit", "Entry", "Recorded", "Verification"]

_SQL = queries("audit")
_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Recorded:
    """A row of the trail, opened."""

    seq: int
    entry: Entry
    hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Verification:
    """What checking the chain found. `head` (hex) names the whole chain up to `rows`: noted elsewhere, it proves more later."""

    rows: int
    ok: bool
    head: str
    first_bad_seq: int | None = None
    reason: str | None = None


class Audit:
    """Appends to and reads the trail. Make it with `Audit.open`; close it to commit what still waits."""

    def __init__(self, database: Database, vault: Vault, beginning: bytes, timeout_s: float) -> None:
        self._database = database
        self._keys = vault.gateway
        self._key = vault.gateway.subkey("audit/chain")
        self._beginning = beginning
        self._writer = Writer(database, vault.gateway, timeout_s=timeout_s)
        self.told: Callable[[Entry], None] | None = None  # whoever counts the rows that this process wrote

    @classmethod
    async def open(
        cls, database: Database, vault: Vault, *, now: Callable[[], datetime], timeout_s: float = COMMIT_TIMEOUT_S
    ) -> Audit:
        """The trail of `database`. It begins once: a trail that was begun and is gone is found out, not begun again."""
        async with database.transaction() as connection:
            await connection.execute(_SQL["take_turns"])
            row = await (await connection.execute(_SQL["begun"])).fetchone()
            if row is None:
                beginning = os.urandom(32)
                mac = head_mac(vault.gateway.subkey("audit/chain"), 0, beginning)
                await connection.execute(_SQL["begin"], {"hash": beginning, "mac": mac})
                sealed = vault.gateway.seal("audit/beginning", beginning)
                await connection.execute(_SQL["remember_beginning"], {"sealed": sealed, "now": now()})
            else:
                beginning = vault.gateway.open("audit/beginning", bytes(row[0]))
        return cls(database, vault, beginning, timeout_s)

    async def close(self) -> None:
        """Commit what waits, then stop."""
        await self._writer.close()

    async def append(self, entry: Entry) -> None:
        """Return once the entry is committed. Raises `store_unavailable` (never hangs) if it may not be."""
        await self._writer.append(entry)
        if self.told is not None:
            self.told(entry)

    async def list(
        self,
        *,
        limit: int = 100,
        before: int | None = None,
        tenant: str | None = None,
        patient: str | None = None,
        client_id: str | None = None,
        session_id: str | None = None,
        action: str | None = None,
        request_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[Recorded]:
        """Rows that fit, newest first; go on with `before` = the last one's seq. `patient` is a source id and needs `tenant`."""
        if patient is not None and tenant is None:
            raise ValueError("a patient is known only within a tenant")
        filters = {
            "before": before,
            "tenant": tenant,
            "patient": patient_hash(self._keys, tenant or "", patient) if patient is not None else None,
            "client_id": client_id,
            "session_id": session_id,
            "action": action,
            "request_id": request_id,
            "since": since,
            "until": until,
            "limit": limit,
        }
        return [self._recorded(row) for row in await self._database.fetch(_SQL["list"], filters)]

    async def export(self) -> AsyncIterator[dict[str, Any]]:
        """The whole trail as FHIR R4 AuditEvent resources, oldest first, a page in memory at a time."""
        async with self._snapshot() as connection:
            async for row in _walk(connection):
                recorded = self._recorded(row)
                yield audit_event(recorded.seq, recorded.entry)

    async def verify(self) -> Verification:
        """Walk the chain and tell the first row that was changed, removed, moved or cut off; constant memory."""
        async with self._snapshot() as connection:
            head = await (await connection.execute(_SQL["head"])).fetchone()
            seq, digest = 0, self._beginning
            async for row in _walk(connection):
                problem, digest = self._check(row, seq + 1, digest)
                if problem:
                    return Verification(seq, False, digest.hex(), seq + 1, problem)
                seq += 1
        problem = self._check_head(head, seq, digest)
        return Verification(seq, problem is None, digest.hex(), seq + 1 if problem else None, problem)

    def _check(self, row: Row, expected: int, previous: bytes) -> tuple[str | None, bytes]:
        if row[0] != expected:
            return f"row {expected} is missing", previous
        digest = row_hash(self._key, previous, stored_fields(row[:-1]))
        if not hmac.compare_digest(digest, bytes(row[-1])):
            return f"row {expected} was changed, moved, or follows a row that was", previous
        return None, digest

    def _check_head(self, head: Row | None, seq: int, digest: bytes) -> str | None:
        if head is None:
            return "the chain's head is missing"
        if not hmac.compare_digest(bytes(head[2]), head_mac(self._key, head[0], bytes(head[1]))):
            return "the chain's head was altered"
        if head[0] > seq:
            return f"rows {seq + 1} to {head[0]} were cut off"
        if head[0] < seq or bytes(head[1]) != digest:
            return "the chain's head is not the one of the last row"
        return None

    def _recorded(self, row: Row) -> Recorded:
        seq, at, request_id, client_id, session_id, tenant, persona, action, kind, purpose, status, code, freshness = row[:13]
        detail: Detail = opened(self._keys, bytes(row[14]))
        entry = Entry(
            at=at,
            request_id=request_id,
            action=action,
            status=status,
            client_id=client_id,
            session_id=session_id,
            tenant=tenant,
            persona=persona,
            user=detail.user,
            object=kind,
            target_ids=detail.target_ids,
            patients=detail.patients,
            purpose=purpose,
            code=code,
            calls=tuple(Call(*call) for call in detail.calls),
            freshness=freshness,
            pathway=detail.pathway,
        )
        return Recorded(seq, entry, bytes(row[15]))

    def _snapshot(self) -> _Snapshot:
        return _Snapshot(self._database)


class _Snapshot:
    """A connection of its own that sees one moment of the trail, whatever is appended meanwhile."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __aenter__(self) -> Connection:
        self._connection = await self._database.dedicated()
        await self._connection.set_autocommit(False)
        await self._connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
        await self._connection.set_read_only(True)
        return self._connection

    async def __aexit__(self, *_: object) -> None:
        await self._connection.close()


async def _walk(connection: Connection) -> AsyncIterator[Row]:
    async with connection.cursor("audit_walk", scrollable=False) as cursor:
        cursor.itersize = _PAGE
        await cursor.execute(_SQL["walk"])
        async for row in cursor:
            yield row
