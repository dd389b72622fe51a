"""One row of the audit chain: its entry, its columns as the database takes them, and its hash. No I/O.

Every column is encoded once, as a length and PostgreSQL's binary form. The same bytes go into the hash and, joined per column, into
the statement that inserts a whole batch.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec

from millgate.canonical.exchange import Call
from millgate.store.tenant_keys import TenantKeys

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # PostgreSQL's own
_MICROSECOND = timedelta(microseconds=1)
_LENGTH = struct.Struct(">i")
_INTEGER = struct.Struct(">ii")
_BIGINT = struct.Struct(">iq")
_PACKER = msgspec.msgpack.Encoder()
_NULL = b"\xff\xff\xff\xff"

# The columns in order, each with the type of its array in the insert statement; hash comes last and hashes all before it.
COLUMNS = (
    "seq at request_id client_id session_id tenant persona action object purpose status code freshness patients sealed hash"
).split()


@dataclass(slots=True, kw_only=True)
class Entry:
    """One access, as the audit trail tells it: who, what, about whom, why, and how it ended. Never clinical content.

    `action` is authenticate, read, search, create, update, delete, operator …; `status` the HTTP status (0 where there was none);
    `freshness` says where the answer came from (live, cache, store), `pathway` by which way. `user`, `target_ids`, `patients`, `calls`
    and `pathway` are sealed.
    """

    at: datetime
    request_id: str
    action: str
    status: int
    client_id: str | None = None
    session_id: str | None = None
    tenant: str | None = None
    persona: str | None = None
    user: str | None = field(default=None, repr=False)
    object: str | None = None
    target_ids: Sequence[str] = field(default=(), repr=False)
    patients: Sequence[str] = field(default=(), repr=False)
    purpose: str | None = None
    code: str | None = None
    calls: Sequence[Call] = field(default=(), repr=False)
    freshness: str | None = None
    pathway: str | None = None


class Detail(msgspec.Struct, array_like=True, frozen=True):
    """What of an entry is sealed."""

    user: str | None
    target_ids: tuple[str, ...]
    patients: tuple[str, ...]
    calls: tuple[tuple[str, str, int | None, str, str | None], ...]
    pathway: str | None = None  # not in rows of older releases


@lru_cache(maxsize=4096)
def text_field(text: str | None) -> bytes:
    """A text column, or NULL."""
    if text is None:
        return _NULL
    data = text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace")
    return _LENGTH.pack(len(data)) + data


def bytes_field(data: bytes) -> bytes:
    """A bytea column."""
    return _LENGTH.pack(len(data)) + data


def integer_field(number: int) -> bytes:
    """An integer column."""
    return _INTEGER.pack(4, number)


def bigint_field(number: int) -> bytes:
    """A bigint column."""
    return _BIGINT.pack(8, number)


def instant_field(at: datetime) -> bytes:
    """A timestamptz column: microseconds since 2000."""
    return _BIGINT.pack(8, (at - _EPOCH) // _MICROSECOND)


def patients_field(hashes: Iterable[bytes]) -> bytes:
    """The bytea[] column of keyed hashes, as the text of an array."""
    text = "{" + ",".join([f'"\\\\x{one.hex()}"' for one in hashes]) + "}"
    data = text.encode("ascii")
    return _LENGTH.pack(len(data)) + data


@lru_cache(maxsize=4096)
def patient_hash(keys: TenantKeys, tenant: str, patient_id: str) -> bytes:
    """What stands for a patient in the open columns."""
    return keys.hash("audit/patient", tenant, patient_id)


def encoded(keys: TenantKeys, entry: Entry) -> list[bytes]:
    """The columns of an entry but for the first (seq) and the last (hash)."""
    packed = _PACKER.encode(
        (
            entry.user,
            entry.target_ids,
            entry.patients,
            [(call.method, call.resource_type, call.status, call.request_id, call.upstream_request_id) for call in entry.calls],
            *((entry.pathway,) if entry.pathway else ()),
        )
    )
    tenant = entry.tenant or ""
    return [
        instant_field(entry.at),
        bytes_field(entry.request_id.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace")),
        text_field(entry.client_id),
        text_field(entry.session_id),
        text_field(entry.tenant),
        text_field(entry.persona),
        text_field(entry.action),
        text_field(entry.object),
        text_field(entry.purpose),
        integer_field(entry.status),
        text_field(entry.code),
        text_field(entry.freshness),
        patients_field([patient_hash(keys, tenant, patient) for patient in dict.fromkeys(entry.patients)]),
        bytes_field(keys.seal("audit", packed)),
    ]


def opened(keys: TenantKeys, sealed: bytes) -> Detail:
    """The sealed part of a row."""
    return msgspec.msgpack.decode(keys.open("audit", sealed), type=Detail)


def row_hash(key: bytes, previous: bytes, fields: Iterable[bytes]) -> bytes:
    """The hash that ties a row to the one before it."""
    return hmac.digest(key, previous + b"".join(fields), hashlib.sha256)


def head_mac(key: bytes, seq: int, digest: bytes) -> bytes:
    """What proves that the head was written by a holder of the key."""
    return hmac.digest(key, b"head" + bigint_field(seq) + digest, hashlib.sha256)


def stored_fields(row: Sequence[Any]) -> list[bytes]:
    """The columns of a stored row, but for its hash, encoded as they were when it was written."""
    (
        seq,
        at,
        request_id,
        client_id,
        session_id,
        tenant,
        persona,
        action,
        kind,
        purpose,
        status,
        code,
        freshness,
        patients,
        sealed,
    ) = row
    texts = [request_id, client_id, session_id, tenant, persona, action, kind, purpose]
    return [
        bigint_field(seq),
        instant_field(at),
        *[text_field(text) for text in texts],
        integer_field(status),
        text_field(code),
        text_field(freshness),
        patients_field(patients),
        bytes_field(sealed),
    ]
