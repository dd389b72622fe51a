"""How many calls a client may make: one token bucket for each client of each tenant, as a source has that publishes no limits.

Off unless the options or `/_simulator/rate_limit` set a rate. No number and no `RateLimit-*` header is published (fact sheet §4.4), so
the answer says no more than 429, the OperationOutcome `error`/`throttled`, and in `Retry-After` the whole seconds to the next token.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from millgate.simulator.answers import Answer, outcome


@dataclass(frozen=True, slots=True)
class Rate:
    """`rate` calls a second in the long run, `burst` at once. ValueError if either is not above zero."""

    rate: float
    burst: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.rate) and math.isfinite(self.burst) and self.rate > 0 and self.burst >= 1):
            raise ValueError("the rate has to be above 0, and the burst 1 or more")


def read_rate(text: str) -> Rate:
    """The rate that `RATE` or `RATE:BURST` says; the burst is one second's worth, and one call at least, if left out."""
    rate, colon, burst = text.partition(":")
    try:
        return Rate(float(rate), float(burst) if colon else max(1.0, float(rate)))
    except ValueError as error:
        raise ValueError(f"a rate limit is RATE or RATE:BURST in calls a second, not {text!r}: {error}") from error


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float


class RateLimits:
    """The buckets of all clients, and how many calls they let pass and refused."""

    def __init__(self, clock: Callable[[], float], rate: Rate | None = None) -> None:
        self._clock = clock
        self._rate = rate
        self._buckets: dict[tuple[str, str], _Bucket] = {}
        self.allowed = self.refused = 0

    def set(self, rate: Rate | None) -> None:
        """Another rate from now on, or none; what a bucket holds beyond the new burst is lost."""
        for bucket in self._buckets.values():
            self._fill(bucket)
        self._rate = rate

    def refusal(self, tenant: str, client: str) -> Answer | None:
        """Take one token; the 429 if there is none."""
        if self._rate is None:
            return None
        bucket = self._buckets.setdefault((tenant, client), _Bucket(self._rate.burst, self._clock()))
        self._fill(bucket)
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            self.allowed += 1
            return None
        self.refused += 1
        answer = outcome(429, "throttled", diagnostics="Too Many Requests")
        answer.headers["Retry-After"] = str(max(1, math.ceil((1 - bucket.tokens) / self._rate.rate)))
        return answer

    def shown(self) -> dict[str, Any]:
        rate = self._rate
        return {
            "rate": rate.rate if rate else None,
            "burst": rate.burst if rate else None,
            "allowed": self.allowed,
            "refused": self.refused,
        }

    def _fill(self, bucket: _Bucket) -> None:
        now = self._clock()
        if self._rate is not None:
            gained = max(0.0, now - bucket.filled_at) * self._rate.rate
            bucket.tokens = min(self._rate.burst, bucket.tokens + gained)
        bucket.filled_at = now
