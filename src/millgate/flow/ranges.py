"""`Range` and `If-Range`: which part of a document is asked for. Pure. Source: RFC 9110 §13.1.5, §14."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from millgate.canonical.exchange import Part
from millgate.errors import FixRequest

_ONE: Final = re.compile(r"bytes[ \t]*=[ \t]*(\d{0,15})-(\d{0,15})[ \t]*", re.IGNORECASE)


class Unsatisfiable(FixRequest):
    """A part that the document does not have; `length` is how long it is."""

    def __init__(self, length: int) -> None:
        super().__init__("range_not_satisfiable", f"The document has {length} bytes; the range begins behind them.")
        self.length = length


@dataclass(frozen=True, slots=True)
class Wish:
    """One range as it was asked for: from `first` on, up to `last` if given; without `first`, the `last` so many bytes."""

    first: int | None
    last: int | None

    def of(self, length: int) -> Part:
        """The part of a document of this length. Raises Unsatisfiable."""
        if self.first is None:
            first, last = max(0, length - (self.last or 0)), length - 1
            if not self.last:
                raise Unsatisfiable(length)
        else:
            first, last = self.first, length - 1 if self.last is None else min(self.last, length - 1)
        if first >= length:
            raise Unsatisfiable(length)
        return Part(first, last, length)


def wish_of(header: str | None) -> Wish | None:
    """The one range of a `Range` header; None for the whole: without one, and for several or for one that cannot be read."""
    found = _ONE.fullmatch(header) if header else None
    if found is None or not (found[1] or found[2]):
        return None
    first, last = (int(text) if text else None for text in (found[1], found[2]))
    if first is not None and last is not None and last < first:
        return None
    return Wish(first, last)


def still(if_range: str | None, etag: str | None) -> bool:
    """Whether a range may be answered: what the caller has a part of is what there is now. Only a strong ETag proves that."""
    return if_range is None or (etag is not None and if_range.strip() == etag and not etag.startswith("W/"))
