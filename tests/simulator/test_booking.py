"""Appointments and slots: what may be booked and changed, what it must come with, and who wins a race."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from millgate.simulator.clients import Client
from tests.simulator.conftest import SCOPES, TODAY, Bench, Open, Said

REASON = {"system": "http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason", "code": "oth-err"}
ROOT = "https://fhir-ehr.cerner.com/r4/StructureDefinition/"
CANCEL = ("replace", "/status", "cancelled")
BOOK = ("replace", "/status", "booked")


async def free_slots(bench: Bench) -> list[dict[str, Any]]:
    """The first free slots of the days to come."""
    kind = bench.report["service_types"][0]
    start, end = TODAY + timedelta(days=1), TODAY + timedelta(days=2)
    said = await bench.search(
        "Slot",
        ("service-type", f"{kind['system']}|{kind['code']}"),
        ("start", f"ge{start}T00:00:00Z"),
        ("start", f"lt{end}T00:00:00Z"),
        ("_count", "20"),
    )
    assert said.status == 200, said.body
    return [entry["resource"] for entry in said.json["entry"]]


def patient_id(bench: Bench) -> str:
    return bench.hospital.find_patients(limit=1)[0]


def booked(bench: Bench, slot_id: str, **changes: Any) -> dict[str, Any]:
    body = {
        "resourceType": "Appointment",
        "status": "booked",
        "slot": [{"reference": f"Slot/{slot_id}"}],
        "participant": [{"actor": {"reference": f"Patient/{patient_id(bench)}"}, "status": "accepted"}],
        "reasonCode": [{"text": "I have a cramp"}],
        **changes,
    }
    return {name: value for name, value in body.items() if value is not None}


def proposed(bench: Bench, location_id: str, **changes: Any) -> dict[str, Any]:
    body = {
        "resourceType": "Appointment",
        "status": "proposed",
        "serviceType": [{"coding": [{"system": "http://snomed.info/sct", "code": "408443003"}]}],
        "participant": [
            {"actor": {"reference": f"Patient/{patient_id(bench)}"}, "status": "needs-action"},
            {"actor": {"reference": f"Location/{location_id}"}, "status": "needs-action"},
        ],
        "requestedPeriod": [{"start": "2026-04-01T13:00:00-05:00", "end": "2026-05-01T13:00:00-05:00"}],
        **changes,
    }
    return {name: value for name, value in body.items() if value is not None}


async def book(bench: Bench) -> tuple[str, str, dict[str, Any]]:
    """A new booked appointment: its path, its entity tag, its slot."""
    slot = (await free_slots(bench))[0]
    said = await bench.post("Appointment", booked(bench, slot["id"]))
    assert said.status == 201, said.body
    return f"Appointment/{said.headers['Location'].rsplit('/', 1)[1]}", said.headers["ETag"], slot


async def propose(bench: Bench) -> tuple[str, str]:
    location = next(iter(bench.hospital.locations()))["id"]
    said = await bench.post("Appointment", proposed(bench, location))
    assert said.status == 201, said.body
    return f"Appointment/{said.headers['Location'].rsplit('/', 1)[1]}", said.headers["ETag"]


async def status_of(bench: Bench, slot: dict[str, Any]) -> str:
    return str((await bench.get(f"Slot/{slot['id']}")).json["status"])


# --- booking


async def test_a_booking_answers_without_a_body_and_says_where_it_is(bench: Bench) -> None:
    slot = (await free_slots(bench))[0]
    said = await bench.post("Appointment", booked(bench, slot["id"], comment="Ring twice"))
    assert (said.status, said.body, said.headers["Content-Length"]) == (201, b"", "0")
    assert said.headers["Content-Type"].startswith("text/html")
    assert said.headers["ETag"] == 'W/"0"'
    assert said.headers["Location"].startswith(f"{bench.fhir}/Appointment/")
    appointment = (await bench.get(said.headers["Location"].removeprefix(f"{bench.fhir}/"))).json
    assert appointment["status"] == "booked"
    assert appointment["meta"]["versionId"] == "0"
    assert (appointment["start"], appointment["end"]) == (slot["start"], slot["end"])
    assert appointment["serviceType"] == slot["serviceType"]
    assert appointment["slot"] == [{"reference": f"Slot/{slot['id']}"}]
    assert appointment["reasonCode"] == [{"text": "I have a cramp"}]
    assert appointment["comment"] == "Ring twice"
    assert "<b>Status</b>: Booked" in appointment["text"]["div"]
    actors = [participant["actor"].get("reference", "") for participant in appointment["participant"]]
    assert f"Patient/{patient_id(bench)}" in actors
    assert any(actor.startswith("Location/") for actor in actors)


async def test_a_booking_takes_the_slot(bench: Bench) -> None:
    path, _, slot = await book(bench)
    read = await bench.get(f"Slot/{slot['id']}")
    assert read.json["status"] == "busy"
    assert read.headers["ETag"] != f'W/"{slot["meta"]["versionId"]}"'
    assert slot["id"] not in [free["id"] for free in await free_slots(bench)]
    again = await bench.post("Appointment", booked(bench, slot["id"]))
    assert (again.status, again.json["issue"][0]["code"]) == (409, "conflict")
    assert (await bench.get(path)).json["status"] == "booked"


async def test_of_two_bookings_at_once_exactly_one_wins(bench: Bench) -> None:
    slot = (await free_slots(bench))[0]
    said = await asyncio.gather(*(bench.post("Appointment", booked(bench, slot["id"])) for _ in range(8)))
    assert sorted(answer.status for answer in said) == [201] + [409] * 7
    assert (await bench.state())["tenants"][0]["appointments_made"] == 1


async def test_a_booking_is_found_by_patient_practitioner_and_location(bench: Bench) -> None:
    path, _, slot = await book(bench)
    appointment = (await bench.get(path)).json
    day = slot["start"][:10]
    for name in ("Patient", "Practitioner", "Location"):
        actors = [p["actor"].get("reference", "") for p in appointment["participant"]]
        for actor in (actor for actor in actors if actor.startswith(name)):
            found = await bench.search("Appointment", (name.lower(), actor), ("date", day), ("_count", "100"))
            assert appointment["id"] in found.ids, name
    assert (await bench.search("Appointment", ("_id", appointment["id"]))).ids == [appointment["id"]]


@pytest.mark.parametrize(
    ("changes", "status", "text"),
    [
        ({"resourceType": "Slot"}, 400, "the body must be an Appointment"),
        ({"status": "arrived"}, 422, "status must be proposed or booked"),
        ({"status": None}, 422, "status must be proposed or booked"),
        ({"slot": None}, 422, "slot must be a list of exactly one Slot reference"),
        ({"slot": [{"reference": "Slot/1"}, {"reference": "Slot/2"}]}, 422, "slot must be a list of exactly one"),
        ({"slot": [{"reference": "Schedule/1"}]}, 422, "slot must be a list of exactly one"),
        ({"slot": [{"reference": "Slot/1-2-3-4"}]}, 422, "slot does not exist"),
        ({"participant": None}, 422, "participant must be provided"),
        (
            {"participant": [{"actor": {"reference": "Patient/1"}, "status": "accepted"}]},
            422,
            "participant.actor Patient does not exist",
        ),
        (
            {"participant": [{"actor": {"reference": "Patient/1"}, "status": "tentative"}]},
            422,
            "participant.status must be accepted",
        ),
        ({"participant": [{"actor": {"reference": "Device/1"}, "status": "accepted"}]}, 422, "participant.actor must be"),
        (
            {"participant": [{"type": [], "actor": {"reference": "Patient/1"}, "status": "accepted"}]},
            422,
            "participant.type must not",
        ),
        (
            {"participant": [{"actor": {"reference": "Patient/1"}, "status": "accepted"}] * 2},
            422,
            "participant must have exactly one Patient",
        ),
        ({"reasonCode": [{"text": "x" * 256}]}, 400, "reasonCode.text must have at most 255"),
        ({"reasonCode": [{"text": "a"}, {"text": "b"}]}, 422, "reasonCode must have at most one"),
        ({"reasonCode": [{"coding": []}]}, 422, "reasonCode.text must be provided"),
        ({"comment": 5}, 422, "comment must be a string"),
        ({"implicitRules": "x"}, 422, "implicitRules is not supported"),
        ({"modifierExtension": []}, 422, "modifierExtension is not supported"),
        (
            {
                "serviceType": [
                    {"coding": [{"system": "http://snomed.info/sct"}, {"system": "https://fhir.cerner.com/t/codeSet/14249"}]}
                ]
            },
            422,
            "standard and proprietary codings must not be mixed",
        ),
    ],
    ids=str,
)
async def test_a_body_against_the_rules(bench: Bench, changes: dict[str, Any], status: int, text: str) -> None:
    slot = (await free_slots(bench))[0]
    said = await bench.post("Appointment", booked(bench, slot["id"], **changes))
    assert said.status == status
    assert said.text.startswith(text)
    assert await status_of(bench, slot) == "free"


async def test_a_reason_of_255_characters_is_taken(bench: Bench) -> None:
    slot = (await free_slots(bench))[0]
    assert (await bench.post("Appointment", booked(bench, slot["id"], reasonCode=[{"text": "x" * 255}]))).status == 201


async def test_a_body_that_is_no_json_or_of_another_media_type(bench: Bench) -> None:
    for wild in (b"", b"{", b"[" * 100_000, b"\xff"):
        said = await bench.call("POST", "Appointment", data=wild, headers={"Content-Type": "application/fhir+json"})
        assert said.status == 400
    assert (await bench.call("POST", "Appointment", data=b"{}", headers={"Content-Type": "text/plain"})).status == 415


# --- proposals


async def test_a_proposal_waits_in_its_requested_period(bench: Bench) -> None:
    path, _ = await propose(bench)
    appointment = (await bench.get(path)).json
    assert appointment["status"] == "proposed"
    assert "start" not in appointment
    assert {p["status"] for p in appointment["participant"]} == {"needs-action"}
    patient = ("patient", patient_id(bench))
    within = [("ge", "2026-04-02T00:00:00Z"), ("lt", "2026-04-09T00:00:00Z")]
    by_date = await bench.search("Appointment", patient, *(("date", p + t) for p, t in within), ("_count", "100"))
    by_either = await bench.search(
        "Appointment", patient, *(("-date-or-req-period", p + t) for p, t in within), ("_count", "100")
    )
    assert appointment["id"] not in by_date.ids
    assert appointment["id"] in by_either.ids


async def test_a_proposal_is_booked_into_a_slot(bench: Bench) -> None:
    path, version = await propose(bench)
    slot = (await free_slots(bench))[0]
    said = await bench.patch(
        path, version, BOOK, ("add", "/slot", [{"reference": f"Slot/{slot['id']}"}]), ("add", "/reasonCode", [{"text": "Ache"}])
    )
    assert (said.status, said.body, said.headers["ETag"]) == (200, b"", 'W/"1"')
    appointment = (await bench.get(path)).json
    assert (appointment["status"], appointment["start"], appointment["reasonCode"]) == (
        "booked",
        slot["start"],
        [{"text": "Ache"}],
    )
    assert await status_of(bench, slot) == "busy"


@pytest.mark.parametrize(
    "changes",
    [
        {"serviceType": None},
        {"requestedPeriod": None},
        {"requestedPeriod": [{"start": "2026-04-01T13:00:00Z"}]},
        {"requestedPeriod": [{"start": "2026-04-01T13:00:00Z", "end": "2026-03-01T13:00:00Z"}]},
        {"requestedPeriod": [{"start": "2026-04-01T13:00:00", "end": "2026-05-01T13:00:00"}]},
    ],
    ids=str,
)
async def test_a_proposal_against_the_rules(bench: Bench, changes: dict[str, Any]) -> None:
    location = next(iter(bench.hospital.locations()))["id"]
    assert (await bench.post("Appointment", proposed(bench, location, **changes))).status == 422
    assert (await bench.post("Appointment", proposed(bench, "1"))).text == "participant.actor Location does not exist"


# --- changes


async def test_without_a_version_412_with_a_stale_one_409(bench: Bench) -> None:
    path, version, slot = await book(bench)
    assert (await bench.patch(path, None, CANCEL)).status == 412
    assert (await bench.patch(path, "*", CANCEL)).status == 412
    assert (await bench.patch(path, 'W/"7"', CANCEL)).status == 409
    assert (await bench.get(path)).headers["ETag"] == version
    assert await status_of(bench, slot) == "busy"
    assert (await bench.patch(path, version, CANCEL)).status == 200
    assert (await bench.patch(path, version, CANCEL)).status == 409


async def test_cancelling_frees_the_slot(bench: Bench) -> None:
    path, version, slot = await book(bench)
    said = await bench.patch(
        path,
        version,
        CANCEL,
        ("add", "/cancelationReason", {"coding": [REASON], "text": "ignored"}),
        ("replace", "/extension", [{"url": ROOT + "action-comment", "valueString": "not needed"}]),
    )
    assert said.status == 200
    appointment = (await bench.get(path)).json
    assert appointment["status"] == "cancelled"
    assert appointment["cancelationReason"] == {"coding": [{**REASON, "userSelected": False}]}
    assert {"valueString": "not needed", "url": ROOT + "action-comment"} in appointment["extension"]
    assert {"valueBoolean": False, "url": ROOT + "is-cancelable"} in appointment["extension"]
    assert await status_of(bench, slot) == "free"
    assert (await bench.post("Appointment", booked(bench, slot["id"]))).status == 201


async def test_rescheduling_moves_from_one_slot_to_the_other(bench: Bench) -> None:
    path, version, old = await book(bench)
    new = (await free_slots(bench))[0]
    said = await bench.patch(
        path,
        version,
        ("replace", "/slot", [{"reference": f"Slot/{new['id']}"}]),
        ("replace", "/comment", "moved"),
        ("add", "/extension", [{"url": ROOT + "reschedule-reason", "valueCodeableConcept": {"coding": [REASON]}}]),
    )
    assert said.status == 200, said.body
    appointment = (await bench.get(path)).json
    assert (appointment["status"], appointment["start"], appointment["comment"]) == ("booked", new["start"], "moved")
    assert (await status_of(bench, old), await status_of(bench, new)) == ("free", "busy")


async def test_rescheduling_to_a_taken_slot_changes_nothing(bench: Bench) -> None:
    _, _, taken = await book(bench)
    path, version, old = await book(bench)
    assert (await bench.patch(path, version, ("replace", "/slot", [{"reference": f"Slot/{taken['id']}"}]))).status == 409
    assert (await bench.get(path)).headers["ETag"] == version
    assert await status_of(bench, old) == "busy"


async def test_the_way_of_a_visit(bench: Bench) -> None:
    path, version, slot = await book(bench)
    for step in ("arrived", "checked-in", "fulfilled"):
        said = await bench.patch(path, version, ("replace", "/status", step))
        assert said.status == 200, step
        version = said.headers["ETag"]
        assert (await bench.get(path)).json["status"] == step
    assert await status_of(bench, slot) == "busy"
    assert (await bench.patch(path, version, CANCEL)).text == "status must not change from fulfilled to cancelled"


@pytest.mark.parametrize(
    ("operations", "text"),
    [
        ([("replace", "/status", "fulfilled")], "status must not change from booked to fulfilled"),
        ([("replace", "/status", "noshow")], "status must be one of"),
        ([BOOK], "replace /status booked must be provided with add /slot"),
        ([("add", "/slot", [{"reference": "Slot/1"}])], "add /slot must be provided with replace /status=booked"),
        ([("add", "/reasonCode", [{"text": "a"}])], "add /reasonCode must be provided with replace /status=booked"),
        (
            [("add", "/cancelationReason", {"coding": [REASON]})],
            "add /cancelationReason must be provided with replace /status=cancelled",
        ),
        (
            [CANCEL, ("add", "/cancelationReason", {"coding": [{"system": "urn:x", "code": "1"}]})],
            "cancelationReason must have exactly one",
        ),
        ([CANCEL, ("add", "/cancelationReason", {"coding": [REASON, REASON]})], "cancelationReason must have exactly one"),
        ([CANCEL, ("replace", "/extension", [])], "replace /extension must be provided with"),
        ([("replace", "/comment", "a")], "replace /comment must be provided with replace /slot"),
        ([("add", "/extension", [])], "add /extension must be provided with replace /slot"),
        ([("replace", "/patient-status", "declined")], "patient-status must be accepted"),
        ([("replace", "/patient-status", "accepted")], "patient-status may change only"),
        ([("add", "/contained/0/telecom/0/value", "https://x")], "add /contained/0/telecom/0/value must be provided with"),
        ([("replace", "/description", "a")], "replace /description is not supported"),
        ([("remove", "/comment")], "remove /comment is not supported"),
        ([("test", "/status", "booked"), CANCEL], "test /status is not supported"),
        ([CANCEL, CANCEL], "an operation must be provided only once"),
    ],
    ids=str,
)
async def test_a_patch_against_the_rules(bench: Bench, operations: list[tuple[Any, ...]], text: str) -> None:
    path, version, slot = await book(bench)
    said = await bench.patch(path, version, *operations)
    assert said.status == 422
    assert said.text.startswith(text)
    assert (await bench.get(path)).headers["ETag"] == version
    assert await status_of(bench, slot) == "busy"


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b'[{"op":"replace","path":"/status"}]', b'[{"op":"sing","path":"/status"}]', b"[1]", b'[{"op":"add"}]'],
)
async def test_what_is_no_json_patch(bench: Bench, body: bytes) -> None:
    path, version, _ = await book(bench)
    said = await bench.call(
        "PATCH", path, data=body, headers={"If-Match": version, "Content-Type": "application/json-patch+json"}
    )
    assert said.status == 400


async def test_links_belong_to_video_visits_only(bench: Bench) -> None:
    path, version, _ = await book(bench)
    links = [
        ("/contained/0/telecom/0/value", "https://provider.example"),
        ("/contained/1/telecom/0/value", "https://patient.example"),
        ("/contained/0/telecom/0/period/start", "2026-04-01T08:00:00.000Z"),
        ("/contained/0/telecom/0/period/end", "2026-04-01T08:10:00.000Z"),
    ]
    said = await bench.patch(path, version, *(("add", *link) for link in links))
    assert (said.status, said.text) == (422, "links may be provided only for a video visit")
    mixed = [("add" if number else "replace", *link) for number, link in enumerate(links)]
    assert (await bench.patch(path, version, *mixed)).text == "add and replace must not be mixed for video visit links"


async def test_a_post_may_say_patch(bench: Bench) -> None:
    path, version, _ = await book(bench)
    arguments: dict[str, Any] = {"data": b'[{"op":"replace","path":"/status","value":"arrived"}]'}
    headers = {"If-Match": version, "Content-Type": "application/json-patch+json"}
    assert (await bench.call("POST", f"{path}?_method=patch", headers=headers, **arguments)).status == 200
    headers |= {"X-HTTP-Method-Override": "patch"}
    assert (await bench.call("POST", path, headers=headers, **arguments)).status == 409


async def test_what_is_not_there_and_what_is_not_offered(bench: Bench) -> None:
    assert (await bench.patch("Appointment/1", '"1"', CANCEL)).status == 404
    assert (await bench.call("DELETE", "Appointment/1")).status == 404
    assert (await bench.call("PUT", "Appointment/1", data=b"{}")).status == 404
    assert (await bench.post("Patient", {"resourceType": "Patient"})).status == 404
    assert (await bench.post("Patient/_search", {})).status == 404


# --- what was booked before the start


def seeded(bench: Bench, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first appointment of the seeded hospital that fits."""
    found = (a for p in bench.hospital.find_patients(limit=1000) for a in bench.hospital.chart("Appointment", p) if fits(a))
    return next(found)


