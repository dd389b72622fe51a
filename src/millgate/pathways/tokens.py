"""Access tokens of the tenants: fetched once, one fetch at a time, renewed ahead of expiry, kept in memory only.

Source: SMART App Launch 2.2 §4.1 (backend services), RFC 6749 §2.3.1 and §4.4, RFC 7523; Millennium fact sheet §2.5 and §2.6.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from millgate import deadline
from millgate.access.connection import Connection
from millgate.access.parties import Registration
from millgate.canonical.exchange import Call
from millgate.errors import CallOperator, GatewayError, TryLater, Upstream
from millgate.pathways.credentials import Credentials
from millgate.pathways.http import Answer, Transport, retry_after_s, upstream_id
from millgate.pathways.oauth_errors import explain, shown_uri, urn_of

ALGORITHMS: Final = ("RS384", "ES384")
ASSERTION_LIFE: Final = timedelta(minutes=4)  # SMART allows five
BETWEEN_FAILED_RENEWALS: Final = timedelta(seconds=15)
LONGEST_LIFE_S: Final = 24 * 3600

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AccessToken:
    """One access token, with the scopes that the tenant granted; its value never shows in a repr."""

    value: str = field(repr=False)
    scopes: tuple[str, ...]
    expires_at: datetime
    renew_at: datetime


@dataclass(slots=True)
class _Shelf:
    """What is known for one (tenant, registration, scopes)."""

    token: AccessToken | None = None
    fetching: asyncio.Task[AccessToken] | None = None
    not_before: datetime | None = None  # the earliest next attempt to renew, after a failed one

    def is_live(self, now: datetime) -> bool:
        """Whether it holds a valid token, or one is being fetched."""
        return self.fetching is not None or (self.token is not None and now < self.token.expires_at)


class TokenBook:
    """The tokens of every connection; callers share one fetch, and a token that is being renewed is served until it expires."""

    def __init__(
        self,
        transport: Transport,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        credentials: Credentials | None = None,
    ) -> None:
        self._transport = transport
        self._now = now
        self._credentials = credentials or Credentials(now)
        self._shelves: dict[tuple[str, str, Registration, tuple[str, ...]], _Shelf] = {}

    def __repr__(self) -> str:
        return f"TokenBook({len(self._shelves)} connections)"

    async def token(self, connection: Connection, endpoint: str, calls: list[Call]) -> AccessToken:
        """A valid token; the exchange that fetched it, if this call began it, is appended to `calls`.

        Raises CallOperator `upstream_error` with the authorization server's reason in plain words, or TryLater.
        """
        shelf = self._shelf(connection)
        now = self._now()
        token = shelf.token
        if token is not None and now < token.expires_at:
            if now >= token.renew_at and (shelf.not_before is None or now >= shelf.not_before):
                self._begin(shelf, connection, endpoint, [])
            return token
        fetching = self._begin(shelf, connection, endpoint, calls)
        return await deadline.wait(fetching)

    def invalidate(self, connection: Connection, token: AccessToken) -> None:
        """Forget this token, since the source refused it; a newer one is kept."""
        shelf = self._shelf(connection)
        if shelf.token is token:
            shelf.token = None

    async def aclose(self) -> None:
        """End the fetches in flight and forget all tokens."""
        fetching = [shelf.fetching for shelf in self._shelves.values() if shelf.fetching is not None]
        self._shelves.clear()
        for task in fetching:
            task.cancel()
        await asyncio.gather(*fetching, return_exceptions=True)

    def _shelf(self, connection: Connection) -> _Shelf:
        """The shelf of a connection; a registration with another credential has another one. Making one clears out dead ones."""
        key = (connection.tenant.name, connection.tenant.fhir_base, connection.registration, connection.scopes)
        shelf = self._shelves.get(key)
        if shelf is None:
            now = self._now()
            self._shelves = {of: held for of, held in self._shelves.items() if held.is_live(now)}
            shelf = self._shelves[key] = _Shelf()
        return shelf

    def _begin(self, shelf: _Shelf, connection: Connection, endpoint: str, calls: list[Call]) -> asyncio.Task[AccessToken]:
        if shelf.fetching is None:
            with deadline.for_everybody():  # batch may have come first
                shelf.fetching = asyncio.create_task(self._fetch(connection, endpoint, calls))
            shelf.fetching.add_done_callback(lambda task: self._shelve(shelf, task))
        return shelf.fetching

    def _shelve(self, shelf: _Shelf, task: asyncio.Task[AccessToken]) -> None:
        shelf.fetching = None
        if task.cancelled():
            return
        failure = task.exception()
        if failure is None:
            shelf.token, shelf.not_before = task.result(), None
            return
        shelf.not_before = self._now() + BETWEEN_FAILED_RENEWALS
        if shelf.token is not None:
            log.warning("a token could not be renewed: %s", failure.code if isinstance(failure, GatewayError) else type(failure))

    async def _fetch(self, connection: Connection, endpoint: str, calls: list[Call]) -> AccessToken:
        """A token by the registration's credential, or by one that it replaced lately."""

        async def attempt(registration: Registration) -> AccessToken:
            return await self._ask(registration, connection.scopes, endpoint, calls)

        return await self._credentials.use(connection.registration, attempt)

    async def _ask(self, registration: Registration, scopes: tuple[str, ...], endpoint: str, calls: list[Call]) -> AccessToken:
        issued_at = self._now()
        form = {"grant_type": "client_credentials", "scope": " ".join(scopes)}
        headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        prove(registration, endpoint, issued_at, str(uuid.uuid4()), form, headers)
        answer = await self._transport.request(
            "POST",
            endpoint,
            within=endpoint,
            calls=calls,
            resource_type="token",
            headers=headers,
            body=urlencode(form).encode(),
            repeatable=True,  # asking for a token twice has no effect beyond a second token
        )
        try:
            return read_token(answer, scopes, issued_at)
        except GatewayError as error:
            error.calls = tuple(calls)
            raise


