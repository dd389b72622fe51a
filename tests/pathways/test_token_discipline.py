"""Tokens under load, against the simulator over the wire: one request for any number of callers, and repairs that no caller sees."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

import pytest

from millgate import deadline
from millgate.access.budget import Ceiling, Night
from millgate.access.connection import Connection
from millgate.access.parties import Registration, Tenant
from millgate.canonical.exchange import Query
from millgate.errors import TryLater
from millgate.pathways.fhir_r4.transport import FhirR4
from millgate.pathways.http import Limits, Transport
from millgate.pathways.sources import Sources
from millgate.pathways.tokens import TokenBook
from millgate.simulator.clients import Client
from millgate.simulator.faults import Rule
from millgate.simulator.options import Options
from millgate.simulator.rate_limit import Rate
from millgate.simulator.server import Running, serve

SCOPES = ("system/Organization.rs", "system/Patient.rs", "system/Observation.rs")
CALLERS = 500


@dataclass
class Load:
    """Many callers of one tenant; the simulator's clock and the gateway's are one."""

    running: Running
    pathway: FhirR4
    connection: Connection
    clock: list[float]
    sources: Sources
    organization: str = ""

    @property
    def issued(self) -> int:
        (tenant,) = self.running.simulator.tenants.values()
        return sum(tenant.authorization.tokens_issued.values())

    async def at_once(self, callers: int = CALLERS) -> None:
        """That many reads at once; each has to come back with the record."""
        reads = (self.pathway.read(self.connection, "Organization", self.organization) for _ in range(callers))
        found = await asyncio.gather(*reads)
        assert {one.resource["id"] for one in found} == {self.organization}
        assert len(found) == callers

    def fault(self, **rule: object) -> None:
        self.running.simulator.faults.add(Rule(**rule))  # type: ignore[arg-type]


@pytest.fixture
async def load() -> AsyncIterator[Load]:
    clock = [datetime(2026, 3, 11, 12, 0, tzinfo=UTC).timestamp()]
    options = Options(patients=10, clients=(Client("app", secret="s"),), today=date(2026, 3, 11))
    running = await serve(options, clock=lambda: clock[0])

    def now() -> datetime:
        return datetime.fromtimestamp(clock[0], UTC)

    sources = Sources(now=now)
    async with Transport(Limits(backoff_s=0.01), now=now, sources=sources) as transport:
        tenant = Tenant("north", running.report["tenants"][0]["fhir_base"], "America/Chicago", now())
        registration = Registration("north", "system", "app", "client_secret_basic", "v2", b"s")
        made = Load(
            running, FhirR4(transport, TokenBook(transport, now), now), Connection(tenant, registration, SCOPES), clock, sources
        )
        (hospital,) = running.simulator.tenants.values()
        made.organization = str(hospital.records.all("Organization")[0].id)
        yield made
    await running.close()


async def test_500_calls_on_a_cold_start_cause_one_token_request(load: Load) -> None:
    await load.at_once()
    assert load.issued == 1


async def test_discovery_and_tokens_are_everybodys_though_batch_begins_them_and_count_as_the_tenants(load: Load) -> None:
    base = load.connection.tenant.fhir_base
    load.sources.set_ceiling(base, Ceiling(night=Night(time(1), time(2), "UTC")))
    with deadline.bounded(30, "batch"), pytest.raises(TryLater, match="upstream_throttled"):
        await load.pathway.read(load.connection, "Organization", load.organization)
    assert load.issued == 1
    await load.at_once(5)
    assert load.issued == 1
    assert load.sources.state(base).hours[-1].endpoints == {"discovery": 2, "authorization": 1, "fhir": 5}


async def test_expiry_under_load_causes_one_refresh(load: Load) -> None:
    await load.at_once(10)
    load.clock[0] += 600
    await load.at_once()
    assert load.issued == 2


async def test_renewal_ahead_of_expiry_under_load_is_one_request_and_nobody_waits_for_it(load: Load) -> None:
    await load.at_once(10)
    load.clock[0] += 500
    load.fault(kind="latency", surface="authorization", latency_ms=300)
    await load.at_once()
    async with asyncio.timeout(5):
        while load.issued == 1:  # noqa: ASYNC110 - the simulator's count is no event
            await asyncio.sleep(0.01)
    await load.at_once(50)
    assert load.issued == 2


async def test_a_revoked_token_in_mid_flight_is_repaired_by_one_request_and_no_caller_sees_it(load: Load) -> None:
    await load.at_once(10)
    load.fault(kind="revoke_tokens", resource_type="Organization", skip=100, count=1)
    await load.at_once()
    assert load.issued == 2


async def test_a_token_endpoint_that_stumbles_is_asked_again_once_for_all(load: Load) -> None:
    load.fault(kind="status", status=503, surface="authorization", count=1)
    await load.at_once(200)
    assert load.issued == 1


@pytest.mark.parametrize("life", [{"calls": 3, "announce": False}, {"calls": 1, "announce": False}])
async def test_tokens_that_die_in_the_middle_of_a_page_walk_lose_and_double_nothing(load: Load, life: dict[str, object]) -> None:
    async def walk() -> list[str]:
        page = await load.pathway.search(load.connection, Query("Observation", {"patient_id": (patient,)}, 20))
        found = [one["id"] for one in page.resources]
        while page.next_link is not None:
            page = await load.pathway.follow(load.connection, "Observation", page.next_link)
            found += [one["id"] for one in page.resources]
        return found

    people = await load.pathway.search(load.connection, Query("Patient", {"birth_date": ("ge1900-01-01",)}, 20))
    patient = people.resources[0]["id"]
    everything = await walk()
    load.fault(kind="token_life", **life)
    load.fault(kind="revoke_tokens", resource_type="Observation", count=1)
    assert await walk() == everything
    assert load.issued >= 3


async def test_a_token_bucket_and_300_callers(load: Load) -> None:
    """Refusals are waited out; no caller sees one."""
    clock = asyncio.get_running_loop().time
    start, at = clock(), load.clock[0]

    async def tick() -> None:
        while True:
            load.clock[0] = at + clock() - start
            await asyncio.sleep(0.005)

    ticking = asyncio.create_task(tick())
    load.running.simulator.rate_limits.set(Rate(300, 60))
    try:
        await load.at_once(300)
    finally:
        ticking.cancel()
    assert load.issued == 1
    assert load.running.simulator.rate_limits.refused < 300
