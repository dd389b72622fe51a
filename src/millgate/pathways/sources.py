"""The sources that this process calls: for each, its throttles, its circuit breaker, and what was asked of its tenant each hour.

    turn = await sources.turn("https://…/r4/tenant", "fhir", "interactive", ends_at)
    try:
        …                                  # the call
        turn.answered("GET Patient", 200, None)
    finally:
        turn.end()                         # a call that ended without a word frees its place, too

A source is an address: a FHIR base, or a token endpoint. Each has a pause and a breaker of its own; all that belong to one FHIR base share
its ceiling and its hours (`belongs`). What is learned is this process's own; several processes converge to a fair share, since each reacts
to what it is refused. The hours are handed out to be kept (`take`), and the ceiling comes from outside (`set_ceiling`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from millgate.access.budget import Ceiling, Hour
from millgate.deadline import Urgency
from millgate.errors import TryLater
from millgate.pathways.breaker import Breaker, State
from millgate.pathways.ledger import Ledger
from millgate.pathways.throttle import Account, Pause, Throttle, ThrottleState

GONE: Final = frozenset({502, 503, 504})
STRAINED: Final = frozenset({503, 504})  # a 502 comes of a very large search too
MOST_SOURCES: Final = 10_000


@dataclass(frozen=True, slots=True)
class SourceState:
    """What this process knows of one source. `paused_until`: by the source's own word."""

    throttles: tuple[ThrottleState, ...]
    breaker: State
    breaker_opened: int
    retry_after_s: float | None
    paused_until: datetime | None
    hours: tuple[Hour, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """One call as it ended: of which FHIR base, what kind (method and resource type), its status or None without one, and seconds."""

    base: str
    kind: str
    status: int | None
    seconds: float


@dataclass(slots=True)
class _Tenant:
    account: Account = field(default_factory=Account)
    ledger: Ledger = field(default_factory=Ledger)


@dataclass(slots=True)
class _Source:
    base: str
    tenant: _Tenant
    pause: Pause = field(default_factory=Pause)
    breaker: Breaker = field(default_factory=Breaker)
    throttles: dict[str, Throttle] = field(default_factory=dict)


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
        self._sources: dict[tuple[str, str], _Source] = {}  # by address, and the base that it belongs to
        self._tenants: dict[str, _Tenant] = {}
        self._bases: Mapping[str, str] = {}
        self._endpoints: dict[str, str] = {}
        self.told: Callable[[Asked], None] | None = None  # whoever wants to know of each call as it ends

    def set_ceiling(self, base: str, ceiling: Ceiling) -> None:
        """What the operator allows for this FHIR base and what belongs to it, from now on."""
        if ceiling == Ceiling() and base not in self._tenants:
            return
        account = self._tenant(base).account
        if account.ceiling != ceiling:
            account.ceiling = ceiling
            account.wake()

    def ceilings(self) -> dict[str, Ceiling]:
        """The ceilings that hold now, by FHIR base."""
        return {base: one.account.ceiling for base, one in self._tenants.items() if one.account.ceiling != Ceiling()}

    def belong(self, bases: Mapping[str, str]) -> None:
        """All further bases of tenants (the patient host), each with the tenant's own base, which it shares ceiling and hours with."""
        self._bases = dict(bases)

    def belongs(self, endpoint: str | None, base: str) -> None:
        """Calls of the class `authorization` to this endpoint are asked of the tenant of this base."""
        if endpoint is not None and (endpoint in self._endpoints or len(self._endpoints) < MOST_SOURCES):
            self._endpoints[endpoint] = base

    def changed(self) -> list[str]:
        """The bases whose hours hold more than was taken."""
        return [base for base, one in self._tenants.items() if one.ledger.changed]

    def take(self, base: str) -> list[Hour]:
        """The hours that were added to since they were taken last, whole: what they hold replaces what was kept of them."""
        return self._tenants[base].ledger.take() if base in self._tenants else []

    def put_back(self, base: str, hours: list[Hour]) -> None:
        """These could not be kept: they are to be taken again."""
        if base in self._tenants:
            self._tenants[base].ledger.put_back(hours)

    async def turn(self, source: str, endpoint: str, urgency: Urgency, ends_at: float) -> Turn:
        """A place for one call, when it is its turn.

        TryLater `upstream_unavailable` at once while the breaker is open; `upstream_throttled` if the turn does not come before
        `ends_at` (of the monotonic clock), or if this is batch outside its night.
        """
        entry = self._source(source, endpoint)
        account = entry.tenant.account
        self._check_night(account, urgency)
        throttle = entry.throttles.get(endpoint)
        if throttle is None:
            throttle = Throttle(endpoint, account, entry.pause, most=self._most_at_once, monotonic=self._monotonic)
            entry.throttles[endpoint] = throttle
            account.throttles.append(throttle)
        if entry.breaker.state(self._monotonic()) == "open":
            raise _unavailable(entry.breaker.refuses(self._monotonic()))
        await throttle.take(urgency, ends_at)
        refused_s = entry.breaker.refuses(self._monotonic())
        if refused_s is not None:
            throttle.give_back(urgency)
            account.wake()
            raise _unavailable(refused_s)
        entry.tenant.ledger.began(self._now(), endpoint, at_once=account.in_flight, in_second=account.in_second)
        return Turn(self, entry, throttle, urgency, self._monotonic())

    def unavailable_s(self, source: str) -> float | None:
        """Seconds until the source is tried again, while its breaker is open; else None."""
        entry = self._sources.get((source, self._base_of(source, "fhir")))
        if entry is None or entry.breaker.state(self._monotonic()) != "open":
            return None
        return entry.breaker.refuses(self._monotonic())

    def state(self, source: str) -> SourceState:
        """A snapshot; of a source never called, an empty one."""
        base = self._base_of(source, "fhir")
        return self._state(self._sources.get((source, base)) or _Source(base, self._tenants.get(base) or _Tenant()))

    def states(self) -> Iterator[tuple[str, SourceState]]:
        """A snapshot of every source that was called, with the base that it belongs to."""
        return ((entry.base, self._state(entry)) for entry in list(self._sources.values()))

    def _state(self, entry: _Source) -> SourceState:
        now = self._monotonic()
        paused_s = entry.pause.until - now
        breaker = entry.breaker.state(now)
        return SourceState(
            throttles=tuple(throttle.state() for throttle in entry.throttles.values()),
            breaker=breaker,
            breaker_opened=entry.breaker.opened,
            retry_after_s=entry.breaker.refuses(now) if breaker == "open" else None,
            paused_until=self._now() + timedelta(seconds=paused_s) if paused_s > 0 else None,
            hours=entry.tenant.ledger.hours,
        )

    def close(self) -> None:
        """Stop all timers."""
        for entry in self._sources.values():
            for throttle in entry.throttles.values():
                throttle.close()

    def _base_of(self, source: str, endpoint: str) -> str:
        base = self._endpoints.get(source, source) if endpoint == "authorization" else source
        return self._bases.get(base, base)

    def _tenant(self, base: str) -> _Tenant:
        return self._tenants.setdefault(base, _Tenant())

    def _source(self, source: str, endpoint: str) -> _Source:
        base = self._base_of(source, endpoint)
        entry = self._sources.get((source, base))
        if entry is None:
            if len(self._sources) >= MOST_SOURCES:
                self._forget_one()
            entry = self._sources[source, base] = _Source(base, self._tenant(base))
        return entry

    def _forget_one(self) -> None:
        """Make room: forget a source at which nothing is under way, and its tenant if it was the last one and all is taken."""
        idle = next((place for place, one in self._sources.items() if one.tenant.account.in_flight == 0), None)
        if idle is None:
            return
        gone = self._sources.pop(idle)
        account = gone.tenant.account
        for throttle in gone.throttles.values():
            throttle.close()
            account.throttles.remove(throttle)
        if not account.throttles and account.ceiling == Ceiling() and not gone.tenant.ledger.changed:
            self._tenants.pop(gone.base, None)

    def _check_night(self, account: Account, urgency: Urgency) -> None:
        night = account.ceiling.night
        opens_in_s = night.opens_in(self._now()) if night is not None and urgency == "batch" else 0.0
        if opens_in_s > 0:
            raise TryLater("upstream_throttled", "The operator lets batch run at night only.", retry_after=opens_in_s)


class Turn:
    """One call's place. Tell how it ended by `answered` or `failed`, then `end` it."""

    __slots__ = ("_began", "_entry", "_sources", "_throttle", "_told", "_urgency")

    def __init__(self, sources: Sources, entry: _Source, throttle: Throttle, urgency: Urgency, began: float) -> None:
        self._sources, self._entry, self._throttle, self._urgency, self._began = sources, entry, throttle, urgency, began
        self._told = False

    def answered(self, kind: str, status: int, asked_s: float | None, *, begun: bool = False) -> None:
        """The source answered with this status, and asked for a pause of so many seconds.

        With `begun` its body is still to come, which `came` or `broke_off` tells: only then does it count as an answer, unless the
        source was taken for gone.
        """
        self._told = True
        now = self._sources._monotonic()
        if asked_s is not None and status in (429, 503):
            self._entry.pause.ask(now, asked_s)
        if status == 429:
            self._throttle.refused(self._began, asked_s)
            self._entry.tenant.ledger.throttled(self._sources._now())
        elif status in STRAINED:
            self._throttle.strained(self._began)
        elif status not in GONE:
            self._throttle.passed(kind, self._began)
        if status in GONE:
            self._entry.breaker.failed(now, asked_s, jitter=self._sources._jitter(0.8, 1.2))
        elif not begun or self._entry.breaker.state(now) != "closed":
            self._entry.breaker.answered()
        self._tell(kind, status)

    def failed(self, *, timed_out: bool, kind: str = "") -> None:
        """The source did not answer."""
        self._told = True
        if timed_out:
            self._throttle.strained(self._began)
        self._entry.breaker.failed(self._sources._monotonic(), jitter=self._sources._jitter(0.8, 1.2))
        self._tell(kind, None)

    def came(self) -> None:
        """What the source had begun came to its end."""
        self._entry.breaker.answered()

    def broke_off(self) -> None:
        """The source had begun to answer, and did not come to the end."""
        self._entry.breaker.failed(self._sources._monotonic(), jitter=self._sources._jitter(0.8, 1.2))

    def end(self) -> None:
        """Free the place."""
        if not self._told:
            self._entry.breaker.abandoned()
        self._throttle.give_back(self._urgency)
        self._entry.tenant.account.wake()

    def _tell(self, kind: str, status: int | None) -> None:
        if self._sources.told is not None:
            self._sources.told(Asked(self._entry.base, kind, status, self._sources._monotonic() - self._began))


def _unavailable(seconds: float | None) -> TryLater:
    said = "The source has not answered for a while; it is being tried again from time to time."
    return TryLater("upstream_unavailable", said, retry_after=seconds)
