"""How fast and how many at once: what one process learns of a source that publishes no limits. Pure; the clock is an argument.

Two learners work together, because each is blind to what the other sees:

- `Concurrency` is a number of calls in flight. It doubles until the first trouble, then grows by one a round trip while latency stays near
  its best, and halves on 429, 503 and timeouts. It finds how much work the source can do at once.
- `Pace` is a number of calls a second. Against a token bucket a concurrency limit alone finds nothing stable: a rate limit refuses within a
  millisecond, and how many calls in flight make that rate depends on latency. The pace is unknown until the first 429; then it begins
  at a share of what got through since the last idle moment, is cut to a share of itself by each further 429, and grows in between:
  faster the longer nothing
  is refused, so that a limit that was raised is found in seconds, and nearly as fast for a small pace as for a large one, so that a
  process with less gains on one with more. What is lost while it is below the limit waits in the source's bucket.

The constants were chosen in a simulation of one and of four processes against token buckets of 50 to 1,000 calls a second;
`benchmarks/throttle.py` measures them over the wire.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Final

CUT: Final = 0.6  # what is left of the pace after a 429
GROWTH: Final = 2.5  # calls a second gained a second at one call a second, before acceleration
GROWTH_EXPONENT: Final = 0.25  # of the pace; 0 would be fairest, 1 would leave every unfairness as it is
ACCELERATION: Final = 0.25  # how much of the growth is gained a second without a 429
SLOWEST: Final = 0.2  # calls a second
FIRST_PACE: Final = 8.0  # calls a second: one 429 among few calls says nothing of a pace that was never tried
IDLE_S: Final = 1.0  # without a call: what got through before tells no pace any more
SLACK_S: Final = 0.05  # how late a call may be without the next ones losing their turn
FIRST_LIMIT: Final = 20.0
SLOW: Final = 3.0  # times its best latency: no more growth
SLOW_BY_S: Final = 0.25  # and slower by this much
FORGET: Final = 1.002  # the best latency of a kind of call rises by so much with each call, so that it is not for ever


@dataclass(slots=True)
class Pace:
    """Calls a second; `rate` is None while nothing was ever refused."""

    rate: float | None = None
    next_at: float = 0.0
    _cut_at: float = -math.inf
    _quiet_since: float = 0.0
    _grown_at: float = 0.0
    _passed: int = 0
    _began_at: float | None = None
    _took_at: float = -math.inf
    _held_back: bool = False

    def wait_s(self, now: float, ceiling: float | None = None) -> float:
        """Seconds until the next call may go; 0 for now."""
        rate = self._rate(ceiling)
        wait_s = 0.0 if rate is None else max(0.0, self.next_at - now)
        self._held_back = self._held_back or wait_s > 0
        return wait_s

    def took(self, now: float, ceiling: float | None = None) -> None:
        """A call goes now."""
        if self._began_at is None or now - self._took_at > IDLE_S:
            self._began_at, self._passed = now, 0
        self._took_at = now
        self._grow(now)
        rate = self._rate(ceiling)
        if rate is not None:
            self.next_at = max(self.next_at, now - SLACK_S) + 1 / rate

    def passed(self) -> None:
        """A call was not refused."""
        self._passed += 1

    def refused(self, began: float, now: float, pause_s: float) -> bool:
        """A call that began at `began` was refused; whether that was news: calls that were under way at the last cut tell nothing."""
        self._quiet_since = max(self._quiet_since, now + pause_s)
        if began <= self._cut_at:
            return False
        reached = self.rate
        if reached is None:
            since = self._began_at if self._began_at is not None else now
            reached = max(FIRST_PACE, self._passed / max(now - since, 0.001))
        self.rate = max(SLOWEST, reached * CUT)
        self._cut_at = self._grown_at = now
        return True

    def _rate(self, ceiling: float | None) -> float | None:
        return min((rate for rate in (self.rate, ceiling) if rate is not None), default=None)

    def _grow(self, now: float) -> None:
        """Grow for the time since the last call, if calls had to wait for their turn: what nobody asks for is not learned."""
        since, self._grown_at = self._grown_at, now
        held_back, self._held_back = self._held_back, False
        if self.rate is None or not held_back:
            return
        quiet_s = max(0.0, now - max(self._quiet_since, self._cut_at))
        gained = GROWTH * self.rate**GROWTH_EXPONENT * (1 + ACCELERATION * quiet_s)
        self.rate += min(now - since, 1.0) * gained


@dataclass(slots=True)
class Second:
    """Calls within one second: a bound that is never exceeded, wherever the second begins; a pace alone makes up for late calls.

    Below one call a second it is one call within so many seconds.
    """

    _took: deque[float] = field(default_factory=deque)

    def wait_s(self, now: float, rate: float | None) -> float:
        """Seconds until one more call keeps the bound; 0 for now."""
        if rate is None:
            return 0.0
        most, within_s = (int(rate), 1.0) if rate >= 1 else (1, 1 / rate)
        if len(self._took) < most:
            return 0.0
        return max(0.0, self._took[-most] + within_s - now)

    def took(self, now: float) -> None:
        """A call goes now."""
        self._took.append(now)
        while len(self._took) > 1 and self._took[0] <= now - 1.0:
            self._took.popleft()

    def __len__(self) -> int:
        """How many went within the last second, as of the last call."""
        return len(self._took)


@dataclass(slots=True)
class Concurrency:
    """Calls in flight at once."""

    limit: float = FIRST_LIMIT
    latency_s: float | None = None  # a running mean
    _best_s: dict[str, float] = field(default_factory=dict)
    _strain: float = 1.0
    _doubling: bool = True
    _cut_at: float = -math.inf

    def passed(self, kind: str, latency_s: float, *, full: bool, most: float) -> None:
        """A call of this kind was answered; `full`: as many as allowed were in flight. `most` is the ceiling."""
        best = min(latency_s, self._best_s.get(kind, latency_s) * FORGET)
        self._best_s[kind] = best
        self.latency_s = latency_s if self.latency_s is None else self.latency_s * 0.9 + latency_s * 0.1
        strained = latency_s > SLOW * best and latency_s > best + SLOW_BY_S
        self._strain = self._strain * 0.9 + 0.1 * (2.0 if strained else 0.0)
        if full and self._strain < 1.0:
            self.limit = min(most, self.limit + (1.0 if self._doubling else 1.0 / self.limit))
        elif self._strain >= 1.0:
            self._doubling = False

    def trouble(self, began: float, now: float, *, least: float = 1.0) -> None:
        """429, 503 or a timeout: half as many, once for all that were in flight together; never below `least`."""
        self._doubling = False
        if began <= self._cut_at:
            return
        self._cut_at = now
        self.limit = max(1.0, min(self.limit, max(self.limit / 2, least)))
