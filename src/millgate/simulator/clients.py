"""Registered clients: what the vendor's console and the health system's allow list would hold about an app."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True)
class Client:
    """One registered system app. A client with a JWKS signs assertions; one with a secret uses Basic; it may have both.

    `smart_version` is `v1` or `v2`: an app is registered for one of them. `resources` is the second, portal-side allow list (all if
    None). `tenants` names the tenants where the app is enabled (all if None). `secret_is_ours`: the simulator made the secret up.
    """

    client_id: str
    secret: str | None = field(default=None, repr=False)
    jwks: dict[str, Any] | None = field(default=None, repr=False)
    smart_version: str = "v2"
    resources: frozenset[str] | None = None
    tenants: frozenset[str] | None = None
    secret_is_ours: bool = False


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
