"""ETags: they change when what an answer's bytes depend on does, and only then. When it was fetched is no part of it, so they are weak.

An object depends on its resource, on the tenant's time zone and on how this release makes objects; FHIR on the resource alone.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import get_args

from millgate import __version__
from millgate.canonical import json
from millgate.canonical.exchange import Resource
from millgate.flow.read_request import Form


def etag(*parts: str | bytes) -> str:
    """A weak ETag of all the parts, in their order."""
    digest = blake2b(digest_size=16)
    for part in parts:
        digest.update(part.encode() if isinstance(part, str) else part)
        digest.update(b"\0")
    return f'W/"{digest.hexdigest()}"'


def fingerprint(raw: bytes) -> bytes:
    """16 bytes that stand for a resource's bytes."""
    return blake2b(raw, digest_size=16).digest()


def making(form: Form, time_zone: str | None) -> bytes:
    """What an answer depends on beside its resources."""
    return b"" if form == "fhir" else f"{__version__}/{time_zone or ''}".encode()


def one_etag(form: Form, time_zone: str | None, *fingerprints: bytes) -> str:
    """The ETag of one object, of its resource's fingerprint and of those of the resources that it shows too."""
    return etag("one", form, making(form, time_zone), *fingerprints)


def object_etag(resource: Resource, time_zone: str | None, form: Form = "objects") -> str:
    """The ETag of one object in one form, for a tenant of this time zone."""
    return one_etag(form, time_zone, fingerprint(json.encode(resource)))


def names_current(if_match: str, resource: Resource, time_zone: str | None) -> bool:
    """Whether `If-Match` names the object as it is now, in whichever form the caller saw it. Source: RFC 9110 §13.1.1."""
    named = {tag.strip().removeprefix("W/") for tag in if_match.split(",")}
    return "*" in named or any(object_etag(resource, time_zone, form).removeprefix("W/") in named for form in get_args(Form))
