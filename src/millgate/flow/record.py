"""Carry what a read brought into the store, just behind the answer: in order, in batches, with a bound on what may wait."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Protocol

import structlog

from millgate.canonical.exchange import Resource
from millgate.errors import GatewayError

# The same bytes read again within this time are not taken to the store again: they are the same version of the same record.
JUST_NOW_S = 60.0
REMEMBERED = 50_000
_Known = tuple[str, datetime | None, str, bytes]  # a tenant by its name and when it was connected, a pathway, a fingerprint

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Brought:
    tenant: str
    pathway: str
    resources: Sequence[Resource]
    received_at: datetime
    fingerprints: Sequence[bytes]
    connected_at: datetime | None


class Funnel(Protocol):
    """The store's side: keeps each resource once, with its versions and its row in the change feed."""

    async def save(
        self,
        tenant: str,
        pathway: str,
        resources: Sequence[Resource],
        *,
        received_at: datetime,
        connected_at: datetime | None = None,
    ) -> object: ...


class Recorder:
    """A short queue in front of the funnel. A full queue makes readers wait: nothing that was answered goes unrecorded for want of room."""

    def __init__(self, funnel: Funnel, *, waiting_pages: int = 256) -> None:
        self._funnel = funnel
        self._queue: asyncio.Queue[_Brought] = asyncio.Queue(waiting_pages)
        self._task: asyncio.Task[None] | None = None
        self._recent: OrderedDict[_Known, float] = OrderedDict()

    def start(self) -> None:
        """Begin to record; call once, inside the running loop."""
        self._task = asyncio.create_task(self._run(), name="recorder")

    async def put(
        self,
        tenant: str,
        pathway: str,
        resources: Sequence[Resource],
        received_at: datetime,
        fingerprints: Sequence[bytes] | None = None,
        *,
        connected_at: datetime | None = None,
    ) -> None:
        """Have `resources` recorded soon. With their fingerprints, what was recorded a moment ago is not handed on again.

        `connected_at` says which tenant of this name they are of: once it is removed, they are not kept.
        """
        if fingerprints is None:
            fresh, marks = list(resources), []
        else:
            pairs = [
                (resource, mark)
                for resource, mark in zip(resources, fingerprints, strict=True)
                if not self._just_recorded((tenant, connected_at, pathway, mark))
            ]
            fresh, marks = [resource for resource, _ in pairs], [mark for _, mark in pairs]
        if fresh:
            await self._queue.put(_Brought(tenant, pathway, fresh, received_at, marks, connected_at))

    def _just_recorded(self, key: _Known) -> bool:
        at = self._recent.get(key)
        return at is not None and monotonic() - at < JUST_NOW_S

    def _remember(self, brought: _Brought) -> None:
        now = monotonic()
        for mark in brought.fingerprints:
            key = (brought.tenant, brought.connected_at, brought.pathway, mark)
            self._recent[key] = now
            self._recent.move_to_end(key)
        while len(self._recent) > REMEMBERED:
            self._recent.popitem(last=False)

    async def drain(self) -> None:
        """Wait until all that was put has been recorded."""
        await self._queue.join()

    async def close(self) -> None:
        """Record what waits (for ten seconds at most), then stop."""
        if self._task is None:
            return
        try:
            await asyncio.wait_for(self._queue.join(), timeout=10)
        except TimeoutError:
            log.error("records left behind", waiting_pages=self._queue.qsize())
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            brought = await self._queue.get()
            try:
                await self._funnel.save(
                    brought.tenant,
                    brought.pathway,
                    brought.resources,
                    received_at=brought.received_at,
                    connected_at=brought.connected_at,
                )
                self._remember(brought)
            except GatewayError as error:
                # The page was answered and audited; the next read of the same records brings them again.
                log.warning("records not kept", tenant=brought.tenant, code=error.code, resources=len(brought.resources))
            except Exception:  # one page that cannot be kept must not stop the queue: readers would wait for room for ever
                log.exception("records not kept", tenant=brought.tenant, resources=len(brought.resources))
            finally:
                self._queue.task_done()
