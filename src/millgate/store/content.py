"""What of a canonical resource goes into the store: its keyed hashes, and its body, compressed and sealed. No I/O."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import zstandard

from millgate.canonical import json
from millgate.canonical.exchange import Resource
from millgate.canonical.patients import patients_of
from millgate.canonical.terms import terms_of
from millgate.errors import CallOperator
from millgate.store.tenant_keys import HASH_BYTES, TenantKeys

PATIENT_LINK = "patient"  # the blind index's kind that joins a record to the patients it belongs to
NOT_INDEXED = frozenset({"gender"})  # a keyed hash hides nothing that has a handful of values: their frequencies tell
MAX_BODY_BYTES = 64 * 1024 * 1024
_LEVEL = 3


@dataclass(slots=True)
class Draft:
    """A resource on its way into the store."""

    key: bytes
    resource_type: str
    content_hash: bytes
    resource: Resource = field(repr=False)
    content: bytes = field(repr=False)  # canonical bytes


def record_key(keys: TenantKeys, pathway: str, resource_type: str, source_id: str) -> bytes:
    """The row's key: the same for the same resource, and nobody can tell the resource by it."""
    return keys.hash("record", pathway, resource_type, source_id)


def drafts(keys: TenantKeys, pathway: str, resources: Iterable[Resource]) -> list[Draft]:
    """The resources by key, each once (the last one counts). One without type or id cannot be kept and raises `internal_error`."""
    content_key = keys.subkey("hash/content")
    found: dict[bytes, Draft] = {}
    for resource in resources:
        resource_type, source_id = resource.get("resourceType"), resource.get("id")
        if not (isinstance(resource_type, str) and isinstance(source_id, str) and resource_type and source_id):
            raise CallOperator("internal_error", "a resource without type or id was handed to the store")
        content = json.encode(resource, sort_keys=True)
        key = record_key(keys, pathway, resource_type, source_id)
        digest = hmac.digest(content_key, content, hashlib.sha256)[:HASH_BYTES]
        found[key] = Draft(key, resource_type, digest, resource, content)
    return sorted(found.values(), key=lambda draft: draft.key)


def sealed_body(keys: TenantKeys, draft: Draft) -> bytes:
    """The body as it is stored: zstd, then encrypted and bound to the row's key."""
    return keys.seal("body", zstandard.ZstdCompressor(level=_LEVEL).compress(draft.content), draft.key)


def opened_body(keys: TenantKeys, key: bytes, body: bytes) -> Resource:
    """The resource of a stored body."""
    plain = zstandard.ZstdDecompressor().decompress(keys.open("body", body, key), max_output_size=MAX_BODY_BYTES)
    resource: Any = json.decode(plain)
    if not isinstance(resource, dict):
        raise CallOperator("internal_error", "a stored body is not a resource")
    return resource


def term_hash(keys: TenantKeys, kind: str, value: str) -> bytes:
    """The blind index's entry for a normalized value of a kind."""
    return keys.hash("term", kind, value)


def term_rows(keys: TenantKeys, written: Sequence[Draft]) -> tuple[list[bytes], list[bytes], list[str]]:
    """Rows of the blind index for the resources: hashes, record keys, kinds, in order of hash and key."""
    rows: set[tuple[bytes, bytes, str]] = set()
    for draft in written:
        for kind, value in terms_of(draft.resource):
            if kind not in NOT_INDEXED:
                rows.add((term_hash(keys, kind, value), draft.key, kind))
        for patient_id in patients_of(draft.resource):
            rows.add((term_hash(keys, PATIENT_LINK, patient_id), draft.key, PATIENT_LINK))
    ordered = sorted(rows)
    return [row[0] for row in ordered], [row[1] for row in ordered], [row[2] for row in ordered]
