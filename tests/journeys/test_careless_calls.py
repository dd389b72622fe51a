"""Every error that the gateway can answer now, each from a call that a careless caller, a narrow registration or a source in trouble makes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from millgate.app import App
from millgate.errors import CODES
from millgate.objects import OBJECTS
from millgate.settings import read_settings
from millgate.surfaces.api.server import Server
from tests.journeys.faulty import (
    EVERYTHING,
    PATIENCE,
    TENANT,
    Bench,
    Caller,
    Hospital,
    Said,
    connect,
    free_slots,
    from_now,
    hospital,
)

ALWAYS = {"type", "title", "status", "detail", "code", "request_id", "retryable"}
SOMETIMES = {"retry_after", "errors", "upstream", "current"}
# No call of today can bring these about.
NOT_YET = {
    "patient_out_of_context": "needs a session that is bound to a patient: see test_attacks",
    "invalid_message": "needs HL7 v2",
    "invalid_document": "needs C-CDA",
    "rate_limited": "needs a flood: see test_floods_at_the_doors",
    "range_not_satisfiable": "needs a document: see test_documents",
    "invalid_setting": "an operator's error: the command line tells it",
    "internal_error": "a fault of the gateway itself",
    "not_ready": "needs a dead database: see test_killed_gateway",
    "store_unavailable": "needs a dead database: see test_killed_gateway",
}


@dataclass
class World:
    """A wide and a narrow hospital, one gateway in front of both, and how to call it."""

    bench: Bench
    narrow: Hospital


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("careless") / "data"
    registered = ("--client", "app", "--client-smart-version", "v1", "--client-resources", "Patient,Encounter")
    with (
        hospital("--patients", "12", "--tenant", "mercy", "--tenant", "grace") as wide,
        hospital("--patients", "3", *registered) as narrow,
    ):
        mercy, grace = wide.tenants
        tenants = {
            TENANT: mercy,
            "grace": grace,
            "narrow": narrow.tenants[0],
            "wrong": {**mercy, "client_secret": "not-the-secret"},
        }
        clients = {
            "all": ((TENANT,), EVERYTHING),
            "other": ((TENANT, "grace"), EVERYTHING),
            "reader": ((TENANT,), ("system/Patient.rs", "system/Observation.rs?category=laboratory", "system/Appointment.r")),
            "narrow": (("narrow",), EVERYTHING),
            "wrong": (("wrong",), EVERYTHING),
            "operator": ((), ("operator",)),
        }
        bench = Bench(wide, folder, connect(folder, tenants, clients, scope_forms={"narrow": "v1"}))
        gateway = bench.start(MILLGATE_REQUEST_SECONDS="2", MILLGATE_LOG_LEVEL="debug")
        try:
            yield World(bench, narrow)
        finally:
            gateway.stop()


@pytest.fixture
async def http(world: World) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=PATIENCE) as session:
        await world.bench.hospital.calm(session)
        yield session
        await world.bench.hospital.calm(session)


@pytest.fixture
def nobody(world: World, http: aiohttp.ClientSession) -> Caller:
    """A caller without any token."""
    return Caller(http, world.bench.address)


@pytest.fixture
async def caller(world: World, nobody: Caller) -> Caller:
    """A caller who may do everything on one tenant."""
    return await nobody.open(world.bench.keys["all"])


async def refused(
    caller: Caller, said: Said, code: str, says: str = "", *, fields: set[str] | None = None, retry_after: bool | None = False
) -> dict[str, Any]:
    """The problem, if the answer is one with this code in every respect that the contract names; `says` is found in its detail."""
    meaning = CODES[code]
    assert (said.status, said.code) == (meaning.status, code), said.body
    problem: dict[str, Any] = said.json
    assert problem.keys() >= ALWAYS
    assert problem.keys() <= ALWAYS | SOMETIMES
    assert (problem["status"], problem["title"], problem["retryable"]) == (meaning.status, meaning.title, meaning.retryable)
    assert re.search(says, problem["detail"]), problem["detail"]
    assert len(problem["detail"]) > 15
    assert problem["request_id"] == said.headers["X-Request-Id"]
    assert said.headers["Cache-Control"] == "no-store"
    assert {one["field"] for one in problem.get("errors", [])} == (fields or set()), problem.get("errors")
    assert all(one["code"] and one["detail"] for one in problem.get("errors", []))
    assert (said.headers.get("WWW-Authenticate", "").startswith("Bearer ")) == (meaning.status == 401)
    if retry_after is not None:
        assert ("retry_after" in problem) == retry_after
        assert said.headers.get("Retry-After") == (str(problem["retry_after"]) if retry_after else None)
    page = await caller.get(problem["type"], headers={"Authorization": ""})
    assert (page.status, page.headers["Content-Type"].partition(";")[0]) == (200, "text/html")
    assert meaning.advice in page.body.decode()
    return problem


async def types_of(world: World, caller: Caller) -> set[str]:
    """The types of records that the hospital has, by its own statement."""
    async with caller.http.get(f"{world.bench.hospital.tenants[0]['fhir_base']}/metadata") as answer:
        statement = await answer.json(content_type=None)
    return {resource["type"] for resource in statement["rest"][0]["resource"]}


def test_every_code_of_the_table_is_brought_about_here_or_is_said_to_come_later() -> None:
    tests = [name for name in globals() if name.startswith("test_")]
    unproven = {code for code in CODES if not any(name.startswith(f"test_{code}") for name in tests)}
    assert unproven == set(NOT_YET)


# --- 400


LISTS: list[tuple[str, set[str]]] = [
    ("/patients?family=Li&colour=red", {"colour"}),
    ("/patients?family=", {"family"}),
    ("/patients?birth_date=1961-02-30", {"birth_date"}),
    ("/patients?family=Li&family=Lo", {"family"}),
    ("/patients?family=Li&limit=0", {"limit"}),
    ("/patients?family=Li&limit=201", {"limit"}),
    ("/patients?family=Li&limit=ten&max_age=-1", {"limit", "max_age"}),
    ("/encounters?patient_id=1&from=yesterday&to=2026-01-01T10:00:00", {"from", "to"}),
    ("/encounters?patient_id=1&updated_since=2026-01-01", {"updated_since"}),
    ("/observations?patient_id=a%20b&limit=x&include=xml&pathway=smoke&colour=red&cursor=", {
        "patient_id", "limit", "include", "pathway", "colour", "cursor",
    }),
    ("/locations?ids=,", {"ids"}),
    ("/patients/1?limit=5", {"limit"}),
    (f"/patients/{'9' * 300}", {"id"}),
]  # fmt: skip


@pytest.mark.parametrize(("path", "fields"), LISTS)
async def test_invalid_request_parameters(world: World, caller: Caller, path: str, fields: set[str]) -> None:
    problem = await refused(caller, await caller.get(path), "invalid_request", "see `errors`", fields=fields)
    assert all(one["detail"].strip() for one in problem["errors"])
    assert await world.bench.hospital.seen(caller.http) == 0


async def test_invalid_request_of_a_query_string_that_is_none(caller: Caller) -> None:
    await refused(caller, await caller.get("/patients?family=%FF"), "invalid_request", "percent-encoded UTF-8")


BODIES: list[tuple[Any, set[str], str]] = [
    (b"{", set(), "not valid JSON"),
    (b"[]", set(), "JSON object"),
    (b"\xff", set(), "not valid JSON"),
    (b"[" * 20_000, set(), "JSON"),
    ({"slot_id": 5, "patient_id": ["1"], "colour": "red", "idempotency_key": ""}, {
        "slot_id", "patient_id", "colour", "idempotency_key",
    }, "see `errors`"),
    ({}, {"slot_id", "patient_id"}, "To book"),
    ({"slot_id": "1"}, {"patient_id"}, "To book"),
    ({"slot_id": "1", "patient_id": "2", "status": "arrived", "requested_period": {"start": "x", "end": "y"}}, {
        "status", "requested_period",
    }, "To book"),
    ({"slot_id": "1", "patient_id": "2", "reason": "x" * 256}, {"reason"}, "To book"),
    ({"appointment_id": "1"}, {"status"}, "change the status"),
    ({"appointment_id": "1", "status": "dancing", "patient_id": "2"}, {"status", "patient_id"}, "change the status"),
    ({"requested_period": {"start": "2026-01-01T10:00:00Z"}, "patient_id": "2"}, {"requested_period"}, "see `errors`"),
    ({"location_id": "3", "patient_id": "2"}, {"requested_period", "service_type"}, "to propose"),
    ({"location_id": "3", "patient_id": "2", "service_type": "no-such-type", "requested_period": {
        "start": "2026-01-01T10:00:00Z", "end": "2026-01-02T10:00:00Z",
    }}, {"service_type"}, "service type"),
    ({"slot_id": "a b", "patient_id": "c/d"}, {"slot_id", "patient_id"}, "cannot be written"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "fields", "says"), BODIES)
async def test_invalid_request_bodies(world: World, caller: Caller, body: Any, fields: set[str], says: str) -> None:
    headers = {"Idempotency-Key": f"careless-{BODIES.index((body, fields, says))}", "Content-Type": "application/json"}
    sent = {"data": body} if isinstance(body, bytes) else {"json": body}
    said = await caller.ask("POST", "/create_appointment", headers=headers, **sent)
    await refused(caller, said, "invalid_request", says, fields=fields)
    assert await world.bench.hospital.seen(caller.http, "POST") == 0


async def test_invalid_request_without_a_usable_idempotency_key(caller: Caller) -> None:
    body = {"slot_id": "1", "patient_id": "2"}
    for headers, more in (({}, {}), ({"Idempotency-Key": "k" * 256}, {}), ({"Idempotency-Key": "a"}, {"idempotency_key": "b"})):
        said = await caller.ask("POST", "/create_appointment", json=body | more, headers=headers)
        await refused(caller, said, "invalid_request", "idempotency key", fields={"Idempotency-Key"})


async def test_invalid_request_to_authenticate(world: World, nobody: Caller) -> None:
    bodies: list[tuple[dict[str, Any], set[str]]] = [
        ({}, {"tenant"}),
        (
            {"tenant": 5, "persona": "king", "scopes": "system/Patient.rs", "colour": "red"},
            {"tenant", "persona", "scopes", "colour"},
        ),
        ({"tenant": TENANT, "scopes": ["system/Patient.sr", "system/Patient", "user\\x"]}, {"scopes", "scopes[2]"}),
        ({"tenant": TENANT, "scopes": ["system/Patient.rs", "patient/Patient.rs"]}, {"scopes[1]"}),
        ({"tenant": TENANT, "scopes": []}, {"scopes"}),
    ]
    for body, fields in bodies:
        said = await nobody.ask(
            "POST", "/authenticate", json=body, headers={"Authorization": f"Bearer {world.bench.keys['all']}"}
        )
        problem = await refused(nobody, said, "invalid_request", fields=fields)
        assert len(problem["errors"]) >= len(fields)


# What nobody can search by: for every object at least one search that the source would refuse, if only the one without a filter.
WITHOUT_A_FILTER = [("", {"ids"})]
UNSEARCHABLE: dict[str, list[tuple[str, set[str]]]] = {
    "patient": [("", {"ids"}), ("gender=female", {"ids"}), ("family=Li&updated_since=2026-01-01T00:00:00Z", {"updated_since"})],
    "encounter": [("", {"ids"}), ("patient_id=1&identifier=2", {"identifier"}), ("status=finished", {"ids", "status"})],
    "appointment": [("", {"ids"}), ("patient_id=1&location_id=2", {"location_id"}), ("patient_id=1&service_type=5", {"service_type"})],
    "observation": [("", {"ids"}), ("patient_id=1&encounter_id=2", {"encounter_id"}), ("patient_id=1&code=718-7x", {"code"})],
    "diagnostic_report": [("category=LAB", {"ids"}), ("patient_id=1&status=final", {"status"})],
    "schedule": [("practitioner_id=1", {"practitioner_id", "ids"}), ("", {"ids"})],
    "slot": [("service_type=s%7C1", {"from", "to"}), ("", {"from", "to"}), ("from=2026-01-01T00:00:00Z&status=busy", {"to"})],
    "practitioner": [("", {"ids"}), ("given=Ann", {"ids", "given"})],
    "location": [("name=West", {"ids", "name"})],
    "organization": [("updated_since=2026-01-01T00:00:00Z", {"updated_since"})],
    "medication_request": [("status=active", {"ids"}), ("patient_id=1&status=gone", {"status"})],
    "medication_administration": [("from=2026-01-01T00:00:00Z", {"ids"}), ("patient_id=1&status=gone", {"status"})],
    "medication_dispense": [("patient_id=1&from=2026-01-01&updated_since=2026-01-01T00:00:00Z", {"updated_since"})],
    "coverage": [("", {"ids"}), ("patient_id=1&encounter_id=2", {"encounter_id"})],
    "related_person": [("", {"ids"}), ("identifier=77", {"identifier"})],
    "person": [("", {"ids"}), ("identifier=77", {"identifier"})],
    "device": [("", {"ids"}), ("patient_id=1&updated_since=2026-01-01T00:00:00Z", {"updated_since"})],
    "account": [("", {"ids"}), ("patient_id=1", {"patient_id"}), ("identifier=s%7C1", {"ids", "identifier"})],
    "charge": [("", {"ids"}), ("encounter_id=1&updated_since=2026-01-01T00:00:00Z", {"updated_since"})],
    "insurance_plan": [("", {"ids"})],
    "nutrition_order": [("", {"ids"}), ("patient_id=1&status=gone", {"status"})],
    "consent": [("", {"ids"}), ("patient_id=1&updated_since=2026-01-01T00:00:00Z", {"updated_since"})],
    "condition": [("category=problem-list-item", {"ids"}), ("patient_id=1&status=final", {"status"})],
    "immunization": [("patient_id=1&from=2026-01-01T00:00:00Z&updated_since=2026-01-01T00:00:00Z", {"updated_since"})],
    "care_plan": [("patient_id=1", {"patient_id"}), ("category=assess-plan", {"ids", "category"})],
    "care_team": [("encounter_id=1&status=active", {"status"})],
    "goal": [("", {"ids"}), ("patient_id=1&updated_since=2026-01-01T00:00:00Z", {"updated_since"})],
    "service_request": [("patient_id=1&code=2345-7", {"code"})],
    "provenance": [("", {"ids"}), ("target=p12", {"target"})],
    "communication": [("practitioner_id=1", {"practitioner_id"})],
    "medication_statement": [("", set()), ("ids=1", set())],
    "financial_transaction": [("", set())],
}  # fmt: skip


@pytest.mark.parametrize("name", OBJECTS)
async def test_search_not_supported(world: World, caller: Caller, name: str) -> None:
    if OBJECTS[name].filters and OBJECTS[name].resource_type not in await types_of(world, caller):
        said = await caller.get(f"/{OBJECTS[name].plural}?ids=1")
        await refused(caller, said, "search_not_supported" if name == "medication_statement" else "scope_missing")  # R4 has none
        return
    for query, fields in UNSEARCHABLE.get(name, WITHOUT_A_FILTER):
        said = await caller.get(f"/{OBJECTS[name].plural}?{query}")
        says = r"It takes \w+|Slots are searched by a period" if OBJECTS[name].filters else "has a search for"
        problem = await refused(caller, said, "search_not_supported", says, fields=fields)
        assert "upstream" not in problem
    assert await world.bench.hospital.seen(caller.http) == 0, "a search that the source would refuse has reached it"


async def test_search_not_supported_by_the_source_only(world: World, caller: Caller) -> None:
    await world.bench.hospital.fault(caller.http, "status", status=400, resource_type="Patient")
    problem = await refused(
        caller, await caller.get("/patients?family=Zzz&max_age=0"), "search_not_supported", "source cannot search"
    )
    assert problem["upstream"]["status"] == 400


async def test_invalid_cursor(world: World, caller: Caller, nobody: Caller) -> None:
    patient = (await world.bench.hospital.population(caller.http))[0]["id"]
    first = await caller.get(f"/observations?patient_id={patient}&limit=1")
    cursor = first.json["next_cursor"]
    assert cursor
    assert (await caller.get(f"/observations?cursor={cursor}")).status == 200
    await world.bench.hospital.calm(caller.http)
    other = await nobody.open(world.bench.keys["other"])
    elsewhere = await nobody.open(world.bench.keys["other"], tenant="grace")
    damaged = ("B" if cursor[20] == "A" else "A").join((cursor[:20], cursor[21:]))
    for asker, query, says in (
        (caller, damaged, "not a cursor of this list"),
        (caller, cursor[:-4], "not a cursor of this list"),
        (caller, "AAAA", "not a cursor of this list"),
        (caller, "%24%24", "not a cursor of this list"),
        (caller, "A" * 17_000, "too long"),
        (other, cursor, "this client and tenant"),
        (elsewhere, cursor, "this client and tenant"),
        (caller, f"{cursor}&category=laboratory", "filters differ"),
    ):
        await refused(asker, await asker.get(f"/observations?cursor={query}"), "invalid_cursor", says)
    await refused(caller, await caller.get(f"/encounters?cursor={cursor}"), "invalid_cursor", "not a cursor of this list")
    assert await world.bench.hospital.seen(caller.http) == 0


# --- 401


async def test_invalid_key(world: World, nobody: Caller, caller: Caller) -> None:
    for sent in (
        "",
        "Bearer",
        "Bearer mg_nobody",
        f"Bearer {caller.token}",
        f"Basic {world.bench.keys['all']}",
        f"Bearer {world.bench.keys['all']}x",
    ):
        said = await nobody.ask("POST", "/authenticate", json={"tenant": TENANT}, headers={"Authorization": sent} if sent else {})
        await refused(nobody, said, "invalid_key", "Send the API key")


async def test_invalid_session(world: World, nobody: Caller) -> None:
    ended = await nobody.open(world.bench.keys["all"])
    assert (await ended.ask("DELETE", "/session")).status == 204
    for sent in ("", "Bearer ms_nobody", f"Bearer {world.bench.keys['all']}", f"Bearer {ended.token}"):
        headers = {"Authorization": sent} if sent else {}
        await refused(nobody, await nobody.get("/patients?family=Li", headers=headers), "invalid_session", "session token")
        await refused(nobody, await nobody.ask("DELETE", "/session", headers=headers), "invalid_session", "session token")
        said = await nobody.ask("POST", "/create_appointment", json={"slot_id": "1"}, headers={**headers, "Idempotency-Key": "k"})
        await refused(nobody, said, "invalid_session", "session token")
    assert await world.bench.hospital.seen(nobody.http) == 0


@asynccontextmanager
async def gateway_of_the_hour(bench: Bench, clock: list[datetime]) -> AsyncIterator[Server]:
    """A gateway in this process over the same data directory, on a clock that the test moves."""
    settings = read_settings({"data_dir": str(bench.folder), "port": 0}, environment={})
    async with App.opened(settings, now=lambda: clock[0]) as app:
        server = Server(app)
        await server.start()
        try:
            yield server
        finally:
            await server.stop()


async def test_session_expired_after_its_hour(world: World, http: aiohttp.ClientSession) -> None:
    clock = [datetime.now(UTC)]
    async with gateway_of_the_hour(world.bench, clock) as server:
        caller = await Caller(http, server.url).open(world.bench.keys["all"])
        clock[0] += timedelta(minutes=59)
        assert (await caller.get("/session")).status == 200
        clock[0] += timedelta(minutes=2)
        await refused(caller, await caller.get("/session"), "session_expired", "open another")
        await refused(caller, await caller.get("/patients?family=Li"), "session_expired", "POST /authenticate")


# --- 403


async def test_scope_missing_for_reading_listing_and_writing(world: World, nobody: Caller) -> None:
    reader = await nobody.open(world.bench.keys["reader"])
    await refused(reader, await reader.get("/encounters?patient_id=1"), "scope_missing", r"system/Encounter\.s")
    await refused(reader, await reader.get("/encounters/1"), "scope_missing", r"system/Encounter\.r")
    await refused(reader, await reader.get("/appointments?patient_id=1"), "scope_missing", r"system/Appointment\.s")
    await refused(reader, await reader.book("scope", slot_id="1", patient_id="2"), "scope_missing", r"system/Appointment\.c")
    await refused(
        reader, await reader.book("scope", appointment_id="1", status="arrived"), "scope_missing", r"system/Appointment\.u"
    )
    await refused(reader, await reader.get("/service_types"), "scope_missing", r"system/Slot\.s")
    assert await world.bench.hospital.seen(nobody.http) == 0


async def test_scope_missing_where_a_scope_holds_under_a_condition(world: World, nobody: Caller) -> None:
    patient = (await world.bench.hospital.population(nobody.http))[0]["id"]
    reader = await nobody.open(world.bench.keys["reader"])
    path = f"/observations?patient_id={patient}"
    await refused(reader, await reader.get(path), "scope_missing", "category=laboratory")
    await refused(reader, await reader.get(f"{path}&category=vital-signs"), "scope_missing", "category=laboratory")
    assert (await reader.get(f"{path}&category=laboratory")).status == 200


@pytest.mark.parametrize(("scope", "allowed", "refused_paths"), [
    ("system/Patient.read", ["/patients?family=Zz"], ["/observations?patient_id=1"]),
    ("system/Patient.s", ["/patients?family=Zz"], ["/patients/12724000"]),
    ("system/Patient.r", ["/patients/12724000"], ["/patients?family=Zz"]),
    ("system/Appointment.write", [], ["/appointments/1", "/appointments?patient_id=1"]),
])  # fmt: skip
async def test_scope_missing_in_a_session_that_asked_for_less(
    world: World, nobody: Caller, scope: str, allowed: list[str], refused_paths: list[str]
) -> None:
    narrow = await nobody.open(world.bench.keys["all"], scopes=[scope])
    for path in allowed:
        assert (await narrow.get(path)).status in (200, 404)
    for path in refused_paths:
        await refused(narrow, await narrow.get(path), "scope_missing", "lacks the scope system/")


async def test_scope_missing_from_the_ceiling_and_for_operators_doors(world: World, nobody: Caller) -> None:
    headers = {"Authorization": f"Bearer {world.bench.keys['reader']}"}
    said = await nobody.ask("POST", "/authenticate", json={"tenant": TENANT, "scopes": ["system/Slot.rs"]}, headers=headers)
    await refused(nobody, said, "scope_missing", r"It may have: .*system/Patient\.rs")
    await refused(nobody, await nobody.get("/tenants", headers=headers), "scope_missing", "operator")
    await refused(nobody, await nobody.get(f"/tenants/{TENANT}", headers=headers), "scope_missing", "operator")


async def test_scope_narrowed_by_the_tenants_own_list(world: World, nobody: Caller) -> None:
    """A v1 registration that the health system lets at patients and encounters only: the scope is granted, the resource is not."""
    narrow = await nobody.open(world.bench.keys["narrow"], tenant="narrow")
    patient = (await world.narrow.population(nobody.http))[0]["id"]
    assert (await narrow.get(f"/encounters?patient_id={patient}")).status == 200
    said = await narrow.get(f"/observations?patient_id={patient}")
    problem = await refused(narrow, said, "scope_narrowed", "list of allowed resources")
    assert problem["upstream"]["status"] == 403


async def test_scope_narrowed_where_the_tenant_takes_a_scope_back(world: World, caller: Caller) -> None:
    await world.bench.hospital.fault(caller.http, "status", status=403, resource_type="Encounter")
    problem = await refused(caller, await caller.get("/encounters/1?max_age=0"), "scope_narrowed", "did not grant")
    assert problem["upstream"]["status"] == 403


async def test_scope_narrowed_in_a_session_that_asked_for_more_than_it_got(world: World, nobody: Caller) -> None:
    said = await nobody.ask(
        "POST",
        "/authenticate",
        json={"tenant": TENANT, "scopes": ["system/Patient.rs", "system/Encounter.rs"]},
        headers={"Authorization": f"Bearer {world.bench.keys['reader']}"},
    )
    assert (said.status, said.json["scopes"], said.json["denied_scopes"]) == (201, ["system/Patient.rs"], ["system/Encounter.rs"])
    session = Caller(nobody.http, nobody.address, said.json["session_token"])
    await refused(session, await session.get("/encounters?patient_id=1"), "scope_narrowed", r"system/Encounter\.s was asked for")


async def test_tenant_not_allowed(world: World, nobody: Caller) -> None:
    headers = {"Authorization": f"Bearer {world.bench.keys['all']}"}
    details = []
    for tenant in ("grace", "no-such-tenant"):
        said = await nobody.ask("POST", "/authenticate", json={"tenant": tenant}, headers=headers)
        problem = await refused(nobody, said, "tenant_not_allowed", "ask the operator")
        details.append(problem["detail"].replace(tenant, "…"))
    assert details[0] == details[1], "the answer tells which tenants there are"


# --- 404, 405, 406, 413, 415


async def test_not_found(world: World, caller: Caller, nobody: Caller) -> None:
    operator = {"Authorization": f"Bearer {world.bench.keys['operator']}"}
    await refused(nobody, await nobody.get("/patient"), "not_found", "/docs")
    await refused(caller, await caller.get("/patients/1/2/3"), "not_found", "/docs")
    await refused(nobody, await nobody.get("/tenants/nobody", headers=operator), "not_found", "GET /tenants")
    has = await types_of(world, caller)
    for declaration in OBJECTS.values():
        if not declaration.filters or declaration.resource_type not in has:  # no source grants a scope for what it has not
            await refused(caller, await caller.get(f"/{declaration.plural}/no-such-id"), "scope_missing")
            continue
        problem = await refused(
            caller, await caller.get(f"/{declaration.plural}/no-such-id"), "not_found", declaration.resource_type
        )
        assert problem["upstream"]["status"] == 404
    await refused(caller, await caller.get("/patients/a%2Fb"), "not_found")


async def test_method_not_allowed(caller: Caller) -> None:
    for method, path, allowed in (
        ("DELETE", "/patients", "GET"),
        ("PUT", "/patients/1", "GET"),
        ("GET", "/create_appointment", "POST"),
    ):
        said = await caller.ask(method, path)
        await refused(caller, said, "method_not_allowed", "/docs")
        assert allowed in said.headers["Allow"]


async def test_not_offered_by_tenant(world: World, caller: Caller) -> None:
    await world.bench.hospital.fault(caller.http, "status", status=405, resource_type="Encounter")
    await refused(caller, await caller.get("/encounters/1?max_age=0"), "not_offered_by_tenant", "Encounter")


async def test_not_acceptable(world: World, caller: Caller) -> None:
    for path in ("/patients?family=Zz", "/patients/1"):
        for accept in ("text/html", "application/fhir+xml", "image/png, text/*"):
            await refused(
                caller, await caller.get(path, headers={"Accept": accept}), "not_acceptable", r"Accept: application/fhir\+json"
            )
    assert await world.bench.hospital.seen(caller.http) == 0


async def test_too_large(world: World, caller: Caller, nobody: Caller) -> None:
    body = b'{"slot_id": "' + b"1" * 1_100_000 + b'"}'
    headers = {"Idempotency-Key": "large", "Content-Type": "application/json"}
    await refused(caller, await caller.ask("POST", "/create_appointment", data=body, headers=headers), "too_large", "larger")

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65_536):
            yield body[start : start + 65_536]

    said = await caller.ask("POST", "/create_appointment", data=chunks(), headers=headers)
    await refused(caller, said, "too_large", "larger")
    key = {"Authorization": f"Bearer {world.bench.keys['all']}", "Content-Type": "application/json"}
    await refused(nobody, await nobody.ask("POST", "/authenticate", data=body, headers=key), "too_large", "larger")


async def test_unsupported_media_type(world: World, caller: Caller) -> None:
    for media_type in ("text/plain", "application/xml", "application/x-www-form-urlencoded"):
        headers = {"Idempotency-Key": "media", "Content-Type": media_type}
        said = await caller.ask("POST", "/create_appointment", data=b'{"slot_id": "1", "patient_id": "2"}', headers=headers)
        await refused(caller, said, "unsupported_media_type", "application/json")
    assert await world.bench.hospital.seen(caller.http) == 0


# --- 409, 422, 423, 424


@dataclass
class Visit:
    """A patient, and free slots of whom nobody else knows."""

    patient: str
    slots: list[str]


@pytest.fixture
async def visit(world: World, caller: Caller) -> Visit:
    population = await world.bench.hospital.population(caller.http)
    made = Visit(population[1]["id"], await free_slots(caller, 3))
    await world.bench.hospital.calm(caller.http)
    return made


async def test_slot_taken(world: World, caller: Caller, visit: Visit) -> None:
    body = {"slot_id": visit.slots[0], "patient_id": visit.patient}
    assert (await caller.book("taken-1", **body)).status == 201
    problem = await refused(caller, await caller.book("taken-2", **body), "slot_taken", "not free")
    assert problem["upstream"]["status"] == 409
    assert await world.bench.hospital.appointments_made(caller.http) >= 1
    again = await caller.book("taken-2", **body)
    assert (again.status, again.code, again.headers["Idempotency-Replayed"]) == (409, "slot_taken", "true")
    assert again.json["upstream"] == problem["upstream"]


async def test_version_conflict(world: World, caller: Caller, visit: Visit) -> None:
    booked = await caller.book("conflict-1", slot_id=visit.slots[0], patient_id=visit.patient)
    body = {"appointment_id": booked.json["id"], "status": "arrived"}
    headers = {"Idempotency-Key": "conflict-2", "If-Match": 'W/"stale"'}
    said = await caller.ask("POST", "/create_appointment", json=body, headers=headers)
    problem = await refused(caller, said, "version_conflict", "`current`")
    assert (problem["current"]["id"], problem["current"]["status"]) == (booked.json["id"], "booked")
    await world.bench.hospital.fault(caller.http, "status", status=409, method="PATCH", count=1)
    problem = await refused(caller, await caller.book("conflict-3", **body), "version_conflict", "`current`")
    assert problem["current"]["id"] == booked.json["id"]
    headers = {"Idempotency-Key": "conflict-2", "If-Match": booked.headers["ETag"]}
    assert (await caller.ask("POST", "/create_appointment", json=body, headers=headers)).json["status"] == "arrived"


async def test_idempotency_key_reused(world: World, caller: Caller, visit: Visit) -> None:
    assert (await caller.book("reused", slot_id=visit.slots[0], patient_id=visit.patient)).status == 201
    made = await world.bench.hospital.appointments_made(caller.http)
    said = await caller.book("reused", slot_id=visit.slots[1], patient_id=visit.patient)
    await refused(caller, said, "idempotency_key_reused", "use a new key")
    assert await world.bench.hospital.appointments_made(caller.http) == made


async def test_operation_in_progress(world: World, caller: Caller, visit: Visit) -> None:
    await world.bench.hospital.fault(caller.http, "latency", latency_ms=700, method="POST", resource_type="Appointment")
    body = {"slot_id": visit.slots[0], "patient_id": visit.patient}
    said = {one.status: one for one in await asyncio.gather(*(caller.book("progress", **body) for _ in range(2)))}
    assert said.keys() == {201, 409}
    await refused(caller, said[409], "operation_in_progress", "still under way", retry_after=True)
    assert (await caller.book("progress", **body)).headers["Idempotency-Replayed"] == "true"


async def test_rejected_by_source(world: World, caller: Caller, visit: Visit) -> None:
    booked = (await caller.book("rejected-1", slot_id=visit.slots[0], patient_id=visit.patient)).json
    change = {"appointment_id": booked["id"]}
    problem = await refused(
        caller, await caller.book("rejected-2", **change, status="fulfilled"), "rejected_by_source", "rejected"
    )
    assert problem["upstream"]["status"] == 422
    assert problem["upstream"]["outcome"]
    assert problem["upstream"]["request_id"]
    said = await caller.book("rejected-3", slot_id=visit.slots[1], patient_id="99999999999")
    await refused(caller, said, "rejected_by_source", "Patient does not exist")
    assert (await caller.book("rejected-4", **change, status="cancelled")).json["status"] == "cancelled"
    said = await caller.book("rejected-5", **change, slot_id=visit.slots[1])
    await refused(caller, said, "rejected_by_source", "cancelled.*book a new one")


async def _refused_change(world: World, caller: Caller, visit: Visit, status: int) -> Said:
    booked = (await caller.book(f"change-{status}", slot_id=visit.slots[0], patient_id=visit.patient)).json
    await world.bench.hospital.fault(caller.http, "status", status=status, method="PATCH", count=1, retry_after_s=7)
    return await caller.book(f"change-{status}-again", appointment_id=booked["id"], status="arrived")


async def test_locked_at_source(world: World, caller: Caller, visit: Visit) -> None:
    said = await _refused_change(world, caller, visit, 423)
    problem = await refused(caller, said, "locked_at_source", "being edited", retry_after=True)
    assert (problem["retry_after"], problem["upstream"]["status"]) == (7, 423)


async def test_dependency_failed(world: World, caller: Caller, visit: Visit) -> None:
    said = await _refused_change(world, caller, visit, 424)
    problem = await refused(caller, said, "dependency_failed", "nothing was written")
    assert problem["upstream"]["status"] == 424


async def test_free_slots_can_be_listed_by_whoever_may(world: World, caller: Caller) -> None:
    """The way around `search_not_supported`: no service type is needed, because the gateway knows them."""
    said = await caller.get("/slots", params=from_now(2))
    assert said.json.get("data"), said.body


# --- the source in trouble


async def test_upstream_throttled(world: World, caller: Caller) -> None:
    await world.bench.hospital.fault(caller.http, "status", status=429, retry_after_s=40, resource_type="Patient")
    said = await caller.get("/patients?family=Zza")
    problem = await refused(caller, said, "upstream_throttled", "fewer requests", retry_after=True)
    assert problem["retry_after"] == 40
    assert await world.bench.hospital.seen(caller.http) == 1, "asked again at once although it was told to wait"
    await world.bench.hospital.calm(caller.http)
    async with asyncio.timeout(20):  # the pause that the source asked for holds for everybody, for ten seconds at the most
        while (await caller.get("/patients?family=Zza&max_age=0")).status == 429:  # noqa: ASYNC110 - another process decides
            await asyncio.sleep(0.5)


@pytest.mark.parametrize(
    ("status", "code"),
    [(500, "upstream_unavailable"), (401, "upstream_error"), (503, "upstream_unavailable"), (502, "upstream_unavailable")],
)
async def test_upstream_error_from_a_source_that_fails(world: World, caller: Caller, status: int, code: str) -> None:
    """Among them a source that refuses the gateway's own token, which is never the caller's 401."""
    await world.bench.hospital.fault(caller.http, "status", status=status, resource_type="Patient")
    problem = await refused(caller, await caller.get("/patients/12724000?max_age=0"), code)
    assert problem["upstream"]["status"] == status
    assert problem["upstream"]["request_id"]


async def test_upstream_error_from_a_registration_that_the_tenant_refuses(world: World, nobody: Caller) -> None:
    headers = {"Authorization": f"Bearer {world.bench.keys['wrong']}"}
    said = await nobody.ask("POST", "/authenticate", json={"tenant": "wrong"}, headers=headers)
    problem = await refused(nobody, said, "upstream_error", "authorization server refused")
    assert problem["upstream"]["status"] == 401
    assert "invalid-client-credentials" in problem["upstream"]["outcome"]


async def test_upstream_error_from_an_answer_that_is_something_else(world: World, caller: Caller) -> None:
    """200, and in the place of the patient an OperationOutcome."""
    await world.bench.hospital.fault(caller.http, "status", status=200, resource_type="Patient")
    await refused(caller, await caller.get("/patients/12724000?max_age=0"), "upstream_error", "Patient")
    await refused(caller, await caller.get("/patients?family=Zzb&max_age=0"), "upstream_error")


async def test_upstream_timeout(world: World, caller: Caller) -> None:
    await world.bench.hospital.fault(caller.http, "latency", latency_ms=2500, resource_type="Patient")
    await refused(caller, await caller.get("/patients/12724000?max_age=0"), "upstream_timeout", "in time")


async def test_upstream_unavailable_where_the_source_has_stopped(world: World, nobody: Caller) -> None:
    with hospital("--patients", "1") as gone:
        settings = {"gone": gone.tenants[0]}
        key = (await asyncio.to_thread(connect, world.bench.folder, settings, {"gone": (("gone",), EVERYTHING)}))["gone"]
        session = await nobody.open(key, tenant="gone")
    await refused(session, await session.get("/patients?family=Li"), "upstream_unavailable", "cannot be reached")
    said = await session.book("gone", slot_id="1", patient_id="2")
    await refused(session, said, "upstream_unavailable", "cannot be reached")


# --- what holds for all of them


async def test_a_callers_request_id_comes_back_and_an_unusable_one_is_replaced(caller: Caller) -> None:
    for sent, kept in (("visit-7/2", True), ("x" * 200, False), ("a b", False)):
        said = await caller.get("/nothing", headers={"X-Request-Id": sent})
        assert said.json["request_id"] == said.headers["X-Request-Id"]
        assert (said.headers["X-Request-Id"] == sent) == kept


async def test_the_log_tells_of_trouble_and_never_of_patients(world: World, caller: Caller) -> None:
    """Searches, reads and bookings for real people while the source fails in every way; then not a word of them in the log."""
    people = await world.bench.hospital.population(caller.http)
    words = {word for person in people for word in _words(person)}
    assert len(words) > 60
    slot = (await free_slots(caller, 1))[0]
    for number, (kind, rule) in enumerate([
        ("status", {"status": 500}), ("status", {"status": 502}), ("drop_before", {}), ("truncate", {}), ("status", {"status": 422}),
    ]):  # fmt: skip
        await world.bench.hospital.calm(caller.http)
        await world.bench.hospital.fault(caller.http, kind, **rule)
        await asyncio.gather(*(look for person in people[:4] for look in _looks_at(caller, person)))
        await caller.book(f"log-{number}", slot_id=slot, patient_id=people[0]["id"], reason="Chest pain since Tuesday")
    log = world.bench.log
    assert '"outcome unknown"' in log, "the log says nothing, so it proves nothing"
    found = sorted(word for word in words | {"Chest pain", "birth_date", "718-7"} if word in log)
    assert found == []


def _looks_at(caller: Caller, person: Mapping[str, Any]) -> Iterator[Awaitable[Said]]:
    family, number = person["name"][0]["family"], person["identifier"][0]["value"]
    yield caller.get("/patients", params={"family": family, "birth_date": person["birthDate"], "max_age": "0"})
    yield caller.get("/patients", params={"identifier": number, "max_age": "0"})
    yield caller.get("/patients", params={"family": family, "telephone": number})
    yield caller.get(f"/patients/{person['id']}?max_age=0", headers={"Accept": "text/html"})
    yield caller.get("/observations", params={"patient_id": person["id"], "code": "718-7", "max_age": "0"})


def _words(person: Mapping[str, Any]) -> Iterator[str]:
    """What of a patient may stand nowhere: id, names, identifiers, birth date, telecom, streets."""
    yield person["id"]
    for name in person.get("name", []):
        yield from (word for word in [name.get("family", ""), *name.get("given", [])] if len(word) >= 5)
    yield from (one["value"] for one in person.get("identifier", []) if len(one.get("value", "")) >= 5)
    yield from (one["value"] for one in person.get("telecom", []) if one.get("value"))
    yield from (line for address in person.get("address", []) for line in address.get("line", []))
    if len(person.get("birthDate", "")) == 10:
        yield person["birthDate"]
