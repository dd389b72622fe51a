"""Which items of a source's page an answer shows: those behind what the answers before have shown of it.

A caller may walk a page in smaller steps than the source gives it. Between two steps the page may have to be fetched again, and the
source may have changed meanwhile; so a cursor carries a mark of each item that was shown, not only how many there were.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import msgspec

from millgate.flow.cursor import MARK, Place, marks
from millgate.flow.shelf import Shelved


@dataclass(frozen=True, slots=True)
class Stretch:
    """The items to show, by their number; where the next ones begin (None: there are none); whether the page was another before."""

    chosen: Sequence[int]
    following: Place | None
    changed: bool


def stretch_of(page: Shelved, place: Place, limit: int) -> Stretch:
    """The next `limit` items behind a place."""
    rest, changed = _rest(page, place)
    chosen = rest[:limit]
    if len(rest) > limit:
        shown = (place.shown if place.shown or not place.offset else _marks_of(page, range(place.offset))) + _marks_of(
            page, chosen
        )
        return Stretch(chosen, msgspec.structs.replace(place, offset=len(shown) // MARK, shown=shown), changed)
    if page.next_link is None:
        return Stretch(chosen, None, changed)
    seen = b"".join(one[:MARK] for one in page.fingerprints) or place.seen
    return Stretch(chosen, msgspec.structs.replace(place, link=page.next_link, offset=0, shown=b"", seen=seen), changed)


def _rest(page: Shelved, place: Place) -> tuple[Sequence[int], bool]:
    """What has not been shown yet, and whether the page begins otherwise than with what has been."""
    everything = range(len(page.items))
    if not place.shown or _marks_of(page, everything[: place.offset]) == place.shown:
        return everything[place.offset :], False
    shown = marks(place.shown)
    return [at for at in everything if _mark(page, at) not in shown], True


def _marks_of(page: Shelved, chosen: Sequence[int]) -> bytes:
    return b"".join([_mark(page, at) for at in chosen])


def _mark(page: Shelved, at: int) -> bytes:
    """The mark of an item: of its id, since it stays the same item when its content changes."""
    name = page.ids[at].encode("utf-8", "surrogatepass") or page.fingerprints[at]
    return blake2b(name, digest_size=MARK).digest()
