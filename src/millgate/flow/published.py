"""The gateway's public keys, as tenants' authorization servers fetch them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Protocol

REMEMBERED_S = 2.0


class Keys(Protocol):
    async def public_keys(self) -> Sequence[str]: ...


class PublishedKeys:
    """The key set of all registrations with a private key, old and new side by side while a rotation's overlap lasts.

    Open to everybody, so it costs the database one query in two seconds, however often it is asked for.
    """

    def __init__(self, keys: Keys, clock: Callable[[], float] = monotonic) -> None:
        self._keys = keys
        self._clock = clock
        self._held: tuple[float, bytes] | None = None

    async def key_set(self) -> bytes:
        """A JWK set (RFC 7517) as JSON; one that is empty where no registration has a key."""
        now = self._clock()
        if self._held is None or now - self._held[0] > REMEMBERED_S:
            known = [json.loads(text) for text in await self._keys.public_keys()]
            self._held = now, json.dumps({"keys": known}, separators=(",", ":")).encode()
        return self._held[1]
