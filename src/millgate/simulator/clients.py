"""Registered clients: what the vendor's console and the health system's allow list would hold about an app."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

Persona = Literal["system", "provider", "patient"]
Release = Literal["r4", "dstu2"]
USER_PERSONAS: tuple[Persona, ...] = ("provider", "patient")


@dataclass(frozen=True, slots=True)
class Client:
    """One registered app. A client with a JWKS signs assertions; one with a secret uses Basic; it may have both.

    `persona`: one registration serves one persona. `smart_version` is `v1` or `v2`: an app is registered for one of them. `resources`
    is the second, portal-side allow list (all if None). `tenants` names the tenants where the app is enabled (all if None).
    `secret_is_ours`: the simulator made the secret up. An app of users has `redirect_uris`, which are compared exactly, and may have
    a `launch_url`; a `public` one proves nothing; `offline` is the registered type of access. `release` is the FHIR release that it
    is registered for: it knows the scopes of that one alone.
    """

    client_id: str
    secret: str | None = field(default=None, repr=False)
    jwks: dict[str, Any] | None = field(default=None, repr=False)
    smart_version: str = "v2"
    resources: frozenset[str] | None = None
    tenants: frozenset[str] | None = None
    secret_is_ours: bool = False
    persona: Persona = "system"
    redirect_uris: tuple[str, ...] = ()
    launch_url: str | None = None
    public: bool = False
    offline: bool = True
    release: Release = "r4"


def read_jwks(path: Path) -> dict[str, Any]:
    """The public keys in a JWKS file; a single JWK is taken as a set of one. ValueError if it is neither."""
    try:
        document = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise ValueError(f"cannot read a JWKS from {path}: {error}") from error
    if isinstance(document, dict) and isinstance(document.get("keys"), list):
        return {"keys": document["keys"]}
    if isinstance(document, dict) and "kty" in document:
        return {"keys": [document]}
    raise ValueError(f"{path} holds no JWKS: expected an object with 'keys'")
