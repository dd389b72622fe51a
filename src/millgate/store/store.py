"""The store of one gateway, whole: opened together, closed together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import structlog

from millgate.errors import CallOperator, GatewayError
from millgate.store.audit import Audit
from millgate.store.budget import Budgets
from millgate.store.clients import Clients
from millgate.store.cluster import Cluster
from millgate.store.database import Database
from millgate.store.events import Events
from millgate.store.idempotency import Idempotency
from millgate.store.jobs import Retention, new_app
from millgate.store.master_key import MasterKey
from millgate.store.notices import Notices
from millgate.store.origins import Origins
from millgate.store.records import Records
from millgate.store.sessions import Sessions
from millgate.store.sign_ins import Grants, SignIns
from millgate.store.snapshots import Snapshots
from millgate.store.tenants import Tenants
from millgate.store.vault import Vault

log = structlog.get_logger(__name__)

WATCH_EVERY_S = 2.0
POOL_SIZE = 10


class Store:
    """Everything that is kept. Make it with `Store.open`; `cluster` is None with a database by URL."""

    def __init__(
        self,
        cluster: Cluster | None,
        database: Database,
        vault: Vault,
        audit: Audit,
        now: Callable[[], datetime],
        retention: Retention,
    ) -> None:
        self.cluster = cluster
        self.database = database
        self.vault = vault
        self.audit = audit
        self.now = now
        self.retention = retention
        self.records = Records(database, vault)
        self.tenants = Tenants(database, vault, self.records, now)
        self.origins = Origins(database, vault)
        self.events = Events(database, now)
        self.notices = Notices(database)
        self.budgets = Budgets(database, now)
        self.snapshots = Snapshots(database, self.events, now)
        self.clients = Clients(database, now)
        self.sessions = Sessions(database, vault, now)
        self.sign_ins = SignIns(database, vault, now)
        self.grants = Grants(database, vault)
        self.idempotency = Idempotency(database, vault, now)
        self.jobs = new_app()
        self._watch: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        *,
        database_url: str | None,
        data_dir: Path | None,
        master_key: MasterKey,
        now: Callable[[], datetime],
        retention: Retention | None = None,
        pool_size: int = POOL_SIZE,
    ) -> Store:
        """The store at `database_url`, or the embedded one of `data_dir`; its schema is brought up to date first.

        Raises CallOperator("invalid_setting") or TryLater("store_unavailable"), and leaves nothing running behind.
        """
        if database_url is None and data_dir is None:
            raise CallOperator("invalid_setting", "neither a data directory nor a database URL is set")
        cluster = None
        if database_url is None and data_dir is not None:
            cluster = await asyncio.to_thread(Cluster.start, data_dir)
        try:
            return await cls._open(
                cluster, database_url or (cluster.url if cluster else ""), master_key, now, retention, pool_size
            )
        except BaseException:
            if cluster:
                await asyncio.to_thread(cluster.stop)
            raise

    @classmethod
    async def _open(
        cls,
        cluster: Cluster | None,
        url: str,
        master_key: MasterKey,
        now: Callable[[], datetime],
        retention: Retention | None,
        pool_size: int,
    ) -> Store:
        database = await Database.open(url, size=pool_size)
        try:
            await database.migrate()
            vault = await Vault.open(database, master_key, now=now)
            audit = await Audit.open(database, vault, now=now)
            store = cls(cluster, database, vault, audit, now, retention or Retention())
            await store.jobs.open_async(database.pool)
        except BaseException:
            await database.close()
            raise
        if cluster:
            store._watch = asyncio.create_task(store._keep_alive(cluster), name="embedded PostgreSQL watch")
        return store

    async def close(self) -> None:
        """Commit what waits, then let go of everything; the last user of the embedded database stops it."""
        if self._watch:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        await self.notices.close()
        await self.idempotency.close()
        await self.audit.close()
        await self.jobs.close_async()
        await self.database.close()
        if self.cluster:
            await asyncio.to_thread(self.cluster.stop)

    async def ready(self) -> bool:
        """Whether the database answers."""
        try:
            return await self.database.fetch_one(b"SELECT true") is not None
        except GatewayError:
            return False

    @staticmethod
    async def _keep_alive(cluster: Cluster) -> None:
        """Start the embedded server again if it dies under us."""
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            if cluster.alive():
                continue
            log.error("the embedded PostgreSQL died; starting it again")
            try:
                await asyncio.to_thread(cluster.revive)
            except GatewayError as error:
                log.error("the embedded PostgreSQL did not start", code=error.code, detail=error.detail)
