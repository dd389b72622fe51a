"""Answers that are passed through: repeated until their head is there, held to the limits of every call, and let go of when nobody reads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from millgate import deadline
from millgate.canonical.exchange import Call
from millgate.canonical.noting import noted
from millgate.errors import CallOperator, TryLater
from millgate.pathways.breaker import FAILURES, SPAN_S
from millgate.pathways.http import Limits, Transport
from millgate.pathways.sources import Sources
from millgate.pathways.streams import Patience, stream
from tests.pathways.source import Source, cut_short, drop, reply, say_nothing, source

BODY = bytes(range(256)) * 4096


@pytest.fixture
async def served() -> AsyncIterator[Source]:
    async with source() as made:
        yield made


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    async with Transport(Limits(backoff_s=0.001), sources=Sources()) as made:
        yield made


async def read(transport: Transport, served: Source, calls: list[Call], path: str = "/b", **patience: Any) -> tuple[int, bytes]:
    async with stream(
        transport,
        served.base + path,
        within=served.base,
        calls=calls,
        resource_type="Binary",
        headers={"Accept": "application/pdf"},
        patience=Patience(**patience),
    ) as answer:
        assert in_flight(transport, served) == 1  # as long as the source is sending
        return answer.status, b"".join([piece async for piece in answer.pieces()])


def in_flight(transport: Transport, served: Source) -> int:
    assert transport.sources is not None
    return sum(one.in_flight for one in transport.sources.state(served.base).throttles)


async def test_the_head_is_asked_for_again_and_the_body_comes_once(transport: Transport, served: Source) -> None:
    served.on("/b", reply(503), drop, reply(200, BODY, Content_Type="application/pdf"))
    calls: list[Call] = []
    with noted() as seen:
        assert await read(transport, served, calls) == (200, BODY)
    assert [call.status for call in calls] == [503, None, 200]
    assert seen == calls
    assert in_flight(transport, served) == 0
    assert {request.headers["Accept-Encoding"] for request in served.requests} == {"identity"}


async def test_a_refusal_comes_with_its_body(transport: Transport, served: Source) -> None:
    served.on("/b", reply(404, b"none"))
    async with stream(
        transport, served.base + "/b", within=served.base, calls=[], resource_type="Binary", headers={}, patience=Patience()
    ) as answer:
        assert (answer.status, await answer.body()) == (404, b"none")
    assert in_flight(transport, served) == 0


async def test_what_breaks_off_is_told_and_not_begun_again(transport: Transport, served: Source) -> None:
    served.on("/b", cut_short)
    calls: list[Call] = []
    with pytest.raises(TryLater) as caught:
        await read(transport, served, calls)
    assert (caught.value.code, len(calls)) == ("upstream_unavailable", 1)
    assert in_flight(transport, served) == 0


async def test_sources_that_break_off_again_and_again_open_the_breaker(served: Source) -> None:
    passed_s = 0.0
    sources = Sources(monotonic=lambda: time.monotonic() + passed_s)
    async with Transport(Limits(backoff_s=0.001), sources=sources) as transport:
        served.on("/b", reply(200, BODY), cut_short)
        assert await read(transport, served, []) == (200, BODY)
        for _ in range(FAILURES):
            with pytest.raises(TryLater) as caught:
                await read(transport, served, [])
            assert caught.value.retry_after is None
            passed_s += SPAN_S / 2
        assert sources.state(served.base).breaker == "open"
        with pytest.raises(TryLater) as caught:
            await read(transport, served, [])
        assert caught.value.retry_after is not None
        assert len(served.requests) == FAILURES + 1


async def test_a_source_that_comes_to_the_end_in_between_is_there(served: Source) -> None:
    passed_s = 0.0
    sources = Sources(monotonic=lambda: time.monotonic() + passed_s)
    async with Transport(Limits(backoff_s=0.001), sources=sources) as transport:
        served.on("/b", *[cut_short, cut_short, reply(200, BODY)] * FAILURES)
        for number in range(3 * FAILURES):
            if number % 3 == 2:
                assert await read(transport, served, []) == (200, BODY)
            else:
                with pytest.raises(TryLater):
                    await read(transport, served, [])
            passed_s += SPAN_S / 2
        assert sources.state(served.base).breaker == "closed"


async def test_a_silent_source_is_waited_for_no_longer_than_allowed(transport: Transport, served: Source) -> None:
    async def head_only(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        return await say_nothing(request)

    served.on("/never", say_nothing)
    served.on("/begun", head_only)
    for path, patience in (("/never", {"head_s": 0.1}), ("/begun", {"idle_s": 0.1}), ("/begun", {"total_s": 0.1})):
        with pytest.raises(TryLater) as caught:
            await read(transport, served, [], path, **patience)
        assert caught.value.code == "upstream_timeout"
    served.on("/never", say_nothing)
    with deadline.bounded(0.1), pytest.raises(TryLater):
        await read(transport, served, [], "/never")
    assert in_flight(transport, served) == 0


async def test_too_much_is_cut_off(transport: Transport, served: Source) -> None:
    served.on("/b", reply(200, BODY))
    with pytest.raises(CallOperator, match="more than 1000 bytes"):
        await read(transport, served, [], body_bytes=1000)
    assert in_flight(transport, served) == 0


async def test_who_stops_reading_lets_the_source_go(transport: Transport, served: Source) -> None:
    gone = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(BODY)
        except (ConnectionError, asyncio.CancelledError):
            gone.set()
            raise

    served.on("/b", endless)
    async with stream(
        transport, served.base + "/b", within=served.base, calls=[], resource_type="Binary", headers={}, patience=Patience()
    ) as answer:
        assert await anext(answer.pieces())
    async with asyncio.timeout(30):
        await gone.wait()
    assert in_flight(transport, served) == 0


async def test_addresses_are_checked_as_for_every_call(transport: Transport, served: Source) -> None:
    for url in (served.base + "/../b", "http://127.0.0.1:1/b", "http://10.0.0.1/b", "https://elsewhere.example/b"):
        with pytest.raises(CallOperator):
            async with stream(
                transport, url, within=served.base, calls=[], resource_type="Binary", headers={}, patience=Patience()
            ):
                pass
    assert served.requests == []


async def test_a_length_is_that_of_the_bytes_that_come(transport: Transport, served: Source) -> None:
    async def gzipped(request: web.Request) -> web.StreamResponse:
        response = web.Response(body=BODY)
        response.enable_compression(web.ContentCoding.gzip)
        return response

    served.on("/b", reply(200, BODY))
    served.on("/z", gzipped)
    for path, length in (("/b", len(BODY)), ("/z", None)):
        async with stream(
            transport, served.base + path, within=served.base, calls=[], resource_type="Binary", headers={}, patience=Patience()
        ) as answer:
            assert answer.length == length
            assert b"".join([piece async for piece in answer.pieces()]) == BODY
