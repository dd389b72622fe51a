"""The queue in front of one endpoint class of one source: who may call now, by what was learned of it (`pace.py`) and by its owner's word.

Interactive calls go before writes, writes before re-reads, re-reads before batch; batch never holds more than half of the places, so that
a person finds one. `Retry-After` pauses the whole source. Each process learns on its own.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from millgate.access.budget import Ceiling
from millgate.deadline import URGENCIES, Urgency
from millgate.errors import TryLater
from millgate.pathways.pace import Concurrency, Pace, Second

# One answer's `Retry-After` is handed on to its caller whole, but holds up everybody else for so long at the most; then one call after
# another finds out, and a source that still refuses asks for the next pause.
LONGEST_PAUSE_S: Final = 10.0
MOST_WAITING: Final = 5_000


@dataclass(frozen=True, slots=True)
class ThrottleState:
    """What one process has learned of one endpoint class, and what it is doing. Rates are calls a second."""

    endpoint: str
    limit: int
    rate_per_s: float | None
    in_flight: int
    waiting: Mapping[Urgency, int]
    calls: int
    throttled: int
    latency_s: float | None


@dataclass(slots=True)
class Pause:
    """Until when (monotonic) a source has asked for no more calls."""

    until: float = 0.0

    def ask(self, now: float, seconds: float) -> None:
        """No call before so many seconds are over, `LONGEST_PAUSE_S` at the most."""
        self.until = max(self.until, now + min(seconds, LONGEST_PAUSE_S))


@dataclass(slots=True)
class Account:
    """What all sources of one tenant have in common: its operator's ceiling, and what counts against it."""

    ceiling: Ceiling = field(default_factory=Ceiling)
    in_flight: int = 0
    throttles: list[Throttle] = field(default_factory=list)
    _pace: Pace = field(default_factory=Pace)
    _second: Second = field(default_factory=Second)

    def blocked_s(self, now: float) -> float | None:
        """Seconds until the ceiling allows one more call; None: not before another one ends."""
        if self.ceiling.concurrency is not None and self.in_flight >= self.ceiling.concurrency:
            return None
        rate = self.ceiling.rate_per_s
        return max(self._pace.wait_s(now, rate), self._second.wait_s(now, rate))

    def took(self, now: float) -> None:
        """A call goes now."""
        self.in_flight += 1
        self._pace.took(now, self.ceiling.rate_per_s)
        self._second.took(now)

    @property
    def in_second(self) -> int:
        """How many calls went within the second that ended with the last one."""
        return len(self._second)

    def wake(self) -> None:
        """A place may have become free, at any of the sources."""
        for throttle in self.throttles:
            throttle.wake()


