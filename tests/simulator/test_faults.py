"""The fault dial and the journal: each kind of trouble, and what a test can count afterwards."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import pytest

from millgate.simulator.faults import FaultDial, Rule, Target
from tests.simulator.conftest import Bench, Open
from tests.simulator.test_booking import booked, free_slots


async def test_latency_is_waited(bench: Bench) -> None:
    await bench.set_fault(kind="latency", resource_type="Organization", latency_ms=60, jitter_ms=5)
    started = time.perf_counter()
    assert (await bench.get("Organization")).status == 200
    assert time.perf_counter() - started >= 0.05


async def test_429_with_and_without_a_hint(bench: Bench) -> None:
    await bench.set_fault(kind="status", status=429, count=1)
    said = await bench.get("Organization")
    assert said.status == 429
    assert said.json["issue"] == [{"severity": "error", "code": "throttled", "diagnostics": "Too Many Requests"}]
    assert "Retry-After" not in said.headers
    await bench.set_fault(kind="status", status=429, count=1, retry_after_s=7)
    assert (await bench.get("Organization")).headers["Retry-After"] == "7"
    await bench.set_fault(kind="status", status=429, count=1, retry_after_s=60, retry_after_form="date")
    when = parsedate_to_datetime((await bench.get("Organization")).headers["Retry-After"])
    assert when.timestamp() == bench.clock[0] + 60
    assert (await bench.get("Organization")).status == 200


@pytest.mark.parametrize(
    ("status", "content_type", "body"),
    [
        (423, "application/fhir+json", b"OperationOutcome"),
        (424, "application/fhir+json", b"OperationOutcome"),
        (500, "application/fhir+json", b'"fatal"'),
        (502, "text/html; charset=utf-8", b"502 Bad Gateway"),
        (503, "text/html; charset=utf-8", b"503 Service"),
        (504, None, b""),
        (401, "application/json", b"token-required"),
        (403, "application/json", b"insufficient-scopes"),
    ],
)
async def test_each_status_has_its_own_kind_of_body(bench: Bench, status: int, content_type: str | None, body: bytes) -> None:
    await bench.set_fault(kind="status", status=status, method="GET", resource_type="Organization")
    said = await bench.get("Organization")
    assert said.status == status
    assert body in said.body
    assert said.headers.get("Content-Type") == content_type or content_type is None
    assert "X-Request-Id" in said.headers


async def test_a_rule_skips_and_counts(bench: Bench) -> None:
    await bench.set_fault(kind="status", status=503, path="/Organization$", skip=1, count=2)
    assert [(await bench.get("Organization")).status for _ in range(5)] == [200, 503, 503, 200, 200]
    assert (await bench.get(f"{bench.running.url}/_simulator/faults")).json["faults"][0]["hits"] == 2


async def test_one_bad_record_spoils_the_page(bench: Bench) -> None:
    (first, *_) = (await bench.get("Organization")).ids
    await bench.set_fault(kind="broken_record", resource_type="Organization", resource_id=first)
    said = await bench.get("Organization")
    assert said.status == 500
    assert said.json["issue"] == [{"severity": "fatal", "code": "required", "location": ["/f:Organization/f:status"]}]
    assert (await bench.get(f"Organization/{first}")).status == 500
    assert (await bench.get("Organization?_id=nobody")).status == 200


async def test_a_connection_lost_before_the_effect_and_one_after_it(bench: Bench) -> None:
    for kind, made in (("drop_before", 0), ("drop_after", 1)):
        slot = (await free_slots(bench))[0]
        await bench.set_fault(kind=kind, method="POST", resource_type="Appointment", count=1)
        with pytest.raises(aiohttp.ClientConnectionError):
            await bench.post("Appointment", booked(bench, slot["id"]))
        assert (await bench.state())["tenants"][0]["appointments_made"] == made
        assert (await bench.get(f"Slot/{slot['id']}")).json["status"] == ("busy" if made else "free")


async def test_an_answer_lost_to_a_504_after_the_effect(bench: Bench) -> None:
    slot = (await free_slots(bench))[0]
    await bench.set_fault(kind="status", status=504, after_effect=True, method="POST", resource_type="Appointment", count=1)
    assert (await bench.post("Appointment", booked(bench, slot["id"]))).status == 504
    assert (await bench.state())["tenants"][0]["appointments_made"] == 1


async def test_half_a_body(bench: Bench) -> None:
    await bench.set_fault(kind="truncate", resource_type="Organization", count=1)
    with pytest.raises(aiohttp.ClientPayloadError):
        await bench.get("Organization")
    assert (await bench.get("Organization")).status == 200


async def test_the_wrong_media_type(bench: Bench) -> None:
    await bench.set_fault(kind="plain_text", resource_type="Organization", count=1)
    said = await bench.get("Organization")
    assert (said.status, said.headers["Content-Type"].partition(";")[0]) == (200, "text/plain")


async def test_tokens_taken_back_at_once_and_in_the_middle(bench: Bench) -> None:
    said = await bench.set_fault(kind="revoke_tokens")
    assert said.json == {"faults": [], "tokens_revoked": 1}
    assert (await bench.get("Organization")).status == 401
    await bench.sign_in()
    await bench.set_fault(kind="revoke_tokens", resource_type="Organization", skip=1, count=1)
    assert [(await bench.get("Organization")).status for _ in range(3)] == [200, 401, 401]
    await bench.sign_in()
    assert (await bench.set_fault(kind="revoke_tokens", client="somebody else")).json["tokens_revoked"] == 0
    assert (await bench.get("Organization")).status == 200


async def test_the_token_endpoint_can_fail_too(open_bench: Open) -> None:
    bench = await open_bench(signed_in=False)
    await bench.set_fault(kind="status", status=503, surface="authorization", path="/token$", count=1)
    assert (await bench.ask_token()).status == 503
    assert (await bench.ask_token()).status == 200


async def test_rules_are_listed_and_removed(bench: Bench) -> None:
    url = f"{bench.running.url}/_simulator/faults"
    said = await bench.call(
        "POST", url, json={"faults": [{"kind": "status", "tenant": "other"}, {"kind": "latency", "latency_ms": 1}]}
    )
    assert [fault["kind"] for fault in said.json["faults"]] == ["status", "latency"]
    assert (await bench.get("Organization")).status == 200
    assert (await bench.call("DELETE", f"{url}/fault-1")).status == 204
    assert [fault["id"] for fault in (await bench.get(url)).json["faults"]] == ["fault-2"]
    assert (await bench.call("DELETE", url)).status == 204
    assert (await bench.get(url)).json == {"faults": []}
    assert (await bench.call("DELETE", f"{url}/fault-1")).status == 404


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"kind": "explode"},
        {"kind": "status", "statsu": 5},
        {"kind": "status", "path": "("},
        {"kind": "status", "status": 99},
        [],
    ],
)
async def test_a_rule_that_is_none(bench: Bench, rule: Any) -> None:
    said = await bench.call("POST", f"{bench.running.url}/_simulator/faults", json=rule)
    assert said.status == 400
    assert (await bench.get(f"{bench.running.url}/_simulator/faults")).json == {"faults": []}


async def test_the_journal_counts_and_keeps_no_values(bench: Bench) -> None:
    await bench.get("Patient?family=Macclesfield&birthdate=1980-01-01")
    said = await bench.get("Patient/no-such-patient")
    state = await bench.state()
    last, found = state["requests"][-1], state["requests"][-2]
    assert (last["method"], last["path"], last["status"]) == ("GET", "/r4/{tenant}/Patient/{id}", 404)
    assert last["request_id"] == said.headers["X-Request-Id"]
    assert last["client"] == bench.report["client_id"]
    assert found["parameters"] == ["birthdate", "family"]
    assert "Macclesfield" not in str(state)
    assert "no-such-patient" not in str(state)
    counted = {(c["surface"], c["method"], c["resource_type"], c["status"]): c["count"] for c in state["counts"]}
    assert counted["ehr", "GET", "Patient", 404] == 1
    assert state["tenants"][0]["tokens_issued"] == 1
    assert state["tenants"][0]["tokens_by_client"] == {bench.report["client_id"]: 1}
    assert (await bench.call("DELETE", f"{bench.running.url}/_simulator/state")).status == 204
    assert (await bench.state())["requests_seen"] == 0


async def test_ready(bench: Bench) -> None:
    assert (await bench.get(f"{bench.running.url}/_simulator/ready")).json == {"ready": True, "tenants": [bench.tenant]}
    assert (await bench.get(f"{bench.running.url}/_simulator/else")).status == 404


async def test_a_slow_drip(bench: Bench) -> None:
    whole = (await bench.get("Organization?_count=1")).body
    await bench.set_fault(kind="drip", resource_type="Organization", bytes_per_s=len(whole) * 5, count=1)
    started = time.perf_counter()
    said = await bench.get("Organization?_count=1")
    assert time.perf_counter() - started >= 0.08
    assert (said.status, len(said.body)) == (200, len(whole))


@pytest.mark.parametrize("refuse", [False, True])
async def test_a_regional_outage_takes_every_surface_of_a_tenant_for_a_while(bench: Bench, refuse: bool) -> None:
    await bench.set_fault(kind="outage", tenant=bench.tenant, for_s=30, refuse=refuse)
    for ask in (lambda: bench.get("Organization"), lambda: bench.get("metadata"), bench.ask_token):
        if refuse:
            with pytest.raises(aiohttp.ClientConnectionError):
                await ask()
        else:
            assert (await ask()).status == 503
    bench.clock[0] += 31
    assert (await bench.get("Organization")).status == 200
    await bench.set_fault(kind="outage", tenant="another", for_s=30)
    assert (await bench.get("Organization")).status == 200


async def test_tokens_that_die_early_and_say_so(open_bench: Open) -> None:
    bench = await open_bench(signed_in=False)
    await bench.set_fault(kind="token_life", life_s=20)
    said = await bench.ask_token()
    assert said.json["expires_in"] == 20
    bench.bearer = said.json["access_token"]
    bench.clock[0] += 19
    assert (await bench.get("Organization")).status == 200
    bench.clock[0] += 1
    refused = await bench.get("Organization")
    assert (refused.status, refused.headers["WWW-Authenticate"].endswith('error="invalid_token"')) == (401, True)


async def test_a_token_that_dies_in_the_middle_of_a_page_walk(open_bench: Open) -> None:
    bench = await open_bench(signed_in=False)
    await bench.set_fault(kind="token_life", calls=2, announce=False, count=1)
    said = await bench.ask_token()
    assert said.json["expires_in"] == 570
    bench.bearer = said.json["access_token"]
    assert [(await bench.get("Organization")).status for _ in range(3)] == [200, 200, 401]
    await bench.sign_in()
    assert [(await bench.get("Organization")).status for _ in range(3)] == [200, 200, 200]


async def test_a_clock_that_is_wrong(open_bench: Open) -> None:
    bench = await open_bench(signed_in=False)
    await bench.set_fault(kind="clock_skew", skew_s=-600)
    said = await bench.get("metadata")
    assert parsedate_to_datetime(said.headers["Date"]).timestamp() == bench.clock[0] - 600
    await bench.sign_in()
    assert (await bench.get("Organization")).status == 200
    await bench.call("DELETE", f"{bench.running.url}/_simulator/faults")
    assert (await bench.get("Organization")).status == 401  # it went ten minutes on at once


async def test_another_capability_statement(bench: Bench) -> None:
    async def documents() -> tuple[Any, Any]:
        statement = (await bench.get("metadata")).json
        resources = {resource["type"]: resource for resource in statement["rest"][0]["resource"]}
        return resources, (await bench.get(".well-known/smart-configuration")).json["scopes_supported"]

    before, scopes = await documents()
    for rule in (
        {"resource_type": "Observation", "search_parameter": "category"},
        {"resource_type": "Observation", "search_parameter": "combo-code", "change": "add"},
        {"resource_type": "Slot", "interaction": "patch"},
        {"scope": scopes[0]},
        {"scope": "system/Media.read", "change": "add"},
    ):
        await bench.set_fault(kind="capability", **rule)
    after, scopes_after = await documents()
    names = {parameter["name"] for parameter in after["Observation"]["searchParam"]}
    assert "category" in {parameter["name"] for parameter in before["Observation"]["searchParam"]}
    assert "category" not in names
    assert "combo-code" in names
    assert {"code": "patch"} in before["Slot"]["interaction"]
    assert {"code": "patch"} not in after["Slot"]["interaction"]
    assert after["Patient"] == before["Patient"]
    assert scopes_after == [*scopes[1:], "system/Media.read"]
    assert (await bench.search("Observation", ("patient", "nobody"), ("category", "laboratory"))).status == 200


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "token_life"},
        {"kind": "status", "share": 0},
        {"kind": "status", "share": 1.5},
        {"kind": "capability"},
        {"kind": "drip", "bytes_per_s": 0},
        {"kind": "outage", "for_s": 0},
    ],
)
async def test_a_rule_of_the_newer_kinds_that_is_none(bench: Bench, rule: Any) -> None:
    assert (await bench.call("POST", f"{bench.running.url}/_simulator/faults", json=rule)).status == 400


def struck_by(seed: int) -> list[bool]:
    """Which of 200 calls a rule strikes that is for three in ten."""
    dial = FaultDial(seed, lambda: 0.0)
    dial.add(Rule(kind="latency", latency_ms=1))
    dial.add(Rule(kind="status", status=503, share=0.3))
    target = Target("GET", "/r4/t/Organization", "ehr", "t", "Organization")
    return [dial.strike(target).kind() == "status" for _ in range(200)]


def test_a_share_of_the_calls_is_struck_by_dice_that_the_seed_sets() -> None:
    assert struck_by(7) == struck_by(7)
    assert struck_by(7) != struck_by(8)
    assert 35 < sum(struck_by(7)) < 90


async def test_an_edge_that_answers_with_a_page_of_its_own(bench: Bench) -> None:
    await bench.set_fault(kind="html", resource_type="Organization", count=1)
    said = await bench.get("Organization")
    assert (said.status, said.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert b"<html" in said.body
    assert (await bench.get("Organization")).json["resourceType"] == "Bundle"
