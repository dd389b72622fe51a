"""The tenant's authorization server: the grants of the token endpoint, opaque access tokens, and what they let through.

Not known from public sources, chosen here: a bad or expired bearer token is told by the code `…resource-access:token-invalid` (only
`token-required` is documented); an app of users that asks for `client_credentials`, and a system app that brings a code, use an
unsupported grant type; patient scopes without a patient in context are refused when the code is exchanged.
Source: fact sheet sections 2.1 to 2.6.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from millgate.simulator import scopes
from millgate.simulator.answers import JSON, TEXT, Answer, Refused, encode, gateway
from millgate.simulator.client_authentication import ASSERTION_TYPE, ClientAuthentication, TokenCall, named_client
from millgate.simulator.clients import USER_PERSONAS, Client
from millgate.simulator.demands import Demands
from millgate.simulator.identity import KeyRing, id_token, issuer
from millgate.simulator.oauth_errors import OAuthRefused, oauth_headers, refusal, token_error
from millgate.simulator.user_grants import Code, Codes, Context, Refresh, UserGrants

__all__ = ["ASSERTION_TYPE", "AuthorizationServer", "Shared", "Token", "TokenCall", "insufficient_scope"]

TOKEN_LIFE_S = 570
SMART_STYLE = "https://smart.cerner.com/styles/smart-v1.json"
_RESOURCE_ACCESS = "urn:cerner:error:oauth2:resource-access:"


@dataclass(frozen=True, slots=True)
class Token:
    """An access token as the server remembers it. Its value is opaque to everybody else. `context` is there if a user gave it."""

    value: str = field(repr=False)
    client: Client
    scopes: tuple[str, ...]
    expires_at: float
    context: Context | None = None
    code: str | None = field(default=None, repr=False)

    def permits(self, resource_type: str, letter: str) -> bool:
        return bool(scopes.permitting(self.scopes, self.client, resource_type, letter))

    def patients(self, resource_type: str, letter: str) -> frozenset[str] | None:
        """The patients whose records the token lets through; None for all.

        `patient/` holds to the patient in context. `user/` is all that the user may see: for staff everybody, for a portal account
        its own record or those of the people it acts for.
        """
        if self.context is None:
            return None
        contexts = scopes.permitting(self.scopes, self.client, resource_type, letter)
        if "user" in contexts and self.context.user.persona == "provider":
            return None
        allowed = set(self.context.user.patient_ids) if "user" in contexts else set()
        return frozenset(allowed | ({self.context.patient} if "patient" in contexts and self.context.patient else set()))


@dataclass(frozen=True, slots=True)
class Shared:
    """What the authorization servers of all tenants have in common: signing keys, codes, and errors on demand."""

    keys: KeyRing
    codes: Codes
    demands: Demands
    names_issuer: bool = False  # whether answers at the callback carry `iss` (RFC 9207); not known of Millennium

    @classmethod
    def new(cls, clock: Callable[[], float], *, names_issuer: bool = False) -> Shared:
        return cls(KeyRing(clock), Codes(clock), Demands(), names_issuer)


class AuthorizationServer:
    """The tokens and clients of one tenant."""

    def __init__(self, tenant: str, clients: Iterable[Client], clock: Callable[[], float], shared: Shared) -> None:
        self._tenant = tenant
        self._authentication = ClientAuthentication(clients, clock)
        self._clock = clock
        self._shared = shared
        self._tokens: dict[str, Token] = {}
        self.grants = UserGrants(clock)
        self.tokens_issued: dict[str, int] = {}

    # --- token endpoint

    def token(self, call: TokenCall) -> Answer:
        """The token endpoint's answer: a token, or exactly the two members of an error."""
        claimed = named_client(call)
        try:
            demanded = self._shared.demands.take(self._tenant, claimed, at_token=True)
            if demanded is not None:
                raise token_error(demanded.removeprefix("oauth2:token:"))
            body = self._granted(call)
        except OAuthRefused as refused:
            return refusal(refused, call.root, self._tenant, call.correlation_id, claimed)
        except Refused as refused:
            return refused.answer
        return Answer(200, encode(body), JSON, oauth_headers(call.correlation_id))

    def _granted(self, call: TokenCall) -> dict[str, Any]:
        grants = {
            "client_credentials": self._client_credentials,
            "authorization_code": self._authorization_code,
            "refresh_token": self._refresh_token,
        }
        grant = grants.get(call.form.get("grant_type", ""))
        if grant is None:
            raise token_error("unsupported-grant-type")
        client = self._authentication.authenticate(call)
        if (client.persona in USER_PERSONAS) is (grant == self._client_credentials):
            raise token_error("unsupported-grant-type")
        return grant(client, call)

    def _client_credentials(self, client: Client, call: TokenCall) -> dict[str, Any]:
        granted = tuple(scopes.grant(call.form.get("scope", ""), client))
        if not granted:
            raise token_error("empty-scopes")
        return self._body(self._issue(client, granted))

    def _authorization_code(self, client: Client, call: TokenCall) -> dict[str, Any]:
        code = self._shared.codes.find(call.form.get("code", ""))
        if code is None:
            raise token_error("code:invalid")
        self._check_code(code, client, call)
        token = self._issue(client, code.scopes, code.context, code.value)
        refreshable = {scopes.ONLINE, scopes.OFFLINE} & set(code.scopes)
        more = {"refresh_token": self.grants.make_refresh(client, code.scopes, code.context, code.value)} if refreshable else {}
        return {**self._user_body(token, code.context, call.root, code.nonce), **more}

    def _check_code(self, code: Code, client: Client, call: TokenCall) -> None:
        """OAuthRefused unless the code is this client's to spend, once. A second use takes back what the first one bought."""
        if code.tenant != self._tenant:
            raise token_error("code:tenant:mismatch")
        if code.client_id != client.client_id:
            raise token_error("code:client:mismatch")
        if code.spent:
            self._forget_code(code.value)
            raise token_error("code:invalid")
        fresh = self._shared.codes.is_fresh(code)
        code.spent = True
        if not fresh or not code.answers_challenge(call.form.get("code_verifier")):
            raise token_error("code:invalid")
        if code.redirect_uri != call.form.get("redirect_uri"):
            raise token_error("invalid-redirect-uri")
        if not code.scopes:
            raise token_error("empty-scopes")
        if code.context.patient is None and any(scope.startswith("patient/") for scope in code.scopes):
            raise token_error("patient-scope-requires-one-patient-id")

    def _refresh_token(self, client: Client, call: TokenCall) -> dict[str, Any]:
        """A fresh access token. There is no new refresh token: the first one goes on."""
        refresh = self.grants.find_refresh(call.form.get("refresh_token", ""))
        if refresh is None or refresh.client.client_id != client.client_id:
            raise token_error("refresh-token:token-invalid")
        if not refresh.offline and not self.grants.is_open(refresh.context.session_id):
            raise token_error("refresh-token:session-invalid")
        self._check_interval(refresh)
        asked = call.form.get("scope")
        granted = refresh.scopes if asked is None else tuple(scope for scope in refresh.scopes if scope in asked.split())
        if not granted:
            raise token_error("empty-scopes")
        refresh.used_at = refresh.refreshed_at = self._clock()
        return self._user_body(self._issue(client, granted, refresh.context, refresh.code), refresh.context, call.root, None)

    def _check_interval(self, refresh: Refresh) -> None:
        """Refused with 429 if refreshes are to be throttled and the last one was too short ago."""
        interval, last = self._shared.demands.refresh_interval_s, refresh.refreshed_at
        if interval is not None and last is not None and (left := last + interval - self._clock()) > 0:
            raise Refused(Answer(429, b"Too Many Requests", TEXT, {"Retry-After": str(int(left) + 1)}))

    # --- what a token is

    def _issue(self, client: Client, granted: tuple[str, ...], context: Context | None = None, code: str | None = None) -> Token:
        now = self._clock()
        self._tokens = {value: token for value, token in self._tokens.items() if token.expires_at > now}
        token = Token(secrets.token_urlsafe(48), client, granted, now + TOKEN_LIFE_S, context, code)
        self._tokens[token.value] = token
        self.tokens_issued[client.client_id] = self.tokens_issued.get(client.client_id, 0) + 1
        return token

    @staticmethod
    def _body(token: Token) -> dict[str, Any]:
        return {
            "access_token": token.value,
            "token_type": "Bearer",
            "expires_in": TOKEN_LIFE_S,
            "scope": " ".join(token.scopes),
        }

    def _user_body(self, token: Token, context: Context, root: str, nonce: str | None) -> dict[str, Any]:
        """A user's token with its launch context. Source: fact sheet section 2.4, members of the token answer."""
        body = {
            **self._body(token),
            "user": context.user.id,
            "username": context.user.username,
            "tenant": self._tenant,
            "need_patient_banner": context.need_patient_banner,
            "smart_style_url": SMART_STYLE,
        }
        body |= {name: value for name in ("patient", "encounter") if (value := getattr(context, name)) is not None}
        if scopes.OPENID in token.scopes:
            body["id_token"] = self._id_token(token, context, root, nonce)
        return body

    def _id_token(self, token: Token, context: Context, root: str, nonce: str | None) -> str:
        persona = context.user.persona
        base = f"{root}/r4/{self._tenant}" if persona == "provider" else f"{root}/patient/r4/{self._tenant}"
        claims: dict[str, Any] = {
            "iss": issuer(root, self._tenant, persona),
            "aud": token.client.client_id,
            "sub": context.user.username,
            "name": context.user.name,
        }
        if {"fhirUser", "profile"} & set(token.scopes):
            claims |= dict.fromkeys(("fhirUser", "profile"), f"{base}/{context.user.fhir_user}")
        return id_token(self._shared.keys, self._clock(), claims | ({"nonce": nonce} if nonce is not None else {}))

    # --- revocation

    def revoke(self, call: TokenCall) -> None:
        """Take back a refresh token of the client that asks; OAuthRefused if it does not prove itself. Other tokens: nothing happens.

        Source: RFC 7009; access tokens cannot be revoked (fact sheet section 2.4).
        """
        client = self._authentication.authenticate(call)
        refresh = self.grants.find_refresh(call.form.get("token", ""))
        if refresh is not None and refresh.client.client_id == client.client_id:
            self.grants.revoke(refresh)

    def _forget_code(self, code: str) -> None:
        self._tokens = {value: token for value, token in self._tokens.items() if token.code != code}
        self.grants.revoke_code(code)

    def forget_tokens(self, client_id: str | None = None) -> int:
        """Take back all tokens, or those of one client; the number taken. The real server has no such door; the fault dial does."""
        gone = [value for value, token in self._tokens.items() if client_id in (None, token.client.client_id)]
        for value in gone:
            del self._tokens[value]
        return len(gone)

    # --- tokens in use

    def is_client(self, authorization: str | None) -> bool:
        """Whether a Basic header is that of a client of this tenant."""
        try:
            self._authentication.by_basic(authorization)
        except OAuthRefused:
            return False
        return True

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
        body: dict[str, Any] = {
            "active": True,
            "scope": " ".join(token.scopes),
            "client_id": token.client.client_id,
            "exp": int(token.expires_at),
            "token_type": "Bearer",
            "tenant": self._tenant,
        }
        if token.context is not None:
            body |= {"username": token.context.user.username, "persona": token.context.user.persona}
            body |= {name: value for name in ("patient", "encounter") if (value := getattr(token.context, name)) is not None}
        return Answer(200, encode(body), JSON, {"Cache-Control": "no-store"})


def insufficient_scope() -> Refused:
    return gateway(403, _RESOURCE_ACCESS + "insufficient-scopes", "insufficient_scope", "no_scope_for_resource_path")


def another_patient() -> Refused:
    """The edge's refusal of a call that names a patient whom the token is not for."""
    return gateway(403, _RESOURCE_ACCESS + "insufficient-scopes", "insufficient_scope")
