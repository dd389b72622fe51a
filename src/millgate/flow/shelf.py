"""Answers kept in this process's memory, ready to be sent: encoded once, looked up by who may see what.

The key says tenant, persona, patient context and scopes, so that no answer is ever shared with a session that may see less.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(slots=True)
class Body:
    """One rendered answer in its two forms: as it came from the source, and as it is repeated from the shelf."""

    live: bytes
    cached: bytes
    etag: str
    ids: tuple[str, ...]
    patients: tuple[str, ...]


@dataclass(slots=True)
class Shelved:
    """One page of the source, normalized and encoded item by item."""

    items: tuple[bytes, ...]
    fingerprints: tuple[bytes, ...]
    ids: tuple[str, ...]
    patients: tuple[tuple[str, ...], ...]
    warnings: tuple[dict[str, str], ...]
    next_link: str | None
    as_of: datetime
    base: str  # the tenant's FHIR base, for full URLs
    time_zone: str | None = None  # the tenant's, by which the items were made
    beside: tuple[bytes, ...] = ()  # the fingerprint of the resources that the items' fields look at too, if there were any
    bodies: dict[Hashable, Body] = field(default_factory=dict)
    renewed: bool = False  # whether the source has been asked anew behind it: once is enough, whatever came of it

    @property
    def size(self) -> int:
        """Bytes it holds, roughly: the items twice over for their rendered bodies, and the bookkeeping."""
        return 3 * sum(map(len, self.items)) + 200 * len(self.items) + 1_000


class Shelf:
    """The least recently used answers go first once `limit` bytes are held."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._held = 0
        self._pages: OrderedDict[tuple[Hashable, ...], tuple[Shelved, int]] = OrderedDict()

    def take(self, key: tuple[Hashable, ...], max_age: float, now: datetime) -> Shelved | None:
        """What is on the shelf under `key` if it is no older than `max_age` seconds."""
        kept = self._pages.get(key)
        if kept is None or (now - kept[0].as_of).total_seconds() > max_age:
            return None
        self._pages.move_to_end(key)
        return kept[0]

    def put(self, key: tuple[Hashable, ...], page: Shelved) -> None:
        """Keep `page`, and let go of the least recently used ones beyond the limit. A page over the whole limit is not kept."""
        self._drop(key)
        size = page.size
        if size > self.limit:
            return
        self._pages[key] = (page, size)
        self._held += size
        while self._held > self.limit:
            self._drop(next(iter(self._pages)))

    def forget(self, tenant: str, objects: Iterable[str]) -> None:
        """Let go of all answers of a tenant about `objects`: something was written, so they may no longer be true."""
        names = set(objects)
        for key in [key for key in self._pages if key[0] == tenant and key[1] in names]:
            self._drop(key)

    def forget_person(self, session_id: str) -> None:
        """Let go of what a person's session was shown, which is kept for that session alone."""
        for key in [key for key in self._pages if session_id in key]:
            self._drop(key)

    def clear(self) -> None:
        """Let go of everything."""
        self._pages.clear()
        self._held = 0

    def _drop(self, key: tuple[Hashable, ...]) -> None:
        kept = self._pages.pop(key, None)
        if kept:
            self._held -= kept[1]

    @property
    def held(self) -> int:
        """Bytes held now."""
        return self._held

    def __len__(self) -> int:
        return len(self._pages)
