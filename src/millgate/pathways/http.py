"""One HTTP transport for all pathways that speak HTTP: pooled, bounded in time and size, and held to the addresses it was given.

Errors of the HTTP library are translated here, once. A write whose outcome is not known is an `OutcomeUnknown`: it may have
reached the source, so it must not be repeated before its effect has been looked for.
"""

from __future__ import annotations

import asyncio
import secrets
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Protocol, TypeVar

import aiohttp
from yarl import URL

from millgate import deadline
from millgate.canonical.exchange import Call
from millgate.canonical.noting import note
from millgate.deadline import Urgency
from millgate.errors import CallOperator, GatewayError, TryLater
from millgate.pathways.addresses import check_address, hostname_of
from millgate.pathways.guard import Guard, GuardedResolver, PrivateAddress, refused
from millgate.pathways.sources import Sources, Turn

FOR_GOOD: Final = frozenset({501, 505})  # a server that does not know how: it will not the next time either
LOCKED: Final = 423  # somebody is editing the record: nothing was written, and only the source knows when that ends
DICE: Final = secrets.SystemRandom()


class OutcomeUnknown(TryLater):
    """A write that may have reached the source, without an answer that says so: look for its effect before repeating it."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code, detail)
        self.outcome_unknown = True


@dataclass(frozen=True, slots=True)
class Limits:
    """How long, how much and how often; seconds and bytes. Nobody waits for batch, so it has times of its own."""

    connect_s: float = 5.0
    read_s: float = 30.0
    total_s: float = 60.0
    batch_read_s: float = 120.0
    batch_total_s: float = 600.0
    body_bytes: int = 64 * 1024 * 1024
    connections: int = 200
    connections_per_host: int = 100
    repeats: int = 2
    backoff_s: float = 0.25
    longest_wait_s: float = 10.0
    plaintext_beyond_loopback: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What a source answered: status, headers (names in lower case), the whole body, and seconds from first byte sent to last read."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    elapsed: float


class _Head(Protocol):
    """What tells whether a request is to be repeated."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...


Got = TypeVar("Got", bound=_Head)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, whatever number of attempts it takes."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)
    resource_type: str
    within: str
    urgency: Urgency

    @property
    def endpoint(self) -> str:
        """The class of endpoints that share a throttle: `fhir`, `authorization` or `discovery`."""
        if self.resource_type in ("token", "revoke"):
            return "authorization"
        return "fhir" if self.resource_type[:1].isupper() or not self.resource_type else "discovery"

    @property
    def kind(self) -> str:
        """Calls whose latencies can be compared."""
        return f"{self.method} {self.resource_type}"


