"""The sources that this process calls, one entry a tenant: its throttles, its circuit breaker, and what it was asked each hour.

    turn = await sources.turn("https://…/r4/tenant", "fhir", "interactive", ends_at)
    try:
        …                                  # the call
        turn.answered("GET Patient", 200, None)
    finally:
        turn.end()                         # a call that ended without a word frees its place, too

The state is this process's own; several processes converge to a fair share, since each reacts to what it is refused.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from millgate.deadline import Urgency
from millgate.errors import TryLater
from millgate.pathways.breaker import Breaker, State
from millgate.pathways.throttle import Ceiling, Tenant, Throttle, ThrottleState

HOURS_KEPT: Final = 7 * 24
GONE: Final = frozenset({502, 503, 504})
STRAINED: Final = frozenset({503, 504})  # a 502 comes of a very large search too
MOST_SOURCES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Hour:
    """What this process asked of a source in one hour: calls, refusals (429), the most at once, the most within one second."""

    begins_at: datetime
    calls: int = 0
    throttled: int = 0
    most_at_once: int = 0
    most_per_s: int = 0


@dataclass(frozen=True, slots=True)
class SourceState:
    """What this process knows of one source. `paused_until`: by the source's own word."""

    throttles: tuple[ThrottleState, ...]
    breaker: State
    breaker_opened: int
    retry_after_s: float | None
    paused_until: datetime | None
    hours: tuple[Hour, ...]


@dataclass(slots=True)
class Ledger:
    """Calls by the hour."""

    hours: deque[Hour] = field(default_factory=lambda: deque(maxlen=HOURS_KEPT))
    _second: int = 0
    _in_second: int = 0

    def began(self, now: datetime, at_once: int) -> None:
        """A call goes out, as the `at_once`th in flight."""
        second = int(now.timestamp())
        self._in_second = self._in_second + 1 if second == self._second else 1
        self._second = second
        hour = self._hour(now)
        most_at_once, most_per_s = max(hour.most_at_once, at_once), max(hour.most_per_s, self._in_second)
        self.hours[-1] = replace(hour, calls=hour.calls + 1, most_at_once=most_at_once, most_per_s=most_per_s)

    def throttled(self, now: datetime) -> None:
        """A call was refused for being one too many."""
        hour = self._hour(now)
        self.hours[-1] = replace(hour, throttled=hour.throttled + 1)

    def _hour(self, now: datetime) -> Hour:
        begins_at = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        if not self.hours or self.hours[-1].begins_at < begins_at:
            self.hours.append(Hour(begins_at))
        return self.hours[-1]


@dataclass(slots=True)
class _Source:
    tenant: Tenant = field(default_factory=Tenant)
    breaker: Breaker = field(default_factory=Breaker)
    throttles: dict[str, Throttle] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)