async def changed(bench: Bench, appointment: dict[str, Any], *operations: tuple[Any, ...]) -> Said:
    return await bench.patch(f"Appointment/{appointment['id']}", f'W/"{appointment["meta"]["versionId"]}"', *operations)


async def test_a_seeded_appointment_gives_its_slot_free(bench: Bench) -> None:
    appointment = seeded(bench, lambda a: a["status"] == "booked" and "contained" not in a)
    slot = appointment["slot"][0]["reference"]
    assert (await bench.get(slot)).json["status"] == "busy"
    assert (await changed(bench, appointment, CANCEL)).status == 200
    assert (await bench.get(slot)).json["status"] == "free"
    patient = next(
        p["actor"]["reference"] for p in appointment["participant"] if p["actor"].get("reference", "").startswith("Patient/")
    )
    found = await bench.search("Appointment", ("patient", patient), ("date", appointment["start"][:10]), ("status", "cancelled"))
    assert appointment["id"] in found.ids
    read = (await bench.get(f"Appointment/{appointment['id']}")).json
    assert (read["status"], read["reasonCode"]) == ("cancelled", appointment["reasonCode"])


async def test_a_tentative_patient_accepts(bench: Bench) -> None:
    def is_tentative(appointment: dict[str, Any]) -> bool:
        return appointment["status"] == "booked" and any(p["status"] == "tentative" for p in appointment["participant"])

    appointment = seeded(bench, is_tentative)
    assert (await changed(bench, appointment, ("replace", "/patient-status", "accepted"))).status == 200
    read = (await bench.get(f"Appointment/{appointment['id']}")).json
    assert {p["status"] for p in read["participant"]} == {"accepted"}


