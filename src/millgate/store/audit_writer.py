"""The writing end of the audit chain: what has queued up while one commit was under way goes into the next one (group commit)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
import structlog
from psycopg.adapt import Dumper
from psycopg.pq import Format

from millgate.errors import CallOperator, GatewayError, TryLater
from millgate.store.audit_row import COLUMNS, Entry, bigint_field, bytes_field, encoded, head_mac, row_hash
from millgate.store.database import Connection, Database
from millgate.store.queries import queries
from millgate.store.tenant_keys import TenantKeys

_SQL = queries("audit")
log = structlog.get_logger(__name__)

COMMIT_TIMEOUT_S = 10.0
MAX_ROWS = 1_000  # in one commit
MAX_WAITING = 20_000
_TRIES = 3


_Waiting = tuple[list[bytes], asyncio.Future[None]]  # an entry's columns, and who waits for its commit


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain: the last row's number and hash."""

    seq: int
    hash: bytes


class _Column:
    """An array of values that are in PostgreSQL's binary form already."""

    __slots__ = ("fields",)
    oid: int
    element: int

    def __init__(self, fields: Sequence[bytes]) -> None:
        self.fields = fields


def _column(array_oid: int, element_oid: int) -> type[_Column]:
    """A kind of column with its dumper. Source: PostgreSQL, array_send: dimensions, has-nulls, element type, length, lower bound."""
    header = (1).to_bytes(4) + (1).to_bytes(4) + element_oid.to_bytes(4)

    class Column(_Column):
        __slots__ = ()

    class ColumnDumper(Dumper):
        format = Format.BINARY
        oid = array_oid

        def dump(self, obj: _Column) -> bytes:
            return b"".join([header, len(obj.fields).to_bytes(4), (1).to_bytes(4), *obj.fields])

    psycopg.adapters.register_dumper(Column, ColumnDumper)
    return Column


_BYTEA, _TEXT, _INTEGER, _BIGINT, _INSTANT = (
    _column(array, element) for array, element in ((1001, 17), (1009, 25), (1007, 23), (1016, 20), (1185, 1184))
)
_TYPES = dict.fromkeys(COLUMNS, _TEXT) | {
    "seq": _BIGINT,
    "at": _INSTANT,
    "status": _INTEGER,
    "sealed": _BYTEA,
    "hash": _BYTEA,
}


class Writer:
    """Takes entries from many tasks and appends them by one; a connection of its own, opened again after a loss."""

    def __init__(self, database: Database, keys: TenantKeys, *, timeout_s: float = COMMIT_TIMEOUT_S) -> None:
        self._database = database
        self._keys = keys
        self._key = keys.subkey("audit/chain")
        self._timeout_s = timeout_s
        self._waiting: deque[_Waiting] = deque()
        self._left: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._connection: Connection | None = None
        self._head: Head | None = None
        self._closing = False

    async def append(self, entry: Entry) -> None:
        """Return once the entry is committed. Raises `store_unavailable`, within twice the timeout, if it may not be."""
        if self._closing or len(self._waiting) >= MAX_WAITING:
            raise TryLater("store_unavailable", "the audit trail takes no more entries at the moment")
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="audit writer")
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((encoded(self._keys, entry), future))
        self._wake.set()
        await future

    async def close(self) -> None:
        """Commit what waits, then stop."""
        self._closing = True
        self._wake.set()
        if self._task:
            await self._task
        if self._connection:
            await self._connection.close()

    async def _run(self) -> None:
        while not (self._closing and not self._waiting):
            await self._wake.wait()
            await asyncio.sleep(0)  # let everyone who is ready now come along
            self._wake.clear()
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_ROWS))]
                await self._commit(batch)

    async def _commit(self, batch: Sequence[_Waiting]) -> None:
        """Write the batch and tell everyone. A write that takes too long is left to itself: its end may never come."""
        write = asyncio.create_task(self._write([fields for fields, _ in batch]))  # noqa: RUF006  it is awaited on the next line
        done, _ = await asyncio.wait({write}, timeout=self._timeout_s)
        if not done:
            self._leave(write)
            self._fail(batch, TimeoutError())
        elif error := write.exception():
            self._fail(batch, error)
        else:
            for _, future in batch:
                if not future.done():
                    future.set_result(None)

    def _leave(self, write: asyncio.Task[None]) -> None:
        self._connection = None
        self._left.add(write)
        write.add_done_callback(self._left.discard)
        write.cancel()

    def _fail(self, batch: Sequence[_Waiting], cause: BaseException) -> None:
        """Tell this batch and all who wait; where the chain ends is asked anew."""
        waiting, self._waiting = [*batch, *self._waiting], deque()
        log.error("audit entries not committed", reason=type(cause).__name__, entries=len(waiting))
        for _, future in waiting:
            if not future.done():
                future.set_exception(_told(cause))
        self._head = None

    async def _write(self, rows: Sequence[list[bytes]]) -> None:
        connection, self._connection = self._connection or await self._database.dedicated(), None
        try:
            await self._write_over(connection, rows)
        except BaseException:
            await connection.close()
            raise
        self._connection = connection

    async def _write_over(self, connection: Connection, rows: Sequence[list[bytes]]) -> None:
        for _ in range(_TRIES):
            if self._head is None:
                self._head = self._checked(await (await connection.execute(_SQL["head"])).fetchone())
            if await self._append(connection, self._head, rows):
                return
            self._head = None  # another process has appended meanwhile
        async with connection.transaction():
            head = self._checked(await (await connection.execute(_SQL["lock_head"])).fetchone())
            if not await self._append(connection, head, rows):
                raise CallOperator("internal_error", "the audit chain's head moved while it was locked")

    async def _append(self, connection: Connection, head: Head, rows: Sequence[list[bytes]]) -> bool:
        complete, end = self._chained(head, rows)
        parameters: dict[str, Any] = {
            name: _TYPES[name](values) for name, values in zip(COLUMNS, zip(*complete, strict=True), strict=True)
        }
        parameters |= {"from_seq": head.seq, "from_hash": head.hash, "to_seq": end.seq, "to_hash": end.hash}
        parameters["mac"] = head_mac(self._key, end.seq, end.hash)
        written = (await connection.execute(_SQL["append"], parameters, prepare=True)).rowcount
        if written not in (0, len(rows)):
            raise CallOperator("internal_error", "the audit chain took only a part of a batch")
        self._head = end if written else None
        return written > 0

    def _chained(self, head: Head, rows: Sequence[list[bytes]]) -> tuple[list[list[bytes]], Head]:
        """The rows with their numbers and hashes, and where the chain then ends."""
        seq, digest = head.seq, head.hash
        complete = []
        for fields in rows:
            seq += 1
            numbered = [bigint_field(seq), *fields]
            digest = row_hash(self._key, digest, numbered)
            numbered.append(bytes_field(digest))
            complete.append(numbered)
        return complete, Head(seq, digest)

    def _checked(self, row: tuple[Any, ...] | None) -> Head:
        if row is None or bytes(row[2]) != head_mac(self._key, row[0], bytes(row[1])):
            raise CallOperator("internal_error", "the audit chain's head is missing or altered: run `millgate audit verify`")
        return Head(row[0], bytes(row[1]))


def _told(cause: BaseException) -> GatewayError:
    if isinstance(cause, CallOperator):
        return CallOperator(cause.code, cause.detail)
    error = TryLater(
        "store_unavailable", "the audit trail could not be written, so nothing is answered; the call may be repeated"
    )
    error.__cause__ = cause
    return error
