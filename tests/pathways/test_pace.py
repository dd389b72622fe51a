"""What is learned of a source that publishes no limits: one process and four against a token bucket, in a time of their own."""

from __future__ import annotations

import heapq
import math
import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millgate.pathways.pace import FIRST_LIMIT, Concurrency, Pace, Second

LATENCY_S = 0.02
AT_ONCE = 40


@dataclass
class Bucket:
    """The source: a token bucket, refilled by the clock of the calls."""

    rate: float
    burst: float
    tokens: float = 0.0
    filled_at: float = 0.0

    def take(self, now: float) -> int | None:
        """None, or the whole seconds of `Retry-After`."""
        self.tokens = min(self.burst, self.tokens + (now - self.filled_at) * self.rate)
        self.filled_at = now
        if self.tokens >= 1:
            self.tokens -= 1
            return None
        return max(1, math.ceil((1 - self.tokens) / self.rate))


@dataclass
class Run:
    """Callers that always want more, and when each of their calls passed or was refused."""

    bucket: Bucket
    callers: int
    changes: dict[float, float] = field(default_factory=dict)
    passed: list[list[float]] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    def go(self, seconds: float, seed: int = 1) -> Run:
        dice = random.Random(seed)  # noqa: S311 - a simulation
        paces = [Pace() for _ in range(self.callers)]
        in_flight, pauses, sleeping = [0] * self.callers, [0.0] * self.callers, [True] * self.callers
        self.passed = [[] for _ in paces]
        events: list[tuple[float, int, int, float | None, int | None]] = [(0.0, i, i, None, None) for i in range(self.callers)]
        number = self.callers
        while events and events[0][0] < seconds:
            now, _, who, began, wait = heapq.heappop(events)
            for at in [at for at in self.changes if at <= now]:
                self.bucket.rate = self.bucket.burst = self.changes.pop(at)
            pace = paces[who]
            if began is None:
                sleeping[who] = False
            else:
                in_flight[who] -= 1
                if wait is None:
                    self.passed[who].append(now)
                    pace.passed()
                else:
                    self.refused.append(now)
                    pauses[who] = max(pauses[who], now + wait)
                    pace.refused(began, now, wait)
            while in_flight[who] < AT_ONCE and not sleeping[who]:
                wait_s = max(pauses[who] - now, pace.wait_s(now))
                if wait_s > 0:
                    number, sleeping[who] = number + 1, True
                    heapq.heappush(events, (now + wait_s + 1e-6, number, who, None, None))
                    break
                pace.took(now)
                in_flight[who] += 1
                number += 1
                answer = self.bucket.take(now)
                heapq.heappush(events, (now + LATENCY_S * dice.uniform(0.8, 1.6), number, who, now, answer))
        return self

    def rate(self, start: float, end: float, who: int | None = None) -> float:
        chosen = self.passed if who is None else [self.passed[who]]
        return sum(start <= at < end for times in chosen for at in times) / (end - start)

    def share_refused(self, start: float, end: float) -> float:
        refused = sum(start <= at < end for at in self.refused)
        return refused / (refused + self.rate(start, end) * (end - start))


@pytest.mark.parametrize("rate", [60, 100, 500])
def test_one_process_uses_an_unknown_limit_and_is_seldom_refused(rate: float) -> None:
    run = Run(Bucket(rate, rate, rate), 1).go(60)
    assert run.rate(15, 60) >= 0.9 * rate
    assert run.share_refused(15, 60) <= 0.01


def test_a_small_limit_costs_a_larger_share_of_refusals() -> None:
    """What finds a raised limit within seconds probes a small one often: bounded here, and told in the documentation."""
    run = Run(Bucket(10, 10, 10), 1).go(120)
    assert run.rate(15, 120) >= 0.9 * 10
    assert run.share_refused(15, 120) <= 0.06


