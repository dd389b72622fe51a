"""The circuit breaker: what opens it, what does not, and how it finds out that the source is back."""

from __future__ import annotations

import random

from millgate.pathways.breaker import FAILURES, FIRST_PAUSE_S, LONGEST_PAUSE_S, Breaker


def opened(now: float = 0.0) -> Breaker:
    breaker = Breaker()
    for second in range(FAILURES):
        breaker.failed(now + second)
    return breaker


def test_it_opens_after_sustained_failure_and_says_when_to_come_again() -> None:
    breaker = opened()
    at = FAILURES - 1.0
    assert breaker.state(at) == "open"
    assert breaker.refuses(at) == FIRST_PAUSE_S
    assert breaker.refuses(at + 2) == FIRST_PAUSE_S - 2
    assert breaker.opened == 1


def test_a_burst_of_failures_at_once_opens_nothing() -> None:
    breaker = Breaker()
    for _ in range(50):
        breaker.failed(1.0)
    assert breaker.state(1.0) == "closed"


def test_a_source_that_fails_a_third_of_the_time_under_load_stays_closed() -> None:
    dice = random.Random(1)  # noqa: S311 - a simulation
    breaker = Breaker()
    for call in range(20_000):
        now = call / 100
        assert breaker.refuses(now) is None
        if dice.random() < 0.35:
            breaker.failed(now)
        else:
            breaker.answered()
    assert breaker.opened == 0


def test_one_probe_at_a_time_and_an_answer_closes_it() -> None:
    breaker = opened()
    later = FAILURES + FIRST_PAUSE_S
    assert breaker.state(later) == "half-open"
    assert breaker.refuses(later) is None
    assert breaker.refuses(later) == 1.0
    breaker.abandoned()
    assert breaker.refuses(later) is None
    breaker.answered()
    assert breaker.state(later) == "closed"
    assert breaker.refuses(later) is None


def test_failed_probes_wait_longer_each_time_up_to_a_bound() -> None:
    breaker = opened()
    now, pauses = FAILURES - 1.0, []
    for _ in range(6):
        pause = breaker.refuses(now)
        assert pause is not None
        pauses.append(pause)
        now += pause
        assert breaker.refuses(now) is None
        breaker.failed(now)
    assert pauses == [5, 10, 20, 40, 60, 60]
    assert breaker.opened == 1


def test_the_source_may_ask_for_a_longer_pause_within_bounds() -> None:
    breaker = Breaker()
    for second in range(FAILURES):
        breaker.failed(second, 30)
    assert breaker.refuses(FAILURES - 1) == 30
    breaker = Breaker()
    for second in range(FAILURES):
        breaker.failed(second, 1e9)
    assert breaker.refuses(FAILURES - 1) == LONGEST_PAUSE_S
