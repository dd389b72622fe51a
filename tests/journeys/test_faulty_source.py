"""A source that throttles, fails, hangs up, cuts short or dawdles: what the gateway makes of it, and that nothing is ever booked twice."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from tests.journeys.faulty import (
    EVERYTHING,
    PATIENCE,
    TENANT,
    Bench,
    Caller,
    Hospital,
    connect,
    free_slots,
    from_now,
    hospital,
    reachable,
    settled,
)
from tests.journeys.processes import run

IMPATIENCE_S = 0.8


@dataclass
class World:
    """A hospital, one gateway in front of it, the patients, and free slots that each test takes from."""

    bench: Bench
    patients: list[str]
    slots: list[str]

    @property
    def hospital(self) -> Hospital:
        return self.bench.hospital


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("faulty") / "data"
    with hospital("--patients", "60") as source:
        keys = connect(folder, {TENANT: source.tenants[0]}, {"all": ((TENANT,), EVERYTHING)})
        bench = Bench(source, folder, keys)
        gateway = bench.start()
        try:
            yield World(bench, [], [])
        finally:
            gateway.stop()


@pytest.fixture
async def caller(world: World) -> AsyncIterator[Caller]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=PATIENCE, connector=connector) as http:
        opened = await Caller(http, world.bench.address).open(world.bench.keys["all"])
        if not world.slots:
            world.patients = [one["id"] for one in await world.hospital.population(http)]
            world.slots = await free_slots(opened, 60)
        await world.hospital.calm(http)
        await reachable(opened, world.patients[0])
        await world.hospital.calm(http)
        yield opened
        await world.hospital.calm(http)


@pytest.fixture(scope="module")
def impatient_gateway(world: World) -> Iterator[str]:
    """Another gateway over the same data, which gives up on the source early."""
    gateway = world.bench.start(MILLGATE_REQUEST_SECONDS=str(IMPATIENCE_S))
    try:
        yield gateway.report["gateway"]
    finally:
        gateway.stop()


@pytest.fixture
async def hasty(world: World, impatient_gateway: str, caller: Caller) -> Caller:
    """The same caller at the impatient gateway."""
    there = Caller(caller.http, impatient_gateway, caller.token)
    await reachable(there, world.patients[0])
    await world.hospital.calm(caller.http)
    return there


@dataclass
class Count:
    """How many appointments the source has made and changed since the test began."""

    caller: Caller
    hospital: Hospital
    made_before: int
    changed_before: int

    async def made(self) -> int:
        return (await self._now("appointments_made")) - self.made_before

    async def changed(self) -> int:
        return (await self._now("appointments_changed")) - self.changed_before

    async def _now(self, name: str) -> int:
        return int((await self.hospital.state(self.caller.http))["tenants"][0][name])


@pytest.fixture
async def count(world: World, caller: Caller) -> Count:
    tenant = (await world.hospital.state(caller.http))["tenants"][0]
    return Count(caller, world.hospital, tenant["appointments_made"], tenant["appointments_changed"])


def booking(world: World) -> dict[str, str]:
    """A booking that nobody has made yet."""
    return {
        "slot_id": world.slots.pop(),
        "patient_id": world.patients[len(world.slots) % len(world.patients)],
        "reason": "Follow-up",
    }


async def held(caller: Caller, hospital_: Hospital, body: dict[str, Any]) -> list[dict[str, Any]]:
    """The source's own appointments of the patient in the slot, as the open surface shows them."""
    base = hospital_.tenants[0]["open_base"]
    query = f"patient={body['patient_id']}&date=ge2000-01-01T00:00:00Z&_count=100"
    async with caller.http.get(f"{base}/Appointment?{query}", headers={"Accept": "application/fhir+json"}) as answer:
        bundle = await answer.json(content_type=None)
    found = [entry["resource"] for entry in bundle.get("entry", [])]
    return [one for one in found if {"reference": f"Slot/{body['slot_id']}"} in one.get("slot", [])]


# --- tokens


async def test_a_revoked_token_is_renewed_once_and_the_call_repeated_once(world: World, caller: Caller) -> None:
    await world.hospital.fault(caller.http, "revoke_tokens")
    assert (await caller.get(f"/patients/{world.patients[0]}?max_age=0")).status == 200
    assert await world.hospital.tokens_fetched(caller.http) == 1
    assert await world.hospital.seen(caller.http, "GET", "Patient") == 2


