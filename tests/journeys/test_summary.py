"""The chart on one page: the same facts as the lists have, section by section, whatever else goes wrong."""

from __future__ import annotations

import asyncio
import json
import re
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

import aiohttp
import fhirkit
import pytest
from fhir.resources.R4B import get_fhir_model_class

from millgate.flow.sections import SECTIONS
from tests.journeys.calling import FHIR, Caller, Said
from tests.journeys.conftest import FindChart, OpenSession, Stack
from tests.journeys.people import People

HTML = "text/html"


@pytest.fixture
async def patient(chart_of: FindChart) -> str:
    """The id of a patient with a long chart."""
    return (await chart_of("mercy")).id


def sections_of(said: Said) -> dict[str, dict[str, Any]]:
    """The sections of an answer by their names."""
    assert said.status == 200, said.body
    return {one["section"]: one for one in said.json["sections"]}


@asynccontextmanager
async def fault(stack: Stack, http: aiohttp.ClientSession, **rule: Any) -> AsyncIterator[None]:
    """Something that goes wrong at the source meanwhile."""
    async with http.post(f"{stack.simulator}/_simulator/faults", json=rule) as made:
        told = await made.json(content_type=None)
        assert made.status in (200, 201), told
    try:
        yield
    finally:
        async with http.delete(f"{stack.simulator}/_simulator/faults") as gone:
            assert gone.status < 300


async def test_every_section_has_what_its_lists_have_and_says_how_old_it_is(mercy: Caller, patient: str) -> None:
    said = await mercy.get(f"/patients/{patient}/summary")
    found = sections_of(said)
    assert list(found) == list(SECTIONS)
    assert said.json["patient"]["id"] == patient
    assert said.headers["Cache-Control"] == "no-store"
    assert {"vital_signs", "results", "encounters", "social_history"} <= {n for n, one in found.items() if one["count"]}
    for section in SECTIONS.values():
        told = found[section.name]
        assert told["code"]["code"] == section.loinc
        assert told["count"] == len(told["data"])
        for part, ended in zip(section.parts, told["parts"], strict=True):
            if ended["error"] is None:
                assert set(ended["freshness"]) == {"from", "as_of"}
            if part.keep is None and ended["error"] is None:
                filters = {name: ",".join(values) for name, values in part.filters.items()}
                listed = await mercy.all(f"/{part.declaration.plural}", patient_id=patient, limit=200, **filters)
                shown = [one for one in told["data"] if one["object"] == part.declaration.name]
                assert {one["id"] for one in listed} <= {one["id"] for one in shown}, part.title
                assert ended["count"] == len(listed)


async def test_every_problem_is_shown_once_what_is_active_first(mercy: Caller, patient: str, stack: Stack) -> None:
    found = sections_of(await mercy.get(f"/patients/{patient}/summary", sections="past_illness,problems"))
    assert list(found) == ["problems", "past_illness"]
    listed = [
        one["id"]
        for category in ("problem-list-item", "health-concern")
        for one in await mercy.all("/conditions", patient_id=patient, category=category)
    ]
    shown = [one["id"] for section in found.values() for one in section["data"]]
    assert sorted(shown) == sorted(listed)
    over = {"inactive", "remission", "resolved"}
    codes = [one.get("clinical_status", {}).get("code") for one in found["problems"]["parts"] and found["problems"]["data"]]
    assert not over & set(codes)
    assert {one["clinical_status"]["code"] for one in found["past_illness"]["data"]} <= over


async def test_what_the_session_may_not_see_fails_by_itself(open_session: OpenSession, patient: str) -> None:
    caller = await open_session(
        "mercy", ["system/Patient.rs", "system/Condition.rs", "system/Observation.rs?category=vital-signs"]
    )
    said = await caller.get(f"/patients/{patient}/summary")
    found = sections_of(said)
    assert said.json["status"] == "partial"
    assert found["problems"]["status"] in ("complete", "nothing_found")
    assert found["vital_signs"]["status"] == "complete"
    assert found["allergies"]["status"] == "failed"
    assert found["allergies"]["data"] == []
    error = found["allergies"]["parts"][0]["error"]
    assert (error["code"], error["status"]) == ("scope_missing", 403)
    assert error["request_id"] == said.headers["X-Request-Id"]


async def test_a_session_without_the_patient_gets_a_refusal_and_no_summary(open_session: OpenSession, patient: str) -> None:
    caller = await open_session("mercy", ["system/Condition.rs"])
    assert (await caller.get(f"/patients/{patient}/summary")).refusal() == (403, "scope_missing")


