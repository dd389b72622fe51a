"""Idempotency keys: a write is recorded before it is sent, and its answer is given again to the same key and body.

An entry in progress belongs to a holder that keeps it fresh. If the holder dies or leaves it, the next caller takes it over as
`abandoned`: it must look for the effect at the source before it sends anything.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

import structlog

from millgate.errors import GatewayError, TryLater
from millgate.store.database import Database
from millgate.store.queries import queries
from millgate.store.tokens import new_id
from millgate.store.vault import Vault

_SQL = queries("idempotency")
log = structlog.get_logger(__name__)

KEPT = timedelta(hours=48)  # longer than the promised 24 hours
LEASE = timedelta(seconds=15)

State = Literal["started", "replay", "in_progress", "reused", "abandoned"]


@dataclass(frozen=True, slots=True)
class Begun:
    """What is known of a key. With `started` and `abandoned` the caller holds it and has to finish, release or leave it;
    `answer` is there with `replay`, `started_at` with `abandoned`: when the holder before began."""

    state: State
    answer: bytes | None = field(default=None, repr=False)
    started_at: datetime | None = None


class Idempotency:
    """The keys of all clients; those held by this process are kept fresh by one task."""

    def __init__(self, database: Database, vault: Vault, now: Callable[[], datetime], *, lease: timedelta = LEASE) -> None:
        self._database = database
        self._vault = vault
        self._now = now
        self._lease = lease
        self._held: dict[bytes, str] = {}
        self._beating: asyncio.Task[None] | None = None

    async def begin(self, *, client_id: str, tenant: str, key: str, body_hash: bytes) -> Begun:
        """Take the key if it is free; committed when this returns."""
        hashed, now, holder = self._key(client_id, tenant, key), self._now(), new_id("holder_")
        kept_hash = self._vault.gateway.hash("idempotency/body", body_hash.hex())
        parameters = {"key": hashed, "tenant": tenant, "body_hash": kept_hash, "holder": holder, "now": now}
        parameters |= {"expires_at": now + KEPT, "stale": now - self._lease}
        for _ in range(3):  # an entry may be released between two looks
            if await self._database.fetch_one(_SQL["begin"], parameters):
                return self._hold(hashed, holder, "started")
            row = await self._database.fetch_one(_SQL["look"], {"key": hashed})
            if row is None:
                continue
            if not hmac.compare_digest(bytes(row[0]), kept_hash):
                return Begun("reused")
            if row[1] is not None:
                return Begun("replay", await self._vault.unseal(tenant, "idempotency", bytes(row[1]), context=hashed))
            if taken := await self._database.fetch_one(_SQL["take_over"], parameters):
                return self._hold(hashed, holder, "abandoned", taken[0])
            return Begun("in_progress")
        return Begun("in_progress")

    async def finish(self, *, client_id: str, tenant: str, key: str, answer: bytes) -> None:
        """Keep the answer for at least 24 hours. Raises `store_unavailable` where the key is not held any more.

        An answer that cannot be kept lets go of the key: whoever asks next takes it over and looks for the effect.
        """
        hashed = self._key(client_id, tenant, key)
        try:
            sealed = await self._vault.seal(tenant, "idempotency", answer, context=hashed)
            parameters = {"key": hashed, "holder": self._held.get(hashed), "answer": sealed, "expires_at": self._now() + KEPT}
            kept = await self._database.execute(_SQL["finish"], parameters)
        finally:
            self._held.pop(hashed, None)
        if not kept:
            raise TryLater("store_unavailable", "the idempotency key was taken over meanwhile; ask again with the same key")

    async def release(self, *, client_id: str, tenant: str, key: str) -> None:
        """Free the key: nothing was sent, or the source did nothing."""
        await self._let_go("release", self._key(client_id, tenant, key))

    async def leave(self, *, client_id: str, tenant: str, key: str) -> None:
        """Nobody knows whether the source did it: whoever asks next takes the key over as `abandoned`."""
        await self._let_go("leave", self._key(client_id, tenant, key))

    async def prune(self) -> int:
        """Delete expired keys; how many."""
        return await self._database.execute(_SQL["prune"], {"now": self._now()})

    async def beat(self) -> None:
        """Keep the keys that this process holds from being taken over; done by itself while there are any."""
        held = dict(self._held)
        if held:
            parameters = {"keys": list(held), "holders": list(held.values()), "now": self._now()}
            await self._database.execute(_SQL["beat"], parameters)

    async def close(self) -> None:
        """Stop keeping keys fresh; what is still held will be taken over."""
        if self._beating:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
            self._beating = None

    async def _let_go(self, query: str, hashed: bytes) -> None:
        holder = self._held.pop(hashed, None)
        if holder is not None:
            await self._database.execute(_SQL[query], {"key": hashed, "holder": holder})

    def _hold(self, hashed: bytes, holder: str, state: State, started_at: datetime | None = None) -> Begun:
        self._held[hashed] = holder
        if self._beating is None or self._beating.done():
            self._beating = asyncio.create_task(self._keep_beating(), name="idempotency heartbeat")
        return Begun(state, started_at=started_at)

    async def _keep_beating(self) -> None:
        while self._held:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            try:
                await self.beat()
            except GatewayError as error:
                log.warning("idempotency keys not kept fresh", code=error.code)

    def _key(self, client_id: str, tenant: str, key: str) -> bytes:
        return self._vault.gateway.hash("idempotency", client_id, tenant, key)
