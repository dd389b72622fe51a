"""What may be asked of a source at most, by its operator's word, and what was asked of it: a ceiling, and hours. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from datetime import time as time_of_day
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Night:
    """When batch may run: from `start` to `end` by the clock of `time_zone`, over midnight if `end` is earlier."""

    start: time_of_day
    end: time_of_day
    time_zone: str

    def opens_in(self, now: datetime) -> float:
        """Seconds until the window opens; 0 while it is open."""
        local = now.astimezone(ZoneInfo(self.time_zone))
        at = local.time()
        inside = self.start <= at < self.end if self.start <= self.end else at >= self.start or at < self.end
        if inside:
            return 0.0
        opening = local.replace(hour=self.start.hour, minute=self.start.minute, second=self.start.second, microsecond=0)
        opening = opening if opening > local else opening + timedelta(days=1)
        return (opening - now).total_seconds()


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What the operator allows at most, whatever was learned: calls a second, calls at once, and when batch may run. None: no bound."""

    rate_per_s: float | None = None
    concurrency: int | None = None
    night: Night | None = None

    def share(self, processes: int) -> Ceiling:
        """What one of so many processes may use, so that all of them together stay below; each keeps one call at once."""
        rate = None if self.rate_per_s is None else self.rate_per_s / processes
        concurrency = None if self.concurrency is None else max(1, self.concurrency // processes)
        return Ceiling(rate, concurrency, self.night)


def tightest(ceilings: Iterable[Ceiling]) -> Ceiling:
    """What holds for a source that several tenants stand for: the lowest of each bound. Of two nights the first is taken."""
    known = list(ceilings)
    rates = [one.rate_per_s for one in known if one.rate_per_s is not None]
    places = [one.concurrency for one in known if one.concurrency is not None]
    nights = [one.night for one in known if one.night is not None]
    return Ceiling(min(rates, default=None), min(places, default=None), nights[0] if nights else None)


@dataclass(frozen=True, slots=True)
class Hour:
    """What one process asked of a source in one hour: calls, refusals (429), the most at once, the most within any one second.

    `endpoints` are the calls by class of endpoint: fhir, discovery, authorization.
    """

    begins_at: datetime
    calls: int = 0
    throttled: int = 0
    most_at_once: int = 0
    most_per_s: int = 0
    endpoints: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Peak:
    """The most that several processes did together, of which only each one's own most is known.

    It was `at_least` what one of them did by itself, and `at_most` the sum, if all had their most at the same moment.
    """

    at_least: int = 0
    at_most: int = 0


@dataclass(frozen=True, slots=True)
class SharedHour:
    """What all processes asked of a source in one hour."""

    begins_at: datetime
    calls: int
    throttled: int
    at_once: Peak
    per_s: Peak
    endpoints: Mapping[str, int]
    processes: int


def together(hours: Iterable[Hour]) -> list[SharedHour]:
    """The hours of all processes added up, oldest first."""
    by_hour: dict[datetime, list[Hour]] = {}
    for hour in hours:
        by_hour.setdefault(hour.begins_at, []).append(hour)
    return [_added(begins_at, by_hour[begins_at]) for begins_at in sorted(by_hour)]


def _added(begins_at: datetime, hours: list[Hour]) -> SharedHour:
    endpoints: dict[str, int] = {}
    for hour in hours:
        for endpoint, calls in hour.endpoints.items():
            endpoints[endpoint] = endpoints.get(endpoint, 0) + calls
    return SharedHour(
        begins_at=begins_at,
        calls=sum(one.calls for one in hours),
        throttled=sum(one.throttled for one in hours),
        at_once=_peak([one.most_at_once for one in hours]),
        per_s=_peak([one.most_per_s for one in hours]),
        endpoints=dict(sorted(endpoints.items())),
        processes=len(hours),
    )


def _peak(most: list[int]) -> Peak:
    return Peak(max(most), sum(most))
