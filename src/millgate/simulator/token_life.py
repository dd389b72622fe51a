"""Tokens that die before their time: after so many seconds, or after so many calls, announced or not.

The edge in front of the FHIR server forgets them; the authorization server goes on to believe in them, which is how a token that dies in
the middle of a page walk looks from outside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec

from millgate.simulator.answers import Answer, encode, gateway

MOST = 10_000
INVALID = "urn:cerner:error:oauth2:resource-access:token-invalid"


@dataclass(slots=True)
class _Life:
    until: float | None
    calls: int | None


class TokenLives:
    """The tokens whose life was cut short, by a hash of their value."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lives: dict[bytes, _Life] = {}

    def shorten(self, answer: Answer, life_s: float | None, calls: int | None, *, announce: bool) -> Answer:
        """The token endpoint's answer, its token good for `life_s` seconds or `calls` calls; `announce`: `expires_in` says so."""
        body = _token_body(answer)
        if body is None:
            return answer
        until = None if life_s is None else self._clock() + life_s
        while len(self._lives) >= MOST:
            del self._lives[next(iter(self._lives))]
        self._lives[_mark(body["access_token"])] = _Life(until, calls)
        if announce and life_s is not None:
            body["expires_in"] = life_s if life_s % 1 else int(life_s)
            return Answer(answer.status, encode(body), answer.content_type, answer.headers)
        return answer

    def refusal(self, authorization: str | None) -> Answer | None:
        """Count a call with this Authorization header; the gateway's 401 if its token is dead."""
        life = self._lives.get(_mark((authorization or "").partition(" ")[2].strip())) if self._lives else None
        if life is None:
            return None
        if life.calls is not None:
            life.calls -= 1
        if (life.calls is not None and life.calls < 0) or (life.until is not None and self._clock() >= life.until):
            return gateway(401, INVALID, "invalid_token").answer
        return None


def _token_body(answer: Answer) -> dict[str, Any] | None:
    if answer.status != 200:
        return None
    try:
        body = msgspec.json.decode(answer.body)
    except msgspec.DecodeError:
        return None
    return body if isinstance(body, dict) and isinstance(body.get("access_token"), str) else None


def _mark(value: str) -> bytes:
    return sha256(value.encode()).digest()
