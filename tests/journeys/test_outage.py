"""A region that is gone for a while, a caller who is gone, and a source that lets few calls pass: through the gateway, over the wire."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from tests.journeys.faulty import EVERYTHING, PATIENCE, TENANT, Bench, Caller, connect, hospital


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("outage") / "data"
    with hospital("--patients", "30") as source:
        made = Bench(source, folder, connect(folder, {TENANT: source.tenants[0]}, {"all": ((TENANT,), EVERYTHING)}))
        gateway = made.start()
        try:
            yield made
        finally:
            gateway.stop()


@pytest.fixture
async def caller(bench: Bench) -> AsyncIterator[Caller]:
    async with aiohttp.ClientSession(timeout=PATIENCE) as http:
        opened = await Caller(http, bench.address).open(bench.keys["all"])
        await bench.hospital.calm(http)
        yield opened
        await bench.hospital.calm(http)


async def test_a_caller_who_hangs_up_frees_the_call_to_the_source(bench: Bench, caller: Caller) -> None:
    await bench.hospital.fault(caller.http, "latency", resource_type="Organization", latency_ms=1500)
    with pytest.raises(TimeoutError):
        await caller.get("/organizations?max_age=0", timeout=aiohttp.ClientTimeout(total=0.6))
    await asyncio.sleep(1.6)
    (only,) = [one for one in (await bench.hospital.state(caller.http))["requests"] if one["resource_type"] == "Organization"]
    assert only["status"] == 0  # nobody took the answer


async def test_nobody_else_loses_a_call_that_is_shared(bench: Bench, caller: Caller) -> None:
    await bench.hospital.fault(caller.http, "latency", resource_type="Practitioner", latency_ms=1200)
    path = "/practitioners?name=er&max_age=60"
    staying = asyncio.create_task(caller.get(path))
    with pytest.raises(TimeoutError):
        await caller.get(path, timeout=aiohttp.ClientTimeout(total=0.5))
    assert (await staying).status == 200
    assert await bench.hospital.seen(caller.http, "GET", "Practitioner") == 1


async def test_a_slow_drip_is_waited_for_and_whole(bench: Bench, caller: Caller) -> None:
    whole = await caller.get("/practitioners?name=an&max_age=0")
    await bench.hospital.fault(caller.http, "drip", resource_type="Practitioner", bytes_per_s=50_000)
    slow = await caller.get("/practitioners?name=an&max_age=0")
    assert slow.json["data"] == [
        {**one, "source": {**one["source"], "received_at": got["source"]["received_at"]}}
        for one, got in zip(whole.json["data"], slow.json["data"], strict=True)
    ]


async def test_a_regional_outage_old_answers_are_told_to_be_old_and_others_fail_at_once_until_it_is_over(
    bench: Bench, caller: Caller
) -> None:
    known, unknown = "/organizations?max_age=1", "/locations?identifier=x&max_age=1"
    before = await caller.get("/organizations?max_age=0")
    assert (before.status, before.json["freshness"]["from"]) == (200, "live")
    await caller.get(known)
    await asyncio.sleep(1.1)
    await bench.hospital.fault(caller.http, "outage", refuse=True)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        stale = await caller.get(known)
        assert stale.status == 200
        assert [warning["code"] for warning in stale.json["warnings"]] == ["stale"]
        assert stale.json["freshness"]["from"] == "cache"
        assert stale.ids == before.ids
        assert stale.headers["Warning"].startswith("110")
        refused = await caller.get(unknown)
        assert (refused.status, refused.code) == (503, "upstream_unavailable")
        if "retry_after" in refused.json:
            break
    assert refused.json["retry_after"] > 0  # the breaker is open
    before_s, seen = time.monotonic(), await bench.hospital.seen(caller.http)
    for _ in range(5):
        assert (await caller.get(unknown)).status == 503
        assert (await caller.get("/organizations?max_age=0")).status == 503
    assert time.monotonic() - before_s < 2
    assert await bench.hospital.seen(caller.http) <= seen + 1
    booked = await caller.book("while-it-is-gone", slot_id="1", patient_id="2")
    assert (booked.status, booked.code) == (503, "upstream_unavailable")
    await bench.hospital.calm(caller.http)
    deadline = time.monotonic() + 30
    said = refused
    while said.status != 200 and time.monotonic() < deadline:
        await asyncio.sleep(0.5)
        said = await caller.get("/organizations?max_age=0")
    assert said.ids == before.ids
    assert said.json["warnings"] == []


async def test_a_source_with_an_unknown_limit_is_read_by_many_and_no_caller_is_refused(bench: Bench, caller: Caller) -> None:
    url = f"{bench.hospital.process.report['simulator']}/_simulator/rate_limit"
    async with caller.http.put(url, data=json.dumps({"rate": 60, "burst": 30})) as answer:
        assert answer.status == 200
    try:
        said = await asyncio.gather(*(caller.get("/organizations?max_age=0") for _ in range(200)))
    finally:
        async with caller.http.delete(url) as answer:
            assert answer.status == 204
    assert {one.status for one in said} == {200}
    assert len({json.dumps(one.ids) for one in said}) == 1