async def test_what_the_source_fails_at_fails_by_itself(
    mercy: Caller, patient: str, stack: Stack, http: aiohttp.ClientSession
) -> None:
    async with fault(stack, http, kind="html", resource_type="AllergyIntolerance"):
        said = await mercy.get(f"/patients/{patient}/summary", max_age=0)
        page = await mercy.get(f"/patients/{patient}/summary", headers={"Accept": HTML}, max_age=0)
        document = await mercy.get(f"/patients/{patient}/summary", headers={"Accept": FHIR}, max_age=0)
    found = sections_of(said)
    assert found["allergies"]["status"] == "failed"
    assert found["allergies"]["parts"][0]["error"]["code"] == "upstream_error"
    assert found["vital_signs"]["status"] == "complete"
    assert "This section could not be read. What there is is unknown." in page.body.decode()
    composition = document.json["entry"][0]["resource"]
    allergies = next(one for one in composition["section"] if one["title"] == "Allergies and intolerances")
    assert allergies["emptyReason"]["coding"][0]["code"] == "unavailable"
    assert composition["status"] == "preliminary"


async def test_a_search_that_breaks_off_delivers_what_came_and_says_so(
    open_session: OpenSession, stack: Stack, http: aiohttp.ClientSession
) -> None:
    caller = await open_session("mercy")
    patient = await with_many_labs(caller)
    async with fault(stack, http, kind="html", resource_type="Observation", skip=1):
        said = await caller.get(f"/patients/{patient}/summary", max_age=0, sections="results")
    results = sections_of(said)["results"]
    labs = results["parts"][1]
    assert (results["status"], labs["status"], labs["error"]["code"]) == ("partial", "cut_short", "upstream_error")
    assert 0 < labs["count"]
    assert results["count"] == len(results["data"])


async def with_many_labs(caller: Caller) -> str:
    """A patient with more laboratory results than a page holds."""
    for letter in "MSBCHWJR":
        for one in await caller.all("/patients", family=letter):
            said = await caller.get("/observations", patient_id=one["id"], category="laboratory", limit=200)
            if said.json["has_more"]:
                return str(one["id"])
    raise AssertionError("nobody has more labs than a page")


async def test_a_limit_shows_the_newest_and_says_how_many_there_are_beside(mercy: Caller, patient: str) -> None:
    said = await mercy.get(f"/patients/{patient}/summary", limit=2, sections="vital_signs,encounters")
    found = sections_of(said)
    assert [
        len([one for one in each["data"] if one["object"] == kind])
        for kind, each in zip(("observation", "encounter"), found.values(), strict=True)
    ] == [2, 2]
    assert {warning["code"] for one in found.values() for warning in one["warnings"]} >= {"limited"}
    listed = await mercy.all("/encounters", patient_id=patient)
    right = sorted((one.get("start", "") for one in listed if one["status"] != "entered-in-error"), reverse=True)
    assert [one["start"][:10] for one in found["encounters"]["data"] if one["object"] == "encounter"] == [
        start[:10] for start in right[:2]
    ]


async def test_the_document_is_fhir_r4_to_two_validators(mercy: Caller, patient: str) -> None:
    said = await mercy.get(f"/patients/{patient}/summary", headers={"Accept": FHIR})
    assert said.headers["Content-Type"] == FHIR
    bundle = said.json
    assert fhirkit.validate(said.body.decode()) == []
    for entry in bundle["entry"]:
        resource = json.loads(json.dumps(entry["resource"], default=float))
        if "_occurrenceDateTime" in resource:  # fhir.resources does not know that a choice may be absent with its reason
            resource["occurrenceString"] = resource.pop("_occurrenceDateTime") and "absent"
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    assert (bundle["type"], [e["resource"]["resourceType"] for e in bundle["entry"][:2]]) == (
        "document",
        ["Composition", "Patient"],
    )
    composition, urls = bundle["entry"][0]["resource"], [entry["fullUrl"] for entry in bundle["entry"]]
    assert len(urls) == len(set(urls))
    referred = [one["reference"] for section in composition["section"] for one in section.get("entry", ())]
    assert {composition["subject"]["reference"], composition["author"][0]["reference"], *referred} <= set(urls)
    assert set(urls[3:]) == set(referred)
    assert [one["code"]["coding"][0]["code"] for one in composition["section"]] == [one.loinc for one in SECTIONS.values()]
    for one in composition["section"]:
        assert ("entry" in one) is ("emptyReason" not in one)
        assert one["emptyReason"].get("coding", [{"code": ""}])[0]["code"] != "nilknown" if "emptyReason" in one else True
    assert "entered-in-error" not in {resource["resource"].get("status") for resource in bundle["entry"]}