class Transport:
    """A pool of connections to the sources; one for the whole process, closed at its end."""

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[float, float], float] = DICE.uniform,
        sources: Sources | None = None,
        guard: Guard | None = None,
    ) -> None:
        """`sources` holds the throttles and circuit breakers; without it every call goes out at once.

        `guard` says which hosts may be private addresses; without it, none but the loopback interface.
        """
        self.guard = guard or Guard()
        self.limits = limits or Limits()
        self.sources = sources
        self.now = now
        self._sleep = sleep
        self._jitter = jitter
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Transport:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        if self.sources is not None:
            self.sources.close()
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def request(
        self,
        method: str,
        url: str,
        *,
        within: str,
        calls: list[Call],
        resource_type: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        deadline_s: float | None = None,
        repeatable: bool | None = None,
        settled: Callable[[Answer], bool] = lambda answer: False,
    ) -> Answer:
        """The source's answer, whatever its status. Every exchange is appended to `calls`, also when this raises.

        `within` is the address that `url` has to stay under; it also names the source, which has one throttle for each class of
        endpoint and one breaker. `deadline_s` is the time for all attempts and all waiting together; it cannot be more than what the
        caller has left (`millgate.deadline`). Only requests without an effect (`repeatable`, by default GET) are repeated: after a
        failed connection, 429 or 5xx, with full jitter, or when `Retry-After` says; not after an answer that is `settled`, which
        would be the same again.
        Raises TryLater `upstream_unavailable`, `upstream_throttled` or `upstream_timeout`, OutcomeUnknown, CallOperator
        `upstream_error`.
        """
        self.check(url, within)
        may_repeat = method == "GET" if repeatable is None else repeatable
        urgency = deadline.urgency() or ("interactive" if may_repeat else "write")
        asked = Asked(method, url, {"Accept-Encoding": "gzip", **(headers or {})}, body, resource_type, within, urgency)
        ends_at, callers_own = self.ends_at(asked, deadline_s)

        async def attempt() -> Answer:
            return await self._in_turn(asked, calls, ends_at, callers_own=callers_own, safe=may_repeat)

        return await self.repeat(attempt, calls, ends_at, may_repeat=may_repeat, settled=settled)

    def check(self, url: str, within: str) -> None:
        """Nothing, if the address may be called; else CallOperator `upstream_error`."""
        allowed = self.limits.plaintext_beyond_loopback or self.guard.allows(hostname_of(url))
        check_address(url, within, plaintext=allowed)
        self.guard.check(url)

    async def repeat(
        self,
        once: Callable[[], Awaitable[Got]],
        calls: list[Call],
        ends_at: float,
        *,
        may_repeat: bool = True,
        settled: Callable[[Got], bool] = lambda answer: False,
    ) -> Got:
        """What an attempt brings, `once` more where the trouble may have passed, as `request` says; errors have the `calls`."""
        attempt = 0
        while True:
            attempt += 1
            last = not may_repeat or attempt > self.limits.repeats
            try:
                answer = await once()
            except TryLater as error:
                wait_s = self._pause(attempt)
                refused = error.retry_after is not None  # the throttle or the breaker has spoken: it was not sent
                if last or refused or error.code == "upstream_timeout" or time.monotonic() + wait_s >= ends_at:
                    error.calls = tuple(calls)
                    raise
            except GatewayError as error:
                error.calls = tuple(calls)
                raise
            else:
                asked_s = retry_after_s(answer.headers, self.now())
                wait_s = self._pause(attempt) if asked_s is None else asked_s
                waits_too_long = wait_s > self.limits.longest_wait_s or time.monotonic() + wait_s >= ends_at
                again = may_pass(answer.status) or (answer.status == LOCKED and asked_s is not None)
                if not again or last or waits_too_long or settled(answer):
                    return answer
            await self._sleep(wait_s)

    def ends_at(self, asked: Asked, deadline_s: float | None, most_s: float | None = None) -> tuple[float, bool]:
        """When all attempts have to be over (monotonic), and whether that is the caller's bound and not the transport's own.

        `most_s` takes the place of the transport's own bound. Tokens and documents are fetched for everybody, so the bound of the
        caller who happened to ask first does not hold for them.
        """
        own_s = self.limits.batch_total_s if asked.urgency == "batch" else self.limits.total_s
        most_s = own_s if most_s is None else most_s
        left_s = deadline.remaining() if asked.endpoint == "fhir" else None
        if left_s is not None and left_s <= 0:
            raise TryLater("upstream_timeout", "The time that was left for this call is over; the source was not called.")
        bounds = [bound for bound in (deadline_s, left_s) if bound is not None]
        bound_s = min([most_s, *bounds])
        return time.monotonic() + bound_s, bound_s < most_s

    async def _in_turn(self, asked: Asked, calls: list[Call], ends_at: float, *, callers_own: bool, safe: bool) -> Answer:
        """One attempt when it is its turn; how it ends is told to the throttle and the breaker."""
        if self.sources is None:
            return await self._once(asked, calls, ends_at, safe=safe)
        turn = await self.sources.turn(asked.within, asked.endpoint, asked.urgency, ends_at)
        try:
            answer = await self._once(asked, calls, ends_at, safe=safe)
            turn.answered(asked.kind, answer.status, retry_after_s(answer.headers, self.now()))
            return answer
        except TryLater as error:
            tell(turn, asked.kind, error, over=time.monotonic() >= ends_at, callers_own=callers_own)
            raise
        finally:
            turn.end()

    def _pause(self, attempt: int) -> float:
        """Full jitter: any time up to a bound that doubles with each attempt."""
        return self._jitter(0.0, min(self.limits.longest_wait_s, self.limits.backoff_s * 2 ** (attempt - 1)))

    async def _once(self, asked: Asked, calls: list[Call], ends_at: float, *, safe: bool) -> Answer:
        request_id = str(uuid.uuid4())
        started = time.monotonic()
        read_s = self.limits.batch_read_s if asked.urgency == "batch" else self.limits.read_s
        timeout = aiohttp.ClientTimeout(total=max(0.001, ends_at - started), sock_connect=self.limits.connect_s, sock_read=read_s)
        status: int | None = None
        upstream_request_id: str | None = None
        try:
            async with self.pool().request(
                asked.method,
                URL(asked.url, encoded=True),
                headers={**asked.headers, "X-Request-Id": request_id},
                data=asked.body,
                allow_redirects=False,
                timeout=timeout,
            ) as response:
                status = response.status
                kept = {name.lower(): value for name, value in response.headers.items()}
                upstream_request_id = upstream_id(kept)
                read = await self._read(response)
                return Answer(status, kept, read, time.monotonic() - started)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise translated(error, safe=safe, status=status) from error
        finally:
            calls.append(made := Call(asked.method, asked.resource_type, status, request_id, upstream_request_id))
            note(made)  # also for a caller who hangs up, whom `calls` does not reach any more

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        read = bytearray()
        async for chunk in response.content.iter_any():
            read += chunk
            if len(read) > self.limits.body_bytes:
                response.close()
                raise CallOperator("upstream_error", f"The source answered with more than {self.limits.body_bytes} bytes.")
        return bytes(read)

    def pool(self) -> aiohttp.ClientSession:
        """The open connections."""
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self.limits.connections,
                    limit_per_host=self.limits.connections_per_host,
                    resolver=GuardedResolver(self.guard),
                ),
                cookie_jar=aiohttp.DummyCookieJar(),  # a cookie of one tenant must never reach another
                trust_env=False,
            )
            # The library would repeat GET, PUT and DELETE by itself after a drop: unrecorded, and for a write not safe.
            self._session._retry_connection = False
        return self._session


