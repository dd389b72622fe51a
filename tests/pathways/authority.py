"""An authorization server and identity provider of a test's own, which says whatever the test wants, true or not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import RSAKey

from millgate.access.parties import Registration
from tests.pathways.source import Source

START = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
PROVIDER = Registration("mercy", "provider", "client-1", "client_secret_basic", "v2", b"s3cr3t")


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self.time += timedelta(seconds=seconds)


def key(kid: str = "k1") -> RSAKey:
    """A new signing key."""
    return RSAKey.generate_key(2048, {"kid": kid})


@dataclass
class Authority:
    """One tenant's server: `/tenants/t` is its issuer, with an identity provider below. `says` is changed by tests."""

    served: Source
    clock: Clock
    key: RSAKey = field(default_factory=key)
    says: dict[str, Any] = field(default_factory=dict)
    keys: list[dict[str, Any]] | None = None
    document: dict[str, Any] = field(default_factory=dict)
    number: int = 0
    refuses: Callable[[dict[str, str]], web.Response | None] = lambda form: None

    def __post_init__(self) -> None:
        self.served.on("/token", self._token)
        self.served.on("/tenants/t/oidc/idsps/i/.well-known/openid-configuration", self._document)
        self.served.on("/tenants/t/.well-known/openid-configuration", self._document)
        self.served.on("/jwk", self._keys)

    @property
    def issuer(self) -> str:
        """The issuer of the tenant's smart-configuration."""
        return f"{self.served.base}/tenants/t"

    @property
    def idp(self) -> str:
        """The issuer of its id tokens, which lies under it."""
        return f"{self.issuer}/oidc/idsps/i/"

    @property
    def base(self) -> str:
        """The FHIR base."""
        return f"{self.served.base}/r4/t"

    def id_token(self, *, signer: Any = None, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """A good id token but for the changes; None takes a claim away."""
        now = int(self.clock().timestamp())
        claims = {
            "iss": self.idp,
            "aud": "client-1",
            "sub": "mlopez",
            "iat": now,
            "exp": now + 600,
            "fhirUser": f"{self.base}/Practitioner/4",
            **changes,
        }
        head = {"alg": "RS256", "kid": self.key.kid, **(header or {})}
        told = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(head, told, signer or self.key, algorithms=[str(head["alg"])])

    def forms(self) -> list[dict[str, str]]:
        """What came to the token endpoint."""
        pairs = zip(self.served.requests, self.served.bodies, strict=True)
        return [dict(parse_qsl(body.decode())) for request, body in pairs if request.path == "/token"]

    async def _token(self, _: web.Request) -> web.StreamResponse:
        form = self.forms()[-1]
        refused = self.refuses(form)
        if refused is not None:
            return refused
        self.number += 1
        told = {"access_token": f"access-{self.number}", "token_type": "Bearer", "expires_in": 570, "scope": "user/Patient.rs"}
        told |= {"refresh_token": "refresh-1"} if form["grant_type"] == "authorization_code" else {}
        return web.json_response({name: value for name, value in (told | self.says).items() if value is not None})

    async def _document(self, request: web.Request) -> web.StreamResponse:
        named = f"{self.served.base}{request.path.removesuffix('.well-known/openid-configuration')}"
        return web.json_response({"issuer": named, "jwks_uri": f"{self.served.base}/jwk", **self.document})

    async def _keys(self, _: web.Request) -> web.StreamResponse:
        keys = self.keys if self.keys is not None else [dict(self.key.as_dict(private=False))]
        return web.Response(body=json.dumps({"keys": keys}), content_type="application/json")


def refusal(error: str, status: int = 400) -> web.Response:
    """The token endpoint's way to say no."""
    return web.json_response({"error": error}, status=status)
