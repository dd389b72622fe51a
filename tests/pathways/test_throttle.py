"""The queue in front of a source: priorities, pauses, ceilings, nights, and places that are always given back."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime
from datetime import time as time_of_day

import pytest

from millgate.access.budget import Ceiling, Night
from millgate.deadline import Urgency
from millgate.errors import TryLater
from millgate.pathways.sources import Sources
from millgate.pathways.throttle import LONGEST_PAUSE_S

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


async def test_the_ceiling_is_never_exceeded_within_any_second_and_binds_all_that_belongs_to_the_tenant() -> None:
    clock = [100.0]
    sources = Sources(monotonic=lambda: clock[0])
    sources.belongs("https://auth.example/token", SOURCE)
    sources.belong({"https://patients.example/r4/t": SOURCE})
    sources.set_ceiling(SOURCE, Ceiling(rate_per_s=5))
    places = [(SOURCE, "fhir"), ("https://auth.example/token", "authorization"), ("https://patients.example/r4/t", "fhir")]
    went: list[float] = []
    number = 0
    while clock[0] < 110:
        clock[0] += 0.013  # late by a little each time: a pace alone would make up for it
        with contextlib.suppress(TryLater):
            turn = await sources.turn(*places[number % 3], "interactive", clock[0])
            went.append(clock[0])
            number += 1
            turn.answered("GET Patient", 200, None)
            turn.end()
    assert max(sum(start - 1 < at <= start for at in went) for start in went) == 5
    assert len(went) >= 40
    (hour,) = sources.state(SOURCE).hours
    assert (hour.calls, hour.most_per_s, hour.most_at_once) == (len(went), 5, 1)
    assert set(hour.endpoints) == {"fhir", "authorization"}
    assert [base for base, _ in sources.states()] == [SOURCE] * 3
    sources.close()


async def test_a_place_at_one_source_of_a_tenant_goes_to_whoever_waits_at_another() -> None:
    sources = Sources()
    sources.belongs("https://auth.example/token", SOURCE)
    sources.set_ceiling(SOURCE, Ceiling(concurrency=1))
    holder = await sources.turn(SOURCE, "fhir", "interactive", soon())
    waiter = asyncio.create_task(sources.turn("https://auth.example/token", "authorization", "interactive", soon()))
    await settle()
    assert not waiter.done()
    holder.end()
    (await waiter).end()
    assert sources.state(SOURCE).hours[-1].most_at_once == 1


async def test_a_token_endpoint_that_another_tenant_names_takes_only_the_tokens() -> None:
    sources = Sources()
    sources.belongs(SOURCE, "https://elsewhere.example/r4/u")
    (await sources.turn(SOURCE, "fhir", "interactive", soon())).end()
    (await sources.turn(SOURCE, "authorization", "interactive", soon())).end()
    assert sources.state(SOURCE).hours[-1].calls == 1


async def test_hours_are_handed_out_once_and_again_where_they_could_not_be_kept() -> None:
    sources = Sources(now=lambda: NOW)
    (await sources.turn(SOURCE, "fhir", "interactive", soon())).end()
    assert sources.changed() == [SOURCE]
    taken = sources.take(SOURCE)
    assert [(one.begins_at, one.calls) for one in taken] == [(NOW, 1)]
    assert (sources.changed(), sources.take(SOURCE)) == ([], [])
    sources.put_back(SOURCE, taken)
    (await sources.turn(SOURCE, "discovery", "interactive", soon())).end()
    assert [(one.calls, one.endpoints) for one in sources.take(SOURCE)] == [(2, {"fhir": 1, "discovery": 1})]


async def test_whoever_listens_is_told_of_each_call_as_it_ends() -> None:
    sources = Sources()
    told: list[tuple[str, str, int | None]] = []
    sources.told = lambda one: told.append((one.base, one.kind, one.status))
    answered = await sources.turn(SOURCE, "fhir", "interactive", soon())
    answered.answered("GET Patient", 404, None)
    answered.end()
    gone = await sources.turn(SOURCE, "fhir", "interactive", soon())
    gone.failed(timed_out=True, kind="GET Slot")
    gone.end()
    assert told == [(SOURCE, "GET Patient", 404), (SOURCE, "GET Slot", None)]


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
