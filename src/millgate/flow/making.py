"""Items that were made before: a resource that a source shows again, byte for byte, is not normalized and encoded again.

An item is made of the resource, of those beside it, and of the context; whose session asks is no part of it, and whoever may not see the
resource never comes this far. When it was received is put in afterwards.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final

# Stands in an item where the instant goes at which it was received; no source can know it.
RECEIVED: Final = f"received-{secrets.token_hex(16)}"
_MARK: Final = RECEIVED.encode()
_BOOKKEEPING: Final = 500  # bytes of an entry, roughly, beside its content


@dataclass(frozen=True, slots=True)
class Item:
    """An object's bytes, before, between and after the instants at which it was received; its id, and whom it is about."""

    parts: tuple[bytes, ...]
    id: str
    patients: tuple[str, ...]

    @classmethod
    def of(cls, made: bytes, resource_id: str, patients: tuple[str, ...]) -> Item:
        """The item of an object that was made as if it were received `RECEIVED`."""
        return cls(tuple(made.split(_MARK)), resource_id, patients)

    def received(self, at: bytes) -> bytes:
        """Its bytes, received at that instant."""
        return at.join(self.parts)


class Making:
    """Remembers items up to so many bytes; the least recently used go first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._items: OrderedDict[Hashable, Item] = OrderedDict()

    def of(self, key: Hashable, make: Callable[[], Item]) -> Item:
        """The item that was made under `key`, which names everything that it depends on, or else the one that `make` makes."""
        item = self._items.get(key)
        if item is not None:
            self._items.move_to_end(key)
            return item
        item = make()
        if _size(item) <= self._limit:
            self._items[key] = item
            self._held += _size(item)
            while self._held > self._limit:
                self._held -= _size(self._items.popitem(last=False)[1])
        return item

    @property
    def held(self) -> int:
        """Bytes held now."""
        return self._held

    def __len__(self) -> int:
        return len(self._items)


def _size(item: Item) -> int:
    return sum(map(len, item.parts)) + _BOOKKEEPING
