"""Ceilings and hours: kept whole, added to by any process, counted among the living, and forgotten in time."""

from __future__ import annotations

from datetime import time as time_of_day
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from millgate.access.budget import Ceiling, Hour, Night
from millgate.access.parties import Registration, Tenant
from millgate.store import Store
from millgate.store.budget import SourceOf
from millgate.store.jobs import prune_all
from tests.store.conftest import Clock

BASE = "https://ehr.example/r4/t"
ONE, TWO = UUID(int=1), UUID(int=2)


@pytest.fixture
async def mercy(store: Store, clock: Clock) -> Tenant:
    """A tenant."""
    tenant = Tenant("mercy", BASE, "America/Chicago", clock())
    await store.tenants.add(tenant)
    return tenant


async def test_an_hour_is_replaced_by_what_the_same_process_says_of_it_later(store: Store, clock: Clock) -> None:
    hour = Hour(clock().replace(minute=0, second=0, microsecond=0), 5, 1, 2, 3, {"fhir": 4, "authorization": 1})
    more = Hour(hour.begins_at, 9, 1, 2, 4, {"fhir": 8, "authorization": 1})
    await store.budgets.keep(ONE, [(BASE, hour), ("https://other.example", hour)])
    await store.budgets.keep(ONE, [(BASE, more)])
    await store.budgets.keep(TWO, [(BASE, hour)])
    assert sorted((one.calls, one.endpoints["fhir"]) for one in await store.budgets.hours(BASE, hour.begins_at)) == [
        (5, 4),
        (9, 8),
    ]
    assert await store.budgets.hours(BASE, hour.begins_at + timedelta(seconds=1)) == []


async def test_who_called_lately_is_alive_until_it_leaves_or_is_silent(store: Store, clock: Clock) -> None:
    hours = [(BASE, Hour(clock(), 1)), (BASE, Hour(clock() - timedelta(hours=1), 1))]
    for process in (ONE, TWO, uuid4()):
        await store.budgets.keep(process, hours)
    assert await store.budgets.alive(ONE) == {BASE: 2}
    await store.budgets.leave(TWO)
    assert await store.budgets.alive(ONE) == {BASE: 1}
    await store.database.execute(b"UPDATE source_hour SET alive_at = alive_at - interval '41 seconds'")
    assert await store.budgets.alive(ONE) == {}


async def test_a_ceiling_is_kept_whole_changed_and_taken_away(store: Store, clock: Clock, mercy: Tenant) -> None:
    night = Night(time_of_day(22), time_of_day(5, 30), "America/Chicago")
    assert await store.budgets.ceiling("mercy") is None
    assert await store.budgets.set_ceiling("mercy", Ceiling(20.5, 8, night))
    kept = await store.budgets.ceiling("mercy")
    assert kept is not None
    assert (kept.ceiling, kept.set_at) == (Ceiling(20.5, 8, night), clock())
    assert await store.budgets.set_ceiling("mercy", Ceiling(concurrency=2))
    assert await store.budgets.sources() == [SourceOf("mercy", BASE, (), Ceiling(concurrency=2))]
    assert await store.budgets.set_ceiling("mercy", Ceiling())
    assert await store.budgets.ceiling("mercy") is None
    assert not await store.budgets.set_ceiling("nobody", Ceiling(rate_per_s=1))


async def test_a_source_has_the_bases_of_its_personas(store: Store, mercy: Tenant) -> None:
    for persona, base in (("patient", "https://patients.example/r4/t"), ("system", None)):
        registration = Registration("mercy", persona, "c", "client_secret_basic", "v2", b"secret", fhir_base=base)  # type: ignore[arg-type]
        await store.tenants.register(registration)
    (source,) = await store.budgets.sources()
    assert source == SourceOf("mercy", BASE, ("https://patients.example/r4/t",), Ceiling())


async def test_hours_go_with_the_last_tenant_of_their_base(store: Store, clock: Clock, mercy: Tenant) -> None:
    await store.tenants.add(Tenant("same", BASE, None, clock()))
    await store.budgets.set_ceiling("mercy", Ceiling(rate_per_s=1))
    await store.budgets.keep(ONE, [(BASE, Hour(clock(), 1)), ("https://other.example", Hour(clock(), 1))])
    await store.tenants.remove("mercy")
    assert len(await store.budgets.hours(BASE, clock())) == 1
    await store.tenants.remove("same")
    assert await store.budgets.hours(BASE, clock()) == []
    assert len(await store.budgets.hours("https://other.example", clock())) == 1
    assert await store.budgets.sources() == []


async def test_old_hours_are_cleared_out(store: Store, clock: Clock) -> None:
    await store.budgets.keep(ONE, [(BASE, Hour(clock(), 1)), (BASE, Hour(clock() - timedelta(days=89), 1))])
    clock.move(days=2)
    assert (await prune_all(store))["source_hours"] == 1
    assert len(await store.budgets.hours(BASE, clock() - timedelta(days=365))) == 1
