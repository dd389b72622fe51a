"""What a hospital's team may ask and order: limits that running gateways take up, and hours that all of them count together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from tests.journeys import processes
from tests.journeys.calling import Caller
from tests.journeys.conftest import OpenSession, Stack

RATE, AT_ONCE = 12, 6
WITHIN_S = 60  # on a machine that does other things, too


@pytest.fixture
def operator(stack: Stack, http: aiohttp.ClientSession) -> Caller:
    """A caller with an operator's key."""
    return Caller(http, stack.gateway, stack.keys["operator"])


@pytest.fixture
async def unlimited(stack: Stack) -> AsyncIterator[None]:
    """Afterwards the tenant has no limit, and its source none either."""
    yield
    await asyncio.to_thread(stack.command, "tenants", "limit", "mercy", "--clear")
    async with aiohttp.ClientSession() as http, http.delete(f"{stack.simulator}/_simulator/rate_limit") as answer:
        assert answer.status < 300


async def until(found: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what takes a few seconds."""
    async with asyncio.timeout(WITHIN_S):
        while not await found():  # noqa: ASYNC110 another process answers
            await asyncio.sleep(0.1)


async def tenant(caller: Caller) -> dict[str, Any]:
    """The first tenant as an operator sees it."""
    said = await caller.get("/tenants/mercy")
    assert said.status == 200, said.body
    found: dict[str, Any] = said.json
    return found


async def test_a_limit_reaches_the_running_gateway_and_shows_where_it_is_asked_for(
    stack: Stack, operator: Caller, mercy: Caller, unlimited: None
) -> None:
    told = await asyncio.to_thread(stack.told, "tenants", "limit", "mercy", "--rate", "250", "--night", "22:00-05:00")
    assert told["limit"] == {
        "rate_per_s": 250, "at_once": None, "night": "22:00-05:00", "time_zone": told["limit"]["time_zone"],
        "set_at": told["limit"]["set_at"],
    }  # fmt: skip
    assert told["limit"]["time_zone"] == stack.hospitals["mercy"]["time_zone"]
    await asyncio.to_thread(stack.command, "tenants", "limit", "mercy", "--at-once", "7")
    shown = await asyncio.to_thread(stack.told, "tenants", "show", "mercy")
    assert (shown["limit"]["rate_per_s"], shown["limit"]["at_once"], shown["limit"]["night"]) == (250, 7, "22:00-05:00")

    await mercy.get("/organizations", max_age=0)

    async def taken_up() -> bool:
        source = (await tenant(operator))["source"]
        return any(one["endpoint"] == "fhir" and one["limit"] <= 7 for one in source["throttles"])

    await until(taken_up)
    limit = (await tenant(operator))["limit"]
    assert (limit["at_once"], limit["processes"]) == (7, 1)
    rows = await asyncio.to_thread(stack.told, "audit", "list", "--tenant", "mercy")
    assert [(row["client_id"], row["status"]) for row in rows if row["action"] == "operator.limit"][:2] == [
        ("command-line", 200)
    ] * 2
    human = await asyncio.to_thread(stack.command, "tenants", "show", "mercy")
    assert "limit: never more than 250 calls a second and 7 at once; batch runs from 22:00 to 05:00" in human.stdout


async def test_what_was_asked_is_counted_by_the_hour(stack: Stack, operator: Caller, lakeside: Caller) -> None:
    for _ in range(5):
        await lakeside.get("/organizations", max_age=0)

    async def counted() -> bool:
        told = await asyncio.to_thread(stack.told, "tenants", "budget", "lakeside", "--hours", "2")
        return sum(hour["calls"] for hour in told["hours"]) >= 6

    await until(counted)
    told = await asyncio.to_thread(stack.told, "tenants", "budget", "lakeside", "--days", "2")
    hour = told["hours"][-1]
    assert {"fhir", "authorization", "discovery"} <= hour["endpoints"].keys()
    assert sum(hour["endpoints"].values()) == hour["calls"]
    assert 1 <= hour["per_s"]["at_least"] <= hour["per_s"]["at_most"]
    assert (told["limit"], told["time_zone"]) == (None, stack.hospitals["lakeside"]["time_zone"])
    said = await operator.get("/tenants/lakeside")
    assert said.json["hours"][-1]["calls"] >= hour["calls"]
    human = await asyncio.to_thread(stack.command, "tenants", "budget", "lakeside")
    assert "no limit is set, so nothing is promised" in human.stdout
    assert f"Hours by the clock of {told['time_zone']}." in human.stdout


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("limit", "nobody", "--rate", "1"), 66),
        (("limit", "mercy"), 64),
        (("limit", "mercy", "--night", "5-6"), 64),
        (("budget", "nobody"), 66),
        (("budget", "mercy", "--days", "400"), 64),
    ],
)
def test_what_cannot_be_done_ends_with_a_status_that_says_so(stack: Stack, arguments: tuple[str, ...], status: int) -> None:
    done = stack.command("tenants", *arguments, check=status)
    assert done.stdout == ""
    assert "error: " in done.stderr


@asynccontextmanager
async def second_gateway(stack: Stack) -> AsyncIterator[str]:
    """One more gateway of the same store; its address."""
    process = await asyncio.to_thread(processes.serve, stack.data_dir, "--no-worker", environment=stack.environment)
    try:
        yield process.report["gateway"]
    finally:
        await asyncio.to_thread(process.stop)


async def test_two_gateways_together_stay_below_the_limit(
    stack: Stack, http: aiohttp.ClientSession, open_session: OpenSession, operator: Caller, unlimited: None
) -> None:
    """The source's own token bucket is the witness: it would refuse whoever goes beyond the limit."""
    await asyncio.to_thread(stack.command, "tenants", "limit", "mercy", "--rate", str(RATE), "--at-once", str(AT_ONCE), "--clear")
    session = await open_session("mercy")
    async with second_gateway(stack) as other:
        callers = [session, Caller(http, other, session.bearer)]
        operators = [operator, Caller(http, other, stack.keys["operator"])]

        async def divided() -> bool:
            for caller in callers:
                assert (await caller.get("/organizations", max_age=0)).status == 200
            found = [(await tenant(one))["limit"]["processes"] for one in operators]
            return found == [2, 2]

        await until(divided)
        bucket = {"rate": RATE, "burst": RATE}
        async with http.put(f"{stack.simulator}/_simulator/rate_limit", json=bucket) as answer:
            assert answer.status < 300
        before = [(await tenant(one))["source"] for one in operators]
        ends_at = time.monotonic() + 4
        statuses: list[int] = []

        async def want_more(caller: Caller) -> None:
            while time.monotonic() < ends_at:
                statuses.append((await caller.get("/organizations", max_age=0)).status)

        await asyncio.gather(*(want_more(caller) for caller in callers for _ in range(8)))
        after = [(await tenant(one))["source"] for one in operators]
        assert set(statuses) == {200}
        asked = [calls_of(then) - calls_of(now) for now, then in zip(before, after, strict=True)]
        assert min(asked) >= RATE / 2
        assert sum(throttled_of(one) for one in after) == sum(throttled_of(one) for one in before)
        for one in after:
            assert one["hours"][-1]["most_per_s"] >= 1
            assert next(found["limit"] for found in one["throttles"] if found["endpoint"] == "fhir") <= AT_ONCE // 2
            assert next(found["rate_per_s"] for found in one["throttles"] if found["endpoint"] == "fhir") <= RATE / 2


def calls_of(source: dict[str, Any]) -> int:
    return sum(int(one["calls"]) for one in source["throttles"])


def throttled_of(source: dict[str, Any]) -> int:
    return sum(int(one["throttled"]) for one in source["throttles"])
