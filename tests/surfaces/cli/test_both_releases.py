"""One hospital by R4 and by DSTU2, over real sockets: connected beside each other, opened by one session, read by either."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from millgate.access.parties import Session
from millgate.app import App
from millgate.errors import FixRequest, NotOffered
from millgate.flow.read import GetRequest, ListRequest
from millgate.objects import OBJECTS
from millgate.settings import Settings
from millgate.surfaces.cli.doctor import _examine
from millgate.surfaces.cli.pathways import add_beside, is_dstu2
from millgate.surfaces.cli.registration import Given
from tests.database import database_server, fresh_database_url

__all__ = ["database_server", "fresh_database_url"]


@dataclass
class Both:
    """The gateway, a session on the tenant, and what the hospital says of itself."""

    app: App
    session: Session
    hospital: dict[str, Any]

    async def list(self, what: str, pathway: str | None = None, **filters: tuple[str, ...]) -> tuple[Any, str | None]:
        answer = await self.app.reader.page(
            self.session, ListRequest(OBJECTS[what], filters, None, None, None, "objects", pathway)
        )
        return json.loads(answer.body), answer.pathway


@pytest.fixture(scope="module")
def hospital() -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-m", "millgate.simulator", "--json", "--patients", "10", "--seed", "7", "--until-stdin-closes"]
    with subprocess.Popen(
        [*command, "--tenant=T1", "--client", "basic"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["tenants"][0]
        process.stdin.close()


def given(hospital: dict[str, Any], release: str, persona: str = "system") -> Given:
    client = hospital["dstu2_clients" if release == "dstu2" else "clients"][0]
    return Given(
        name="mercy",
        fhir_base=hospital["dstu2_base" if release == "dstu2" else "fhir_base"],
        time_zone="America/Chicago",
        client_id=client["client_id"],
        method="client_secret_basic",
        scope_form=client["smart_version"],
        credential=client["client_secret"].encode(),
        persona=persona,  # type: ignore[arg-type]
    )


@pytest.fixture
async def both(fresh_database_url: str, tmp_path: Path, hospital: dict[str, Any]) -> AsyncIterator[Both]:
    key = base64.b64encode(bytes(32)).decode()
    async with App.opened(Settings(data_dir=str(tmp_path), database_url=fresh_database_url, master_key=key)) as app:
        old = given(hospital, "dstu2")
        with pytest.raises(FixRequest) as refused:
            await add_beside(app, None, old, offline=False)
        assert [problem.code for problem in refused.value.errors] == ["needs_r4"]
        await given(hospital, "r4").keep(app)
        assert await is_dstu2(app, old.fhir_base, offline=True)
        assert not await is_dstu2(app, hospital["fhir_base"], offline=False)
        found = await add_beside(app, await app.store.tenants.get("mercy"), old, offline=False)
        assert "MedicationOrder" in found["resources"]
        client, _ = await app.store.clients.create("app", tenants=["mercy"], scopes=["system/*.rs"])
        opened = await app.authenticator.open(client, tenant="mercy", persona="system", scopes=None)
        yield Both(app, opened.session, hospital)


async def test_the_same_hospital_is_read_by_either_release(both: Both) -> None:
    patients, _ = await both.list("patient", "fhir-dstu2", name=("a",))
    assert patients["data"]
    patient = (patients["data"][0]["id"],)
    for name in ("condition", "encounter", "medication_request", "immunization", "care_team"):
        old, by_old = await both.list(name, "fhir-dstu2", patient_id=patient)
        new, by_new = await both.list(name, None, patient_id=patient)
        assert (by_old, by_new) == ("fhir-dstu2", "fhir-r4")
        assert {one["source"]["pathway"] for one in old["data"]} <= {"fhir-dstu2"}
        assert {one["object"] for one in (*old["data"], *new["data"])} <= {name}
    stated, by_stated = await both.list("medication_statement", patient_id=patient)
    assert (by_stated, stated["warnings"]) == ("fhir-dstu2", [])
    with pytest.raises(NotOffered):
        await both.list("coverage", "fhir-dstu2", patient_id=patient)
    one = await both.app.reader.one(
        both.session, GetRequest(OBJECTS["patient"], patient[0], None, "objects", pathway="fhir-dstu2")
    )
    assert (one.pathway, json.loads(one.body)["source"]["pathway"]) == ("fhir-dstu2", "fhir-dstu2")


async def test_the_operators_order_decides_where_nobody_asks(both: Both) -> None:
    await both.app.store.tenants.set_order("mercy", "condition", ["fhir-dstu2", "fhir-r4"])
    patient = ((await both.list("patient", name=("a",)))[0]["data"][0]["id"],)
    assert (await both.list("condition", patient_id=patient))[1] == "fhir-dstu2"
    assert (await both.list("condition", "fhir-r4", patient_id=patient))[1] == "fhir-r4"


async def test_what_cannot_stand_beside_r4_is_refused(both: Both, hospital: dict[str, Any]) -> None:
    known = await both.app.store.tenants.get("mercy")
    other = given({**hospital, "dstu2_base": hospital["dstu2_base"] + "x"}, "dstu2", "provider")
    with pytest.raises(FixRequest) as refused:
        await add_beside(both.app, known, other, offline=True)
    assert [(problem.field, problem.code) for problem in refused.value.errors] == [
        ("--url", "another_tenant"),
        ("--persona", "not_offered"),
    ]


async def test_the_doctor_says_where_dstu2_is_relied_on_and_what_r4_gives_instead(both: Both) -> None:
    await both.app.store.tenants.set_order("mercy", "condition", ["fhir-dstu2"])
    told = {one.check: one for one in await _examine(both.app, "mercy", aloud=False) if one.check.startswith("dstu2")}
    assert told["dstu2"].result == "warning"
    assert both.hospital["dstu2_base"] in told["dstu2"].saw
    assert "order for condition" in told["dstu2"].saw
    assert "millgate tenants order mercy condition default" in told["dstu2"].do
    assert "MedicationRequest in place of MedicationOrder" in told["dstu2"].do
    assert "MedicationRequest (those that are reported) in place of MedicationStatement" in told["dstu2"].do
    await both.app.store.tenants.unregister("mercy", "system", "fhir-dstu2")
    await both.app.store.tenants.set_order("mercy", "condition", [])
    assert not [one for one in await _examine(both.app, "mercy", aloud=False) if one.check.startswith("dstu2")]
