"""How a client proves to the token endpoint who it is: by Basic, by an assertion that it signed, or, a public one, not at all.

Not known from public sources, chosen here: an unusable `Authorization` header is 400, wrong credentials are 401, both `invalid_client`;
an assertion that is expired, replayed, for another audience or wrongly signed counts as wrong credentials; every URN is spelled with
hyphens, as the ones seen live are. Source: fact sheet sections 2.1 to 2.6; SMART App Launch 2 (Backend Services); RFC 7523.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from millgate.simulator.clients import Client
from millgate.simulator.oauth_errors import BAD_HEADER, WRONG_CREDENTIALS, OAuthRefused

ASSERTION_LIFE_S = 300
CLOCK_SKEW_S = 5
ALGORITHMS = ["RS384", "ES384"]
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class TokenCall:
    """What the token endpoint looks at: the form, the Authorization header, where it was called, which audiences it accepts."""

    form: Mapping[str, str] = field(repr=False)
    authorization: str | None = field(repr=False)
    root: str
    audiences: frozenset[str]
    correlation_id: str


class ClientAuthentication:
    """The registered clients of one tenant, and what was seen of their assertions."""

    def __init__(self, clients: Iterable[Client], clock: Callable[[], float]) -> None:
        self.clients = {client.client_id: client for client in clients}
        self._key_sets = {c.client_id: KeySet.import_key_set(c.jwks) for c in self.clients.values() if c.jwks}  # type: ignore[arg-type]
        self._clock = clock
        self._seen_assertions: dict[tuple[str, str], float] = {}

    def authenticate(self, call: TokenCall) -> Client:
        """The client that made a call; OAuthRefused if it does not prove itself."""
        if "client_assertion" in call.form or "client_assertion_type" in call.form:
            return self._by_assertion(call)
        named = self.clients.get(call.form.get("client_id", ""))
        if call.authorization is None and named is not None and named.public:
            return named
        client = self.by_basic(call.authorization)
        if call.form.get("client_id", client.client_id) != client.client_id:
            raise OAuthRefused(*WRONG_CREDENTIALS)
        return client

    def by_basic(self, authorization: str | None) -> Client:
        """The client of a Basic header; OAuthRefused if the header or the secret is wrong."""
        client_id, secret = _basic(authorization)
        client = self.clients.get(client_id)
        expected = client.secret if client is not None else None
        # Compare against something in any case, so that an unknown client takes as long as a wrong secret.
        matches = hmac.compare_digest(secret.encode(), (expected or secrets.token_urlsafe(32)).encode())
        if client is None or expected is None or not matches:
            raise OAuthRefused(*WRONG_CREDENTIALS)
        return client

    def _by_assertion(self, call: TokenCall) -> Client:
        if call.form.get("client_assertion_type") != ASSERTION_TYPE:
            raise OAuthRefused("invalid_request", WRONG_CREDENTIALS[1])
        assertion = call.form.get("client_assertion", "")
        client_id = _unverified_subject(assertion)
        keys = self._key_sets.get(client_id)
        if keys is None:
            raise OAuthRefused(*WRONG_CREDENTIALS)
        try:
            claims = jwt.decode(assertion, keys, algorithms=ALGORITHMS).claims
        except (JoseError, ValueError) as error:
            raise OAuthRefused(*WRONG_CREDENTIALS) from error
        self._check_claims(claims, client_id, call.audiences)
        if call.form.get("client_id", client_id) != client_id:
            raise OAuthRefused(*WRONG_CREDENTIALS)
        return self.clients[client_id]

    def _check_claims(self, claims: Mapping[str, Any], client_id: str, audiences: frozenset[str]) -> None:
        now = self._clock()
        expires, not_before, jti = claims.get("exp"), claims.get("nbf", now), claims.get("jti")
        audience = claims.get("aud")
        named = {item for item in (audience if isinstance(audience, list) else [audience]) if isinstance(item, str)}
        valid = (
            claims.get("iss") == claims.get("sub") == client_id
            and isinstance(expires, int | float)
            and now - CLOCK_SKEW_S < expires <= now + ASSERTION_LIFE_S + CLOCK_SKEW_S
            and isinstance(not_before, int | float)
            and not_before <= now + CLOCK_SKEW_S
            and bool(named & audiences)
            and isinstance(jti, str)
            and bool(jti)
        )
        if not valid or self._replayed(client_id, str(jti), now):
            raise OAuthRefused(*WRONG_CREDENTIALS)

    def _replayed(self, client_id: str, jti: str, now: float) -> bool:
        """Whether this assertion was used before. Ids are kept until no assertion that bears them could still be valid."""
        self._seen_assertions = {key: until for key, until in self._seen_assertions.items() if until > now}
        if (client_id, jti) in self._seen_assertions:
            return True
        self._seen_assertions[client_id, jti] = now + ASSERTION_LIFE_S + 2 * CLOCK_SKEW_S
        return False


def named_client(call: TokenCall) -> str | None:
    """The client that the call claims to be, proven or not: the live error names it."""
    try:
        return _basic(call.authorization)[0]
    except OAuthRefused:
        return _unverified_subject(call.form.get("client_assertion", "")) or call.form.get("client_id")


def _basic(authorization: str | None) -> tuple[str, str]:
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        raise OAuthRefused(*BAD_HEADER)
    try:
        client_id, separator, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise OAuthRefused(*BAD_HEADER) from error
    if not separator or not client_id:
        raise OAuthRefused(*BAD_HEADER)
    return client_id, secret


def _unverified_subject(assertion: str) -> str:
    """Whom an assertion claims to come from: only to find the keys that can prove it."""
    payload = assertion.split(".")[1] if assertion.count(".") == 2 else ""
    try:
        claims = msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return ""
    subject = claims.get("sub") if isinstance(claims, dict) else None
    return subject if isinstance(subject, str) else ""
