"""A FHIR server over HTTP: its statements, a token for each call, its refusals. What the FHIR pathways' transports stand on.

With `statements.py`, the only file here with sockets, tokens or a clock.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from urllib.parse import quote

from millgate.access.connection import Connection
from millgate.canonical.exchange import Call
from millgate.errors import CallOperator, FixRequest, GatewayError, NotOffered
from millgate.pathways.fhir.discovery import Discovery, Release
from millgate.pathways.fhir.documents import Documents
from millgate.pathways.fhir.refusals import Purpose, is_bad_record, refusal
from millgate.pathways.fhir.statements import Calls, Statements, Trust, anything
from millgate.pathways.fhir.wire import read_outcome
from millgate.pathways.http import Answer, Transport, retry_after_s
from millgate.pathways.streams import Patience, Streamed, stream
from millgate.pathways.tokens import AccessToken


@dataclass(frozen=True, slots=True)
class Grant:
    """What the tenant's authorization server granted: scopes as it named them, and seconds until the token expires."""

    scopes: tuple[str, ...]
    expires_in: float
    calls: tuple[Call, ...] = ()


@dataclass(slots=True)
class Request:
    """One request to the FHIR server, before its token."""

    method: str
    url: str
    resource_type: str
    purpose: Purpose
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)


class Tokens(Protocol):
    """Where the access tokens of a connection come from."""

    async def token(self, connection: Connection, endpoint: str, calls: list[Call]) -> AccessToken: ...

    def invalidate(self, connection: Connection, token: AccessToken) -> None: ...


class Server:
    """Every tenant's server of one release. Each method raises only GatewayError, with the exchanges so far in its `calls`."""

    def __init__(
        self, release: Release, transport: Transport, tokens: Tokens, now: Callable[[], datetime], trust: Trust = anything
    ) -> None:
        """`trust` is asked, before credentials follow what a server says of itself, whether they may (`statements.py`)."""
        self._media_type = release.media_type
        self._statement = release.statement
        self._transport = transport
        self._tokens = tokens
        self._now = now
        self._statements = Statements(release, transport, now, trust)

    async def discover(self, fhir_base: str) -> Discovery:
        """What the tenant's server says of itself, at most an hour old; an older answer serves while a newer cannot be had."""
        return await self._statements.discover(fhir_base)

    async def documents(self, fhir_base: str) -> Documents:
        """The documents in which the tenant's server describes itself, fetched anew."""
        return await self._statements.documents(fhir_base)

    async def authorize(self, connection: Connection) -> Grant:
        """The scopes that the tenant grants to this connection; fetches a token, or uses the one at hand."""
        calls: list[Call] = []
        endpoint = await self._token_endpoint(connection)
        token = await self._tokens.token(connection, endpoint, calls)
        return Grant(token.scopes, max(0.0, (token.expires_at - self._now()).total_seconds()), tuple(calls))

    async def ask(self, connection: Connection, request: Request, calls: list[Call]) -> Answer:
        """The source's answer to a request that succeeded. A 401 had no effect, so one fresh token and one repeat follow it."""
        with Calls(calls):
            endpoint = await self._token_endpoint(connection)
            for attempt in (1, 2):
                token = await self._tokens.token(connection, endpoint, calls)
                answer = await self._transport.request(
                    request.method,
                    request.url,
                    within=connection.tenant.fhir_base,
                    calls=calls,
                    resource_type=request.resource_type,
                    headers={"Accept": self._media_type, "Authorization": f"Bearer {token.value}", **request.headers},
                    body=request.body,
                    settled=_tells_of_bad_record,
                )
                if answer.status != 401:
                    break
                self._tokens.invalidate(connection, token)
                if attempt == 2:
                    break
            if 200 <= answer.status < 300:
                return answer
            raise self._refusal(request, answer, calls)

    @asynccontextmanager
    async def stream(
        self,
        connection: Connection,
        request: Request,
        calls: list[Call],
        patience: Patience,
        *,
        taken: frozenset[int] = frozenset(),
    ) -> AsyncIterator[Streamed]:
        """The head of an answer that succeeded, or whose status is one of `taken`, with its body still to come; otherwise as `ask`."""
        with Calls(calls):
            endpoint = await self._token_endpoint(connection)
            for attempt in (1, 2):
                token = await self._tokens.token(connection, endpoint, calls)
                async with stream(
                    self._transport,
                    request.url,
                    within=connection.tenant.fhir_base,
                    calls=calls,
                    resource_type=request.resource_type,
                    headers={"Accept": self._media_type, "Authorization": f"Bearer {token.value}", **request.headers},
                    patience=patience,
                ) as answer:
                    if 200 <= answer.status < 300 or answer.status in taken:
                        yield answer
                        return
                    if answer.status != 401 or attempt == 2:
                        raise self._refusal(request, Answer(answer.status, answer.headers, await answer.body(), 0.0), calls)
                self._tokens.invalidate(connection, token)

    async def ask_one(self, connection: Connection, resource_type: str, resource_id: str, calls: list[Call]) -> Answer:
        """The answer that holds one resource. FixRequest `not_found`, also for what can be no id."""
        if not resource_id or resource_id in (".", "..") or len(resource_id) > 255:
            raise FixRequest("not_found", f"The source has no such {resource_type}.")
        url = f"{connection.tenant.fhir_base}/{resource_type}/{quote(resource_id, safe='')}"
        return await self.ask(connection, Request("GET", url, resource_type, "read"), calls)

    async def check_offered(self, connection: Connection, resource_type: str, interaction: str) -> None:
        """NotOffered `not_offered_by_tenant` where the server's statement does not list the interaction."""
        discovery = await self.discover(connection.tenant.fhir_base)
        if not discovery.offers(resource_type, interaction):
            raise NotOffered(
                "not_offered_by_tenant", f"The tenant's {self._statement} lists no {interaction} of {resource_type}."
            )

    def _refusal(self, request: Request, answer: Answer, calls: list[Call]) -> GatewayError:
        return refusal(
            answer.status,
            answer.headers,
            answer.body,
            purpose=request.purpose,
            resource_type=request.resource_type,
            request_id=calls[-1].upstream_request_id,
            retry_after=retry_after_s(answer.headers, self._now()),
        )

    async def _token_endpoint(self, connection: Connection) -> str:
        discovery = await self.discover(connection.tenant.fhir_base)
        if discovery.token_endpoint is None:
            raise CallOperator(
                "upstream_error", "The tenant's server names no token endpoint; its base may be that of an open server."
            )
        return discovery.token_endpoint


def _tells_of_bad_record(answer: Answer) -> bool:
    return answer.status >= 500 and is_bad_record(read_outcome(answer.body).codes)
