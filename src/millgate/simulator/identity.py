"""Who the user is, told to apps: signing keys that rotate, id tokens, and the document of each identity provider.

Source: fact sheet sections 1.2, 2.1, 2.4; a key set of 2026 (three generations of three keys). Access tokens are opaque here, so the
elliptic keys sign nothing. Not known from public sources, chosen here: of the three generations one is to come, one signs, one is past;
each persona has an identity provider of its own.
"""

from __future__ import annotations

import hashlib
import random
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from millgate.simulator.clients import Persona

ROTATION_S = 2 * 86_400
ID_TOKEN_LIFE_S = 600
GENERATIONS = 3
Key = ECKey | RSAKey


class KeyRing:
    """The server's keys. They are made when first asked for, and move up a generation about every two days of its clock."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._generations: list[tuple[Key, ...]] = []
        self._turned_at = 0.0

    def published(self) -> list[dict[str, Any]]:
        """The public keys of all generations, newest first."""
        self._keep_up()
        return [dict(key.as_dict(private=False)) for generation in self._generations for key in generation]

    def signing_key(self) -> RSAKey:
        """The key that signs id tokens now. It was published before it came into use."""
        self._keep_up()
        return next(key for key in self._generations[1] if isinstance(key, RSAKey))

    def rotate(self) -> str:
        """Move every generation up by one; the id of the key that signs from now on. The keys before stay published for one turn."""
        self._keep_up()
        self._turn()
        return str(self.signing_key().kid)

    def _keep_up(self) -> None:
        now = self._clock()
        if not self._generations:
            self._generations = [self._made(now - number * ROTATION_S) for number in range(GENERATIONS)]
            self._turned_at = now
        for _ in range(min(int((now - self._turned_at) // ROTATION_S), GENERATIONS)):
            self._turn()

    def _turn(self) -> None:
        self._turned_at = self._clock()
        self._generations = [self._made(self._turned_at), *self._generations[: GENERATIONS - 1]]

    def _made(self, at: float) -> tuple[Key, ...]:
        moment = datetime.fromtimestamp(at, UTC)
        stamp = moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}"
        taken = {key.kid for generation in self._generations for key in generation}
        while f"{stamp}.rsa" in taken:  # turned twice within a millisecond
            stamp += "0"
        return (
            ECKey.generate_key("P-256", {"kid": f"{stamp}.ec.es256"}),
            ECKey.generate_key("P-384", {"kid": f"{stamp}.ec.es384"}),
            RSAKey.generate_key(2048, {"kid": f"{stamp}.rsa"}),
        )


def provider_id(tenant: str, persona: Persona) -> str:
    """The id of the identity provider that knows a tenant's users of one persona."""
    dice = random.Random(hashlib.sha256(f"idsp:{tenant}:{persona}".encode()).digest())
    return str(uuid.UUID(int=dice.getrandbits(128), version=4))


def issuer(root: str, tenant: str, persona: Persona) -> str:
    return f"{root}/tenants/{tenant}/oidc/idsps/{provider_id(tenant, persona)}/"


def id_token(ring: KeyRing, now: float, claims: dict[str, Any]) -> str:
    """A signed id token with the given claims and its times."""
    key = ring.signing_key()
    times = {"iat": int(now), "exp": int(now) + ID_TOKEN_LIFE_S}
    return jwt.encode({"alg": "RS256", "kid": key.kid, "typ": "JWT"}, {**claims, **times}, key, algorithms=["RS256"])


def openid_configuration(root: str, tenant: str, persona: Persona) -> dict[str, Any]:
    """The identity provider's document. Its endpoints for signing in lead nowhere, as live: SMART's are to be used."""
    own = issuer(root, tenant, persona)
    return {
        "issuer": own,
        "authorization_endpoint": f"{own}authorize-not-supported",
        "token_endpoint": f"{own}token-not-supported",
        "jwks_uri": f"{root}/jwk",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "fhirUser", "profile"],
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "name", "fhirUser", "profile"],
    }
