"""Two gateways of one database: what is written at one is not shown as it was before by the other."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import aiohttp
import pytest

from tests.journeys import processes
from tests.journeys.calling import Caller
from tests.journeys.conftest import FindChart, Stack
from tests.journeys.slots import free_slots

WITHIN_S = 60  # on a machine that does other things, too; as a rule it takes milliseconds
OLD = 86_400


@pytest.fixture(scope="module")
def second(stack: Stack) -> Iterator[str]:
    """A second gateway beside the first; its address."""
    gateway = processes.serve(stack.data_dir, "--no-worker", environment=stack.environment)
    yield str(gateway.report["gateway"])
    assert gateway.stop() == 0


async def test_a_booking_at_one_gateway_is_heard_of_by_the_other(
    stack: Stack, second: str, http: aiohttp.ClientSession, mercy: Caller, chart_of: FindChart
) -> None:
    patient_id = (await chart_of("mercy")).id
    there = Caller(http, second, mercy.bearer)
    for _ in range(2):
        before = await there.get("/appointments", patient_id=patient_id, max_age=OLD)
        organizations = await there.get("/organizations", max_age=OLD)
    assert (before.freshness["from"], organizations.freshness["from"]) == ("cache", "cache")
    slot = (await free_slots(mercy))[0]
    booked = await mercy.post("/create_appointment", {"slot_id": slot["id"], "patient_id": patient_id}, key=f"two-{slot['id']}")
    assert booked.status == 201, booked.body
    assert booked.json["id"] not in before.ids
    async with asyncio.timeout(WITHIN_S):
        while booked.json["id"] not in (now := await there.get("/appointments", patient_id=patient_id, max_age=OLD)).ids:
            assert now.freshness == before.freshness, "what it shows is still what it held"
            await asyncio.sleep(0.02)
    assert (await there.get("/organizations", max_age=OLD)).freshness == organizations.freshness, "nothing else is let go of"
