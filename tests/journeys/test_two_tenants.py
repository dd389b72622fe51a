"""Two tenants behind one gateway: nothing of one is ever seen by a session on the other, whatever it sends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from millgate.store.cluster import Cluster
from tests.journeys.calling import FHIR, Caller, OpenSurface, Said
from tests.journeys.conftest import Chart, FindChart, OpenSession, Stack
from tests.journeys.slots import free_slots

Source = Callable[[str], OpenSurface]
PATIENCE_S = 10  # a word from another process takes two seconds at most


@pytest.fixture
async def theirs(chart_of: FindChart) -> Chart:
    """A long chart of the first tenant."""
    return await chart_of("mercy")


async def until(ask: Callable[[], Awaitable[Said]], status: int) -> Said:
    """The first answer with this status."""
    deadline = time.monotonic() + PATIENCE_S
    while (said := await ask()).status != status:
        assert time.monotonic() < deadline, said.body
        await asyncio.sleep(0.1)
    return said


async def test_sessions_name_their_tenant(mercy: Caller, lakeside: Caller) -> None:
    assert (await mercy.get("/session")).json["tenant"] == "mercy"
    assert (await lakeside.get("/session")).json["tenant"] == "lakeside"


async def test_each_tenant_has_its_own_patients(mercy: Caller, lakeside: Caller, source: Source) -> None:
    for tenant, caller in (("mercy", mercy), ("lakeside", lakeside)):
        truth = await source(tenant).all("Patient", birthdate="ge1900-01-01", _count=1000)
        born = sorted({one["birthDate"] for one in truth if len(one["birthDate"]) == 10})[:5]
        for day in born:
            found = await caller.all("/patients", birth_date=day)
            expected = [one for one in truth if one["birthDate"] == day]
            assert sorted(one["id"] for one in found) == sorted(one["id"] for one in expected)
            assert {one["tenant"] for one in found} == {tenant}
            assert sorted(one["name"]["text"] for one in found) == sorted(one["name"][0]["text"] for one in expected)


async def test_an_id_that_both_have_is_two_people(mercy: Caller, lakeside: Caller, source: Source) -> None:
    people = {t: {one["id"]: one for one in await source(t).all("Patient", birthdate="ge1900-01-01", _count=1000)} for t in BOTH}
    shared = sorted(people["mercy"].keys() & people["lakeside"].keys())
    assert shared, "the hospitals have no id in common, so this proves nothing"
    for patient_id in shared[:5]:
        for tenant, caller in (("mercy", mercy), ("lakeside", lakeside), ("mercy", mercy)):
            for said in (
                await caller.get(f"/patients/{patient_id}", include="fhir"),
                await caller.get("/patients", ids=patient_id),
            ):
                item = said.json if said.json["object"] == "patient" else said.json["data"][0]
                truth = people[tenant][patient_id]
                assert (item["tenant"], item["name"]["text"]) == (tenant, truth["name"][0]["text"])
                assert item.get("birth_date") == truth.get("birthDate")


BOTH = ("mercy", "lakeside")


async def test_an_id_that_only_the_other_has_is_unknown(lakeside: Caller, theirs: Chart, source: Source) -> None:
    own = {one["id"] for one in await source("lakeside").all("Patient", birthdate="ge1900-01-01", _count=1000)}
    plurals = {"Encounter": "encounters", "Observation": "observations", "DiagnosticReport": "diagnostic_reports"}
    for resource_type, plural in plurals.items():
        there = [one for one in theirs.ids(resource_type) if not await exists(source("lakeside"), resource_type, one)]
        for found in there[:3]:
            assert (await lakeside.get(f"/{plural}/{found}")).refusal() == (404, "not_found")
            assert (await lakeside.get(f"/{plural}", ids=found)).ids == []
    if theirs.id not in own:
        assert (await lakeside.get(f"/patients/{theirs.id}")).refusal() == (404, "not_found")
        assert (await lakeside.get("/observations", patient_id=theirs.id)).ids == []


async def exists(surface: OpenSurface, resource_type: str, resource_id: str) -> bool:
    """Whether a tenant has a resource of this id."""
    return bool(await surface.all(resource_type, _id=resource_id))


async def test_a_cursor_is_worth_nothing_elsewhere(mercy: Caller, lakeside: Caller, theirs: Chart) -> None:
    page = await mercy.get("/observations", patient_id=theirs.id, limit=5)
    cursor = page.json["next_cursor"]
    assert (await mercy.get("/observations", cursor=cursor)).status == 200
    assert (await lakeside.get("/observations", cursor=cursor)).refusal() == (400, "invalid_cursor")
    assert (await lakeside.get("/observations", patient_id=theirs.id, cursor=cursor)).refusal() == (400, "invalid_cursor")
    assert (await mercy.get("/encounters", cursor=cursor)).refusal() == (400, "invalid_cursor")
    assert (await mercy.get("/observations", cursor=cursor[:-4] + "AAAA")).refusal() == (400, "invalid_cursor")


async def test_a_cached_answer_is_not_given_to_the_other(mercy: Caller, lakeside: Caller, source: Source) -> None:
    family = (await source("mercy").all("Patient", birthdate="ge1900-01-01", _count=1000))[0]["name"][0]["family"]
    asked = {"family": family[:2], "max_age": 3600, "limit": 33}
    for headers in ({}, {"Accept": FHIR}):
        first = await mercy.get("/patients", headers=headers, **asked)
        other = await lakeside.get("/patients", headers=headers, **asked)
        assert first.ids == [one["id"] for one in await source("mercy").all("Patient", family=family[:2], _count=33)]
        assert other.ids == [one["id"] for one in await source("lakeside").all("Patient", family=family[:2], _count=33)]
        assert first.headers["ETag"] != other.headers["ETag"]
    assert (await lakeside.get("/patients", limit=34, family=family[:2], max_age=3600)).freshness["from"] == "live"


async def test_a_slot_id_that_both_have_is_two_slots(mercy: Caller, lakeside: Caller, theirs: Chart, chart_of: FindChart) -> None:
    ours = await chart_of("lakeside")
    slot_id = ""
    for one in await free_slots(mercy):
        same = await lakeside.get(f"/slots/{one['id']}", max_age=0)
        if same.status == 200 and same.json["status"] == "free":
            slot_id = one["id"]
            break
    key = uuid4().hex  # an idempotency key belongs to one tenant
    there = await mercy.post("/create_appointment", {"slot_id": slot_id, "patient_id": theirs.id}, key=key)
    assert there.status == 201
    assert (await lakeside.get(f"/slots/{slot_id}")).json["status"] == "free"
    here = await lakeside.post("/create_appointment", {"slot_id": slot_id, "patient_id": ours.id}, key=key)
    assert (here.status, here.json["tenant"], here.json["patient_id"]) == (201, "lakeside", ours.id)
    assert "Idempotency-Replayed" not in here.headers
    cancel = {"appointment_id": there.json["id"], "status": "cancelled"}
    assert (await mercy.post("/create_appointment", cancel, key=uuid4().hex)).status == 200
    assert (await mercy.get(f"/slots/{slot_id}")).json["status"] == "free"
    assert (await lakeside.get(f"/slots/{slot_id}")).json["status"] == "busy"
    assert (await lakeside.get(f"/appointments/{here.json['id']}")).json["status"] == "booked"


async def test_service_types_are_each_tenants_own(stack: Stack, mercy: Caller, lakeside: Caller) -> None:
    systems = {
        tenant: {one["system"] for one in (await caller.get("/service_types")).json["data"]}
        for tenant, caller in (("mercy", mercy), ("lakeside", lakeside))
    }
    for tenant in BOTH:
        assert systems[tenant] == {f"https://fhir.cerner.com/{stack.hospitals[tenant]['tenant']}/codeSet/14249"}


async def test_a_client_is_kept_out_of_a_tenant_that_it_was_not_allowed(
    stack: Stack, stranger: Caller, mercy: Caller, theirs: Chart
) -> None:
    key = stack.client("mercy only", "mercy")
    assert (await stranger.authenticate(key, "lakeside")).refusal() == (403, "tenant_not_allowed")
    assert (await stranger.authenticate(key, "no-such-tenant")).refusal() == (403, "tenant_not_allowed")
    assert (await stranger.authenticate(stack.keys["operator"], "mercy")).refusal() == (403, "tenant_not_allowed")
    assert (await stranger.authenticate(key, "mercy")).status == 201
    cursor = (await mercy.get("/observations", patient_id=theirs.id, limit=5)).json["next_cursor"]
    assert (await stranger.get("/observations", cursor=cursor)).refusal() == (400, "invalid_cursor"), "a cursor is its client's"
    assert (await stranger.get("/tenants", headers={"Authorization": f"Bearer {key}"})).refusal() == (403, "scope_missing")


async def test_an_operator_sees_tenants_and_no_patients(stack: Stack, stranger: Caller) -> None:
    stranger.bearer = stack.keys["operator"]
    listed = await stranger.get("/tenants")
    assert {one["name"] for one in listed.json["data"]} >= set(BOTH)
    shown = await stranger.get("/tenants/lakeside")
    assert (shown.json["reachable"], shown.json["fhir_base"]) == (True, stack.hospitals["lakeside"]["fhir_base"])
    source = shown.json["source"]
    assert source["breaker"] == "closed"
    discovery = next(one for one in source["throttles"] if one["endpoint"] == "discovery")
    assert 1 <= discovery["calls"] <= sum(hour["calls"] for hour in source["hours"])
    assert (await stranger.get("/tenants/no-such-tenant")).refusal() == (404, "not_found")
    assert (await stranger.get("/patients", family="Smith")).refusal() == (401, "invalid_session")
    for said in (listed, shown):
        assert stack.hospitals["lakeside"]["client_secret"].encode() not in said.body


async def test_a_revoked_client_has_no_sessions(stack: Stack, stranger: Caller, open_session: OpenSession) -> None:
    key = stack.client("leaver", *BOTH)
    callers = [await open_session(tenant, client="leaver") for tenant in BOTH for _ in range(2)]
    for caller in callers:
        assert (await caller.get("/patients", family="A")).status == 200
    stack.command("clients", "revoke", stack.clients["leaver"])
    for caller in callers:
        said = await until(lambda caller=caller: caller.get("/patients", family="A"), 401)  # type: ignore[misc]
        assert said.refusal() == (401, "invalid_session")
    assert (await stranger.authenticate(key, "mercy")).refusal() == (401, "invalid_key")
    listed = {one["id"]: one for one in stack.told("clients", "list")}
    assert listed[stack.clients["leaver"]]["revoked_at"] is not None


async def test_what_is_stored_of_a_removed_tenant_is_gone(stack: Stack, stranger: Caller, source: Source) -> None:
    stack.connect("leaving", "lakeside")
    key = stack.client("visitor", "leaving")
    await stranger.authenticate(key, "leaving")
    family = (await source("lakeside").all("Patient", birthdate="ge1900-01-01", _count=1000))[0]["name"][0]["family"]
    asked = {"family": family, "max_age": 86_400}
    before = await stranger.get("/patients", **asked)
    assert before.ids
    cursor = (await stranger.get("/organizations", limit=1)).json["next_cursor"]
    assert cursor
    await until_stored(stack, "leaving")

    stack.command("tenants", "remove", "leaving", "--yes")
    assert (await until(lambda: stranger.get("/patients", **asked), 401)).refusal() == (401, "invalid_session")
    assert (await until(lambda: stranger.authenticate(key, "leaving"), 403)).refusal() == (403, "tenant_not_allowed")
    assert stack.command("tenants", "show", "leaving", check=66).stdout == ""
    assert stored(stack, "leaving") == {}
    assert [row["tenant"] for row in stack.told("audit", "list", "--tenant", "leaving", "--limit", "5")] == ["leaving"] * 5

    stack.connect("leaving", "mercy")  # the name again, for another hospital
    assert (await stranger.authenticate(key, "leaving")).status == 201
    after = await stranger.get("/patients", **asked)
    assert after.ids == [one["id"] for one in await source("mercy").all("Patient", family=family)]
    assert after.freshness["from"] == "live", "an answer outlived its tenant in the cache"
    assert (await stranger.get("/organizations", cursor=cursor)).refusal() == (400, "invalid_cursor")
    stack.command("tenants", "remove", "leaving", "--yes")


async def until_stored(stack: Stack, tenant: str) -> None:
    """Wait until the store, which comes just behind the answer, has something of a tenant."""
    deadline = time.monotonic() + PATIENCE_S
    while not stored(stack, tenant).get("record"):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


def stored(stack: Stack, tenant: str) -> dict[str, int]:
    """How many rows each table has of a tenant, the audit chain left out; tables without any are left out."""
    url = stack.environment.get("MILLGATE_DATABASE_URL")
    cluster = None if url else Cluster.start(stack.data_dir)
    try:
        with psycopg.connect(url or (cluster.url if cluster else ""), autocommit=True) as connection:
            named = connection.execute(
                "SELECT table_name FROM information_schema.columns WHERE column_name = 'tenant'"
            ).fetchall()
            tables = {str(name) for (name,) in named} - {"audit", "audit_patient"} | {"tenant"}
            return {name: count for name in sorted(tables) if (count := _rows(connection, name, tenant))}
    finally:
        if cluster:
            cluster.stop()


def _rows(connection: psycopg.Connection[Any], table: str, tenant: str) -> int:
    column = "name" if table == "tenant" else "tenant"
    counted = sql.SQL("SELECT count(*) FROM {} WHERE {} = %s").format(sql.Identifier(table), sql.Identifier(column))
    row = connection.execute(counted, [tenant]).fetchone()
    return int(row[0]) if row else 0