@pytest.mark.parametrize("rate", [50, 100, 300])
def test_a_limit_that_is_doubled_or_halved_is_found_within_ten_seconds(rate: float) -> None:
    run = Run(Bucket(rate, rate, rate), 1, {30.0: 2 * rate, 60.0: rate}).go(85)
    assert run.rate(40, 55) >= 0.9 * 2 * rate
    assert run.rate(70, 85) == pytest.approx(rate, rel=0.1)
    assert run.share_refused(70, 85) <= 0.015


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_four_processes_come_to_a_fair_share(seed: int) -> None:
    run = Run(Bucket(200, 200, 200), 4).go(200, seed)
    fair = run.rate(30, 200) / 4
    assert run.rate(30, 200) >= 0.9 * 200
    for who in range(4):
        assert run.rate(30, 200, who) == pytest.approx(fair, rel=0.2)


def test_without_a_refusal_there_is_no_pace() -> None:
    run = Run(Bucket(1e9, 1e9, 1e9), 1).go(2)
    assert run.rate(0, 2) > 1000
    assert not run.refused


def test_what_nobody_asks_for_is_not_learned() -> None:
    pace = Pace(rate=10.0)
    for second in range(1, 200):
        assert pace.wait_s(second) == 0
        pace.took(second)
    assert pace.rate == 10.0


def test_refusals_of_one_moment_count_once() -> None:
    pace = Pace(rate=100.0)
    assert pace.refused(began=1.0, now=1.1, pause_s=1)
    first = pace.rate
    assert not pace.refused(began=1.05, now=1.2, pause_s=1)
    assert pace.rate == first
    assert first is not None
    assert 60 <= first <= 70


def test_the_ceiling_holds_whatever_was_learned() -> None:
    pace = Pace()
    now, went = 0.0, 0
    while now < 10:
        wait_s = pace.wait_s(now, ceiling=5)
        if wait_s > 0:
            now += wait_s + 1e-9
        else:
            pace.took(now, ceiling=5)
            went += 1
    assert went <= 51


def test_concurrency_doubles_until_trouble_and_halves_once_for_all_that_were_together() -> None:
    learned = Concurrency()
    for _ in range(20):
        learned.passed("GET Patient", 0.05, full=True, most=1000)
    assert learned.limit == FIRST_LIMIT + 20
    learned.trouble(began=1.0, now=1.1)
    learned.trouble(began=1.05, now=1.2)
    assert learned.limit == 20
    for _ in range(20):
        learned.passed("GET Patient", 0.05, full=True, most=1000)
    assert 20.9 < learned.limit < 21.1


def test_concurrency_grows_neither_unused_nor_strained_nor_beyond_its_bounds() -> None:
    learned = Concurrency(limit=4)
    learned.passed("GET Patient", 0.05, full=False, most=10)
    assert learned.limit == 4
    for _ in range(100):
        learned.passed("GET Patient", 0.05, full=True, most=10)
    assert learned.limit == 10
    slow = Concurrency(limit=4)
    slow.passed("GET Patient", 0.05, full=False, most=10)
    for _ in range(200):
        slow.passed("GET Patient", 2.0, full=True, most=100)
    assert slow.limit < 20
    for at in range(20):
        slow.trouble(began=at, now=at + 0.5)
    assert slow.limit == 1
    learned.trouble(began=0, now=1, least=8)
    assert learned.limit == 8


def test_one_refusal_among_few_calls_does_not_make_a_slow_walk_of_it() -> None:
    pace = Pace()
    for second in range(0, 60, 20):
        pace.took(float(second))
        pace.passed()
    pace.took(60.0)
    assert pace.refused(60.0, 60.1, 0.0)
    assert pace.rate is not None
    assert pace.rate >= 4


@given(st.floats(0.2, 30), st.lists(st.floats(0, 0.4), min_size=1, max_size=200))
def test_no_second_sees_more_calls_than_are_allowed_wherever_it_begins(rate: float, gaps: list[float]) -> None:
    second, now, went = Second(), 0.0, list[float]()
    for gap in gaps:
        now += gap
        if second.wait_s(now, rate) <= 0:
            second.took(now)
            went.append(now)
    most, within_s = (int(rate), 1.0) if rate >= 1 else (1, 1 / rate)
    for start in went:
        assert sum(start <= at < start + within_s - 1e-9 for at in went) <= most
    assert second.wait_s(now + within_s, rate) <= 1e-9
    assert second.wait_s(now, None) == 0