async def test_a_token_revoked_just_before_a_booking_books_once(world: World, caller: Caller, count: Count) -> None:
    await world.hospital.fault(caller.http, "revoke_tokens", method="POST", resource_type="Appointment", count=1)
    assert (await caller.book("revoked", **booking(world))).status == 201
    assert await world.hospital.tokens_fetched(caller.http) == 1
    assert await world.hospital.seen(caller.http, "POST", "Appointment") == 2
    assert await count.made() == 1


async def test_a_token_revoked_under_fifty_calls_is_renewed_once(world: World, caller: Caller) -> None:
    await world.hospital.fault(caller.http, "revoke_tokens")
    said = await asyncio.gather(*(caller.get(f"/patients/{one}?max_age=0") for one in world.patients[:50]))
    assert {one.status for one in said} == {200}
    assert await world.hospital.tokens_fetched(caller.http) == 1


async def test_200_first_calls_at_once_fetch_one_token(world: World, caller: Caller) -> None:
    """A gateway that has just started and holds no token; the session was opened at another one."""
    fresh = world.bench.start()
    try:
        there = Caller(caller.http, fresh.report["gateway"], caller.token)
        paths = [
            f"/{name}?patient_id={one}" for one in world.patients[:50] for name in ("encounters", "observations", "appointments")
        ]
        said = await asyncio.gather(*(there.get(path) for path in [*paths, *(f"/patients/{one}" for one in world.patients[:50])]))
        assert len(said) == 200
        assert {one.status for one in said} == {200}
        assert await world.hospital.tokens_fetched(caller.http) == 1
    finally:
        fresh.stop()


# --- reads


async def test_equal_reads_at_once_are_one_call(world: World, caller: Caller) -> None:
    await world.hospital.fault(caller.http, "latency", latency_ms=300, resource_type="Encounter")
    said = await asyncio.gather(*(caller.get(f"/encounters?patient_id={world.patients[3]}&limit=7") for _ in range(50)))
    assert {one.status for one in said} == {200}
    assert len({json.dumps(one.json["data"]) for one in said}) == 1
    assert await world.hospital.seen(caller.http, "GET", "Encounter") == 1


async def test_a_reader_who_leaves_does_not_take_the_answer_from_the_others(world: World, caller: Caller) -> None:
    await world.hospital.fault(caller.http, "latency", latency_ms=500, resource_type="Encounter")
    path = f"/encounters?patient_id={world.patients[4]}&limit=7"
    leaving, staying = (asyncio.create_task(caller.get(path)) for _ in range(2))
    await asyncio.sleep(0.2)
    leaving.cancel()
    assert (await staying).status == 200
    assert await world.hospital.seen(caller.http, "GET", "Encounter") == 1


async def test_a_throttled_read_waits_as_long_as_it_is_told_and_then_succeeds(world: World, caller: Caller) -> None:
    await world.hospital.fault(caller.http, "status", status=429, retry_after_s=1, resource_type="Patient", count=1)
    began = time.monotonic()
    assert (await caller.get(f"/patients/{world.patients[0]}?max_age=0")).status == 200
    assert time.monotonic() - began >= 1
    assert await world.hospital.seen(caller.http, "GET", "Patient") == 2


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_a_throttle_longer_than_the_gateway_waits_is_handed_on_at_once(world: World, caller: Caller, form: str) -> None:
    await world.hospital.fault(
        caller.http, "status", status=429, retry_after_s=30, retry_after_form=form, resource_type="Patient"
    )
    said = await caller.get(f"/patients/{world.patients[0]}?max_age=0")
    assert said.code == "upstream_throttled"
    assert 28 <= int(said.headers["Retry-After"]) <= 30
    assert await world.hospital.seen(caller.http, "GET", "Patient") == 1


async def test_a_read_that_is_throttled_without_a_time_is_repeated_a_little_later(world: World, caller: Caller) -> None:
    await world.hospital.fault(caller.http, "status", status=429, resource_type="Patient", count=2)
    assert (await caller.get(f"/patients/{world.patients[0]}?max_age=0")).status == 200
    assert await world.hospital.seen(caller.http, "GET", "Patient") == 3


