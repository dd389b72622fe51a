"""The feed of events as somebody reads it: page after page, or as they come. No event is passed over, and none is shown to others."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from datetime import datetime
from time import monotonic
from typing import Any, Final, Protocol

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from millgate.access.event_types import Audience
from millgate.errors import FixRequest
from millgate.flow.read import instant

LIMIT: Final = 50
MOST: Final = 200
LOOK_EVERY_S: Final = 1.0  # how long an event may take to be noticed
_PLACE_BYTES: Final = 8
_LONGEST: Final = 64


class Event(Protocol):
    """An event as the store gives it; `seq` is its place in the feed."""

    @property
    def seq(self) -> int: ...
    @property
    def id(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def tenant(self) -> str | None: ...
    @property
    def at(self) -> datetime: ...
    @property
    def data(self) -> Any: ...


class Events(Protocol):
    """The store's side. Whatever is committed later has a higher place than all that is seen."""

    async def list(
        self, *, after: int = 0, tenants: Sequence[str] | None = None, types: Sequence[str] | None = None, limit: int = 100
    ) -> Sequence[Event]: ...
    async def latest(
        self, *, tenants: Sequence[str] | None = None, types: Sequence[str] | None = None, limit: int = 100
    ) -> Sequence[Event]: ...
    async def newest(self) -> int: ...


class EventView(msgspec.Struct, frozen=True):
    """One thing that happened."""

    id: str
    object: str
    type: str
    tenant: str | None
    created_at: str
    data: Any


class Told(msgspec.Struct, frozen=True):
    """An event, and the place in the feed from which its reader goes on."""

    place: str
    event: EventView


class Page(msgspec.Struct, frozen=True):
    """Some events, oldest first; `after` is where to go on, now if `has_more`, else whenever something may have happened."""

    told: tuple[Told, ...]
    has_more: bool
    after: str


class EventFeed:
    """Reads the feed for all doors. A place in it is an opaque word, good for ever, whatever it is filtered by."""

    def __init__(self, events: Events, place_key: bytes) -> None:
        self._events = events
        self._cipher = AESSIV(place_key)
        self._newest = 0
        self._looked_at = float("-inf")
        self._looking: asyncio.Future[int] | None = None
        self._closed = asyncio.Event()

    async def page(self, audience: Audience, *, after: str | None = None, limit: int = LIMIT) -> Page:
        """The events after that place, or from the beginning of the feed. Raises FixRequest `invalid_cursor`."""
        position = 0 if after is None else self._position(after)
        found, more = await self._read(audience, position, limit)
        return Page(tuple(map(self._told, found)), more, self._place(found[-1].seq if found else position))

    async def latest(self, audience: Audience, *, limit: int = LIMIT) -> Page:
        """The last events; what comes after them is still to happen."""
        newest = await self._events.newest()  # before the events, so that none comes between
        found = await self._events.latest(tenants=audience.tenants, types=audience.types, limit=limit)
        told = tuple(map(self._told, found))
        return Page(told, False, self._place(max([newest, *(one.seq for one in found)])))

    async def end(self) -> str:
        """The place behind all that has happened."""
        return self._place(await self._events.newest())

    async def follow(self, audience: Audience, after: str) -> AsyncGenerator[Told | None, None]:
        """Events after that place as they come, and None each second that brings none, so that its reader can see to other things.

        Goes on until the gateway stops. However slow the reader is, no more than one page waits for it.
        """
        position = self._position(after)
        while not self._closed.is_set():
            newest = await self._newest_place()
            while position < newest:
                found, more = await self._read(audience, position, MOST)
                for one in found:
                    yield self._told(one)
                    if self._closed.is_set():
                        return
                last = found[-1].seq if found else position
                position = last if more else max(newest, last)
            yield None
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closed.wait(), LOOK_EVERY_S)

    def close(self) -> None:
        """Let those who follow come to an end: the gateway stops."""
        self._closed.set()

    async def _read(self, audience: Audience, position: int, limit: int) -> tuple[Sequence[Event], bool]:
        """At most so many events behind a position, and whether there are more."""
        found = await self._events.list(after=position, tenants=audience.tenants, types=audience.types, limit=limit + 1)
        return found[:limit], len(found) > limit

    async def _newest_place(self) -> int:
        """The newest place, asked for once a second by this process however many follow."""
        if self._looking is None and monotonic() - self._looked_at >= LOOK_EVERY_S:
            self._looking = asyncio.ensure_future(self._look())
        if self._looking is not None:
            return await asyncio.shield(self._looking)
        return self._newest

    async def _look(self) -> int:
        try:
            self._newest = await self._events.newest()
            self._looked_at = monotonic()
            return self._newest
        finally:
            self._looking = None

    def _told(self, event: Event) -> Told:
        view = EventView(event.id, "event", event.type, event.tenant, instant(event.at), event.data)
        return Told(self._place(event.seq), view)

    def _place(self, seq: int) -> str:
        """A place as callers see it: sealed, since the number would tell how much happens at others' tenants."""
        sealed = self._cipher.encrypt(seq.to_bytes(_PLACE_BYTES, "big"), None)
        return base64.urlsafe_b64encode(sealed).decode()

    def _position(self, place: str) -> int:
        try:
            sealed = base64.b64decode(place if len(place) <= _LONGEST else "", altchars=b"-_", validate=True)
            return int.from_bytes(self._cipher.decrypt(sealed, None), "big")
        except (binascii.Error, ValueError, InvalidTag) as error:
            raise FixRequest(
                "invalid_cursor", "This is no place in this gateway's feed; pass `after` exactly as an earlier answer gave it."
            ) from error


def listed(page: Page, now: datetime) -> dict[str, Any]:
    """A page in the shape of every list."""
    return {
        "object": "list",
        "data": [one.event for one in page.told],
        "has_more": page.has_more,
        "next_cursor": page.after if page.has_more else None,
        "after": page.after,
        "freshness": {"from": "store", "as_of": instant(now)},
        "warnings": [],
    }