def prove(
    registration: Registration, endpoint: str, now: datetime, unique: str, form: dict[str, str], headers: dict[str, str]
) -> None:
    """Add the registration's proof to a token request: a Basic header, or a signed assertion in the form."""
    if registration.method == "client_secret_basic":
        pair = registration.client_id.encode() + b":" + registration.credential
        headers["Authorization"] = "Basic " + base64.b64encode(pair).decode("ascii")
        return
    form["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    form["client_assertion"] = assertion(registration, endpoint, now, unique)


def assertion(registration: Registration, endpoint: str, now: datetime, unique: str) -> str:
    """A signed JWT that proves the registration to the token endpoint for four minutes.

    CallOperator `invalid_setting` if the key or its algorithm cannot be used.
    """
    algorithm = registration.algorithm or ""
    if algorithm not in ALGORITHMS or not registration.key_id:
        raise CallOperator(
            "invalid_setting", "A registration with a private key needs a key id and the algorithm RS384 or ES384."
        )
    claims = {
        "iss": registration.client_id,
        "sub": registration.client_id,
        "aud": endpoint,
        "jti": unique,
        "iat": int(now.timestamp()),
        "exp": int((now + ASSERTION_LIFE).timestamp()),
    }
    try:
        key = (RSAKey if algorithm == "RS384" else ECKey).import_key(registration.credential)
        return jwt.encode({"alg": algorithm, "typ": "JWT", "kid": registration.key_id}, claims, key, algorithms=[algorithm])
    except (JoseError, ValueError, TypeError, binascii.Error) as error:
        raise CallOperator(
            "invalid_setting", "The registration's private key cannot be read, or is not of its algorithm."
        ) from error


def read_token(answer: Answer, asked: tuple[str, ...], issued_at: datetime) -> AccessToken:
    """The token of a token endpoint's answer; raises what its error means."""
    body = _members(answer.body)
    value, life_s = body.get("access_token"), body.get("expires_in")
    if answer.status != 200:
        raise refusal_of(answer, issued_at)
    if not isinstance(value, str) or not _is_bearer(value) or isinstance(life_s, bool) or not isinstance(life_s, int | float):
        raise CallOperator(
            "upstream_error", "The authorization server's answer holds no usable token.", upstream=_upstream(answer, None)
        )
    granted = body.get("scope")
    scopes = tuple(sorted(granted.split())) if isinstance(granted, str) else asked  # RFC 6749 §5.1: absent means as asked
    return _token(value, scopes, issued_at, max(0.0, min(float(life_s), LONGEST_LIFE_S)))


def _token(value: str, scopes: tuple[str, ...], issued_at: datetime, life_s: float) -> AccessToken:
    margin_s = min(5.0, life_s / 10)  # a token that dies on the way is no use
    renew_s = min(life_s * 0.8, life_s - 60) if life_s > 120 else life_s * 0.8
    return AccessToken(value, scopes, issued_at + timedelta(seconds=life_s - margin_s), issued_at + timedelta(seconds=renew_s))


def refusal_of(answer: Answer, now: datetime, what: str = "a token") -> GatewayError:
    """What an authorization server's refusal of a token, or of `what`, means: its words, the vendor's, and whether to try again."""
    body = _members(answer.body)
    if answer.status == 429:
        wait_s = retry_after_s(answer.headers, now)
        return TryLater(
            "upstream_throttled",
            "The authorization server asks for fewer requests.",
            upstream=_upstream(answer, None),
            retry_after=wait_s,
        )
    if answer.status >= 500:
        return TryLater("upstream_unavailable", "The authorization server failed.", upstream=_upstream(answer, None))
    error, urn = body.get("error"), urn_of(body.get("error_uri"))
    word = error if isinstance(error, str) and error.replace("_", "").isalpha() else None
    outcome = " ".join(part for part in (word, urn) if part) or None
    said = explain(urn) or "Check the registration, and whether the health system has enabled it."
    detail = f"The authorization server refused {what} ({outcome or answer.status}). {said}"
    return CallOperator("upstream_error", detail, upstream=_upstream(answer, outcome, shown_uri(body.get("error_uri"))))


def _upstream(answer: Answer, outcome: str | None, error_uri: str | None = None) -> Upstream:
    request_id = answer.headers.get("cerner-correlation-id") or upstream_id(answer.headers)
    return Upstream(answer.status, request_id, outcome, error_uri)


def _members(body: bytes) -> dict[str, Any]:
    try:
        decoded = msgspec.json.decode(body[:65536])
    except (msgspec.DecodeError, RecursionError, ValueError):
        return {}
    return decoded if isinstance(decoded, dict) else {}


def _is_bearer(value: str) -> bool:
    return 0 < len(value) <= 16384 and all(0x21 <= ord(character) <= 0x7E for character in value)
