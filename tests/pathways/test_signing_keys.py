"""Key pairs: what is made can sign, what is brought along is judged, and only public halves are told."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from millgate.pathways.signing_keys import SigningKey, new_signing_key, read_signing_key


def pem_of(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey, password: bytes | None = None
) -> bytes:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def assert_signs(key: SigningKey, kind: type[ECKey] | type[RSAKey]) -> None:
    signed = jwt.encode({"alg": key.algorithm, "kid": key.key_id}, {"a": 1}, kind.import_key(key.pem), algorithms=[key.algorithm])
    public = json.loads(key.public_key)
    assert jwt.decode(signed, kind.import_key(public), algorithms=[key.algorithm]).claims == {"a": 1}
    assert public["kid"] == key.key_id
    assert (public["alg"], public["use"]) == (key.algorithm, "sig")
    assert not {"d", "p", "q", "dp", "dq", "qi"} & {*public}
    assert "PRIVATE" not in repr(key)


def test_a_new_key_signs_and_is_named_by_its_thumbprint() -> None:
    key, another = new_signing_key(), new_signing_key()
    assert key.algorithm == "ES384"
    assert key.key_id == ECKey.import_key(json.loads(key.public_key)).thumbprint()
    assert another.key_id != key.key_id
    assert_signs(key, ECKey)


def test_keys_that_were_brought_along_keep_the_id_they_were_given() -> None:
    elliptic = read_signing_key(pem_of(ec.generate_private_key(ec.SECP384R1())), "2026-11")
    assert (elliptic.key_id, elliptic.algorithm) == ("2026-11", "ES384")
    assert_signs(elliptic, ECKey)
    plain = read_signing_key(pem_of(rsa.generate_private_key(65537, 2048)), "r")
    assert (plain.key_id, plain.algorithm) == ("r", "RS384")
    assert_signs(plain, RSAKey)


def test_keys_of_another_kind_are_refused() -> None:
    bad = [
        pem_of(ec.generate_private_key(ec.SECP256R1())),
        pem_of(rsa.generate_private_key(65537, 1024)),  # noqa: S505 - that is the point
        pem_of(ed25519.Ed25519PrivateKey.generate()),
        pem_of(ec.generate_private_key(ec.SECP384R1()), b"passphrase"),
        b"",
        b"no PEM",
    ]
    for pem in bad:
        with pytest.raises(ValueError, match=r"^it (must be|is no) "):
            read_signing_key(pem, "k")
