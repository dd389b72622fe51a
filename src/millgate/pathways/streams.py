"""Answers too large to be held: their head at once, their body piece by piece, as fast as whoever reads it takes the pieces.

    async with stream(transport, url, within=base, calls=calls, resource_type="Binary", patience=Patience()) as answer:
        if answer.status == 200:
            async for piece in answer.pieces():
                …

Address check, guard, throttle, breaker, deadline, repeats and the note of each exchange are those of `Transport.request`. The place at
the throttle is held until the block ends: as long as the source is sending, this is a call under way. Leaving the block early closes
the connection, so that the source stops sending.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import aiohttp
from yarl import URL

from millgate import deadline
from millgate.canonical.exchange import Call
from millgate.canonical.noting import note
from millgate.errors import CallOperator, TryLater
from millgate.pathways.http import Asked, Transport, retry_after_s, tell, translated, upstream_id
from millgate.pathways.sources import GONE, Turn

LONGEST_REFUSAL: Final = 1024 * 1024  # bytes of the body of an answer that is no success
FAILURES: Final = (aiohttp.ClientError, TimeoutError, OSError, ValueError)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long, in seconds, and how much, in bytes: until the head of the answer, between two pieces, and for the whole."""

    head_s: float = 30.0
    idle_s: float = 30.0
    total_s: float = 600.0
    body_bytes: int = 512 * 1024 * 1024


class Streamed:
    """An answer whose head has come. `headers` have names in lower case; `length` is that of the body where the source says it."""

    def __init__(self, response: aiohttp.ClientResponse, turn: Turn | None, patience: Patience) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}
        self._response = response
        self._turn = turn
        self._patience = patience
        self._ends_at = time.monotonic() + patience.total_s

    @property
    def length(self) -> int | None:
        """Bytes of the body, or None where the source does not say, or says it of a compressed form."""
        told = self.headers.get("content-length", "")
        return int(told) if told.isascii() and told.isdigit() and len(told) < 16 and not self._is_packed else None

    @property
    def _is_packed(self) -> bool:
        return self.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity")

    async def body(self) -> bytes:
        """The whole body of a refusal, as far as it is of interest."""
        read = bytearray()
        async for piece in self.pieces():
            read += piece
            if len(read) >= LONGEST_REFUSAL:
                break
        return bytes(read[:LONGEST_REFUSAL])

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The body as it comes. TryLater `upstream_timeout` or `upstream_unavailable` where it breaks off; CallOperator if too long."""
        read = 0
        while True:
            try:
                left_s = self._ends_at - time.monotonic()
                if left_s <= 0:
                    raise TimeoutError
                async with asyncio.timeout(min(self._patience.idle_s, left_s)):
                    piece = await self._response.content.readany()
            except FAILURES as error:
                if self._turn is not None and not isinstance(error, ValueError):
                    self._turn.broke_off()
                raise translated(error, safe=True, status=self.status) from error
            if not piece:
                if self._turn is not None and self.status not in GONE:
                    self._turn.came()
                return
            read += len(piece)
            if read > self._patience.body_bytes:
                raise CallOperator("upstream_error", f"The source answered with more than {self._patience.body_bytes} bytes.")
            yield piece

    def close(self) -> None:
        """Free the place, and the connection: for the next call if the body has been read, else by closing it."""
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()
        if self._turn is not None:
            self._turn.end()


@asynccontextmanager
async def stream(
    transport: Transport,
    url: str,
    *,
    within: str,
    calls: list[Call],
    resource_type: str,
    headers: Mapping[str, str],
    patience: Patience,
) -> AsyncIterator[Streamed]:
    """The answer to a GET, whatever its status, once its head is there. Every exchange is appended to `calls`. Raises as `request`."""
    transport.check(url, within)
    urgency = deadline.urgency() or "interactive"
    asked = Asked("GET", url, {"Accept-Encoding": "identity", **headers}, None, resource_type, within, urgency)
    ends_at, callers_own = transport.ends_at(asked, None, patience.head_s)
    opened: list[Streamed] = []

    async def attempt() -> Streamed:
        while opened:  # the one before: it is to be repeated
            opened.pop().close()
        found = await _opened(transport, asked, calls, ends_at, patience, callers_own=callers_own)
        opened.append(found)
        return found

    try:
        yield await transport.repeat(attempt, calls, ends_at)
    finally:
        for one in opened:
            one.close()


async def _opened(
    transport: Transport, asked: Asked, calls: list[Call], ends_at: float, patience: Patience, *, callers_own: bool
) -> Streamed:
    """One attempt when it is its turn; the place is the answer's own from then on."""
    turn = None
    if transport.sources is not None:
        turn = await transport.sources.turn(asked.within, asked.endpoint, asked.urgency, ends_at)
    kept = False
    try:
        found = Streamed(await _head(transport, asked, calls, ends_at), turn, patience)
        if turn is not None:
            turn.answered(asked.kind, found.status, retry_after_s(found.headers, transport.now()), begun=True)
        kept = True
        return found
    except TryLater as error:
        if turn is not None:
            tell(turn, asked.kind, error, over=time.monotonic() >= ends_at, callers_own=callers_own)
        raise
    finally:
        if turn is not None and not kept:
            turn.end()


async def _head(transport: Transport, asked: Asked, calls: list[Call], ends_at: float) -> aiohttp.ClientResponse:
    request_id = str(uuid.uuid4())
    status: int | None = None
    upstream_request_id: str | None = None
    try:
        async with asyncio.timeout(max(0.001, ends_at - time.monotonic())):
            response = await transport.pool().request(
                asked.method,
                URL(asked.url, encoded=True),
                headers={**asked.headers, "X-Request-Id": request_id},
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=transport.limits.connect_s),
            )
        status = response.status
        upstream_request_id = upstream_id({name.lower(): value for name, value in response.headers.items()})
        return response
    except FAILURES as error:
        raise translated(error, safe=True, status=status) from error
    finally:
        calls.append(made := Call(asked.method, asked.resource_type, status, request_id, upstream_request_id))
        note(made)