async def test_the_page_stands_alone_and_says_what_is_missing(mercy: Caller, patient: str) -> None:
    said = await mercy.get(f"/patients/{patient}/summary", headers={"Accept": "text/html,*/*;q=0.5"})
    assert said.headers["Content-Type"] == "text/html; charset=utf-8"
    page = said.body.decode()
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None
    assert "@media print" in style[1]
    policy = said.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-" + b64encode(sha256(style[1].encode()).digest()).decode())
    assert not re.search(r"<script|<link|<img|<iframe|<form|\son\w+=|style=|src=|href=", page)
    assert [title for title in re.findall(r"<h2>(.*?)</h2>", page)] == [one.title for one in SECTIONS.values()]
    assert "Nothing found. This does not say that there is nothing." in page


async def test_careless_calls_are_refused_before_anything_is_asked(mercy: Caller, patient: str) -> None:
    path = f"/patients/{patient}/summary"
    assert (await mercy.get(path, sections="problems,moods")).refusal() == (400, "invalid_request")
    assert (await mercy.get(path, limit=0)).refusal() == (400, "invalid_request")
    assert (await mercy.get(path, pathway="by-mail")).refusal() == (400, "invalid_request")
    assert (await mercy.get(path, status="active")).refusal() == (400, "invalid_request")
    assert (await mercy.get(path, headers={"Accept": "image/png"})).refusal() == (406, "not_acceptable")
    assert (await mercy.get("/patients/none-such/summary")).refusal() == (404, "not_found")


async def test_a_patient_sees_their_own_summary_and_nobody_elses(people: People) -> None:
    caller = await people.arrive("patient")
    own, other = caller.patient, people.hospital.user("patient", 1)["patient_ids"][0]
    said = await caller.get(f"/patients/{own}/summary")
    assert sections_of(said)["vital_signs"]["status"] in ("complete", "nothing_found")
    assert all(one.get("patient_id", own) == own for section in said.json["sections"] for one in section["data"])
    assert (await caller.get(f"/patients/{other}/summary")).refusal() == (403, "patient_out_of_context")


async def audited(stack: Stack, request_id: str, rows: int) -> list[dict[str, Any]]:
    """The rows of a request, newest first, once there are so many."""
    for _ in range(20):
        found: list[dict[str, Any]] = await asyncio.to_thread(stack.told, "audit", "list", "--request-id", request_id)
        if len(found) >= rows:
            return found
    raise AssertionError(f"there are no {rows} rows")


async def test_the_audit_chain_says_who_began_to_see_what_and_what_was_shown(mercy: Caller, patient: str, stack: Stack) -> None:
    streamed = await mercy.get(f"/patients/{patient}/summary", sections="encounters", max_age=0)
    page = await mercy.get(f"/patients/{patient}/summary", headers={"Accept": HTML}, sections="encounters")
    ended, begun = await audited(stack, streamed.headers["X-Request-Id"], 2)
    assert (begun["ids"], begun["object"], begun["patients"]) == ([patient], "summary", [patient])
    data = sections_of(streamed)["encounters"]["data"]
    assert [one.partition("/")[2] for one in ended["ids"]] == [one["id"] for one in data]
    assert ended["status"] == 200
    assert {call["resource_type"] for call in ended["calls"]} == {"Condition", "Encounter"}
    (whole,) = await audited(stack, page.headers["X-Request-Id"], 1)
    assert whole["ids"][0] == patient
    assert whole["ids"][1].startswith("Encounter/")


async def test_whoever_hangs_up_is_in_the_audit_chain(
    mercy: Caller, patient: str, stack: Stack, http: aiohttp.ClientSession
) -> None:
    async with fault(stack, http, kind="latency", latency_ms=1500, resource_type="Encounter"):
        headers = {"Authorization": f"Bearer {mercy.bearer}"}
        url = f"{stack.gateway}/patients/{patient}/summary?sections=encounters&max_age=0"
        async with http.get(url, headers=headers) as answer:
            request_id = answer.headers["X-Request-Id"]
            assert (await answer.content.readany()).startswith(b'{"object":"summary"')
            answer.close()
        ended, _ = await audited(stack, request_id, 2)
    assert (ended["status"], ended["code"]) == (499, "caller_gone")
    assert "Encounter" in {call["resource_type"] for call in ended["calls"]}
