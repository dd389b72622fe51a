"""The documents in which a tenant's server describes itself, kept as they came, and what is read out of them before anybody compares.

Source: SMART App Launch 2.2 §5, RFC 7517 (key set), RFC 9110 §6.6.1 (Date); Millennium fact sheet §1.2 and §2.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import msgspec

from millgate.canonical.exchange import Call


@dataclass(frozen=True, slots=True)
class Documents:
    """Each document's text by name (`smart-configuration`, `metadata`, `keys`); one that the server does not have is missing.

    `server_time` is the server's own clock, from its `Date` header, exact to a second; `asked_at` is ours, half-way through the call.
    """

    texts: Mapping[str, str] = field(repr=False)
    server_time: datetime | None
    asked_at: datetime
    calls: tuple[Call, ...]


def texts_of(documents: Mapping[str, bytes | None]) -> dict[str, str]:
    """The texts of those that are there; bytes that are no UTF-8 are marked as such."""
    return {name: body.decode("utf-8", "replace") for name, body in documents.items() if body is not None}


def jwks_uri_of(smart: bytes | None, fhir_base: str) -> str | None:
    """Where the authorization server says that its keys are, or None; never in the clear where the base is not."""
    try:
        document = msgspec.json.decode(smart or b"null")
        address = document.get("jwks_uri") if isinstance(document, dict) else None
        parts = urlsplit(address if isinstance(address, str) else "")
    except (msgspec.DecodeError, RecursionError, ValueError):
        return None
    secure = parts.scheme == "https" or (parts.scheme == "http" and urlsplit(fhir_base).scheme == "http")
    return address if secure and parts.hostname else None


def server_time(headers: Mapping[str, str]) -> datetime | None:
    """The server's clock, from its `Date` header, or None without a readable one."""
    try:
        at = parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError, IndexError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