@pytest.mark.parametrize("rule", [
    {"kind": "status", "status": 500}, {"kind": "status", "status": 502}, {"kind": "status", "status": 503},
    {"kind": "status", "status": 504}, {"kind": "drop_before"}, {"kind": "drop_after"}, {"kind": "truncate"},
])  # fmt: skip
async def test_a_read_that_fails_once_is_repeated(world: World, caller: Caller, rule: dict[str, Any]) -> None:
    await world.hospital.fault(caller.http, **rule, resource_type="Patient", count=1)
    said = await caller.get(f"/patients/{world.patients[0]}?max_age=0")
    assert (said.status, said.json["id"]) == (200, world.patients[0])
    assert await world.hospital.seen(caller.http, "GET", "Patient") == 2


async def test_a_bad_record_is_not_asked_for_again_since_it_would_fail_again(world: World, caller: Caller) -> None:
    await world.hospital.fault(caller.http, "broken_record", resource_type="Patient", resource_id=world.patients[0])
    path = f"/patients/{world.patients[0]}?max_age=0"
    assert (await caller.get(path)).code == "upstream_error"
    assert await world.hospital.seen(caller.http, "GET", "Patient") == 1


@pytest.mark.parametrize(("rule", "code"), [
    ({"kind": "status", "status": 500}, "upstream_unavailable"), ({"kind": "status", "status": 502}, "upstream_unavailable"),
    ({"kind": "status", "status": 504}, "upstream_timeout"),
    ({"kind": "truncate"}, "upstream_unavailable"), ({"kind": "drop_after"}, "upstream_unavailable"),
    ({"kind": "status", "status": 200}, "upstream_error"), ({"kind": "broken_record"}, None),
])  # fmt: skip
async def test_a_read_that_keeps_failing_is_told_in_the_gateways_own_words(
    world: World, caller: Caller, rule: dict[str, Any], code: str | None
) -> None:
    """HTML pages, empty bodies and half bodies stay behind."""
    await world.hospital.fault(caller.http, **rule, resource_type="Observation")
    said = await caller.get(f"/observations?patient_id={world.patients[0]}&max_age=0")
    assert said.code == (code or "upstream_error")
    assert b"<html" not in said.body
    assert b"center" not in said.body
    if rule["kind"] == "broken_record":
        assert "stored record lacks an element" in said.json["detail"]


async def test_a_good_body_under_a_wrong_label_is_read(world: World, caller: Caller) -> None:
    path = f"/observations?patient_id={world.patients[0]}&max_age=0"
    before = (await caller.get(path)).json["data"]
    await world.hospital.fault(caller.http, "plain_text", resource_type="Observation")
    after = (await caller.get(path)).json["data"]
    assert [one["id"] for one in after] == [one["id"] for one in before]
    assert before


async def test_a_failure_is_not_kept(world: World, caller: Caller) -> None:
    """What was cached before a failure is still served, and a failure itself never is."""
    path = f"/encounters?patient_id={world.patients[5]}"
    first = await caller.get(path)
    await world.hospital.fault(caller.http, "status", status=500, resource_type="Encounter")
    cached = await caller.get(path)
    assert (cached.status, cached.json["freshness"]["from"]) == (200, "cache")
    assert cached.json["data"] == first.json["data"]
    other = f"/encounters?patient_id={world.patients[6]}"
    assert (await caller.get(other)).code == "upstream_unavailable"
    await world.hospital.calm(caller.http)
    await reachable(caller, world.patients[6])
    assert (await caller.get(other)).status == 200


# --- bookings: exactly one, whatever happens on the way


BEFORE_AND_AFTER: list[dict[str, Any]] = [
    {"kind": "drop_before"},
    {"kind": "drop_after"},
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 500, "after_effect": True},
    {"kind": "status", "status": 502, "after_effect": True},
    {"kind": "status", "status": 504, "after_effect": True},
    {"kind": "status", "status": 503},
]


@pytest.mark.parametrize("rule", BEFORE_AND_AFTER, ids=lambda rule: "-".join(map(str, rule.values())))
async def test_a_booking_that_is_cut_off_is_made_exactly_once(
    world: World, caller: Caller, count: Count, rule: dict[str, Any]
) -> None:
    body, key = booking(world), f"cut-{BEFORE_AND_AFTER.index(rule)}"
    await world.hospital.fault(caller.http, **rule, method="POST", resource_type="Appointment", count=1)
    said = await caller.book(key, **body)
    assert (said.status, said.json["status"], said.json["patient_id"]) == (201, "booked", body["patient_id"])
    again = await caller.book(key, **body)
    assert (again.status, again.headers["Idempotency-Replayed"], again.body) == (201, "true", said.body)
    assert await count.made() == 1
    assert [one["id"] for one in await held(caller, world.hospital, body)] == [said.json["id"]]


