"""What tenants' servers say of themselves, fetched when it is needed and kept for an hour. Beside `server.py`, which owns it, the only
file here with a socket or a clock.

Credentials follow what these documents say, so `Trust` is asked about the addresses in them before anybody is told.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from millgate import deadline
from millgate.canonical.exchange import Call
from millgate.errors import CallOperator, GatewayError
from millgate.pathways.addresses import origin_of
from millgate.pathways.fhir.discovery import Discovery, Release, read_discovery
from millgate.pathways.fhir.documents import Documents, jwks_uri_of, server_time, texts_of
from millgate.pathways.fhir.refusals import refusal
from millgate.pathways.http import Answer, Transport, retry_after_s

DISCOVERY_LIFE: Final = timedelta(hours=1)
BETWEEN_FAILED_DISCOVERIES: Final = timedelta(minutes=1)
LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)

# Told the base and the origins (`https://host:443`) to which credentials and users would go; raises GatewayError if they may not.
Trust = Callable[[str, tuple[str, ...]], Awaitable[None]]


@dataclass(slots=True)
class _Known:
    """The discovery of one base, or the fetch that is under way."""

    discovery: Discovery | None = None
    fetching: asyncio.Task[Discovery] | None = None
    good_until: datetime = LONG_AGO


async def anything(fhir_base: str, origins: tuple[str, ...]) -> None:
    """Trust whatever a server says, for whoever keeps no memory of what it said before."""


class Statements:
    """The statements of every server that is called; each fetch is one for all who wait for it."""

    def __init__(self, release: Release, transport: Transport, now: Callable[[], datetime], trust: Trust = anything) -> None:
        self._release = release
        self._transport = transport
        self._now = now
        self._trust = trust
        self._known: dict[str, _Known] = {}

    async def discover(self, fhir_base: str) -> Discovery:
        """What the server says of itself, at most an hour old; an older answer serves while a newer cannot be had, or is not trusted."""
        known = self._known.setdefault(fhir_base, _Known())
        if known.discovery is not None and self._now() < known.good_until:
            return known.discovery
        if known.fetching is None:
            with deadline.for_everybody():  # batch may have come first
                known.fetching = asyncio.create_task(self._discover(fhir_base))
            known.fetching.add_done_callback(lambda task: _keep(known, task, self._now()))
        try:
            return await deadline.wait(known.fetching)
        except GatewayError:
            if known.discovery is None:
                raise
            return known.discovery

    async def documents(self, fhir_base: str) -> Documents:
        """The documents themselves, fetched anew, one after the other. A key set that cannot be had is left out: nothing hangs off it."""
        calls: list[Call] = []
        asked_at = self._now()
        metadata = await self._get(f"{fhir_base}/metadata", fhir_base, "metadata", calls)
        asked_at += (self._now() - asked_at) / 2
        if metadata is None:
            raise with_calls(self._no_statement(), calls)
        smart = await self._document(fhir_base, ".well-known/smart-configuration", calls)
        address = jwks_uri_of(smart, fhir_base)
        keys = None
        if address is not None:
            with contextlib.suppress(GatewayError):
                keys = await self._get(address, address, "keys", calls)
        found = {"metadata": metadata.body, "smart-configuration": smart, "keys": keys.body if keys else None}
        return Documents(texts_of(found), server_time(metadata.headers), asked_at, tuple(calls))

    async def _discover(self, fhir_base: str) -> Discovery:
        calls: list[Call] = []
        smart, metadata = await asyncio.gather(
            self._document(fhir_base, ".well-known/smart-configuration", calls), self._document(fhir_base, "metadata", calls)
        )
        with Calls(calls):
            if metadata is None:
                raise self._no_statement()
            discovery = read_discovery(self._release, fhir_base, smart, metadata, self._now())
            _check_endpoint(discovery)
            await self._trust(fhir_base, origins_of(discovery))
        self._transport.guard.follow(fhir_base, (discovery.token_endpoint, discovery.revocation_endpoint, discovery.issuer))
        if self._transport.sources is not None:
            for endpoint in (discovery.token_endpoint, discovery.revocation_endpoint):
                self._transport.sources.belongs(endpoint, fhir_base)
        return discovery

    async def _document(self, fhir_base: str, path: str, calls: list[Call]) -> bytes | None:
        """The document at this path, or None where the server has none."""
        answer = await self._get(f"{fhir_base}/{path}", fhir_base, path, calls)
        return answer.body if answer is not None else None

    async def _get(self, url: str, within: str, name: str, calls: list[Call]) -> Answer | None:
        """The answer that holds a document, or None where there is none (404)."""
        accept = self._release.media_type if name == "metadata" else "application/json"
        answer = await self._transport.request(
            "GET", url, within=within, calls=calls, resource_type=name, headers={"Accept": accept}
        )
        if answer.status == 200:
            return answer
        if answer.status == 404:
            return None
        refused = refusal(
            answer.status,
            answer.headers,
            answer.body,
            purpose="discover",
            resource_type=name,
            request_id=calls[-1].upstream_request_id,
            retry_after=retry_after_s(answer.headers, self._now()),
        )
        raise with_calls(refused, calls)

    def _no_statement(self) -> CallOperator:
        statement = self._release.statement
        return CallOperator("upstream_error", f"The tenant's base has no {statement} under /metadata; check the address.")


class Calls:
    """Hands the exchanges so far to an error that leaves the block."""

    def __init__(self, calls: list[Call]) -> None:
        self._calls = calls

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, GatewayError):
            more = tuple(call for call in error.calls if call not in self._calls)
            error.calls = (*self._calls, *more)


def origins_of(discovery: Discovery) -> tuple[str, ...]:
    """Where the documents of a server would have credentials and users sent, each origin once."""
    named = (discovery.token_endpoint, discovery.revocation_endpoint, discovery.authorization_endpoint)
    return tuple(dict.fromkeys(origin for address in named if address and (origin := origin_of(address))))


def with_calls(error: GatewayError, calls: list[Call]) -> GatewayError:
    """The error with the exchanges that led to it."""
    error.calls = tuple(calls)
    return error


def _keep(known: _Known, task: asyncio.Task[Discovery], now: datetime) -> None:
    known.fetching = None
    if task.cancelled() or task.exception() is not None:
        known.good_until = now + BETWEEN_FAILED_DISCOVERIES  # of the older one, if there is one
        return
    known.discovery = task.result()
    known.good_until = now + DISCOVERY_LIFE


def _check_endpoint(discovery: Discovery) -> None:
    """A tenant on https must not lead to a token endpoint in the clear."""
    endpoint = discovery.token_endpoint
    if endpoint is None:
        return
    try:
        scheme = urlsplit(endpoint).scheme
    except ValueError as error:
        raise CallOperator("upstream_error", "The tenant's token endpoint is no address; it will not be used.") from error
    if urlsplit(discovery.fhir_base).scheme == "https" and scheme != "https":
        raise CallOperator("upstream_error", "The tenant's token endpoint is not https; it will not be used.")