async def test_the_links_of_a_video_visit_are_replaced_together(bench: Bench) -> None:
    video = seeded(bench, lambda a: a["status"] == "booked" and "contained" in a)
    links = {
        "/contained/0/telecom/0/value": "https://provider.example",
        "/contained/1/telecom/0/value": "https://patient.example",
        "/contained/0/telecom/0/period/start": "2026-04-01T08:00:00.000Z",
        "/contained/0/telecom/0/period/end": "2026-04-01T08:10:00.000Z",
    }
    assert (await changed(bench, video, *(("add", path, value) for path, value in links.items()))).status == 409
    long = {**links, "/contained/1/telecom/0/value": "x" * 256}
    assert (await changed(bench, video, *(("replace", path, value) for path, value in long.items()))).status == 422
    said = await changed(bench, video, *(("replace", path, value) for path, value in links.items()))
    assert (said.status, said.headers["ETag"]) == (200, 'W/"1-1"')
    rooms = (await bench.get(f"Appointment/{video['id']}")).json["contained"]
    assert [room["telecom"][0]["value"] for room in rooms] == ["https://provider.example", "https://patient.example"]
    assert rooms[0]["telecom"][0]["period"] == {"start": "2026-04-01T08:00:00.000Z", "end": "2026-04-01T08:10:00.000Z"}


