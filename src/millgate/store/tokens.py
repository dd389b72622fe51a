"""Secrets that are shown once and kept as hashes: API keys and session tokens. The dice are the operating system's."""

from __future__ import annotations

import hashlib
import secrets

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_LETTERS = 43  # 62^43 > 2^256


def new_token(prefix: str) -> str:
    """`prefix` and 43 random letters and digits: 256 bits."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_LETTERS))


def token_hash(token: str) -> bytes:
    """What is kept of a token. Plain SHA-256 is enough: there is nothing to guess in 256 random bits."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def new_id(prefix: str) -> str:
    """An id that says what it is of, and nothing else: `prefix` and 128 random bits."""
    return prefix + secrets.token_hex(16)
