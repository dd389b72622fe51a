"""What this process has learned of its sources, as metrics: read when they are asked for, and not kept up with each call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from millgate.pathways.sources import Sources

# Of several addresses of one tenant the worst is told.
BREAKERS: Final = ("closed", "half-open", "open")


@dataclass(slots=True)
class _Endpoint:
    """One class of endpoints of a tenant, all its addresses together."""

    limit: int = 0
    rate_per_s: float | None = None
    in_flight: int = 0
    calls: int = 0
    throttled: int = 0
    latency_s: float | None = None
    waiting: dict[str, int] = field(default_factory=dict)


class Learned(Collector):
    """Throttles and circuit breakers by tenant and class of endpoint."""

    def __init__(self, sources: Sources, tenant_of: Callable[[str], str]) -> None:
        self._sources = sources
        self._tenant_of = tenant_of

    def describe(self) -> list[Metric]:
        """Nothing: what is there is known only when it is collected."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The state now."""
        endpoints, worst, openings = self._state()
        yield from _of_endpoints(endpoints)
        waiting = GaugeMetricFamily(
            "millgate_source_waiting", "Calls that wait for their turn.", labels=("tenant", "endpoint", "urgency")
        )
        for place, one in endpoints.items():
            for urgency, calls in one.waiting.items():
                waiting.add_metric((*place, urgency), calls)
        state = GaugeMetricFamily(
            "millgate_breaker_state", "The circuit breaker: 0 closed, 1 half-open, 2 open.", labels=("tenant",)
        )
        opened = CounterMetricFamily("millgate_breaker_openings", "How often a circuit breaker opened.", labels=("tenant",))
        for tenant, level in worst.items():
            state.add_metric((tenant,), level)
            opened.add_metric((tenant,), openings[tenant])
        yield from (waiting, state, opened, *self._shares())

    def _state(self) -> tuple[dict[tuple[str, str], _Endpoint], dict[str, int], dict[str, int]]:
        endpoints: dict[tuple[str, str], _Endpoint] = {}
        worst: dict[str, int] = {}
        openings: dict[str, int] = {}
        for base, source in self._sources.states():
            tenant = self._tenant_of(base)
            worst[tenant] = max(worst.get(tenant, 0), BREAKERS.index(source.breaker))
            openings[tenant] = openings.get(tenant, 0) + source.breaker_opened
            for one in source.throttles:
                found = endpoints.setdefault((tenant, one.endpoint), _Endpoint())
                found.limit += one.limit
                found.in_flight += one.in_flight
                found.calls += one.calls
                found.throttled += one.throttled
                if one.rate_per_s is not None:
                    found.rate_per_s = (found.rate_per_s or 0.0) + one.rate_per_s
                if one.latency_s is not None:
                    found.latency_s = max(found.latency_s or 0.0, one.latency_s)
                for urgency, calls in one.waiting.items():
                    found.waiting[urgency] = found.waiting.get(urgency, 0) + calls
        return endpoints, worst, openings

    def _shares(self) -> tuple[Metric, Metric]:
        """This process's share of the operators' limits."""
        rate = GaugeMetricFamily(
            "millgate_ceiling_per_second", "This process's share of the limit, a second.", labels=("tenant",)
        )
        places = GaugeMetricFamily("millgate_ceiling_at_once", "This process's share of the limit, at once.", labels=("tenant",))
        for base, ceiling in self._sources.ceilings().items():
            if ceiling.rate_per_s is not None:
                rate.add_metric((self._tenant_of(base),), ceiling.rate_per_s)
            if ceiling.concurrency is not None:
                places.add_metric((self._tenant_of(base),), ceiling.concurrency)
        return rate, places


def _of_endpoints(endpoints: dict[tuple[str, str], _Endpoint]) -> Iterator[Metric]:
    labels = ("tenant", "endpoint")
    limit = GaugeMetricFamily("millgate_source_limit", "Calls at once that this process allows itself.", labels=labels)
    rate = GaugeMetricFamily(
        "millgate_source_pace_per_second", "Calls a second that it allows itself; none while nothing was refused.", labels=labels
    )
    busy = GaugeMetricFamily("millgate_source_in_flight", "Calls under way.", labels=labels)
    latency = GaugeMetricFamily("millgate_source_latency_seconds", "A running mean of how long an answer takes.", labels=labels)
    calls = CounterMetricFamily("millgate_source_turns", "Calls that got their turn.", labels=labels)
    throttled = CounterMetricFamily("millgate_source_throttled", "Calls refused for being one too many (429).", labels=labels)
    for place, one in endpoints.items():
        limit.add_metric(place, one.limit)
        busy.add_metric(place, one.in_flight)
        calls.add_metric(place, one.calls)
        throttled.add_metric(place, one.throttled)
        if one.rate_per_s is not None:
            rate.add_metric(place, one.rate_per_s)
        if one.latency_s is not None:
            latency.add_metric(place, one.latency_s)
    yield from (limit, rate, busy, latency, calls, throttled)