class Throttle:
    """Places for calls: `take` one, then `give_back`."""

    def __init__(
        self, endpoint: str, account: Account, pause: Pause, *, most: int, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._endpoint = endpoint
        self._account = account
        self._asked = pause
        self._most = most
        self._monotonic = monotonic
        self._pace = Pace()
        self._concurrency = Concurrency(limit=float(min(most, Concurrency().limit)))
        self._waiting: list[tuple[int, int, Urgency, asyncio.Future[None]]] = []
        self._number = 0
        self._timer: asyncio.TimerHandle | None = None
        self._in_flight: dict[Urgency, int] = dict.fromkeys(URGENCIES, 0)
        self._calls = self._throttled = 0

    async def take(self, urgency: Urgency, ends_at: float) -> None:
        """Come back when it is this call's turn. TryLater `upstream_throttled` if that will not be before `ends_at`."""
        now = self._monotonic()
        self._check_hope(now, ends_at)
        if not self._queue() and self._blocked_s(urgency, now) == 0:
            self._enter(urgency, now)
            return
        if len(self._waiting) >= MOST_WAITING:
            raise TryLater("upstream_throttled", "Too many calls to this source are waiting for their turn.", retry_after=1.0)
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._number += 1
        heapq.heappush(self._waiting, (URGENCIES.index(urgency), self._number, urgency, place))
        self.wake()
        try:
            async with asyncio.timeout(ends_at - now):
                await place
        except TimeoutError as error:
            self._leave(urgency, place)
            said = "The source takes no more calls in the time that this one has; it waited for its turn."
            raise TryLater("upstream_throttled", said, retry_after=1.0) from error
        except asyncio.CancelledError:
            self._leave(urgency, place)
            raise

    def give_back(self, urgency: Urgency) -> None:
        """The call has ended, however it did."""
        self._in_flight[urgency] -= 1
        self._account.in_flight -= 1

    def passed(self, kind: str, began: float) -> None:
        """The call was answered, and not refused."""
        full = self._busy >= int(self._concurrency.limit) - 1
        self._pace.passed()
        self._concurrency.passed(kind, self._monotonic() - began, full=full, most=self._most)

    def refused(self, began: float, pause_s: float | None) -> None:
        """429: slower and fewer. As many at once are left as the pace needs at this latency, since the pace is what it was about."""
        now = self._monotonic()
        self._throttled += 1
        self._pace.refused(began, now, pause_s or 0.0)
        needed = math.ceil((self._pace.rate or 0.0) * (self._concurrency.latency_s or 0.0) * 1.5) + 1
        self._concurrency.trouble(began, now, least=needed)

    def strained(self, began: float) -> None:
        """503 or a timeout: fewer at once."""
        self._concurrency.trouble(began, self._monotonic())

    def wake(self) -> None:
        """Let those go whose turn it is, and see to it that the next one is woken."""
        while (queue := self._queue()) and (wait_s := self._blocked_s(queue[0][2], self._monotonic())) is not None:
            if wait_s > 0:
                self._wake_in(wait_s)
                return
            _, _, urgency, place = heapq.heappop(queue)
            self._enter(urgency, self._monotonic())
            place.set_result(None)

    def close(self) -> None:
        """Wake nobody any more."""
        if self._timer is not None:
            self._timer.cancel()

    def state(self) -> ThrottleState:
        """A snapshot."""
        waiting = dict.fromkeys(URGENCIES, 0)
        for _, _, urgency, place in self._waiting:
            waiting[urgency] += not place.done()
        ceiling = self._account.ceiling
        limit = int(min(self._concurrency.limit, ceiling.concurrency or self._concurrency.limit))
        rates = [rate for rate in (self._pace.rate, ceiling.rate_per_s) if rate is not None]
        latency_s = self._concurrency.latency_s
        return ThrottleState(
            self._endpoint, limit, min(rates, default=None), self._busy, waiting, self._calls, self._throttled, latency_s
        )

    @property
    def _busy(self) -> int:
        return sum(self._in_flight.values())

    def _queue(self) -> list[tuple[int, int, Urgency, asyncio.Future[None]]]:
        """Those who wait, without the ones in front that gave up."""
        while self._waiting and self._waiting[0][3].done():
            heapq.heappop(self._waiting)
        return self._waiting

    def _blocked_s(self, urgency: Urgency, now: float) -> float | None:
        """Seconds until a call may go; None: not before another one ends."""
        limit = int(self._concurrency.limit)
        if self._busy >= limit or (urgency == "batch" and self._in_flight["batch"] >= max(1, limit // 2)):
            return None
        allowed_s = self._account.blocked_s(now)
        return None if allowed_s is None else max(0.0, self._asked.until - now, self._pace.wait_s(now), allowed_s)

    def _check_hope(self, now: float, ends_at: float) -> None:
        paused_s = self._asked.until - now
        if paused_s > 0 and now + paused_s >= ends_at:
            raise TryLater(
                "upstream_throttled", "The source has asked for a pause that is not over.", retry_after=math.ceil(paused_s)
            )

    def _enter(self, urgency: Urgency, now: float) -> None:
        self._calls += 1
        self._in_flight[urgency] += 1
        self._pace.took(now)
        self._account.took(now)

    def _leave(self, urgency: Urgency, place: asyncio.Future[None]) -> None:
        """This one does not wait any more; a place that it got at that very moment goes to the next."""
        if place.done() and not place.cancelled():
            self.give_back(urgency)
        place.cancel()
        self.wake()

    def _wake_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.wake)
