"""Credentials go where they went when the tenant was connected, and to a new place only when the operator says so."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from millgate.access.parties import Tenant
from millgate.errors import CallOperator
from millgate.flow.trust import ACCEPTED, REFUSED, Trust
from millgate.store import Store
from tests.database import database_server, empty_database_url, fresh_database_url
from tests.store.conftest import clock, store

__all__ = ["clock", "database_server", "empty_database_url", "fresh_database_url", "store"]

BASE = "https://fhir.example/r4/t"
HOME, AWAY = "https://authorization.example:443", "https://evil.example:443"


@pytest.fixture
async def trust(store: Store) -> Trust:
    await store.tenants.add(Tenant("mercy", BASE, None, datetime(2031, 1, 1, tzinfo=UTC)))
    return Trust(store.origins, store.events)


async def test_what_was_there_first_is_remembered_and_anything_new_refused(store: Store, trust: Trust) -> None:
    await trust.check(BASE, (HOME,))
    await trust.check(BASE, (HOME,))
    for _ in range(2):
        with pytest.raises(CallOperator, match="tenants check mercy --accept-endpoints") as refused:
            await trust.check(BASE, (HOME, AWAY))
        assert AWAY in refused.value.detail
    await trust.check(BASE, (HOME,))
    (event,) = [one for one in await store.events.list() if one.type == REFUSED]
    assert (event.tenant, event.data["new"], event.data["accepted"]) == ("mercy", [AWAY], [HOME])


async def test_the_operator_accepts_and_what_was_there_before_is_over(store: Store, trust: Trust) -> None:
    await trust.check(BASE, (HOME,))
    with trust.accepting():
        await trust.check(BASE, (AWAY,))
    await trust.check(BASE, (AWAY,))
    with pytest.raises(CallOperator):
        await trust.check(BASE, (HOME,))
    assert [one.type for one in await store.events.list()] == [ACCEPTED, REFUSED]


async def test_other_processes_know_and_other_bases_are_others(store: Store, trust: Trust) -> None:
    await trust.check(BASE, (HOME,))
    with pytest.raises(CallOperator):
        await Trust(store.origins, store.events).check(BASE, (AWAY,))
    await trust.check("https://fhir.example/r4/nobody", (AWAY,))
    await store.tenants.remove("mercy")
    await trust.check(BASE, (AWAY,))
    assert await store.origins.tenants_at(BASE) == []
