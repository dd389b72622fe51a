"""Where the next page begins: encrypted and authenticated, so that a caller can neither read nor change it.

A cursor holds the source's own opaque link, the caller's filters and how far into the source's page the last answer came. The
cipher is AES-SIV: deterministic, so that equal pages give equal cursors, and bound to the tenant, the client and the object. What is
long (a hundred ids, which the source's link repeats) is compressed first.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from millgate.access.parties import FHIR_R4, PathwayName
from millgate.errors import FixRequest

LIFE = timedelta(hours=24)
# How long a page may be repeated from the shelf (the largest `max_age`): a cursor is good for 24 hours after that.
LONGEST_KEPT = timedelta(hours=24)
LONGEST = 16_384
# What is longer is compressed. Millgate's first cursors were not; the first byte tells: an array of two, or zlib's.
COMPRESSED_FROM = 1_024
_ZLIB = b"\x78"
# How many bytes of a fingerprint a cursor carries. Source: Millennium fact sheet §4.1 (the same id can recur on a later page).
MARK = 8


class Place(msgspec.Struct, frozen=True, array_like=True):
    """One place in a walk over pages: the filters it began with, the source's link (None = its first page), the offset in it.

    `seen` holds the marks of what the source's page before showed, one after the other: a source may show it once more. `shown` holds
    those of the `offset` items of this page that were answered already (of their ids; nothing in cursors of older releases). `pathway` is
    the one by which the walk goes; older releases had none but FHIR R4.
    """

    filters: dict[str, tuple[str, ...]]
    limit: int
    link: str | None
    offset: int
    seen: bytes = b""
    shown: bytes = b""
    pathway: PathwayName = FHIR_R4


class _Sealed(msgspec.Struct, array_like=True):
    expires: int
    place: Place


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a cursor belongs to; another holder cannot use it. `fhir_base`: a tenant that has moved takes no links to its old place."""

    tenant: str
    fhir_base: str
    client_id: str
    object: str
    patient_id: str | None

    def encode(self) -> bytes:
        """The associated data that the cursor is bound to."""
        return msgspec.msgpack.encode((self.tenant, self.fhir_base, self.client_id, self.object, self.patient_id))


class Cursors:
    """Seals and opens cursors with one 64-byte key that all gateways of a store share."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESSIV(key)
        self._decoder = msgspec.msgpack.Decoder(_Sealed)

    def seal(self, place: Place, holder: Holder, now: datetime) -> str:
        """A cursor that is good for at least 24 hours. The expiry is rounded up to the hour, so that equal pages agree.

        One that would be too long goes without the marks of the page before: what the source shows twice is then shown twice.
        Raises FixRequest("invalid_request") where it is too long even so: none is given out that would be refused.
        """
        expires = int((now + LIFE).timestamp()) // 3600 * 3600 + 3600
        for carried in (place, msgspec.structs.replace(place, seen=b"")):
            cursor = self._sealed(_Sealed(expires, carried), holder)
            if len(cursor) <= LONGEST:
                return cursor
        raise FixRequest(
            "invalid_request",
            f"There are more pages, and a cursor to them would have more than {LONGEST} characters; ask with fewer or shorter values.",
        )

    def _sealed(self, sealed: _Sealed, holder: Holder) -> str:
        plain = msgspec.msgpack.encode(sealed)
        if len(plain) > COMPRESSED_FROM:
            plain = zlib.compress(plain)
        return base64.urlsafe_b64encode(self._cipher.encrypt(plain, [holder.encode()])).rstrip(b"=").decode()

    def open(self, cursor: str, holder: Holder, now: datetime) -> Place:
        """The place that a cursor names. Raises FixRequest("invalid_cursor") if it was not made here, for this caller, or is too old."""
        if len(cursor) > LONGEST:
            raise FixRequest("invalid_cursor", "The cursor is too long; pass `next_cursor` exactly as the last page gave it.")
        try:
            sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            plain = self._cipher.decrypt(sealed, [holder.encode()])
            opened = self._decoder.decode(zlib.decompress(plain) if plain.startswith(_ZLIB) else plain)
        except (binascii.Error, ValueError, InvalidTag, msgspec.MsgspecError) as error:
            raise FixRequest(
                "invalid_cursor",
                "This is not a cursor of this list for this client and tenant; pass `next_cursor` exactly as the last page gave it.",
            ) from error
        if opened.expires < now.timestamp():
            when = datetime.fromtimestamp(opened.expires, UTC).isoformat()
            raise FixRequest("invalid_cursor", f"The cursor expired at {when}; begin again without one.")
        return opened.place


def same_filters(given: Mapping[str, tuple[str, ...]], place: Place) -> bool:
    """Whether filters that came along with a cursor are those that it began with (none at all is fine too)."""
    return not given or dict(given) == place.filters


def marks(joined: bytes) -> frozenset[bytes]:
    """Marks that stand one after the other, each by itself."""
    return frozenset(joined[at : at + MARK] for at in range(0, len(joined), MARK))
