"""The keys of one tenant (or of the gateway itself, tenant ''): sealing, opening, and keyed hashes. No I/O.

A sealed value is: 1 byte of form, 4 bytes data key id, 12 bytes nonce, AES-256-GCM ciphertext with its tag. The header, the purpose
and the caller's context are authenticated with it, so that a value moved to another row or column does not open.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import struct
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from millgate.errors import CallOperator

HASH_BYTES = 16
_FORM = 1
_HEADER = struct.Struct(">BI")
_NONCE_BYTES = 12


def derive(key: bytes, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose. Source: RFC 5869 (expand; the input is uniformly random already)."""
    return HKDFExpand(SHA256(), 32, b"millgate/1/" + purpose.encode()).derive(key)


def keyed_hash(key: bytes, *parts: str) -> bytes:
    """HMAC-SHA256, cut to 16 bytes, over parts that cannot run into each other."""
    message = b"".join([b"%d:" % len(part) + part for part in [text.encode("utf-8", "surrogatepass") for text in parts]])
    return hmac.digest(key, message, hashlib.sha256)[:HASH_BYTES]


class TenantKeys:
    """Data keys of one tenant by id, newest active; the oldest one is the root of the keyed hashes, which never change."""

    __slots__ = ("_ciphers", "_roots", "_subkeys", "active", "tenant")

    def __init__(self, tenant: str, roots: Mapping[int, bytes], active: int) -> None:
        self.tenant = tenant
        self.active = active
        self._roots = dict(roots)
        self._ciphers: dict[tuple[int, str], AESGCM] = {}
        self._subkeys: dict[str, bytes] = {}

    def __repr__(self) -> str:
        return f"TenantKeys({self.tenant!r}, {len(self._roots)} keys)"

    def subkey(self, purpose: str) -> bytes:
        """The same 32 bytes for the same purpose in every process that shares the database."""
        found = self._subkeys.get(purpose)
        if found is None:
            found = self._subkeys[purpose] = derive(self._roots[min(self._roots)], purpose)
        return found

    def hash(self, purpose: str, *parts: str) -> bytes:
        """A keyed hash (16 bytes) of `parts` that nobody can make or guess without the key."""
        return keyed_hash(self.subkey("hash/" + purpose), *parts)

    def seal(self, purpose: str, plaintext: bytes, context: bytes = b"") -> bytes:
        """`plaintext` encrypted and bound to `purpose` and `context`."""
        header = _HEADER.pack(_FORM, self.active)
        nonce = os.urandom(_NONCE_BYTES)
        return header + nonce + self._cipher(self.active, purpose).encrypt(nonce, plaintext, header + context)

    def open(self, purpose: str, sealed: bytes, context: bytes = b"") -> bytes:
        """What was sealed. Raises `internal_error` where the key is gone, or the value was altered or moved."""
        if len(sealed) < _HEADER.size + _NONCE_BYTES or sealed[0] != _FORM:
            raise CallOperator("internal_error", f"a sealed value of the store ({purpose}) is damaged")
        header, nonce, rest = sealed[:5], sealed[5:17], sealed[17:]
        key_id = _HEADER.unpack(header)[1]
        if key_id not in self._roots:
            raise CallOperator(
                "internal_error", f"a sealed value of the store ({purpose}) needs key {key_id}, which is destroyed"
            )
        try:
            return self._cipher(key_id, purpose).decrypt(nonce, rest, header + context)
        except InvalidTag:
            raise CallOperator("internal_error", f"a sealed value of the store ({purpose}) was altered or moved") from None

    def knows(self, sealed: bytes) -> bool:
        """Whether the key that sealed the value is among these."""
        return len(sealed) > _HEADER.size and _HEADER.unpack(sealed[:5])[1] in self._roots

    def _cipher(self, key_id: int, purpose: str) -> AESGCM:
        found = self._ciphers.get((key_id, purpose))
        if found is None:
            found = self._ciphers[key_id, purpose] = AESGCM(derive(self._roots[key_id], "seal/" + purpose))
        return found
