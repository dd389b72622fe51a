"""The store as a whole: opened and closed cleanly, also when something is wrong, and alive through the death of its database."""

from __future__ import annotations

import asyncio
import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest

from millgate.errors import GatewayError
from millgate.store import Entry, MasterKey, Store, master_key
from millgate.store.server import Server
from tests.store.conftest import MASTER, Clock
from tests.store.processes import other

SERVE = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from millgate.store import Entry, Store, master_key

async def main():
    folder = Path(sys.argv[1])
    now = lambda: datetime.now(UTC)
    store = await Store.open(database_url=None, data_dir=folder, master_key=master_key(data_dir=folder, create=True), now=now)
    page = [{"resourceType": "Observation", "id": str(number)} for number in range(20)]
    for number in range(100000):
        page[number % 20]["status"] = str(number)
        await asyncio.gather(
            store.records.save("t", "p", page, received_at=now()),
            *[store.audit.append(Entry(at=now(), request_id=f"{number}-{one}", action="read", status=200)) for one in range(20)],
        )
        print(number, flush=True)

asyncio.run(main())
"""


def now() -> datetime:
    return datetime.now(UTC)


async def test_killed_gateway_leaves_a_store_that_opens_with_everything_that_was_told(tmp_path: Path) -> None:
    with other(SERVE, str(tmp_path)) as gateway:
        for _ in range(10):
            last = int(gateway.line())
        gateway.kill()
    store = await Store.open(database_url=None, data_dir=tmp_path, master_key=master_key(data_dir=tmp_path), now=now)
    try:
        verified = await store.audit.verify()
        assert verified.ok
        assert verified.rows >= 20 * (last + 1)
        loaded = await store.records.load("t", "p", "Observation", str(last % 20))
        assert loaded is not None
        assert int(loaded.resource["status"]) >= last
        # … and its database, killed under it, comes back by itself.
        assert store.cluster is not None
        running = store.cluster._server.running()
        assert running is not None
        os.kill(running.pid, signal.SIGKILL)
        with pytest.raises(GatewayError) as caught:
            await store.audit.append(Entry(at=now(), request_id="lost", action="read", status=200))
        assert caught.value.code == "store_unavailable"
        async with asyncio.timeout(20):
            while True:  # the dead server's last processes may still answer one question and not the next
                try:
                    await store.audit.append(Entry(at=now(), request_id="kept", action="read", status=200))
                    break
                except GatewayError as error:
                    assert error.code == "store_unavailable"
                    await asyncio.sleep(0.05)
            while not await store.ready():  # noqa: ASYNC110  there is nobody to wait for but the server
                await asyncio.sleep(0.05)
        assert (await store.audit.verify()).ok
    finally:
        await store.close()
    assert Server(tmp_path / "postgres", None).running() is None


async def test_wrong_master_key_leaves_nothing_running(tmp_path: Path, clock: Clock) -> None:
    store = await Store.open(database_url=None, data_dir=tmp_path, master_key=MASTER, now=clock)
    await store.close()
    with pytest.raises(GatewayError, match="not the one that this database was made with"):
        await Store.open(database_url=None, data_dir=tmp_path, master_key=MasterKey(b"w" * 32, "wrong"), now=clock)
    assert Server(tmp_path / "postgres", None).running() is None


async def test_neither_directory_nor_url_is_a_wrong_setting(clock: Clock) -> None:
    with pytest.raises(GatewayError) as caught:
        await Store.open(database_url=None, data_dir=None, master_key=MASTER, now=clock)
    assert caught.value.code == "invalid_setting"


async def test_is_ready_while_open(store: Store) -> None:
    assert await store.ready()
