"""What one gateway of a database tells the others at once: that something was written at a source, so that they let go of what they hold.

By PostgreSQL's LISTEN and NOTIFY, over a connection of its own. Source: PostgreSQL documentation, NOTIFY.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Sequence

import msgspec
import psycopg
import structlog

from millgate.errors import GatewayError
from millgate.store.database import Connection, Database

log = structlog.get_logger(__name__)

LISTEN = b"LISTEN millgate_written"
TRY = b"SELECT 1"
TELL = b"SELECT pg_notify('millgate_written', %(notice)s)"
# How often the line is tried, and how long a try may take: a line that is dead without a word is noticed within twice this time.
TRY_EVERY_S = 2.0
AGAIN_S = 1.0

Heard = Callable[[str, Sequence[str]], None]
Lost = Callable[[], None]


class Notice(msgspec.Struct, frozen=True):
    """Something of a tenant was written; `objects` are those that it may have changed."""

    sender: str
    tenant: str
    objects: tuple[str, ...]


class Notices:
    """One process's ear and voice. What it tells is not told to itself."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sender = uuid.uuid4().hex
        self._task: asyncio.Task[None] | None = None

    async def tell(self, tenant: str, objects: Sequence[str]) -> None:
        """Tell all others. Raises TryLater("store_unavailable")."""
        notice = msgspec.json.encode(Notice(self._sender, tenant, tuple(objects))).decode()
        await self._database.execute(TELL, {"notice": notice})

    async def listen(self, heard: Heard, lost: Lost) -> None:
        """Hear the others from now on; back once the line stands. `lost`: some of what they told may not have been heard."""
        line = await self._line()
        self._task = asyncio.create_task(self._run(line, heard, lost), name="notices")

    async def close(self) -> None:
        """Hear nothing more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _line(self) -> Connection:
        line = await self._database.dedicated()
        try:
            await line.execute(LISTEN)
        except BaseException:
            await line.close()
            raise
        return line

    async def _run(self, line: Connection | None, heard: Heard, lost: Lost) -> None:
        """Hear, and take the line up again whenever it breaks: what was told between is not known, so all is lost, twice."""
        while True:
            try:
                if line is None:
                    line = await self._line()
                    lost()  # also what was asked of the source while nobody listened
                await self._hear(line, heard)
            except (GatewayError, psycopg.Error, TimeoutError) as error:
                if line is not None:
                    log.warning("other gateways are not heard for now", reason=type(error).__name__)
                    lost()
                    line = None
                await asyncio.sleep(AGAIN_S)

    async def _hear(self, line: Connection, heard: Heard) -> None:
        """Pass on what is told, until the line breaks; then it is closed."""
        trying: asyncio.Task[object] | None = None
        try:
            while True:
                async for told in line.notifies(timeout=TRY_EVERY_S):
                    notice = _read(told.payload)
                    if notice is not None and notice.sender != self._sender:
                        heard(notice.tenant, notice.objects)
                trying = asyncio.create_task(line.execute(TRY))
                if not (await asyncio.wait([trying], timeout=TRY_EVERY_S))[0]:
                    raise TimeoutError
                trying.result()
        finally:
            if trying is not None and not trying.done():
                trying.cancel()  # which takes as long as the server is silent, so nobody waits for it
                trying.add_done_callback(lambda _: line.pgconn.finish())
            else:
                await line.close()


def _read(payload: str) -> Notice | None:
    """A notice; None where another release, or somebody else, tells something else on this channel."""
    try:
        return msgspec.json.decode(payload, type=Notice)
    except msgspec.DecodeError:
        log.warning("a notice of another gateway cannot be read")
        return None