async def test_a_video_visit_keeps_its_rooms_when_it_moves(bench: Bench) -> None:
    video = seeded(bench, lambda a: a["status"] == "booked" and "contained" in a)
    slot = (await free_slots(bench))[0]
    assert (await changed(bench, video, ("replace", "/slot", [{"reference": f"Slot/{slot['id']}"}]))).status == 200
    read = (await bench.get(f"Appointment/{video['id']}")).json
    assert read["contained"] == video["contained"]
    rooms = [p["actor"]["reference"] for p in read["participant"] if p["actor"].get("reference", "").startswith("#")]
    assert rooms == [f"#{room['id']}" for room in video["contained"]]


# --- holds


async def test_a_hold_keeps_others_away_and_ends_in_a_booking(open_bench: Open) -> None:
    bench = await open_bench(clients=(Client("one", secret="s1"), Client("two", secret="s2")))
    slot = (await free_slots(bench))[0]
    path, hold = f"Slot/{slot['id']}", ("replace", "/status", "busy-tentative")
    assert (await bench.patch(path, None, hold)).status == 412
    said = await bench.patch(path, f'W/"{slot["meta"]["versionId"]}"', hold)
    assert said.status == 200
    assert slot["id"] not in [free["id"] for free in await free_slots(bench)]
    mine, theirs = bench.bearer, await _token_of(bench, "two", "s2")
    bench.bearer = theirs
    assert (await bench.post("Appointment", booked(bench, slot["id"]))).status == 409
    assert (await bench.patch(path, said.headers["ETag"], ("replace", "/status", "free"))).status == 409
    bench.bearer = mine
    assert (await bench.post("Appointment", booked(bench, slot["id"]))).status == 201
    read = await bench.get(path)
    assert read.json["status"] == "busy"
    assert (await bench.patch(path, read.headers["ETag"], ("replace", "/status", "free"))).status == 409


async def _token_of(bench: Bench, client_id: str, secret: str) -> str:
    form = {"grant_type": "client_credentials", "scope": SCOPES}
    said: Said = await bench.call(
        "POST", bench.token_url, data=form, headers={"Authorization": aiohttp.encode_basic_auth(client_id, secret)}
    )
    return str(said.json["access_token"])


async def test_a_hold_can_be_given_up(bench: Bench) -> None:
    slot = (await free_slots(bench))[0]
    path = f"Slot/{slot['id']}"
    said = await bench.patch(path, f'W/"{slot["meta"]["versionId"]}"', ("replace", "/status", "busy-tentative"))
    said = await bench.patch(path, said.headers["ETag"], ("replace", "/status", "free"))
    assert said.status == 200
    assert slot["id"] in [free["id"] for free in await free_slots(bench)]
    assert (await bench.patch(path, said.headers["ETag"], ("replace", "/status", "busy"))).status == 422
    assert (await bench.patch(path, said.headers["ETag"], ("replace", "/start", "2026-01-01"))).status == 422
