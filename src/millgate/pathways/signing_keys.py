"""The key pairs with which the gateway proves itself: made here or brought along; the public half as a JWK.

Source: SMART App Launch 2.2 §4.1.1 (ES384, RS384), RFC 7517, RFC 7638 (thumbprints as key ids).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from joserfc.jwk import ECKey, RSAKey


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key as PEM, which never shows in a repr, and what is told of it: key id, algorithm, public JWK as JSON text."""

    pem: bytes = field(repr=False)
    key_id: str
    algorithm: str
    public_key: str


def new_signing_key() -> SigningKey:
    """A new ES384 key; its id is its thumbprint."""
    pem = ec.generate_private_key(ec.SECP384R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return _described(pem, "ES384", ECKey.import_key(pem).thumbprint())


def read_signing_key(pem: bytes, key_id: str) -> SigningKey:
    """A key that was brought along: RS384 for RSA of 2048 bits or more, ES384 for P-384. Raises ValueError with a reason."""
    try:
        loaded = load_pem_private_key(pem, None)
    except (ValueError, TypeError):
        raise ValueError("it is no PEM private key without a passphrase") from None
    if isinstance(loaded, rsa.RSAPrivateKey) and loaded.key_size >= 2048:
        return _described(pem, "RS384", key_id)
    if isinstance(loaded, ec.EllipticCurvePrivateKey) and isinstance(loaded.curve, ec.SECP384R1):
        return _described(pem, "ES384", key_id)
    raise ValueError("it must be an RSA key of 2048 bits or more, or an EC key on P-384")


def _described(pem: bytes, algorithm: str, key_id: str) -> SigningKey:
    named = {"kid": key_id, "alg": algorithm, "use": "sig"}
    kind = RSAKey if algorithm == "RS384" else ECKey
    public: dict[str, Any] = dict(kind.import_key(pem, named).as_dict(private=False))  # type: ignore[arg-type]
    return SigningKey(pem, key_id, algorithm, msgspec.json.encode(public, order="sorted").decode())