class Sources:
    """All sources of one process."""

    def __init__(
        self,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
        jitter: Callable[[float, float], float] = lambda low, high: (low + high) / 2,
        most_at_once: int = 64,
    ) -> None:
        self._now = now
        self._monotonic = monotonic
        self._jitter = jitter
        self._most_at_once = most_at_once
        self._sources: dict[str, _Source] = {}

    def set_ceiling(self, source: str, ceiling: Ceiling) -> None:
        """What the operator allows for this source, from now on."""
        entry = self._source(source)
        entry.tenant.ceiling = ceiling
        self._wake(entry)

    async def turn(self, source: str, endpoint: str, urgency: Urgency, ends_at: float) -> Turn:
        """A place for one call, when it is its turn.

        TryLater `upstream_unavailable` at once while the breaker is open; `upstream_throttled` if the turn does not come before
        `ends_at` (of the monotonic clock), or if this is batch outside its night.
        """
        entry = self._source(source)
        self._check_night(entry, urgency)
        throttle = entry.throttles.get(endpoint)
        if throttle is None:
            throttle = Throttle(endpoint, entry.tenant, most=self._most_at_once, monotonic=self._monotonic)
            entry.throttles[endpoint] = throttle
        if entry.breaker.state(self._monotonic()) == "open":
            raise _unavailable(entry.breaker.refuses(self._monotonic()))
        await throttle.take(urgency, ends_at)
        refused_s = entry.breaker.refuses(self._monotonic())
        if refused_s is not None:
            throttle.give_back(urgency)
            self._wake(entry)
            raise _unavailable(refused_s)
        entry.ledger.began(self._now(), entry.tenant.in_flight)
        return Turn(self, entry, throttle, urgency, self._monotonic())

    def unavailable_s(self, source: str) -> float | None:
        """Seconds until the source is tried again, while its breaker is open; else None."""
        entry = self._sources.get(source)
        if entry is None or entry.breaker.state(self._monotonic()) != "open":
            return None
        return entry.breaker.refuses(self._monotonic())

    def state(self, source: str) -> SourceState:
        """A snapshot; of a source never called, an empty one."""
        entry = self._sources.get(source) or _Source()
        now = self._monotonic()
        paused_s = entry.tenant.paused_until - now
        return SourceState(
            throttles=tuple(throttle.state() for throttle in entry.throttles.values()),
            breaker=entry.breaker.state(now),
            breaker_opened=entry.breaker.opened,
            retry_after_s=self.unavailable_s(source),
            paused_until=self._now() + timedelta(seconds=paused_s) if paused_s > 0 else None,
            hours=tuple(entry.ledger.hours),
        )

    def close(self) -> None:
        """Stop all timers."""
        for entry in self._sources.values():
            for throttle in entry.throttles.values():
                throttle.close()

    def _source(self, source: str) -> _Source:
        entry = self._sources.get(source)
        if entry is None:
            if len(self._sources) >= MOST_SOURCES:
                idle = next((name for name, one in self._sources.items() if one.tenant.in_flight == 0), None)
                self._sources.pop(idle or "", None)
            entry = self._sources[source] = _Source()
        return entry

    def _check_night(self, entry: _Source, urgency: Urgency) -> None:
        night = entry.tenant.ceiling.night
        opens_in_s = night.opens_in(self._now()) if night is not None and urgency == "batch" else 0.0
        if opens_in_s > 0:
            raise TryLater("upstream_throttled", "The operator lets batch run at night only.", retry_after=opens_in_s)

    def _wake(self, entry: _Source) -> None:
        for throttle in entry.throttles.values():
            throttle.wake()


class Turn:
    """One call's place. Tell how it ended by `answered` or `failed`, then `end` it."""

    __slots__ = ("_began", "_entry", "_sources", "_throttle", "_told", "_urgency")

    def __init__(self, sources: Sources, entry: _Source, throttle: Throttle, urgency: Urgency, began: float) -> None:
        self._sources, self._entry, self._throttle, self._urgency, self._began = sources, entry, throttle, urgency, began
        self._told = False

    def answered(self, kind: str, status: int, asked_s: float | None) -> None:
        """The source answered with this status, and asked for a pause of so many seconds."""
        self._told = True
        now = self._sources._monotonic()
        if asked_s is not None and status in (429, 503):
            self._entry.tenant.pause(now, asked_s)
        if status == 429:
            self._throttle.refused(self._began, asked_s)
            self._entry.ledger.throttled(self._sources._now())
        elif status in STRAINED:
            self._throttle.strained(self._began)
        elif status not in GONE:
            self._throttle.passed(kind, self._began)
        if status in GONE:
            self._entry.breaker.failed(now, asked_s, jitter=self._sources._jitter(0.8, 1.2))
        else:
            self._entry.breaker.answered()

    def failed(self, *, timed_out: bool) -> None:
        """The source did not answer."""
        self._told = True
        if timed_out:
            self._throttle.strained(self._began)
        self._entry.breaker.failed(self._sources._monotonic(), jitter=self._sources._jitter(0.8, 1.2))

    def end(self) -> None:
        """Free the place."""
        if not self._told:
            self._entry.breaker.abandoned()
        self._throttle.give_back(self._urgency)
        self._sources._wake(self._entry)


def _unavailable(seconds: float | None) -> TryLater:
    said = "The source has not answered for a while; it is being tried again from time to time."
    return TryLater("upstream_unavailable", said, retry_after=seconds)
