"""The tenant's authorization server: client_credentials by Basic or by signed assertion, opaque tokens, errors as the live one words them.

Not known from public sources, chosen here: an unusable `Authorization` header is 400, wrong credentials are 401, both `invalid_client`;
an assertion that is expired, replayed, for another audience or wrongly signed counts as wrong credentials; every URN is spelled with
hyphens, as the ones seen live are; a bad or expired bearer token is told by the code `…resource-access:token-invalid` (only
`token-required` is documented). Source: fact sheet sections 2.1 to 2.6; SMART App Launch 2 (Backend Services); RFC 7523.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from millgate.simulator import scopes
from millgate.simulator.answers import JSON, Answer, Refused, encode, gateway
from millgate.simulator.clients import Client

TOKEN_LIFE_S = 570
ASSERTION_LIFE_S = 300
CLOCK_SKEW_S = 5
ALGORITHMS = ["RS384", "ES384"]
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_URN = "urn:cerner:error:authorization-server:"
_RESOURCE_ACCESS = "urn:cerner:error:oauth2:resource-access:"
_HEADERS = {
    "Access-Control-Allow-Headers": "Content-Type, Authorization, Accept, Cerner-Correlation-Id",
    "Access-Control-Allow-Methods": "OPTIONS, POST",
    "Access-Control-Allow-Origin": "*",
    "Cache-Control": "no-store",
    "Expect-CT": "enforce, max-age=30",
    "Pragma": "no-cache",
    "Server": "cloud_authorization_server1",
}


class OAuthRefused(Exception):
    """One OAuth error: the RFC's word, the vendor's URN behind it, the status."""

    def __init__(self, error: str, urn: str, status: int = 400) -> None:
        super().__init__(error)
        self.error, self.urn, self.status = error, urn, status


WRONG_CREDENTIALS = ("invalid_client", "oauth2:token:invalid-client-credentials", 401)
BAD_HEADER = ("invalid_client", "oauth2:token:invalid-authorization-header", 400)


@dataclass(frozen=True, slots=True)
class Token:
    """An access token as the server remembers it. Its value is opaque to everybody else."""

    value: str = field(repr=False)
    client: Client
    scopes: tuple[str, ...]
    expires_at: float

    def permits(self, resource_type: str, letter: str) -> bool:
        return scopes.permits(self.scopes, self.client.smart_version, resource_type, letter)


@dataclass(frozen=True, slots=True)
class TokenCall:
    """What the token endpoint looks at: the form, the Authorization header, where it was called, which audiences it accepts."""

    form: Mapping[str, str] = field(repr=False)
    authorization: str | None = field(repr=False)
    root: str
    audiences: frozenset[str]
    correlation_id: str


class AuthorizationServer:
    """The tokens and clients of one tenant. Nothing of it is shared with another tenant."""

    def __init__(self, tenant: str, clients: Iterable[Client], clock: Callable[[], float]) -> None:
        self._tenant = tenant
        self._clients = {client.client_id: client for client in clients}
        self._key_sets = {c.client_id: KeySet.import_key_set(c.jwks) for c in self._clients.values() if c.jwks}  # type: ignore[arg-type]
        self._clock = clock
        self._tokens: dict[str, Token] = {}
        self._seen_assertions: dict[tuple[str, str], float] = {}
        self.tokens_issued: dict[str, int] = {}

    # --- token endpoint

    def token(self, call: TokenCall) -> Answer:
        """The token endpoint's answer: a token, or exactly the two members of an error."""
        try:
            grant_type = call.form.get("grant_type")
            if grant_type != "client_credentials":
                raise OAuthRefused("unsupported_grant_type", "oauth2:token:unsupported-grant-type")
            client = self._authenticate(call)
            granted = scopes.grant(call.form.get("scope", ""), client.smart_version)
            if not granted:
                raise OAuthRefused("invalid_scope", "oauth2:token:empty-scopes")
        except OAuthRefused as refused:
            return refusal(refused, call.root, self._tenant, call.correlation_id, self.named_client(call))
        token = self._issue(client, granted)
        body = {
            "access_token": token.value,
            "token_type": "Bearer",
            "expires_in": TOKEN_LIFE_S,
            "scope": " ".join(granted),
        }
        return Answer(200, encode(body), JSON, oauth_headers(call.correlation_id))

    @staticmethod
    def named_client(call: TokenCall) -> str | None:
        """The client that the call claims to be, proven or not: the live error names it."""
        try:
            return _basic(call.authorization)[0]
        except OAuthRefused:
            return _unverified_subject(call.form.get("client_assertion", "")) or call.form.get("client_id")

    def _issue(self, client: Client, granted: list[str]) -> Token:
        now = self._clock()
        self._tokens = {value: token for value, token in self._tokens.items() if token.expires_at > now}
        token = Token(secrets.token_urlsafe(48), client, tuple(granted), now + TOKEN_LIFE_S)
        self._tokens[token.value] = token
        self.tokens_issued[client.client_id] = self.tokens_issued.get(client.client_id, 0) + 1
        return token

    def _authenticate(self, call: TokenCall) -> Client:
        if "client_assertion" in call.form or "client_assertion_type" in call.form:
            return self._by_assertion(call)
        return self.by_basic(call.authorization)

    def by_basic(self, authorization: str | None) -> Client:
        """The client of a Basic header; OAuthRefused if the header or the secret is wrong."""
        client_id, secret = _basic(authorization)
        client = self._clients.get(client_id)
        expected = client.secret if client is not None else None
        # Compare against something in any case, so that an unknown client takes as long as a wrong secret.
        matches = hmac.compare_digest(secret.encode(), (expected or secrets.token_urlsafe(32)).encode())
        if client is None or expected is None or not matches:
            raise OAuthRefused(*WRONG_CREDENTIALS)
        return client

    def _by_assertion(self, call: TokenCall) -> Client:
        if call.form.get("client_assertion_type") != ASSERTION_TYPE:
            raise OAuthRefused("invalid_request", "oauth2:token:invalid-client-credentials")
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
        return self._clients[client_id]

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

    # --- tokens in use

    def bearer(self, authorization: str | None) -> Token:
        """The valid token of an Authorization header; Refused with the gateway's 401 otherwise."""
        scheme, _, value = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not value.strip():
            raise gateway(401, _RESOURCE_ACCESS + "token-required")
        token = self.find(value.strip())
        if token is None:
            raise gateway(401, _RESOURCE_ACCESS + "token-invalid", "invalid_token")
        return token

    def find(self, value: str) -> Token | None:
        """The living token of this value, if this tenant gave it out."""
        token = self._tokens.get(value)
        return token if token is not None and token.expires_at > self._clock() else None

    def introspect(self, token: Token) -> Answer:
        """RFC 7662 answer for a living token."""
        body = {
            "active": True,
            "scope": " ".join(token.scopes),
            "client_id": token.client.client_id,
            "exp": int(token.expires_at),
            "token_type": "Bearer",
            "tenant": self._tenant,
        }
        return Answer(200, encode(body), JSON, {"Cache-Control": "no-store"})

    def forget_tokens(self, client_id: str | None = None) -> int:
        """Take back all tokens, or those of one client; the number taken. The real server has no such door; the fault dial does."""
        gone = [value for value, token in self._tokens.items() if client_id in (None, token.client.client_id)]
        for value in gone:
            del self._tokens[value]
        return len(gone)


def insufficient_scope() -> Refused:
    return gateway(403, _RESOURCE_ACCESS + "insufficient-scopes", "insufficient_scope", "no_scope_for_resource_path")


def oauth_headers(correlation_id: str) -> dict[str, str]:
    return {**_HEADERS, "Cerner-Correlation-ID": correlation_id}


def refusal(refused: OAuthRefused, root: str, tenant: str, correlation_id: str, client_id: str | None) -> Answer:
    """The JSON error of the token endpoint. The id at the end of `error_uri` is the correlation id of the headers."""
    named = {"client": client_id, "tenant": tenant}
    query = urlencode({name: value for name, value in named.items() if value})
    uri = f"{root}/errors/{quote(_URN + refused.urn, safe='')}/instances/{correlation_id}?{query}"
    return Answer(refused.status, encode({"error": refused.error, "error_uri": uri}), JSON, oauth_headers(correlation_id))


def correlation_id(sent: str | None) -> str:
    """The caller's correlation id if it is a UUID, a new one otherwise."""
    try:
        return str(uuid.UUID(sent)) if sent else str(uuid.uuid4())
    except ValueError:
        return str(uuid.uuid4())


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
