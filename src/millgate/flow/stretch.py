"""Which items of a source's page an answer shows: those behind what the answers before have shown of it.

A caller may walk a page in smaller steps than the source gives it. Between two steps the page may have to be fetched again, and the
source may have changed meanwhile; so a cursor carries a mark of each item that was shown, not only how many there were. Of very many
it carries one mark of all: then a page that has changed cannot be gone on with, and the caller is told to begin again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import msgspec

from millgate.errors import FixRequest
from millgate.flow.cursor import MARK, Place, marks
from millgate.flow.shelf import Shelved

# As many marks as a cursor has room for, with filters and a link of some length.
MOST_MARKED = 512


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
        before = range(place.offset) if not place.shown or len(place.shown) != place.offset * MARK else None
        shown = (place.shown if before is None else _marks_of(page, before)) + _marks_of(page, chosen)
        offset = len(shown) // MARK
        shown = shown if offset <= MOST_MARKED else _mark_of_all(shown)
        return Stretch(chosen, msgspec.structs.replace(place, offset=offset, shown=shown), changed)
    if page.next_link is None:
        return Stretch(chosen, None, changed)
    seen = b"".join(one[:MARK] for one in page.fingerprints) or place.seen
    return Stretch(chosen, msgspec.structs.replace(place, link=page.next_link, offset=0, shown=b"", seen=seen), changed)


def _rest(page: Shelved, place: Place) -> tuple[Sequence[int], bool]:
    """What has not been shown yet, and whether the page begins otherwise than with what has been."""
    everything = range(len(page.items))
    now = _marks_of(page, everything[: place.offset])
    if not place.shown or now == place.shown:
        return everything[place.offset :], False
    if place.offset > MOST_MARKED:
        if _mark_of_all(now) == place.shown:
            return everything[place.offset :], False
        raise FixRequest(
            "invalid_cursor", "The source's page has changed since its beginning was shown; begin again without a cursor."
        )
    shown = marks(place.shown)
    return [at for at in everything if _mark(page, at) not in shown], True


def _mark_of_all(shown: bytes) -> bytes:
    return blake2b(shown, digest_size=2 * MARK).digest()


def _marks_of(page: Shelved, chosen: Sequence[int]) -> bytes:
    return b"".join([_mark(page, at) for at in chosen])


def _mark(page: Shelved, at: int) -> bytes:
    """The mark of an item: of its id, since it stays the same item when its content changes."""
    name = page.ids[at].encode("utf-8", "surrogatepass") or page.fingerprints[at]
    return blake2b(name, digest_size=MARK).digest()