async def test_a_booking_whose_outcome_nobody_can_find_out_is_found_out_later(world: World, caller: Caller, count: Count) -> None:
    """The answer is lost, and so is every look for the effect: the caller is told so, and the same key brings the booking."""
    body = booking(world)
    await world.hospital.fault(caller.http, "drop_after", method="POST", resource_type="Appointment", count=1)
    await world.hospital.fault(caller.http, "status", status=503, method="GET")
    said = await caller.book("unknown", **body)
    assert (said.status, said.json["retryable"]) == (503, True)
    await world.hospital.calm(caller.http)
    found = await settled(caller, "unknown", body)
    assert (found.status, found.json["status"]) == (201, "booked")
    assert await world.hospital.seen(caller.http, "POST") == 0, "the booking was sent again instead of being found"
    assert await count.made() == 1


@pytest.mark.parametrize("latency_s", [1.2, 2.6])
async def test_a_booking_that_outlasts_the_gateways_patience_is_made_once(
    world: World, hasty: Caller, count: Count, latency_s: float
) -> None:
    """Every booking takes effect after the gateway has given up on the call; the longer one after both of its calls."""
    body, key = booking(world), f"slow-{latency_s}"
    await world.hospital.fault(hasty.http, "latency", latency_ms=latency_s * 1000, method="POST", resource_type="Appointment")
    said = await hasty.book(key, **body)
    assert said.code == "upstream_timeout" or (said.status == 201 and latency_s < 2 * IMPATIENCE_S)
    found = await settled(hasty, key, body)
    assert (found.status, found.json["status"]) == (201, "booked")
    await asyncio.sleep(latency_s)  # by now every call that was given up on has had its effect
    assert await count.made() == 1
    assert len(await held(hasty, world.hospital, body)) == 1


async def test_a_throttled_booking_is_told_so_and_the_key_stays_good(world: World, caller: Caller, count: Count) -> None:
    body = booking(world)
    await world.hospital.fault(caller.http, "status", status=429, retry_after_s=3, method="POST", count=1)
    said = await caller.book("throttled", **body)
    assert (said.code, said.headers["Retry-After"]) == ("upstream_throttled", "3")
    assert await count.made() == 0
    assert (await caller.book("throttled", **body)).status == 201
    assert await count.made() == 1


async def test_a_client_that_hangs_up_finds_its_booking_under_its_key(world: World, caller: Caller, count: Count) -> None:
    body, mark = booking(world), "hung-up-visit-1"
    await world.hospital.fault(caller.http, "latency", latency_ms=800, method="POST", resource_type="Appointment")
    headers = {"Authorization": f"Bearer {caller.token}", "Idempotency-Key": "hung-up", "X-Request-Id": mark}
    async with aiohttp.ClientSession() as leaving:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.4):
                await leaving.post(f"{caller.address}/create_appointment", json=body, headers=headers)
    said = await settled(caller, "hung-up", body)
    assert (said.status, said.headers["Idempotency-Replayed"]) == (201, "true")
    assert await count.made() == 1
    folder = str(world.bench.folder)
    (row,) = json.loads(run("audit", "list", "--request-id", mark, "--json", "--data-dir", folder).stdout)
    assert (row["status"], row["ids"], row["patients"]) == (201, [said.json["id"]], [body["patient_id"]])


async def test_many_bookings_with_one_key_at_two_gateways_are_one(world: World, caller: Caller, count: Count) -> None:
    other = world.bench.start()
    try:
        there = Caller(caller.http, other.report["gateway"], caller.token)
        body = booking(world)
        said = await asyncio.gather(*(one.book("shared", **body) for one in (caller, there) * 8))
        assert {(one.status, one.code) for one in said} <= {(201, None), (409, "operation_in_progress")}
        done = [await settled(one, "shared", body) for one in (caller, there)]
        assert {one.status for one in done} == {201}
        bodies = {one.body for one in [*said, *done] if one.status == 201}
        assert len(bodies) == 1
        assert await count.made() == 1

        slot = booking(world)
        said = await asyncio.gather(*(one.book(f"rival-{number}", **slot) for number, one in enumerate((caller, there) * 8)))
        assert sorted(one.code or "made" for one in said) == ["made"] + ["slot_taken"] * 15
        assert await count.made() == 2
    finally:
        other.stop()


# --- changes


