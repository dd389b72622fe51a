"""The documents in which a tenant's server describes itself, fetched anew and kept as they came.

Source: SMART App Launch 2.2 §5, FHIR R4 §C.0.0, RFC 7517 (key set); Millennium fact sheet §1.2 and §2.1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

import msgspec

from millgate.canonical.exchange import Call
from millgate.errors import CallOperator, GatewayError
from millgate.pathways.fhir_r4.refusals import refusal
from millgate.pathways.http import Answer, Transport, retry_after_s

SMART: Final = "smart-configuration"
METADATA: Final = "metadata"
KEYS: Final = "keys"
_PATHS: Final = {SMART: ".well-known/smart-configuration", METADATA: "metadata"}
_ACCEPT: Final = {SMART: "application/json", METADATA: "application/fhir+json", KEYS: "application/json"}


@dataclass(frozen=True, slots=True)
class Documents:
    """Each document's text by name (`smart-configuration`, `metadata`, `keys`); one that the server does not have is missing.

    `server_time` is the server's own clock, from its `Date` header, exact to a second; `asked_at` is ours, half-way through the call.
    """

    texts: Mapping[str, str] = field(repr=False)
    server_time: datetime | None
    asked_at: datetime
    calls: tuple[Call, ...]


async def fetch_documents(transport: Transport, fhir_base: str, now: Callable[[], datetime]) -> Documents:
    """The documents as they are now. Raises GatewayError where the server cannot be reached or has no CapabilityStatement.

    A key set that cannot be had is left out: nothing else hangs off it.
    """
    calls: list[Call] = []
    try:
        asked = now()
        metadata = await _get(transport, f"{fhir_base}/{_PATHS[METADATA]}", fhir_base, METADATA, calls, now)
        asked_at = asked + (now() - asked) / 2
        smart = await _get(transport, f"{fhir_base}/{_PATHS[SMART]}", fhir_base, SMART, calls, now)
        if metadata is None:
            raise CallOperator(
                "upstream_error", "The tenant's base has no CapabilityStatement under /metadata; check the address."
            )
        keys = await _keys(transport, fhir_base, smart, calls, now)
    except GatewayError as error:
        error.calls = tuple(calls)
        raise
    found = {METADATA: metadata, SMART: smart, KEYS: keys}
    texts = {name: answer.body.decode("utf-8", "replace") for name, answer in found.items() if answer is not None}
    return Documents(texts, _date(metadata.headers), asked_at, tuple(calls))


async def _keys(
    transport: Transport, fhir_base: str, smart: Answer | None, calls: list[Call], now: Callable[[], datetime]
) -> Answer | None:
    address = jwks_uri_of(smart.body) if smart is not None else None
    if address is None or (urlsplit(fhir_base).scheme == "https" and urlsplit(address).scheme != "https"):
        return None
    try:
        return await _get(transport, address, address, KEYS, calls, now)
    except GatewayError:
        return None


def jwks_uri_of(smart: bytes) -> str | None:
    """Where the authorization server says that its keys are, or None."""
    try:
        document = msgspec.json.decode(smart)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return None
    address = document.get("jwks_uri") if isinstance(document, dict) else None
    if not isinstance(address, str):
        return None
    try:
        return address if urlsplit(address).hostname else None
    except ValueError:
        return None


async def _get(
    transport: Transport, url: str, within: str, name: str, calls: list[Call], now: Callable[[], datetime]
) -> Answer | None:
    answer = await transport.request(
        "GET", url, within=within, calls=calls, resource_type=name, headers={"Accept": _ACCEPT[name]}
    )
    if answer.status == 200:
        return answer
    if answer.status == 404:
        return None
    raise refusal(
        answer.status,
        answer.headers,
        answer.body,
        purpose="discover",
        resource_type=name,
        request_id=calls[-1].upstream_request_id,
        retry_after=retry_after_s(answer.headers, now()),
    )


def _date(headers: Mapping[str, str]) -> datetime | None:
    try:
        at = parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError, IndexError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
