"""The transport with throttle and breaker: who is told what, deadlines from above, compressed answers, and calls that are let go."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from aiohttp import web

from millgate import deadline
from millgate.canonical.exchange import Call
from millgate.errors import CallOperator, TryLater
from millgate.pathways.http import Limits, Transport
from millgate.pathways.sources import Sources
from millgate.pathways.throttle import LONGEST_PAUSE_S
from tests.pathways.source import Source, reply, say_nothing, source

NOW = datetime(2026, 3, 1, 7, 0, tzinfo=UTC)
PATH = "/r4/t/Patient"


@pytest.fixture
async def served() -> AsyncIterator[Source]:
    async with source() as running:
        yield running


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    limits = Limits(read_s=2, total_s=4, body_bytes=100_000, backoff_s=0.001)
    async with Transport(limits, sources=Sources(most_at_once=8)) as made:
        yield made


def base(served: Source) -> str:
    return f"{served.base}/r4/t"


async def get(transport: Transport, served: Source, calls: list[Call] | None = None, method: str = "GET", **more: object) -> int:
    told = await transport.request(
        method,
        served.base + PATH,
        within=base(served),
        calls=[] if calls is None else calls,
        resource_type="Patient",
        **more,  # type: ignore[arg-type]
    )
    return told.status


async def test_refusals_and_answers_reach_the_throttle_and_the_ledger(transport: Transport, served: Source) -> None:
    served.on(PATH, reply(200), reply(429), reply(200))
    calls: list[Call] = []
    assert await get(transport, served, calls) == 200
    assert await get(transport, served, calls) == 200
    assert [call.status for call in calls] == [200, 429, 200]
    assert transport.sources is not None
    state = transport.sources.state(base(served))
    (fhir,) = state.throttles
    assert (fhir.endpoint, fhir.calls, fhir.throttled, fhir.in_flight) == ("fhir", 3, 1, 0)
    assert fhir.rate_per_s is not None
    assert (state.hours[-1].calls, state.hours[-1].throttled) == (3, 1)


async def test_a_long_retry_after_is_handed_on_and_holds_for_the_next_call_without_asking(
    transport: Transport, served: Source
) -> None:
    served.on(PATH, reply(429, Retry_After="120"))
    assert await get(transport, served) == 429
    with pytest.raises(TryLater) as late:
        await get(transport, served, deadline_s=2)
    assert (late.value.code, len(served.requests)) == ("upstream_throttled", 1)
    assert late.value.retry_after is not None
    assert 8 <= late.value.retry_after <= LONGEST_PAUSE_S


async def test_tokens_documents_and_fhir_are_throttled_apart(transport: Transport, served: Source) -> None:
    served.on(PATH, reply(200))
    for resource_type in ("Patient", "", "token", "revoke", "metadata", ".well-known/smart-configuration", "keys"):
        await transport.request("GET", served.base + PATH, within=base(served), calls=[], resource_type=resource_type)
    assert transport.sources is not None
    seen = {throttle.endpoint: throttle.calls for throttle in transport.sources.state(base(served)).throttles}
    assert seen == {"fhir": 2, "authorization": 2, "discovery": 3}


async def test_a_dead_source_opens_the_breaker_and_writes_are_not_sent_then(served: Source) -> None:
    clock = [1000.0]
    async with Transport(Limits(backoff_s=0.0), sources=Sources(monotonic=lambda: clock[0])) as transport:
        served.on(PATH, reply(503))
        for _ in range(2):
            assert await get(transport, served) == 503
            clock[0] += 1.5
        with pytest.raises(TryLater, match="upstream_unavailable"):
            await get(transport, served)  # opens it, and does not go on trying then
        sent = len(served.requests)
        calls: list[Call] = []
        for method in ("GET", "POST"):
            with pytest.raises(TryLater) as gone:
                await get(transport, served, calls, method)
            assert (gone.value.code, gone.value.outcome_unknown) == ("upstream_unavailable", False)
            assert gone.value.retry_after is not None
        assert (len(served.requests), calls) == (sent, [])
        served.on(PATH, reply(200))
        clock[0] += 30
        assert await get(transport, served) == 200
        assert await get(transport, served) == 200


async def test_a_caller_in_a_hurry_bounds_the_call_and_is_not_held_against_the_source(
    transport: Transport, served: Source
) -> None:
    served.on(PATH, say_nothing)
    started = time.monotonic()
    with deadline.bounded(10), deadline.bounded(0.05), deadline.bounded(60), pytest.raises(TryLater) as late:
        await get(transport, served)
    assert late.value.code == "upstream_timeout"
    assert time.monotonic() - started < 1
    assert transport.sources is not None
    state = transport.sources.state(base(served))
    assert (state.throttles[0].limit, state.throttles[0].in_flight) == (8, 0)
    with deadline.bounded(0), pytest.raises(TryLater, match="upstream_timeout"):
        await get(transport, served)
    assert len(served.requests) == 1


async def test_silence_halves_what_goes_out_at_once(served: Source) -> None:
    async with Transport(Limits(read_s=0.05), sources=Sources(most_at_once=8)) as transport:
        served.on(PATH, say_nothing)
        with pytest.raises(TryLater, match="upstream_timeout"):
            await get(transport, served)
        assert transport.sources is not None
        assert transport.sources.state(base(served)).throttles[0].limit == 4


async def test_batch_has_more_time_and_less_right_of_way(served: Source) -> None:
    async def slow(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.15)
        return web.Response()

    served.on(PATH, slow)
    limits = Limits(read_s=0.05, total_s=0.05, batch_read_s=2, batch_total_s=2)
    async with Transport(limits, sources=Sources(most_at_once=2)) as transport:
        with pytest.raises(TryLater, match="upstream_timeout"):
            await get(transport, served)
        with deadline.bounded(5, "batch"):
            assert await get(transport, served) == 200


async def test_a_cancelled_call_frees_its_place_and_its_connection(transport: Transport, served: Source) -> None:
    arrived, hung_up = asyncio.Event(), asyncio.Event()

    async def wait(request: web.Request) -> web.StreamResponse:
        arrived.set()
        try:
            while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110 - a socket sets no event
                await asyncio.sleep(0.005)
        finally:
            hung_up.set()
        return web.Response()

    served.on(PATH, wait)
    task = asyncio.create_task(get(transport, served))
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(hung_up.wait(), 2)
    assert transport.sources is not None
    assert transport.sources.state(base(served)).throttles[0].in_flight == 0


async def test_compressed_answers_are_asked_for_and_bounded_by_what_they_unpack_to(transport: Transport, served: Source) -> None:
    served.on(PATH, reply(200, gzip.compress(b"x" * 5000), Content_Encoding="gzip"))
    told = await transport.request("GET", served.base + PATH, within=base(served), calls=[])
    assert told.body == b"x" * 5000
    assert served.requests[0].headers["Accept-Encoding"] == "gzip"
    served.on(PATH, reply(200, gzip.compress(b"x" * 50_000_000), Content_Encoding="gzip"))
    with pytest.raises(CallOperator, match="more than 100000 bytes"):
        await get(transport, served)
    served.on(PATH, reply(200, b"not gzip at all", Content_Encoding="gzip"))
    with pytest.raises(TryLater):
        await get(transport, served)


async def test_a_locked_record_is_asked_again_only_when_the_source_says_when(transport: Transport, served: Source) -> None:
    served.on(PATH, reply(423), reply(200))
    assert await get(transport, served) == 423
    served.on(PATH, reply(423, Retry_After="0"), reply(200))
    assert await get(transport, served) == 200
    served.on(PATH, reply(423, Retry_After="0"), reply(200))
    assert await get(transport, served, method="PATCH", headers={"If-Match": 'W/"1"'}) == 423
    served.on(PATH, reply(424, Retry_After="0"), reply(200))
    assert await get(transport, served) == 424


async def test_the_time_left_of_a_caller_who_waits_for_shared_work() -> None:
    async def work() -> int:
        assert deadline.remaining() is None
        await asyncio.sleep(0.1)
        return 7

    with deadline.unbounded():
        shared = asyncio.create_task(work())
    with deadline.bounded(0.01), pytest.raises(TryLater, match="upstream_timeout"):
        await deadline.wait(shared)
    assert await deadline.wait(shared) == 7
    with deadline.bounded(5, "batch"):
        assert deadline.urgency() == "batch"
        assert (deadline.remaining() or 0) > 4
        with deadline.for_everybody():
            assert (deadline.urgency(), deadline.remaining()) == ("interactive", None)
        with deadline.bounded(60):
            assert deadline.urgency() == "batch"
            assert (deadline.remaining() or 0) <= 5
    assert deadline.urgency() is None
    assert deadline.remaining() is None
