"""The queue in front of a source: priorities, pauses, ceilings, nights, and places that are always given back."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day

import pytest

from millgate.deadline import Urgency
from millgate.errors import TryLater
from millgate.pathways.sources import Ledger, Sources
from millgate.pathways.throttle import LONGEST_PAUSE_S, Ceiling, Night

SOURCE = "https://ehr.example/r4/t"
NOW = datetime(2026, 3, 1, 7, 0, tzinfo=UTC)


def soon(seconds: float = 5.0) -> float:
    return time.monotonic() + seconds


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_interactive_before_write_before_reread_before_batch() -> None:
    sources = Sources()
    sources.set_ceiling(SOURCE, Ceiling(concurrency=1))
    holder = await sources.turn(SOURCE, "fhir", "interactive", soon())
    order: list[Urgency] = []

    async def call(urgency: Urgency) -> None:
        turn = await sources.turn(SOURCE, "fhir", urgency, soon())
        order.append(urgency)
        turn.answered("GET Patient", 200, None)
        turn.end()

    waiting: tuple[Urgency, ...] = ("batch", "reread", "write", "interactive", "batch", "interactive")
    tasks = []
    for urgency in waiting:
        tasks.append(asyncio.create_task(call(urgency)))
        await settle()
    state = sources.state(SOURCE).throttles[0]
    assert state.waiting == {"interactive": 2, "write": 1, "reread": 1, "batch": 2}
    assert (state.limit, state.in_flight) == (1, 1)
    holder.end()
    await asyncio.gather(*tasks)
    assert order == ["interactive", "interactive", "write", "reread", "batch", "batch"]
    assert sources.state(SOURCE).throttles[0].in_flight == 0


async def test_batch_leaves_half_of_the_places_to_people() -> None:
    sources = Sources(most_at_once=4)
    turns = [await sources.turn(SOURCE, "fhir", "batch", soon()) for _ in range(2)]
    with pytest.raises(TryLater, match="upstream_throttled"):
        await sources.turn(SOURCE, "fhir", "batch", soon(0.02))
    turns += [await sources.turn(SOURCE, "fhir", "interactive", soon(0.02)) for _ in range(2)]
    assert sources.state(SOURCE).throttles[0].in_flight == 4
    for turn in turns:
        turn.end()


async def test_a_cancelled_waiter_leaves_no_trace_and_a_cancelled_call_frees_its_place() -> None:
    sources = Sources()
    sources.set_ceiling(SOURCE, Ceiling(concurrency=1))
    holder = await sources.turn(SOURCE, "fhir", "interactive", soon())
    waiter = asyncio.create_task(sources.turn(SOURCE, "fhir", "interactive", soon()))
    next_one = asyncio.create_task(sources.turn(SOURCE, "fhir", "write", soon()))
    await settle()
    waiter.cancel()
    await settle()
    assert sum(sources.state(SOURCE).throttles[0].waiting.values()) == 1
    holder.end()
    (await next_one).end()
    # The one who is cancelled at the very moment when it gets its place gives it back.
    holder = await sources.turn(SOURCE, "fhir", "interactive", soon())
    waiter = asyncio.create_task(sources.turn(SOURCE, "fhir", "interactive", soon()))
    await settle()
    holder.end()
    waiter.cancel()
    await asyncio.gather(waiter, return_exceptions=True)
    assert sources.state(SOURCE).throttles[0].in_flight == 0
    (await sources.turn(SOURCE, "fhir", "interactive", soon(0.1))).end()


async def test_retry_after_pauses_the_whole_tenant_and_no_other() -> None:
    sources = Sources()
    turn = await sources.turn(SOURCE, "fhir", "interactive", soon())
    turn.answered("GET Patient", 429, 7)
    turn.end()
    for endpoint in ("fhir", "discovery"):
        with pytest.raises(TryLater) as late:
            await sources.turn(SOURCE, endpoint, "interactive", soon(5))
        assert late.value.code == "upstream_throttled"
        assert late.value.retry_after == 7
    state = sources.state(SOURCE)
    assert state.paused_until is not None
    assert state.throttles[0].throttled == 1
    assert state.breaker == "closed"
    (await sources.turn(f"{SOURCE}2", "fhir", "interactive", soon(0.1))).end()


async def test_no_single_answer_holds_everybody_up_for_longer_than_the_bound() -> None:
    sources = Sources()
    turn = await sources.turn(SOURCE, "fhir", "interactive", soon())
    turn.answered("GET Patient", 429, 1e9)
    turn.end()
    with pytest.raises(TryLater) as late:
        await sources.turn(SOURCE, "fhir", "interactive", soon(2))
    assert late.value.retry_after == LONGEST_PAUSE_S


async def test_a_short_pause_is_waited_out() -> None:
    sources = Sources()
    turn = await sources.turn(SOURCE, "fhir", "interactive", soon())
    turn.answered("GET Patient", 503, 0.05)
    turn.end()
    started = time.monotonic()
    (await sources.turn(SOURCE, "fhir", "interactive", soon())).end()
    assert 0.03 <= time.monotonic() - started < 2


async def test_the_ceiling_bounds_the_rate_of_all_endpoints_together() -> None:
    sources = Sources()
    sources.set_ceiling(SOURCE, Ceiling(rate_per_s=100))
    started = time.monotonic()
    for number in range(20):
        turn = await sources.turn(SOURCE, "fhir" if number % 2 else "discovery", "interactive", soon())
        turn.answered("GET Patient", 200, None)
        turn.end()
    elapsed = time.monotonic() - started
    assert elapsed >= 0.13  # 20 calls at 100 a second, less the slack of 50 ms
    assert sources.state(SOURCE).throttles[0].rate_per_s == 100


@pytest.mark.parametrize(
    ("start", "end", "at", "hours"),
    [
        (20, 6, datetime(2026, 3, 2, 3, 0, tzinfo=UTC), 0),  # 21:00 in Chicago
        (20, 6, datetime(2026, 3, 2, 11, 59, tzinfo=UTC), 0),
        (20, 6, datetime(2026, 3, 1, 12, 0, tzinfo=UTC), 14),
        (1, 5, datetime(2026, 3, 1, 6, 0, tzinfo=UTC), 1),
        (1, 5, datetime(2026, 3, 1, 8, 0, tzinfo=UTC), 0),
        (1, 5, datetime(2026, 3, 1, 12, 0, tzinfo=UTC), 19),
    ],
)
def test_nights_go_by_the_tenants_clock(start: int, end: int, at: datetime, hours: float) -> None:
    night = Night(time_of_day(start), time_of_day(end), "America/Chicago")
    assert night.opens_in(at) == hours * 3600


async def test_batch_waits_for_the_night_and_people_do_not() -> None:
    sources = Sources(now=lambda: NOW)
    sources.set_ceiling(SOURCE, Ceiling(night=Night(time_of_day(20), time_of_day(22), "UTC")))
    with pytest.raises(TryLater) as late:
        await sources.turn(SOURCE, "fhir", "batch", soon())
    assert (late.value.code, late.value.retry_after) == ("upstream_throttled", 13 * 3600)
    (await sources.turn(SOURCE, "fhir", "interactive", soon())).end()


def failing(clock: list[float]) -> Sources:
    return Sources(monotonic=lambda: clock[0])


async def fail(sources: Sources, clock: list[float]) -> None:
    for _ in range(6):
        turn = await sources.turn(SOURCE, "fhir", "interactive", math.inf)
        turn.failed(timed_out=False)
        turn.end()
        clock[0] += 1


async def test_while_the_breaker_is_open_calls_fail_at_once_and_one_probe_closes_it() -> None:
    clock = [100.0]
    sources = failing(clock)
    await fail(sources, clock)
    with pytest.raises(TryLater) as gone:
        await sources.turn(SOURCE, "fhir", "interactive", clock[0] + 60)
    assert gone.value.code == "upstream_unavailable"
    assert gone.value.retry_after == sources.unavailable_s(SOURCE)
    assert sources.state(SOURCE).breaker == "open"
    clock[0] += 10
    assert sources.unavailable_s(SOURCE) is None
    probe = await sources.turn(SOURCE, "fhir", "interactive", clock[0] + 60)
    with pytest.raises(TryLater):
        await sources.turn(SOURCE, "fhir", "interactive", clock[0] + 60)
    probe.answered("GET Patient", 404, None)
    probe.end()
    (await sources.turn(SOURCE, "fhir", "interactive", clock[0] + 60)).end()
    state = sources.state(SOURCE)
    assert (state.breaker, state.breaker_opened, state.throttles[0].in_flight) == ("closed", 1, 0)


async def test_a_probe_that_is_cancelled_lets_another_probe() -> None:
    clock = [100.0]
    sources = failing(clock)
    await fail(sources, clock)
    clock[0] += 10
    (await sources.turn(SOURCE, "fhir", "interactive", clock[0] + 60)).end()
    (await sources.turn(SOURCE, "fhir", "interactive", clock[0] + 60)).end()


def test_the_ledger_keeps_what_was_asked_each_hour() -> None:
    ledger = Ledger()
    for minute, at_once in ((0, 1), (10, 3), (59, 2), (61, 1)):
        ledger.began(NOW + timedelta(minutes=minute), at_once)
    for _ in range(4):
        ledger.began(NOW + timedelta(minutes=70), 1)
    ledger.throttled(NOW + timedelta(minutes=70))
    first, second = ledger.hours
    assert (first.begins_at, first.calls, first.most_at_once, first.most_per_s, first.throttled) == (NOW, 3, 3, 1, 0)
    assert (second.calls, second.most_per_s, second.throttled) == (5, 4, 1)


def test_a_source_never_called_has_an_empty_state() -> None:
    state = Sources().state("https://nowhere.example")
    assert (state.throttles, state.breaker, state.hours) == ((), "closed", ())


async def test_no_place_is_ever_lost() -> None:
    """Whoever is cancelled, whenever: at the end nobody is in flight and everybody else got through."""
    sources = Sources(most_at_once=3)
    through = 0

    async def call(number: int) -> None:
        nonlocal through
        turn = await sources.turn(SOURCE, "fhir", ("interactive", "write", "reread", "batch")[number % 4], soon(20))
        try:
            await asyncio.sleep(0.001 * (number % 5))
            turn.answered("GET Patient", (200, 429, 503, 404)[number % 4] if number % 7 == 0 else 200, None)
            through += 1
        finally:
            turn.end()

    tasks = [asyncio.create_task(call(number)) for number in range(120)]
    cancel: Callable[[int], bool] = lambda number: number % 3 == 1  # noqa: E731
    for number, task in enumerate(tasks):
        if cancel(number):
            await asyncio.sleep(0)
            task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    kept = [result for number, result in enumerate(results) if not cancel(number)]
    assert all(result is None for result in kept)
    assert through >= len(kept)
    assert sources.state(SOURCE).throttles[0].in_flight == 0
