"""Looking at tenants: each base of each, and nobody is left out for another's failure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from millgate.access.parties import Persona, Registration, Tenant
from millgate.errors import FixRequest, TryLater
from millgate.flow.watch import Texts, Watch

NOW = datetime(2031, 3, 14, tzinfo=UTC)
OWN, PATIENTS = "https://fhir-ehr.example/r4/t", "https://fhir-myrecord.example/r4/t"


@dataclass
class Found:
    """Documents."""

    texts: Texts
    server_time: datetime | None = None
    asked_at: datetime = NOW


@dataclass
class Kept:
    """What became of them."""

    first: bool
    changes: Sequence[Mapping[str, Any]]


class World:
    """Tenants, their servers and their snapshots."""

    def __init__(self) -> None:
        self.tenants = {name: Tenant(name, OWN.replace("/t", f"/{name}"), None, NOW) for name in ("t", "gone")}
        self.statements: dict[str, dict[str, Any]] = {OWN: {"title": "A"}, PATIENTS: {"title": "P"}}
        self.snapshots: dict[tuple[str, str], Texts] = {}

    async def documents(self, fhir_base: str) -> Found:
        if fhir_base not in self.statements:
            raise TryLater("upstream_unavailable", "Gone.")
        return Found({"metadata": json.dumps(self.statements[fhir_base])})

    async def get(self, name: str) -> Tenant | None:
        return self.tenants.get(name)

    async def personas(self, tenant: str) -> Sequence[Persona]:
        return ["patient", "system"] if tenant == "t" else []

    async def registration(self, tenant: str, persona: Persona) -> Registration | None:
        base = PATIENTS if persona == "patient" else None
        return Registration(tenant, persona, "app", "client_secret_basic", "v2", b"x", fhir_base=base)

    async def take(
        self,
        tenant: str,
        fhir_base: str,
        documents: Texts,
        *,
        digest: Callable[[Texts], bytes],
        compare: Callable[[Texts, Texts], Sequence[Mapping[str, Any]]],
    ) -> Kept | None:
        last = self.snapshots.get((tenant, fhir_base))
        self.snapshots[tenant, fhir_base] = documents
        if last is None or digest(last) == digest(documents):
            return Kept(last is None, [])
        return Kept(False, compare(last, documents))

    async def due(self, before: datetime) -> Sequence[str]:
        return ["gone", "t"]


@pytest.fixture
def world() -> World:
    """A tenant with two bases, and one whose server is gone."""
    return World()


async def test_each_base_of_a_tenant_is_looked_at_and_compared_with_itself(world: World) -> None:
    watch = Watch(world, world, world, lambda: NOW)
    assert [(one.fhir_base, one.first) for one in await watch.look("t")] == [(OWN, True), (PATIENTS, True)]
    world.statements[PATIENTS] = {"title": "Q"}
    own, patients = await watch.look("t")
    assert own.changes == []
    assert [(one["class"], one["subject"], one["after"]) for one in patients.changes] == [("cosmetic", "title", "Q")]
    with pytest.raises(FixRequest, match="no tenant 'nobody'"):
        await watch.look("nobody")


async def test_one_server_that_is_gone_keeps_no_other_from_being_looked_at(world: World) -> None:
    watch = Watch(world, world, world, lambda: NOW)
    assert await watch.look_at_due() == {"gone": "upstream_unavailable", "t": "first"}
    assert await watch.look_at_due() == {"gone": "upstream_unavailable", "t": "unchanged"}
    world.statements[OWN] = {"title": "B"}
    assert await watch.look_at_due() == {"gone": "upstream_unavailable", "t": "changed"}
