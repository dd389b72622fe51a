"""The whole thread over real sockets: key, session, patient, chart, slots, booking and what becomes of it, audit."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from tests.journeys.calling import FHIR, Caller, OpenSurface, Said
from tests.journeys.conftest import ALWAYS, Chart, FindChart, OpenSession, Stack
from tests.journeys.slots import free_slots, later, window

Source = Callable[[str], OpenSurface]
FHIR_HEADERS = {"Accept": FHIR}


@pytest.fixture
async def chart(chart_of: FindChart) -> Chart:
    """The fullest chart of the first tenant."""
    return await chart_of("mercy")


async def book(caller: Caller, slot_id: str, patient_id: str, **more: str) -> Said:
    """Book a slot under a key of its own."""
    return await caller.post("/create_appointment", {"slot_id": slot_id, "patient_id": patient_id, **more}, key=uuid4().hex)


async def booked(caller: Caller, patient_id: str) -> tuple[dict[str, Any], Said]:
    """A slot that was free, and the answer to its booking."""
    slot = (await free_slots(caller))[0]
    said = await book(caller, slot["id"], patient_id)
    assert said.status == 201, said.body
    return slot, said


async def state(stack: Stack, caller: Caller, limit: int = 100) -> Any:
    """What the simulator has seen."""
    async with caller.http.get(f"{stack.simulator}/_simulator/state", params={"limit": limit}) as answer:
        return await answer.json()


def tokens_issued(seen: Any, hospital: dict[str, Any]) -> int:
    """How many tokens a tenant of the simulator has issued."""
    (count,) = (one["tokens_issued"] for one in seen["tenants"] if one["tenant"] == hospital["tenant"])
    return int(count)


# -- session


async def test_a_session_is_opened_shown_and_ended(stack: Stack, stranger: Caller) -> None:
    opened = await stranger.authenticate(stack.keys["portal"], "mercy", ["system/Patient.rs", "system/Slot.read"])
    assert opened.status == 201
    assert opened.headers["Cache-Control"] == "no-store"
    assert opened.json["token_type"] == "Bearer"
    assert opened.json["scopes"] == ["system/Patient.rs", "system/Slot.rs"]
    assert opened.json["denied_scopes"] == []
    assert (opened.json["tenant"], opened.json["persona"], opened.json["patient_id"]) == ("mercy", "system", None)
    assert 3500 < opened.json["expires_in"] <= 3600

    shown = await stranger.get("/session")
    assert shown.status == 200
    kept = ("session_id", "tenant", "persona", "scopes", "denied_scopes", "expires_at", "patient_id", "encounter_id")
    assert {name: shown.json[name] for name in kept} == {name: opened.json[name] for name in kept}
    assert "session_token" not in shown.json

    ended = await stranger.call("DELETE", "/session")
    assert (ended.status, ended.body) == (204, b"")
    assert (await stranger.get("/session")).refusal() == (401, "invalid_session")
    assert (await stranger.get("/patients", family="A")).refusal() == (401, "invalid_session")


async def test_what_the_tenant_does_not_grant_is_named(open_session: OpenSession) -> None:
    caller = await open_session("mercy", ["system/Patient.cruds", "system/Observation.rs"])
    shown = (await caller.get("/session")).json
    assert shown["scopes"] == ["system/Observation.rs", "system/Patient.crus"]
    assert shown["denied_scopes"] == ["system/Patient.d"]


async def test_one_token_serves_many_calls(stack: Stack, stranger: Caller, chart: Chart) -> None:
    hospital = stack.hospitals["mercy"]
    before = tokens_issued(await state(stack, stranger), hospital)
    asked = ["system/Patient.rs", "system/Encounter.rs"]
    await asyncio.gather(*(stranger.authenticate(stack.keys["portal"], "mercy", asked) for _ in range(8)))
    reads = (stranger.get("/encounters", patient_id=chart.id, limit=number + 1, max_age=0) for number in range(40))
    answers = await asyncio.gather(*reads)
    assert {said.status for said in answers} == {200}
    assert tokens_issued(await state(stack, stranger), hospital) - before == 1


# -- patients


def searches(patient: dict[str, Any]) -> dict[str, tuple[dict[str, str], dict[str, str]]]:
    """Searches that find a patient: the gateway's filters, and the same in the source's own words."""
    name, identifier = patient["name"][0], patient["identifier"][0]
    phones = [one["value"] for one in patient["telecom"] if one["system"] == "phone" and "value" in one]
    family, given, value = name["family"], name["given"][0], identifier["value"]
    found = {
        "family": ({"family": family}, {"family": family}),
        "family and birth date": ({"family": family, "birth_date": patient["birthDate"]},) * 2,
        "given and family": ({"family": family, "given": given},) * 2,
        "name": ({"name": given}, {"name": given}),
        "beginning of the name": ({"name": family[:2]}, {"name": family[:2]}),
        "birth date": ({"birth_date": patient["birthDate"]}, {"birthdate": patient["birthDate"]}),
        "gender": ({"family": family, "gender": patient["gender"]},) * 2,
        "identifier": ({"identifier": value}, {"identifier": value}),
        "identifier with system": ({"identifier": f"{identifier['system']}|{value}"},) * 2,
        "phone": ({"phone": phones[0]}, {"phone": phones[0]}) if phones else ({}, {}),
        "postal code": ({"postal_code": postal_code(patient)}, {"address-postalcode": postal_code(patient)}),
        "id": ({"ids": patient["id"]}, {"_id": patient["id"]}),
    }
    words = {"birth_date": "birthdate"}
    return {
        title: (ours, {words.get(key, key): text for key, text in theirs.items()})
        for title, (ours, theirs) in found.items()
        if ours
    }


def postal_code(patient: dict[str, Any]) -> str:
    """The first postal code of a patient."""
    return next(str(one["postalCode"]) for one in patient["address"] if "postalCode" in one)


async def test_a_patient_is_found_by_every_search(mercy: Caller, chart: Chart, source: Source) -> None:
    for title, (ours, theirs) in searches(chart.patient).items():
        found = await mercy.all("/patients", **ours)
        assert [one["id"] for one in found] == [one["id"] for one in await source("mercy").all("Patient", **theirs)], title
        assert chart.id in [one["id"] for one in found], title


async def test_a_patient_is_found_by_type_and_value_of_an_identifier(mercy: Caller, chart: Chart) -> None:
    shown = (await mercy.get(f"/patients/{chart.id}")).json
    number = next(one for one in shown["identifiers"] if one.get("type") == "MR")
    found = await mercy.get("/patients", identifier=f"MR|{number['value']}")
    assert found.ids == [chart.id]
    assert (await mercy.get("/patients", identifier=f"DL|{number['value']}")).ids == []


async def test_a_patient_shows_what_the_source_says(mercy: Caller, chart: Chart) -> None:
    said = await mercy.get(f"/patients/{chart.id}")
    shown, truth = said.json, chart.patient
    assert said.status == 200
    assert (shown["id"], shown["object"], shown["tenant"]) == (chart.id, "patient", "mercy")
    assert shown["name"]["family"] == truth["name"][0]["family"]
    assert shown["name"]["given"] == truth["name"][0]["given"]
    assert shown["birth_date"] == truth["birthDate"]
    assert shown["source"]["reference"] == f"Patient/{chart.id}"
    assert shown["source"]["version"] == truth["meta"]["versionId"]
    assert {one["value"] for one in shown["identifiers"]} == {one["value"] for one in truth["identifier"] if "value" in one}


# -- the chart, page by page

LISTS = {
    "encounters": ("Encounter", {}),
    "observations": ("Observation", {}),
    "diagnostic_reports": ("DiagnosticReport", {}),
    "appointments": ("Appointment", {"date": ALWAYS}),
}


@pytest.mark.parametrize("limit", [7, None])
@pytest.mark.parametrize("plural", LISTS)
async def test_all_pages_together_are_the_chart(
    plural: str, limit: int | None, mercy: Caller, chart: Chart, source: Source
) -> None:
    resource_type, more = LISTS[plural]
    size = {} if limit is None else {"limit": limit}
    pages = await mercy.pages(f"/{plural}", patient_id=chart.id, max_age=0, **size)
    found = [one for page in pages for one in page.ids]
    truth = await source("mercy").all(resource_type, patient=chart.id, _count=limit or 50, **more)
    assert len(found) == len(set(found)), "an object came twice"
    assert found == [one["id"] for one in truth]
    assert all(len(page.ids) <= (limit or 50) for page in pages)
    assert all(item["patient_id"] == chart.id for page in pages for item in page.json["data"])
    assert [page.json["has_more"] for page in pages] == [True] * (len(pages) - 1) + [False]
    assert pages[-1].json["next_cursor"] is None
    assert all(page.json["warnings"] == [] for page in pages)


async def test_the_chart_is_long_enough_to_prove_paging(chart: Chart) -> None:
    assert len(chart.ids("Observation")) > 100
    assert len(chart.ids("Encounter")) > 7
    assert len(chart.ids("DiagnosticReport")) > 7


async def test_observations_come_newest_first_after_social_history(mercy: Caller, chart: Chart) -> None:
    found = await mercy.all("/observations", patient_id=chart.id, limit=50)
    clinical = [one for one in found if "social-history" not in {code["code"] for code in one["categories"]}]
    times = [datetime.fromisoformat(moment(one)) for one in clinical if len(moment(one)) > 10]
    assert len(times) > 100
    assert times == sorted(times, reverse=True)


def moment(observation: dict[str, Any]) -> str:
    """When it was observed."""
    found = observation.get("effective_at") or observation.get("effective_period", {}).get("start") or ""
    return str(found)


async def test_filters_hold(mercy: Caller, chart: Chart, source: Source) -> None:
    labs = await mercy.all("/observations", patient_id=chart.id, category="laboratory")
    truth = await source("mercy").all("Observation", patient=chart.id, category="laboratory", _count=50)
    assert [one["id"] for one in labs] == [one["id"] for one in truth]
    assert 0 < len(labs) < len(chart.ids("Observation"))
    code = next(one["code"]["code"] for one in labs if one["code"].get("system") == "http://loinc.org")
    coded = await mercy.all("/observations", patient_id=chart.id, code=code)
    assert {one["code"]["code"] for one in coded} == {code}
    since = sorted(moment(one) for one in labs)[len(labs) // 2]
    recent = await mercy.all("/observations", patient_id=chart.id, category="laboratory", from_=since)
    assert {one["id"] for one in recent} == {one["id"] for one in labs if moment(one) >= since}


async def test_equal_pages_have_equal_cursors_and_a_cursor_needs_no_filters(mercy: Caller, chart: Chart) -> None:
    one = await mercy.get("/observations", patient_id=chart.id, limit=9)
    two = await mercy.get("/observations", patient_id=chart.id, limit=9)
    cursor = one.json["next_cursor"]
    assert cursor == two.json["next_cursor"]
    with_filters = await mercy.get("/observations", patient_id=chart.id, limit=9, cursor=cursor)
    alone = await mercy.get("/observations", cursor=cursor)
    assert alone.status == 200
    assert alone.ids == with_filters.ids != one.ids


# -- places, people, calendars


async def test_places_people_and_calendars(mercy: Caller, source: Source) -> None:
    open_surface = source("mercy")
    slots = await free_slots(mercy)
    schedules = sorted({slot["schedule_id"] for slot in slots})
    listed = await mercy.all("/schedules", ids=",".join(schedules))
    assert sorted(one["id"] for one in listed) == schedules
    practitioner_id = next(actor["id"] for one in listed for actor in one["actors"] if actor["object"] == "practitioner")
    assert any(slot.get("practitioner", {}).get("id") == practitioner_id for slot in slots)
    family = (await open_surface.read("Practitioner", practitioner_id))["name"][0]["family"]
    people = await mercy.all("/practitioners", family=family)
    assert [one["id"] for one in people] == [one["id"] for one in await open_surface.all("Practitioner", family=family)]
    assert practitioner_id in [one["id"] for one in people]
    organizations = await mercy.all("/organizations")
    assert [one["id"] for one in organizations] == [one["id"] for one in await open_surface.all("Organization")]
    location_id = next(slot["location"]["id"] for slot in slots if "location" in slot)
    (location,) = await mercy.all("/locations", ids=location_id)
    assert location["name"] == (await open_surface.read("Location", location_id))["name"]
    near = postal_code({"address": [(await open_surface.read("Location", location_id)).get("address", {})]})
    assert location_id in [one["id"] for one in await mercy.all("/locations", postal_code=near)]


async def test_service_types_are_those_of_the_tenant(stack: Stack, mercy: Caller) -> None:
    said = await mercy.get("/service_types")
    known = {(one["system"], one["code"]) for one in said.json["data"] if one["origin"] == "operator"}
    assert known == {(one["system"], one["code"]) for one in stack.hospitals["mercy"]["service_types"]}


async def test_slots_without_a_service_type_are_those_of_all(mercy: Caller) -> None:
    everything = {one["id"] for one in await mercy.all("/slots", **window(2))}
    types = (await mercy.get("/service_types")).json["data"]
    by_type = [await mercy.all("/slots", service_type=f"{one['system']}|{one['code']}", **window(2)) for one in types]
    assert everything == {slot["id"] for found in by_type for slot in found}
    assert all(slot["status"] == "free" for found in by_type for slot in found)


@pytest.mark.parametrize("plural", ["schedules", "slots", "practitioners", "locations", "organizations"])
async def test_one_by_id_is_the_same_as_in_a_list(plural: str, mercy: Caller) -> None:
    slots = await free_slots(mercy)
    listed: dict[str, Callable[[], Any]] = {
        "slots": lambda: mercy.get("/slots", ids=slots[0]["id"]),
        "schedules": lambda: mercy.get("/schedules", ids=slots[0]["schedule_id"]),
        "practitioners": lambda: mercy.get(
            "/practitioners", ids=next(s["practitioner"]["id"] for s in slots if "practitioner" in s)
        ),
        "locations": lambda: mercy.get("/locations", ids=next(s["location"]["id"] for s in slots if "location" in s)),
        "organizations": lambda: mercy.get("/organizations", limit=3),
    }
    found = (await listed[plural]()).json["data"][0]
    said = await mercy.get(f"/{plural}/{found['id']}")
    assert said.status == 200
    without_receipt = lambda item: {**item, "source": {**item["source"], "received_at": None}}  # noqa: E731
    assert without_receipt(said.json) == without_receipt(found)


@pytest.mark.parametrize("plural", ["patients", "encounters", "observations", "diagnostic_reports", "schedules", "slots"])
async def test_an_unknown_id_is_not_found(plural: str, mercy: Caller) -> None:
    assert (await mercy.get(f"/{plural}/no-such-thing")).refusal() == (404, "not_found")


# -- representations


@pytest.mark.parametrize("plural", LISTS)
async def test_include_fhir_and_accept_fhir_say_the_same(plural: str, mercy: Caller, chart: Chart) -> None:
    resource_type, _ = LISTS[plural]
    with_fhir = await mercy.get(f"/{plural}", patient_id=chart.id, include="fhir", limit=10)
    bundle = await mercy.get(f"/{plural}", patient_id=chart.id, limit=10, headers=FHIR_HEADERS)
    assert bundle.headers["Content-Type"] == FHIR
    assert (bundle.json["resourceType"], bundle.json["type"]) == ("Bundle", "searchset")
    resources = [entry["resource"] for entry in bundle.json["entry"]]
    assert [item["fhir"] for item in with_fhir.json["data"]] == resources
    assert {resource["resourceType"] for resource in resources} == {resource_type}
    assert [item["id"] for item in with_fhir.json["data"]] == [resource["id"] for resource in resources]
    one = await mercy.get(f"/{plural}/{resources[0]['id']}", headers=FHIR_HEADERS)
    assert (one.status, one.headers["Content-Type"]) == (200, FHIR)
    assert one.json == resources[0]
    both = await mercy.get(f"/{plural}/{resources[0]['id']}", include="fhir")
    assert both.json["fhir"] == one.json


async def test_a_bundle_is_followed_by_its_next_link(mercy: Caller, chart: Chart) -> None:
    found: list[str] = []
    said = await mercy.get("/observations", patient_id=chart.id, limit=20, headers=FHIR_HEADERS)
    while True:
        found += said.ids
        following = [link["url"] for link in said.json.get("link", []) if link["relation"] == "next"]
        if not following:
            break
        said = await mercy.get(following[0], headers=FHIR_HEADERS)
        assert said.status == 200
    assert found == [one["id"] for one in await mercy.all("/observations", patient_id=chart.id, limit=20)]


async def test_an_etag_saves_the_body(mercy: Caller, chart: Chart) -> None:
    for path, parameters in ((f"/patients/{chart.id}", {}), ("/encounters", {"patient_id": chart.id})):
        first = await mercy.get(path, **parameters)
        etag = first.headers["ETag"]
        assert first.headers["Cache-Control"] == "private, no-cache"
        again = await mercy.get(path, headers={"If-None-Match": etag}, **parameters)
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", etag)
        fresh = await mercy.get(path, headers={"If-None-Match": f'"other", {etag}'}, max_age=0, **parameters)
        assert fresh.status == 304
        other = await mercy.get(path, headers={"If-None-Match": '"other"'}, **parameters)
        assert (other.status, other.json["object"]) == (200, first.json["object"])
        as_fhir = await mercy.get(path, headers={"If-None-Match": etag, **FHIR_HEADERS}, **parameters)
        assert as_fhir.status == 200, "another representation has another ETag"


async def test_freshness_goes_from_live_to_cache_to_live(stack: Stack, mercy: Caller, chart: Chart) -> None:
    asked = {"patient_id": chart.id, "limit": 11}
    live = await mercy.get("/diagnostic_reports", **asked)
    before = (await state(stack, mercy))["requests_seen"]
    cached = await mercy.get("/diagnostic_reports", **asked)
    assert (await state(stack, mercy))["requests_seen"] == before, "the cache asked the source"
    renewed = await mercy.get("/diagnostic_reports", max_age=0, **asked)
    assert (await state(stack, mercy))["requests_seen"] == before + 1
    no_cache = await mercy.get("/diagnostic_reports", headers={"Cache-Control": "no-cache"}, **asked)
    assert [said.freshness["from"] for said in (live, cached, renewed, no_cache)] == ["live", "cache", "live", "live"]
    assert cached.freshness["as_of"] == live.freshness["as_of"] < renewed.freshness["as_of"] < no_cache.freshness["as_of"]
    assert len({said.headers["ETag"] for said in (live, cached, renewed, no_cache)}) == 1
    assert live.ids == cached.ids == renewed.ids


async def test_request_ids_come_back(mercy: Caller, stranger: Caller) -> None:
    mine = f"thread-{uuid4().hex}"
    assert (await mercy.get("/session", headers={"X-Request-Id": mine})).headers["X-Request-Id"] == mine
    assert (await stranger.get("/patients", headers={"X-Request-Id": mine})).headers["X-Request-Id"] == mine
    assert (await stranger.get("/no-such-path", headers={"X-Request-Id": mine})).headers["X-Request-Id"] == mine
    made = [(await mercy.get("/session")).headers["X-Request-Id"] for _ in range(2)]
    assert made[0] != made[1]
    unusable = (await mercy.get("/session", headers={"X-Request-Id": "a b\u00e9"})).headers["X-Request-Id"]
    assert unusable.isalnum()


# -- booking


async def test_a_slot_is_booked_once(mercy: Caller, chart: Chart) -> None:
    slot = (await free_slots(mercy))[0]
    body = {"slot_id": slot["id"], "patient_id": chart.id, "reason": "Follow-up visit", "comment": "Brings the old films"}
    key = uuid4().hex
    first = await mercy.post("/create_appointment", body, key=key)
    assert first.status == 201, first.body
    made = first.json
    assert first.headers["Location"] == f"/appointments/{made['id']}"
    assert (made["object"], made["status"], made["patient_id"]) == ("appointment", "booked", chart.id)
    assert (made["start"], made["end"], made["minutes"]) == (slot["start"], slot["end"], slot["minutes"])
    assert made["slot_ids"] == [slot["id"]]
    assert made["comment"] == "Brings the old films"
    assert "Follow-up visit" in json.dumps(made["reason"])
    assert "Idempotency-Replayed" not in first.headers

    again = await mercy.post("/create_appointment", body, key=key)
    assert (again.status, again.body) == (201, first.body)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["ETag"] == first.headers["ETag"]
    in_body = await mercy.post("/create_appointment", {**body, "idempotency_key": key})
    assert (in_body.status, in_body.body) == (201, first.body)

    other = await mercy.post("/create_appointment", {**body, "reason": "Another reason"}, key=key)
    assert other.refusal() == (409, "idempotency_key_reused")
    assert (await book(mercy, slot["id"], chart.id)).refusal() == (409, "slot_taken")

    read = await mercy.get(f"/appointments/{made['id']}")
    assert read.headers["ETag"] == first.headers["ETag"]
    assert read.json["status"] == "booked"
    listed = await mercy.all("/appointments", patient_id=chart.id, from_=slot["start"], to=later(slot["start"]))
    assert made["id"] in [one["id"] for one in listed]
    around = {"from_": slot["start"], "to": later(slot["start"])}
    assert slot["id"] not in [one["id"] for one in await mercy.all("/slots", **around)]
    assert (await mercy.get(f"/slots/{slot['id']}")).json["status"] == "busy"


async def test_a_booking_empties_the_cache_of_slots_and_appointments(mercy: Caller, chart: Chart) -> None:
    asked = {**window(3), "max_age": 3600}
    before = await mercy.get("/slots", **asked)
    appointments = {"patient_id": chart.id, "max_age": 3600}
    await mercy.get("/appointments", **appointments)
    said = await book(mercy, before.ids[0], chart.id)
    assert said.status == 201
    after = await mercy.get("/slots", **asked)
    assert after.freshness["from"] == "live"
    assert before.ids[0] not in after.ids
    assert said.json["id"] in [one["id"] for one in await mercy.all("/appointments", **appointments)]


async def test_of_many_who_want_a_slot_one_gets_it(open_session: OpenSession, mercy: Caller, chart: Chart) -> None:
    slot = (await free_slots(mercy))[0]
    callers = [mercy, *[await open_session("mercy") for _ in range(3)]]
    answers = await asyncio.gather(*(book(caller, slot["id"], chart.id) for caller in callers * 2))
    assert sorted(said.status for said in answers) == [201] + [409] * 7
    assert {said.json["code"] for said in answers if said.status == 409} == {"slot_taken"}


async def test_the_same_key_at_the_same_time_books_once(mercy: Caller, chart: Chart) -> None:
    slot = (await free_slots(mercy))[0]
    body, key = {"slot_id": slot["id"], "patient_id": chart.id}, uuid4().hex
    answers = await asyncio.gather(*(mercy.post("/create_appointment", body, key=key) for _ in range(10)))
    assert {said.status for said in answers} <= {201, 409}
    made = {said.json["id"] for said in answers if said.status == 201}
    assert len(made) == 1
    assert {said.json["code"] for said in answers if said.status == 409} <= {"operation_in_progress"}
    assert (await mercy.post("/create_appointment", body, key=key)).json["id"] in made


async def test_an_appointment_goes_its_way(mercy: Caller, chart: Chart) -> None:
    _, made = await booked(mercy, chart.id)
    appointment_id, etag = made.json["id"], made.headers["ETag"]
    for status in ("arrived", "checked-in", "fulfilled"):
        said = await mercy.post("/create_appointment", {"appointment_id": appointment_id, "status": status}, key=uuid4().hex)
        assert (said.status, said.json["status"], said.json["id"]) == (200, status, appointment_id)
        assert said.headers["ETag"] != etag
        etag = said.headers["ETag"]
        read = await mercy.get(f"/appointments/{appointment_id}", headers={"If-None-Match": etag})
        assert read.status == 304, "the answer to the write is the appointment as it can be read"
    back = await mercy.post("/create_appointment", {"appointment_id": appointment_id, "status": "arrived"}, key=uuid4().hex)
    assert back.refusal() == (422, "rejected_by_source")
    moved = await mercy.post(
        "/create_appointment", {"appointment_id": appointment_id, "slot_id": (await free_slots(mercy))[0]["id"]}, key=uuid4().hex
    )
    assert moved.refusal() == (422, "rejected_by_source")


async def test_a_cancelled_appointment_gives_its_slot_back(mercy: Caller, chart: Chart) -> None:
    slot, made = await booked(mercy, chart.id)
    reason = "http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason|pat-cpp"
    body = {"appointment_id": made.json["id"], "status": "cancelled", "reason": reason}
    said = await mercy.post("/create_appointment", body, key=uuid4().hex)
    assert (said.status, said.json["status"]) == (200, "cancelled")
    assert said.json["cancelation_reason"]["code"] == "pat-cpp"
    assert (await mercy.get(f"/slots/{slot['id']}")).json["status"] == "free"
    assert (await book(mercy, slot["id"], chart.id)).status == 201


async def test_text_as_a_reason_to_cancel_is_told_to_be_left_out(mercy: Caller, chart: Chart) -> None:
    _, made = await booked(mercy, chart.id)
    body = {"appointment_id": made.json["id"], "status": "cancelled", "reason": "The car broke down"}
    said = await mercy.post("/create_appointment", body, key=uuid4().hex)
    assert (said.status, said.json["status"]) == (200, "cancelled")
    assert [one["code"] for one in said.json["warnings"]] == ["not_sent"]


async def test_a_rescheduled_appointment_is_booked_anew_and_cancelled(mercy: Caller, chart: Chart) -> None:
    slot, made = await booked(mercy, chart.id)
    target = next(one for one in await free_slots(mercy) if one["id"] != slot["id"])
    body, key = {"appointment_id": made.json["id"], "slot_id": target["id"]}, uuid4().hex
    said = await mercy.post("/create_appointment", body, key=key)
    assert said.status == 201, said.body
    assert said.json["id"] != made.json["id"]
    assert (said.json["status"], said.json["start"], said.json["patient_id"]) == ("booked", target["start"], chart.id)
    assert (await mercy.get(f"/appointments/{made.json['id']}")).json["status"] == "cancelled"
    assert (await mercy.get(f"/slots/{slot['id']}")).json["status"] == "free"
    assert (await mercy.get(f"/slots/{target['id']}")).json["status"] == "busy"
    again = await mercy.post("/create_appointment", body, key=key)
    assert (again.status, again.body) == (201, said.body)


async def test_a_stale_version_is_answered_with_the_current_one(mercy: Caller, chart: Chart) -> None:
    _, made = await booked(mercy, chart.id)
    stale = made.headers["ETag"]
    arrive = {"appointment_id": made.json["id"], "status": "arrived"}
    arrived = await mercy.post("/create_appointment", arrive, key=uuid4().hex, headers={"If-Match": stale})
    assert arrived.status == 200
    cancel = {"appointment_id": made.json["id"], "status": "cancelled"}
    refused = await mercy.post("/create_appointment", cancel, key=uuid4().hex, headers={"If-Match": stale})
    assert refused.refusal() == (409, "version_conflict")
    current = refused.json["current"]
    assert (current["object"], current["id"], current["status"]) == ("appointment", made.json["id"], "arrived")
    assert (await mercy.get(f"/appointments/{made.json['id']}")).json["status"] == "arrived"
    seen_as_fhir = await mercy.get(f"/appointments/{made.json['id']}", headers=FHIR_HEADERS)
    assert seen_as_fhir.headers["ETag"] != arrived.headers["ETag"]
    named = {"If-Match": seen_as_fhir.headers["ETag"]}
    agreed = await mercy.post("/create_appointment", cancel, key=uuid4().hex, headers=named)
    assert (agreed.status, agreed.json["status"]) == (200, "cancelled")


async def test_an_appointment_is_proposed_without_a_slot(mercy: Caller, chart: Chart) -> None:
    slot = next(one for one in await free_slots(mercy) if "location" in one)
    kind = (await mercy.get("/service_types")).json["data"][0]
    body = {
        "patient_id": chart.id,
        "location_id": slot["location"]["id"],
        "service_type": f"{kind['system']}|{kind['code']}",
        "requested_period": {"start": slot["start"], "end": slot["end"]},
    }
    said = await mercy.post("/create_appointment", body, key=uuid4().hex)
    assert said.status == 201, said.body
    assert (said.json["status"], said.json["patient_id"]) == ("proposed", chart.id)
    assert said.json["requested_period"] == body["requested_period"]
    target = (await free_slots(mercy))[0]
    moved = await mercy.post("/create_appointment", {"appointment_id": said.json["id"], "slot_id": target["id"]}, key=uuid4().hex)
    assert (moved.status, moved.json["id"], moved.json["status"]) == (200, said.json["id"], "booked")
    assert moved.json["start"] == target["start"]


# -- what the audit chain knows of it


async def test_the_audit_chain_shows_the_thread(stack: Stack, mercy: Caller, chart: Chart) -> None:
    thread = uuid4().hex

    def named(step: str) -> dict[str, str]:
        return {"X-Request-Id": f"{step}-{thread}", "X-Purpose-Of-Use": "TREAT"}

    session = (await mercy.get("/session")).json
    labs = await mercy.get("/observations", patient_id=chart.id, category="laboratory", max_age=0, headers=named("labs"))
    await mercy.get("/observations", patient_id=chart.id, category="laboratory", headers=named("cached"))
    slot = (await free_slots(mercy))[0]
    body = {"slot_id": slot["id"], "patient_id": chart.id}
    made = await mercy.post("/create_appointment", body, key=uuid4().hex, headers=named("booking"))
    refused = await mercy.post("/create_appointment", body, key=uuid4().hex, headers=named("refused"))
    assert (made.status, refused.status) == (201, 409)

    listed = stack.told("audit", "list", "--client", stack.clients["portal"], "--limit", "40")
    steps = ("labs", "cached", "booking", "refused")
    rows = {step: [row for row in listed if row["request_id"] == f"{step}-{thread}"] for step in steps}
    assert {step: len(found) for step, found in rows.items()} == dict.fromkeys(rows, 1)
    (row,) = rows["labs"]
    assert (row["client_id"], row["session_id"]) == (stack.clients["portal"], session["session_id"])
    assert (row["tenant"], row["persona"], row["purpose"]) == ("mercy", "system", "TREAT")
    assert (row["action"], row["object"], row["status"], row["freshness"]) == ("search", "observation", 200, "live")
    assert (row["patients"], row["ids"]) == ([chart.id], labs.ids)
    (row,) = rows["cached"]
    assert (row["freshness"], row["calls"], row["patients"]) == ("cache", [], [chart.id])
    (row,) = rows["booking"]
    assert (row["action"], row["object"], row["status"], row["code"]) == ("create", "appointment", 201, None)
    assert (row["patients"], row["ids"]) == ([chart.id], [made.json["id"]])
    (row,) = rows["refused"]
    assert (row["action"], row["status"], row["code"], row["patients"]) == ("create", 409, "slot_taken", [chart.id])

    seen = {one["request_id"]: one for one in (await state(stack, mercy, 1000))["requests"]}
    for step, method, status in (("labs", "GET", 200), ("booking", "POST", 201), ("refused", "POST", 409)):
        calls = [call for call in rows[step][0]["calls"] if call["method"] == method]
        assert calls, step
        assert (seen[calls[0]["upstream_request_id"]]["method"], seen[calls[0]["upstream_request_id"]]["status"]) == (
            method,
            status,
        )


async def test_the_audit_chain_is_whole_and_can_be_handed_on(stack: Stack, mercy: Caller, chart: Chart) -> None:
    mine = f"export-{uuid4().hex}"
    await mercy.get(f"/patients/{chart.id}", headers={"X-Request-Id": mine})
    verified = stack.told("audit", "verify")
    assert (verified["ok"], verified["first_bad_seq"]) == (True, None)
    await mercy.get(f"/patients/{chart.id}")
    later = stack.told("audit", "verify", "--head", f"{verified['rows']}:{verified['head']}")
    assert later["ok"]
    assert later["rows"] > verified["rows"]
    wrong = stack.command("audit", "verify", "--head", f"{verified['rows']}:{'0' * 64}", "--json", check=1)
    assert json.loads(wrong.stdout)["ok"] is False

    of_patient = stack.told("audit", "list", "--tenant", "mercy", "--patient", chart.id, "--limit", "500")
    assert [row["request_id"] for row in of_patient].count(mine) == 1
    assert [row["seq"] for row in stack.told("audit", "list", "--request-id", mine)] == [
        row["seq"] for row in of_patient if row["request_id"] == mine
    ]
    assert all(chart.id in row["patients"] for row in of_patient)

    exported = stack.command("audit", "export").stdout
    events = [json.loads(line) for line in exported.splitlines()]
    assert len(events) >= later["rows"]
    assert {event["resourceType"] for event in events} == {"AuditEvent"}
    (event,) = [event for event in events if mine in json.dumps(event)]
    assert f"Patient/{chart.id}" in json.dumps(event["entity"])
    assert stack.clients["portal"] in json.dumps(event["agent"])
    name = chart.patient["name"][0]
    assert f'"{name["family"]}"' not in exported
    assert name["text"] not in exported