def may_pass(status: int) -> bool:
    """Whether a status tells of trouble that may be over the next time. Source: RFC 9110 §15.6, RFC 6585 §4; Millennium fact sheet §4.4."""
    return status == 429 or (status >= 500 and status not in FOR_GOOD)


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """The seconds that a `Retry-After` header asks for, from either of its forms; None without a readable one."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit() and len(value) < 10:
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, IndexError, TypeError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - now).total_seconds())


def upstream_id(headers: Mapping[str, str]) -> str | None:
    """The id under which the source knows the exchange. Source: Millennium fact sheet §2.7."""
    for name in ("x-request-id", "cerner-correlation-id", "opc-request-id"):
        if headers.get(name):
            return headers[name][:128]
    return None


def tell(turn: Turn, kind: str, error: TryLater, *, over: bool, callers_own: bool) -> None:
    """Tell the throttle and the breaker; a call that was cut off by its own caller's hurry says nothing of the source."""
    timed_out = error.code == "upstream_timeout"
    if not (timed_out and over and callers_own):
        turn.failed(timed_out=timed_out, kind=kind)


def translated(error: Exception, *, safe: bool, status: int | None) -> GatewayError:
    """The gateway's error for one of the HTTP library's; only a failed connection proves that nothing has reached the source."""
    if isinstance(error, PrivateAddress) or isinstance(error.__cause__, PrivateAddress):
        return refused()
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError | ValueError) and not isinstance(error, OSError):
        return CallOperator("upstream_error", "The address of the source, or a header for it, is not valid.")
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return CallOperator("upstream_unavailable", "The source's TLS certificate or connection was not accepted.")
    not_reached = isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
    timed_out = isinstance(error, TimeoutError)
    code = "upstream_timeout" if timed_out else "upstream_unavailable"
    detail = "The source did not answer in time." if timed_out else "The source cannot be reached, or dropped the connection."
    if safe or not_reached:
        return TryLater(code, detail)
    told = f" It had begun to answer with status {status}." if status is not None else ""
    return OutcomeUnknown(code, f"{detail}{told} Whether the write took effect is not known.")