async def test_a_change_of_status_that_is_cut_off_happens_once(world: World, caller: Caller, count: Count) -> None:
    for number, kind in enumerate(("drop_before", "drop_after")):
        made = (await caller.book(f"change-{kind}", **booking(world))).json
        await world.hospital.fault(caller.http, kind, method="PATCH", count=1)
        said = await caller.book(f"change-{kind}-arrived", appointment_id=made["id"], status="arrived")
        assert (said.status, said.json["status"]) == (200, "arrived")
        again = await caller.book(f"change-{kind}-arrived", appointment_id=made["id"], status="arrived")
        assert (again.body, again.headers["Idempotency-Replayed"]) == (said.body, "true")
        assert await count.changed() == number + 1


async def test_a_change_of_status_that_arrives_late_is_not_taken_for_somebody_elses(
    world: World, hasty: Caller, count: Count
) -> None:
    """The gateway gives up on its first call, looks in vain for the effect, and the first call's effect then stales its second."""
    made = (await hasty.book("late-1", **booking(world))).json
    await world.hospital.fault(hasty.http, "latency", latency_ms=1100, method="PATCH", count=1)
    await world.hospital.fault(hasty.http, "latency", latency_ms=600, method="PATCH", skip=1, count=1)
    said = await hasty.book("late-2", appointment_id=made["id"], status="arrived")
    assert (said.status, said.code) == (200, None)
    assert said.json["status"] == "arrived"
    assert await count.changed() == 1


async def test_a_reschedule_never_leaves_the_patient_without_an_appointment(world: World, caller: Caller, count: Count) -> None:
    first, second = booking(world), booking(world)
    old = (await caller.book("move-1", **first)).json
    await world.hospital.fault(caller.http, "drop_after", method="POST", resource_type="Appointment", count=1)
    await world.hospital.fault(caller.http, "status", status=423, method="PATCH", count=1)
    said = await caller.book("move-2", appointment_id=old["id"], slot_id=second["slot_id"])
    assert (said.status, said.json["status"]) == (201, "booked")
    assert [one["code"] for one in said.json["warnings"]] == ["old_appointment_not_cancelled"]
    assert (await caller.get(f"/appointments/{old['id']}?max_age=0")).json["status"] == "booked"
    assert await count.made() == 2
    third = booking(world)
    moved = await caller.book("move-3", appointment_id=said.json["id"], slot_id=third["slot_id"])
    assert (moved.status, moved.json.get("warnings")) == (201, None)
    assert (await caller.get(f"/appointments/{said.json['id']}?max_age=0")).json["status"] == "cancelled"


# --- proposals, which no slot protects from being made twice


async def proposal(world: World, caller: Caller) -> dict[str, Any]:
    types = (await caller.get("/service_types")).json["data"]
    slot = (await caller.get(f"/slots/{world.slots[-1]}")).json
    period = from_now(3)
    return {
        "patient_id": world.patients[len(world.slots) % len(world.patients)],
        "location_id": slot["location"]["id"],
        "service_type": f"{types[0]['system']}|{types[0]['code']}",
        "requested_period": {"start": period["from"], "end": period["to"]},
        "reason": f"Proposed {time.monotonic_ns()}",
    }


@pytest.mark.parametrize("rule", BEFORE_AND_AFTER, ids=lambda rule: "-".join(map(str, rule.values())))
async def test_a_proposal_that_is_cut_off_is_made_exactly_once(
    world: World, caller: Caller, count: Count, rule: dict[str, Any]
) -> None:
    body, key = await proposal(world, caller), f"propose-{BEFORE_AND_AFTER.index(rule)}"
    await world.hospital.fault(caller.http, **rule, method="POST", resource_type="Appointment", count=1)
    said = await caller.book(key, **body)
    assert said.status in (201, 502, 503, 504)
    found = await caller.book(key, **body)
    assert (found.status, found.json["status"]) == (201, "proposed")
    assert await count.made() == 1


async def test_a_proposal_that_outlasts_the_gateways_patience_is_made_once(world: World, hasty: Caller, count: Count) -> None:
    body = await proposal(world, hasty)
    await world.hospital.fault(hasty.http, "latency", latency_ms=1300, method="POST", resource_type="Appointment", count=1)
    began = time.monotonic()
    await hasty.book("propose-slow", **body)
    await asyncio.sleep(max(0.0, began + 1.6 - time.monotonic()))  # by now the call that was given up on has had its effect
    found = await hasty.book("propose-slow", **body)
    assert (found.status, found.json["status"]) == (201, "proposed")
    assert await count.made() == 1
