"""The PostgreSQL behind everything: a pool of connections, transactions, migrations, and its errors in the gateway's words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection, conninfo
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from millgate.errors import CallOperator, TryLater
from millgate.store.migrations import HEAD, upgrade

Connection = AsyncConnection[TupleRow]
Row = tuple[Any, ...]

OLDEST_VERSION = 15
CONNECT_TIMEOUT_S = 10
_PARAMETERS: dict[str, Any] = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "application_name": "millgate",
    "keepalives_idle": 30,
    "tcp_user_timeout": 20_000,  # ms
}


@contextmanager
def translated() -> Iterator[None]:
    """Turn the database's errors into the gateway's: a lost database is `store_unavailable`, a refused statement `internal_error`.

    The database's own words are left behind on purpose: they may repeat a value of the statement.
    """
    try:
        yield
    except (psycopg.OperationalError, PoolTimeout) as error:
        reason = error.sqlstate if isinstance(error, psycopg.Error) and error.sqlstate else type(error).__name__
        raise TryLater("store_unavailable", f"the database does not answer ({reason}); the call may be repeated") from None
    except psycopg.Error as error:
        place = " ".join(part for part in (error.diag.table_name, error.diag.column_name, error.diag.constraint_name) if part)
        reason = f"{type(error).__name__} {place}".strip()
        raise CallOperator("internal_error", f"the database refused a statement ({reason})") from None


class Database:
    """A pool of connections to one PostgreSQL of version 15 or later. Make it with `Database.open`."""

    def __init__(self, url: str, pool: AsyncConnectionPool[Connection]) -> None:
        self.url = url
        self.pool = pool

    @classmethod
    async def open(cls, url: str, *, size: int = 10) -> Database:
        """Connect; at most `size` connections. Raises `invalid_setting` or `store_unavailable`, never showing a password."""
        await _check(url)
        pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=size,
            kwargs=_PARAMETERS,
            configure=_configure,
            open=False,
            timeout=CONNECT_TIMEOUT_S,
            reconnect_timeout=5,
            name="millgate",
        )
        with translated():
            await pool.open(wait=True, timeout=CONNECT_TIMEOUT_S)
        return cls(url, pool)

    async def close(self) -> None:
        """Close every connection."""
        await self.pool.close()

    async def migrate(self) -> None:
        """Bring the schema to this version's; processes that start at once take turns, and only the first does the work."""
        async with self.connection() as connection:
            found = await current_revision(connection)
        if found != HEAD:
            await asyncio.to_thread(upgrade, self.url)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection where every statement is a transaction of its own."""
        with translated():
            async with self.pool.connection() as connection:
                yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection inside one transaction: committed at the end, rolled back on an exception."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    async def dedicated(self) -> Connection:
        """A connection outside the pool, for one owner that keeps it; the caller closes it."""
        with translated():
            return await AsyncConnection.connect(self.url, autocommit=True, **_PARAMETERS)

    async def fetch(self, query: bytes, parameters: Any = None) -> list[Row]:
        """All rows of one query."""
        async with self.connection() as connection:
            return await (await connection.execute(query, parameters)).fetchall()

    async def fetch_one(self, query: bytes, parameters: Any = None) -> Row | None:
        """The first row of one query, or None."""
        async with self.connection() as connection:
            return await (await connection.execute(query, parameters)).fetchone()

    async def execute(self, query: bytes, parameters: Any = None) -> int:
        """Run one statement; how many rows it touched."""
        async with self.connection() as connection:
            return (await connection.execute(query, parameters)).rowcount


async def _configure(connection: Connection) -> None:
    await connection.set_autocommit(True)


async def current_revision(connection: Connection) -> str | None:
    """The schema's revision, or None where there is no schema."""
    row = await (await connection.execute("SELECT to_regclass('alembic_version') IS NOT NULL")).fetchone()
    if row is None or not row[0]:
        return None
    row = await (await connection.execute("SELECT version_num FROM alembic_version")).fetchone()
    return str(row[0]) if row else None


async def _check(url: str) -> None:
    """Connect once, so that a wrong setting gets its own clear message instead of the pool's timeout."""
    try:
        parts = conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise CallOperator("invalid_setting", "the database URL cannot be read; expected postgresql://user@host/name") from error
    place = f"{parts.get('host') or 'the default socket'}, database {parts.get('dbname') or 'by default'}"
    try:
        async with await AsyncConnection.connect(url, **_PARAMETERS) as connection:
            version = connection.info.server_version // 10_000
            encoding = connection.info.parameter_status("server_encoding")
    except psycopg.OperationalError as error:
        state = error.sqlstate or ""
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else "no reason given"
        if state.startswith(("28", "3D")) or "authentication" in reason or "does not exist" in reason.split("FATAL:")[-1]:
            raise CallOperator("invalid_setting", f"the database at {place} refuses the connection: {reason}") from error
        raise TryLater("store_unavailable", f"the database at {place} cannot be reached: {reason}") from error
    if version < OLDEST_VERSION:
        raise CallOperator("invalid_setting", f"the database is PostgreSQL {version}; {OLDEST_VERSION} or later is needed")
    if encoding != "UTF8":
        raise CallOperator("invalid_setting", f"the database's encoding is {encoding}; UTF8 is needed")
