"""The served OpenAPI document holds: whatever is made of it is answered as it says, and never with a failure of the gateway.

The cases are schemathesis's own: the edges of each parameter and body (coverage), then random ones from a fixed seed (fuzzing), right
and wrong. The last part calls with ids that exist, so that answers with data are held to their schemas too.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
import schemathesis
from schemathesis import engine
from schemathesis.engine import events
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from millgate.objects import OBJECTS
from tests.journeys.calling import FHIR, Caller
from tests.journeys.conftest import Stack, stack  # noqa: F401
from tests.journeys.slots import free_slots, window

SEED = 20_261_124
OPEN_OPERATIONS = {"health", "ready", "key_set"}
BROWSER_OPERATIONS = {"launch", "finish_sign_in"}  # where a browser comes without a session: 400 without its parameters
ENDLESS = {"follow_events"}  # a stream without an end: tests/surfaces/api/test_events.py reads it
OPERATORS = {"list_tenants", "get_tenant", "metrics"}
CONFORMANCE = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
CHECKED = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
]


@dataclass
class Bearers:
    """What each operation is called with: the API key, an operator's key, or a session's token."""

    stack: Stack
    token: str = ""
    held: dict[str, str] = field(default_factory=dict)

    def of(self, operation_id: str) -> str:
        """The bearer of an operation. A session that is going to be ended is opened for that."""
        if operation_id == "authenticate":
            return self.stack.keys["portal"]
        if operation_id in OPERATORS:
            return self.stack.keys["operator"]
        if operation_id == "end_session":
            return new_session(self.stack)
        self.token = self.token or new_session(self.stack)
        return self.token


def new_session(stack: Stack) -> str:  # noqa: F811 - the fixture
    """The token of a new session."""

    async def opened(caller: Caller) -> str:
        return str((await caller.authenticate(stack.keys["portal"], "mercy")).json["session_token"])

    return with_caller(stack, None, opened)


def with_caller(stack: Stack, bearer: str | None, work: Callable[[Caller], Any]) -> Any:  # noqa: F811 - the fixture
    """What came of asynchronous work with a caller."""

    async def run() -> Any:
        async with aiohttp.ClientSession() as http:
            return await work(Caller(http, stack.gateway, bearer))

    return asyncio.run(run())


def operation_id_of(case: Any) -> str:
    """The id of the operation that a case is made for."""
    return str(case.operation.definition.raw.get("operationId"))


def load(stack: Stack, bearers: Bearers | None) -> Any:  # noqa: F811 - the fixture
    """The served document, each of its operations called with the bearer that it takes, or none with any."""
    schema = schemathesis.openapi.from_url(f"{stack.gateway}/openapi.json").exclude(operation_id=sorted(ENDLESS))
    if bearers is not None:

        @schema.auth(refresh_interval=None)
        class Authorization:
            def get(self, case: Any, context: Any) -> str:
                return bearers.of(operation_id_of(case))

            def set(self, case: Any, data: str, context: Any) -> None:
                case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}

    return schema


@dataclass
class Found:
    """What a run of cases brought."""

    cases: Counter[str] = field(default_factory=Counter)
    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


def run(schema: Any, *phases: str, examples: int, checks: list[str]) -> Found:
    """Run all phases with so many random cases an operation, and gather what came of each."""
    schema.config.seed = SEED
    schema.config.generation.update(max_examples=examples, deterministic=True, no_shrink=True, with_security_parameters=False)
    schema.config.phases.update(phases=list(phases))
    schema.config.checks.update(included_check_names=checks)
    found = Found()
    for event in engine.from_schema(schema).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            found.failures.append(str(event))
        elif isinstance(event, events.ScenarioFinished):
            gather(event.recorder, found)
    return found


def gather(recorder: Any, found: Found) -> None:
    """Count the cases of a scenario and name its failures."""
    for case_id, node in recorder.cases.items():
        name = operation_id_of(node.value)
        found.cases[name] += 1
        interaction = recorder.interactions.get(case_id)
        if interaction is not None and interaction.response is not None:
            found.statuses.setdefault(name, Counter())[interaction.response.status_code] += 1
        for check in recorder.checks.get(case_id, ()):
            if check.failure_info is not None:
                found.failures.append(f"{check.name}: {node.value.as_curl_command()}\n{check.failure_info.failure}")


REQUIRED = {
    *(f"list_{one.plural}" for one in OBJECTS.values()),
    *(f"get_{one.name}" for one in OBJECTS.values()),
    *("authenticate", "get_session", "end_session", "list_service_types", "list_events", "create_appointment"),
    *("health", "ready", "list_tenants", "get_tenant", "metrics", "get_patient_summary"),
    *(f"get_{name}_content{at}" for name in ("document", "diagnostic_report", "communication") for at in ("", "_at")),
    "get_patient_ccd",
}


def operations(schema: Any) -> dict[str, bool]:
    """The ids of all operations of the document, and whether each wants a key or a session."""
    raw = schema.raw_schema
    return {
        one["operationId"]: bool(one.get("security", raw["security"]))
        for path in raw["paths"].values()
        for one in path.values()
        if one["operationId"] not in ENDLESS
    }


def test_calls_made_from_the_document_are_answered_as_it_says(stack: Stack) -> None:  # noqa: F811 - the fixture
    schema = load(stack, Bearers(stack))
    found = run(schema, "coverage", "fuzzing", examples=6, checks=CHECKED)
    assert found.failures == []
    assert set(found.cases) == operations(schema).keys() >= REQUIRED
    assert sum(found.cases.values()) > 1000


def test_calls_without_a_session_are_refused(stack: Stack) -> None:  # noqa: F811 - the fixture
    schema = load(stack, None)
    checks = [name for name in CHECKED if name.endswith("_conformance") or name == "not_a_server_error"]
    found = run(schema, "fuzzing", examples=4, checks=checks)
    assert found.failures == []
    wanted = operations(schema)
    assert set(found.cases) == wanted.keys()
    assert {name for name, locked in wanted.items() if not locked} & REQUIRED == {"health", "ready"}
    for name, statuses in found.statuses.items():
        if wanted[name]:
            assert set(statuses) == {401}, name


@dataclass
class Document:
    """The served document, and a session to try it with."""

    schema: Any
    token: str

    def answer(self, method: str, path: str, status: int, *, headers: dict[str, str] | None = None, **parts: Any) -> Any:
        """The answer to a call; it has this status, and is as the document says."""
        case = self.schema[path][method].Case(**parts)
        answer = case.call_and_validate(headers={"Authorization": f"Bearer {self.token}", **(headers or {})}, checks=CONFORMANCE)
        assert answer.status_code == status, answer.text
        return answer

    def told(self, *call: Any, **parts: Any) -> Any:
        """The body of such an answer."""
        return json.loads(self.answer(*call, **parts).content)


@pytest.fixture(scope="module")
def document(stack: Stack) -> Document:  # noqa: F811 - the fixture
    """The served document."""
    return Document(load(stack, None), new_session(stack))


@pytest.fixture(scope="module")
def known(stack: Stack) -> dict[str, Any]:  # noqa: F811 - the fixture
    """A patient with a chart, free slots, and what the slots lead to."""

    async def find(caller: Caller) -> dict[str, Any]:
        slots = await free_slots(caller)
        having = {plural: await patient_having(caller, plural) for plural in OF_SOME}
        for letter in "SMJBCDHRWGLPTAEFKNOV":
            for one in await caller.all("/patients", family=letter):
                charts = [await caller.get(f"/{plural}", patient_id=one["id"], limit=1) for plural in CHARTS]
                if all(said.json["data"] for said in charts):
                    return {"patient": one, "slots": slots, "having": having}
        raise AssertionError("the hospital has no patient with a chart")

    found: dict[str, Any] = with_caller(stack, new_session(stack), find)
    return found


CHARTS = ("encounters", "observations", "diagnostic_reports", "appointments", "medication_requests", "medication_administrations")


async def patient_having(caller: Caller, plural: str) -> str:
    """The id of a patient who has such objects."""
    for letter in "SMJBCDHRWGLPTAEFKNOV":
        for one in await caller.all("/patients", family=letter):
            if (await caller.get(f"/{plural}", patient_id=one["id"], limit=1)).json["data"]:
                return str(one["id"])
    raise AssertionError(f"the hospital has no patient with {plural}")


# What few patients have: each of these is asked of a patient who has it.
OF_SOME = ("related_persons", "coverages", "consents", "nutrition_orders", "questionnaire_responses")


def queries(known: dict[str, Any]) -> dict[str, dict[str, str]]:
    """A search for each object that finds something."""
    slot = next(one for one in known["slots"] if "practitioner" in one and "location" in one)
    return {
        "patients": {"family": known["patient"]["name"]["family"]},
        **{plural: {"patient_id": known["patient"]["id"]} for plural in CHARTS},
        **{plural: {"patient_id": known["having"][plural]} for plural in OF_SOME},
        "schedules": {"ids": slot["schedule_id"]},
        "slots": {"from": window()["from_"], "to": window()["to"]},
        "practitioners": {"ids": slot["practitioner"]["id"]},
        "locations": {"ids": slot["location"]["id"]},
        "organizations": {},
    }


# Objects whose resources the simulated hospital keeps, and finds in a search.
KEPT = ("patients", *CHARTS, *OF_SOME, "schedules", "slots", "practitioners", "locations", "organizations")


@pytest.mark.parametrize("plural", KEPT)
def test_answers_with_data_are_as_the_document_says(document: Document, known: dict[str, Any], plural: str) -> None:
    query = {**queries(known)[plural], "limit": 50}
    first = document.answer("GET", f"/{plural}", 200, query=query)
    page = json.loads(first.content)
    assert page["data"]
    document.answer("GET", f"/{plural}", 200, query={**query, "include": "fhir", "max_age": 0})
    bundle = document.told("GET", f"/{plural}", 200, query=query, headers={"Accept": FHIR})
    assert bundle["resourceType"] == "Bundle"
    if page["next_cursor"]:
        document.answer("GET", f"/{plural}", 200, query={"cursor": page["next_cursor"]})
    for item in page["data"][:3]:
        named = {"object_id": item["id"]}
        assert document.told("GET", f"/{plural}/{{object_id}}", 200, path_parameters=named)["id"] == item["id"]
        document.answer("GET", f"/{plural}/{{object_id}}", 200, path_parameters=named, headers={"Accept": FHIR})
    document.answer("GET", f"/{plural}", 304, query=query, headers={"If-None-Match": first.headers["etag"][0]})
    document.answer("GET", f"/{plural}", 406, query=query, headers={"Accept": "text/csv"})
    document.answer("GET", f"/{plural}", 400, query={**query, "no_such": "filter"})


def test_contents_are_as_the_document_says(document: Document, known: dict[str, Any]) -> None:
    report = document.told("GET", "/diagnostic_reports", 200, query={"patient_id": known["patient"]["id"]})["data"][0]
    named = {"object_id": report["id"]}
    path = "/diagnostic_reports/{object_id}/content"
    first = document.answer("GET", path, 200, path_parameters=named)
    document.answer("GET", path + "/{index}", 200, path_parameters={**named, "index": "0"})
    document.answer("GET", path, 206, path_parameters=named, headers={"Range": "bytes=0-3"})
    document.answer("GET", path, 416, path_parameters=named, headers={"Range": "bytes=99999999-"})
    document.answer("GET", path, 304, path_parameters=named, headers={"If-None-Match": first.headers["etag"][0]})
    document.answer("GET", path, 404, path_parameters=named, query={"type": "image/x-none"})
    document.answer("GET", "/patients/{object_id}/ccd", 200, path_parameters={"object_id": known["patient"]["id"]})


def test_answers_to_writes_are_as_the_document_says(document: Document, known: dict[str, Any]) -> None:
    patient_id, (first, second, *_) = known["patient"]["id"], known["slots"]

    def post(status: int, body: dict[str, str], key: str | None = None, **headers: str) -> Any:
        named = {"Idempotency-Key": key or uuid4().hex, **headers}
        return document.told("POST", "/create_appointment", status, body=body, headers=named, media_type="application/json")

    key, booking = uuid4().hex, {"slot_id": first["id"], "patient_id": patient_id}
    made = post(201, booking, key)
    assert post(201, booking, key) == made
    assert post(409, {**booking, "reason": "Another"}, key)["code"] == "idempotency_key_reused"
    assert post(409, booking)["code"] == "slot_taken"
    moved = post(201, {"appointment_id": made["id"], "slot_id": second["id"]})
    arrive = {"appointment_id": moved["id"], "status": "arrived"}
    stale = post(409, arrive, **{"If-Match": '"another"'})
    assert (stale["code"], stale["current"]["id"]) == ("version_conflict", moved["id"])
    assert post(200, arrive)["status"] == "arrived"
    assert post(422, {"appointment_id": made["id"], "status": "arrived"})["code"] == "rejected_by_source"
    assert post(404, {"appointment_id": "no-such-thing", "status": "arrived"})["code"] == "not_found"
    assert post(400, {"appointment_id": made["id"]})["code"] == "invalid_request"
