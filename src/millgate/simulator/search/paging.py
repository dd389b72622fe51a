"""Pages: how the hits of a search are laid out on them, and the tokens by which a client goes from one to the next.

The tenant remembers what a search found; a token names that memory and a place in it. Their life is not published; here the latest
`MOST_CONTEXTS` searches are remembered, fewer if they hold more than `MOST_IDS` ids together, and a forgotten token is a 400.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
import uuid
import zlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from millgate.simulator.answers import bad_request
from millgate.simulator.search.rules import Page

MOST_CONTEXTS = 2000
MOST_IDS = 2_000_000
MOST_TOKEN_BYTES = 4096
_UNEVEN_FROM = 5


@dataclass(frozen=True, slots=True)
class Found:
    """What one search found: the ids page by page, and what has to be said again on every page."""

    resource_type: str
    pages: tuple[tuple[str, ...], ...]
    kept: str
    includes: tuple[str, ...]
    count: int
    store: str
    revincludes: tuple[str, ...] = ()

    @property
    def ids(self) -> int:
        return sum(map(len, self.pages))


@dataclass(frozen=True, slots=True)
class Place:
    """One page of a remembered search."""

    context: str
    found: Found
    number: int


class PageMemory:
    """The searches that can be gone on with, newest last. One memory a tenant: a token of another tenant is unknown here."""

    def __init__(self) -> None:
        self._found: OrderedDict[str, tuple[Found, tuple[str, ...]]] = OrderedDict()
        self._uuids: dict[str, tuple[str, int]] = {}
        self._ids_held = 0

    def remember(self, found: Found) -> Place:
        """The first page of a search, which can be gone on with from now on."""
        context, tokens = str(uuid.uuid4()), tuple(str(uuid.uuid4()) for _ in found.pages)
        self._found[context] = found, tokens
        self._uuids.update({token: (context, number) for number, token in enumerate(tokens)})
        self._ids_held += found.ids
        while len(self._found) > MOST_CONTEXTS or (self._ids_held > MOST_IDS and len(self._found) > 1):
            _, (oldest, forgotten) = self._found.popitem(last=False)
            self._ids_held -= oldest.ids
            for token in forgotten:
                del self._uuids[token]
        return Place(context, found, 0)

    def token(self, page: Page, place: Place, number: int) -> str:
        """The token of a page in the form that the resource type is known by: a UUID, base64url of compressed JSON (`eJ…`), or base64
        of a query string that names the concept."""
        if page.token == "concept":  # noqa: S105 - the form of a token
            return _concept_token(place.context, number)
        if page.token == "uuid":  # noqa: S105 - the form of a token
            return self._found[place.context][1][number]
        return _stores_token(place.context, place.found, number)

    def recall(self, resource_type: str, token: str, page: Page) -> Place:
        """The page that a token stands for; Refused with 400 if it stands for none of this resource type."""
        read = {"stores": _read_stores, "concept": _read_concept}.get(page.token, self._uuids.get)
        named = read(token)
        context, number = named or ("", 0)
        found = self._found[context][0] if context in self._found else None
        if found is None or found.resource_type != resource_type or not 0 <= number < len(found.pages):
            raise bad_request("-pageContext is not valid")
        return Place(context, found, number)


_CONCEPT = re.compile(rb"OpenPlatformFhirContext=true&pageContext=(\d{1,9})_(\d{1,20})_(\d{1,20})_1_1&concept=charted")


def _concept_token(context: str, number: int) -> str:
    """Page number and context in the form of live tokens of MedicationRequest. Source: fact sheet 4.1."""
    high, low = divmod(uuid.UUID(context).int, 1 << 64)
    text = f"OpenPlatformFhirContext=true&pageContext={number}_{high}_{low}_1_1&concept=charted"
    return base64.urlsafe_b64encode(text.encode()).decode()


def _read_concept(token: str) -> tuple[str, int] | None:
    try:
        found = _CONCEPT.fullmatch(base64.urlsafe_b64decode(token[:MOST_TOKEN_BYTES]))
        return (str(uuid.UUID(int=(int(found[2]) << 64) + int(found[3]))), int(found[1])) if found else None
    except (ValueError, binascii.Error):
        return None


def _stores_token(context: str, found: Found, number: int) -> str:
    """Two backing stores stand behind these pages, charted and staged; the simulator's staged one is always empty."""
    cursor = base64.urlsafe_b64encode(struct.pack(">IH", number, zlib.crc32(context.encode()) & 0xFFFF)).decode()
    state = {
        "count": found.count,
        "default": {"cursor": cursor, "has_next": number + 1 < len(found.pages), "page_context": context},
        found.store: {"cursor": None, "has_next": False, "page_context": None},
    }
    return base64.urlsafe_b64encode(zlib.compress(msgspec.json.encode(state))).decode()


def _read_stores(token: str) -> tuple[str, int] | None:
    """Context and page number in an `eJ…` token, or None if it was not made here. Never inflates more than a token can need."""
    if len(token) > MOST_TOKEN_BYTES:
        return None
    try:
        state = msgspec.json.decode(zlib.decompressobj().decompress(base64.urlsafe_b64decode(token), MOST_TOKEN_BYTES))
        default = state["default"]
        number, _ = struct.unpack(">IH", base64.urlsafe_b64decode(default["cursor"]))
        return str(default["page_context"]), int(number)
    except (ValueError, TypeError, KeyError, binascii.Error, zlib.error, struct.error, RecursionError):
        return None


def lay_out(ids: Sequence[str], first_page: Sequence[str], size: int, *, uneven: bool) -> tuple[tuple[str, ...], ...]:
    """The ids on pages of `size`: `first_page` and the first of `ids` on page one, the rest after them.

    Uneven pages: where a page holds five or more, some later pages hold fewer than asked for, and some begin with the last id of the
    page before. Which ones depends on the ids alone, so that the same search is always laid out in the same way.
    """
    room = max(size - len(first_page), 0)
    pages = [tuple(first_page) + tuple(ids[:room])]
    place = room
    while place < len(ids):
        dice = zlib.crc32(ids[place].encode()) if uneven and size >= _UNEVEN_FROM else 1
        repeated = pages[-1][-1:] if dice % 3 == 0 else ()
        fresh = size - len(repeated) - (dice % 7 % 3 if dice % 2 == 0 else 0)
        pages.append(repeated + tuple(ids[place : place + fresh]))
        place += fresh
    return tuple(pages)
