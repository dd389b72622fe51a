"""The pathway against a source whose answers are written out: what no well-behaved tenant does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from millgate.access.connection import Connection
from millgate.access.parties import Registration, Tenant
from millgate.canonical.exchange import BookSlot, ChangeStatus, ProposeAppointment, Query
from millgate.errors import CallOperator, FixRequest, GatewayError, NotOffered, TryLater
from millgate.pathways.fhir_r4.transport import FhirR4
from millgate.pathways.http import Limits, OutcomeUnknown, Transport
from millgate.pathways.tokens import TokenBook
from tests.pathways.source import Source, cut_short, drop, reply, source

NOW = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
BASE = "/r4/-KzIoYV6gk"
SERVICE = {"system": "http://snomed.info/sct", "code": "408443003"}


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


def searchset(*resources: dict[str, Any], next_link: str | None = None) -> bytes:
    links = [{"relation": "next", "url": next_link}] if next_link else []
    entries = [{"resource": resource, "search": {"mode": "match"}} for resource in resources]
    return encoded({"resourceType": "Bundle", "type": "searchset", "link": links, "entry": entries})


def statement(**interactions: tuple[str, ...]) -> bytes:
    resources = [{"type": kind, "interaction": [{"code": code} for code in codes]} for kind, codes in interactions.items()]
    return encoded(
        {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": [{"mode": "server", "resource": resources}]}
    )


READ = ("read", "search-type")
OFFERED = {"Patient": READ, "Slot": READ, "Observation": READ, "Appointment": (*READ, "create", "patch")}


@dataclass
class Door:
    """The pathway, a connection to the source, and the source itself."""

    pathway: FhirR4
    connection: Connection
    served: Source
    clock: list[datetime]

    def on(self, path: str, *responders: Any) -> None:
        self.served.on(f"{BASE}/{path}", *responders)

    @property
    def base(self) -> str:
        return f"{self.served.base}{BASE}"


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    clock = [NOW]

    async def no_rest(_: float) -> None:
        return None

    async with source() as served, Transport(Limits(read_s=1, total_s=10), now=lambda: clock[0], sleep=no_rest) as transport:
        tenant = Tenant("north", f"{served.base}{BASE}", "America/Chicago", NOW)
        registration = Registration("north", "system", "client-1", "client_secret_basic", "v2", b"secret")
        tokens = TokenBook(transport, lambda: clock[0])
        made = Door(
            FhirR4(transport, tokens, lambda: clock[0]), Connection(tenant, registration, ("system/Patient.rs",)), served, clock
        )
        made.on(
            ".well-known/smart-configuration",
            reply(200, encoded({"token_endpoint": f"{served.base}/token", "scopes_supported": ["openid"]})),
        )
        made.on("metadata", reply(200, statement(**OFFERED)))
        served.on(
            "/token",
            *(reply(200, encoded({"access_token": f"t{n}", "expires_in": 570, "scope": "system/Patient.rs"})) for n in (1, 2, 3)),
        )
        yield made
        await tokens.aclose()


async def test_discovery_is_fetched_once_an_hour_and_an_old_one_serves_in_need(door: Door) -> None:
    found = await door.pathway.discover(door.base)
    assert (found.token_endpoint, found.scopes_supported) == (f"{door.served.base}/token", ("openid",))
    assert found.offers("Appointment", "patch")
    assert not found.offers("Slot", "patch")
    assert await door.pathway.discover(door.base) is found
    assert len(door.served.requests) == 2
    door.on("metadata", reply(500))
    door.clock[0] += timedelta(hours=2)
    assert await door.pathway.discover(door.base) is found
    assert await door.pathway.discover(door.base) is found
    assert len(door.served.seen(f"{BASE}/.well-known/smart-configuration")) == 2
    assert len(door.served.seen(f"{BASE}/metadata")) == 1 + 3  # a failure is asked about again, and then not for a while


@pytest.mark.parametrize(
    ("metadata", "smart"),
    [
        (reply(404), None),
        (reply(200, b"<html>"), None),
        (reply(200, b'{"resourceType":"CapabilityStatement","fhirVersion":"1.0.2"}'), None),
        (reply(200, b'{"resourceType":"Patient"}'), None),
        (reply(403, b"Tenant not valid or accessible"), None),
        (None, reply(200, b"[]")),
    ],
)
async def test_an_address_that_is_no_tenant_is_told_as_such(door: Door, metadata: Any, smart: Any) -> None:
    if metadata:
        door.on("metadata", metadata)
    if smart:
        door.on(".well-known/smart-configuration", smart)
    with pytest.raises(CallOperator, match="upstream_error") as failed:
        await door.pathway.authorize(door.connection)
    assert len(failed.value.calls) == 2


async def test_an_open_server_has_no_token_endpoint_and_the_extension_stands_in(door: Door) -> None:
    door.on(".well-known/smart-configuration", reply(404))
    with pytest.raises(CallOperator, match="no token endpoint"):
        await door.pathway.authorize(door.connection)
    door.clock[0] += timedelta(hours=2)
    token = {"url": "token", "valueUri": f"{door.served.base}/token"}
    uris = {"url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris", "extension": [token]}
    rest = [{"security": {"extension": [uris]}}]
    door.on("metadata", reply(200, encoded({"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": rest})))
    grant = await door.pathway.authorize(door.connection)
    assert (grant.scopes, [call.resource_type for call in grant.calls]) == (("system/Patient.rs",), ["token"])
    assert 500 < grant.expires_in <= 570


async def test_a_search_is_encoded_and_a_next_link_followed_as_given(door: Door) -> None:
    link = f"{door.base}/Patient?family=Smith&-pageContext=a%2Bb%3D&-pageDirection=NEXT"
    door.on("Patient", reply(200, searchset({"resourceType": "Patient", "id": "1"}, next_link=link)), reply(200, searchset()))
    page = await door.pathway.search(door.connection, Query("Patient", {"family": ("Smith & Søn",)}, 20))
    assert door.served.requests[-1].path_qs == f"{BASE}/Patient?family=Smith%20%26%20S%C3%B8n&_count=20"
    assert page.next_link is not None
    assert page.next_link.partition("#")[0] == link
    assert [call.resource_type for call in page.calls] == ["token", "Patient"]
    last = await door.pathway.follow(door.connection, "Patient", page.next_link)
    assert door.served.requests[-1].path_qs == f"{BASE}/Patient?family=Smith&-pageContext=a%2Bb%3D&-pageDirection=NEXT"
    assert (last.next_link, last.resources, last.fetched_at) == (None, [], NOW)
    assert door.served.requests[-1].headers["Accept"] == "application/fhir+json"
    assert door.served.requests[-1].headers["Authorization"] == "Bearer t1"


@pytest.mark.parametrize(
    "elsewhere",
    ["http://evil.example/r4/-KzIoYV6gk/Patient?x", "{base}/../other/Patient?x", "{base}/Slot?x", "{base}/Patient/1", "x"],
)
async def test_a_link_that_leads_elsewhere_is_refused(door: Door, elsewhere: str) -> None:
    with pytest.raises(CallOperator, match="upstream_error"):
        await door.pathway.follow(door.connection, "Patient", elsewhere.format(base=door.base))
    assert door.served.requests == []


async def test_what_the_tenant_does_not_offer_is_not_called(door: Door) -> None:
    with pytest.raises(NotOffered, match="not_offered_by_tenant"):
        await door.pathway.search(door.connection, Query("Encounter", {"patient_id": ("1",)}, 20))
    with pytest.raises(FixRequest, match="search_not_supported"):
        await door.pathway.search(door.connection, Query("Patient", {"gender": ("male",)}, 20))
    assert len(door.served.requests) == 2


@pytest.mark.parametrize("odd", ["a/b", "ü id", "a%2Fb", "x?y#z", "-1.2_3", "a;b"])
async def test_odd_ids_are_encoded(door: Door, odd: str) -> None:
    async def echo(request: Any) -> Any:
        return await reply(200, encoded({"resourceType": "Patient", "id": odd, "meta": {"versionId": "10-1"}}))(request)

    door.on(f"Patient/{odd}", echo)
    found = await door.pathway.read(door.connection, "Patient", odd)
    assert (found.resource["id"], found.version) == (odd, "10-1")
    assert door.served.requests[-1].path == f"{BASE}/Patient/{odd}"
    assert door.served.requests[-1].query_string == ""


@pytest.mark.parametrize("no_id", ["", ".", ".."])
async def test_ids_that_are_none_are_not_found(door: Door, no_id: str) -> None:
    with pytest.raises(FixRequest, match="not_found"):
        await door.pathway.read(door.connection, "Patient", no_id)
    assert door.served.requests == []


async def test_another_record_than_asked_for_is_an_upstream_error_with_its_calls(door: Door) -> None:
    door.on("Patient/1", reply(200, encoded({"resourceType": "Patient", "id": "2"}), X_Request_Id="up-7"))
    with pytest.raises(CallOperator, match="upstream_error") as failed:
        await door.pathway.read(door.connection, "Patient", "1")
    assert [call.upstream_request_id for call in failed.value.calls][-1] == "up-7"  # type: ignore[attr-defined]


async def test_a_401_causes_one_fresh_token_and_one_repeat(door: Door) -> None:
    door.on("Patient/1", reply(401), reply(200, encoded({"resourceType": "Patient", "id": "1"})))
    found = await door.pathway.read(door.connection, "Patient", "1")
    assert [(call.resource_type, call.status) for call in found.calls] == [
        ("token", 200),
        ("Patient", 401),
        ("token", 200),
        ("Patient", 200),
    ]
    assert door.served.requests[-1].headers["Authorization"] == "Bearer t2"
    door.on("Patient/1", reply(401))
    with pytest.raises(CallOperator, match="upstream_error") as failed:
        await door.pathway.read(door.connection, "Patient", "1")
    assert failed.value.meaning.status == 502
    assert len(door.served.seen(f"{BASE}/Patient/1")) == 4


async def test_absolute_references_under_the_base_become_relative_and_others_stay(door: Door) -> None:
    away = "https://elsewhere.example/r4/x/Patient/9"
    subject = {"reference": f"{door.base}/Patient/1", "display": "x"}
    resource = {"resourceType": "Observation", "id": "1", "subject": subject, "focus": [{"reference": away}]}
    door.on("Observation", reply(200, searchset(resource)))
    page = await door.pathway.search(door.connection, Query("Observation", {"patient_id": ("1",)}, 50))
    assert page.resources[0]["subject"] == {"reference": "Patient/1", "display": "x"}
    assert page.resources[0]["focus"] == [{"reference": away}]


async def test_a_patient_found_by_type_and_value_has_that_type(door: Door) -> None:
    def patient(number: str, code: str) -> dict[str, Any]:
        return {"resourceType": "Patient", "id": number, "identifier": [{"value": "77", "type": {"coding": [{"code": code}]}}]}

    door.on("Patient", reply(200, searchset(patient("1", "MR"), patient("2", "SS"))))
    page = await door.pathway.search(door.connection, Query("Patient", {"identifier": ("MR|77",)}, 20))
    assert [resource["id"] for resource in page.resources] == ["1"]


async def test_a_booking_sends_the_body_and_reads_location_and_version(door: Door) -> None:
    door.on("Appointment", reply(201, Location=f"{door.base}/Appointment/4827", ETag='W/"0"', Content_Type="text/html"))
    sent = await door.pathway.send(door.connection, BookSlot("s-1", "12", "cramp"))
    assert (sent.resource_id, sent.version) == ("4827", "0")
    request = door.served.requests[-1]
    assert (request.method, request.headers["Content-Type"]) == ("POST", "application/fhir+json")
    assert json.loads(door.served.bodies[-1])["slot"] == [{"reference": "Slot/s-1"}]


async def test_a_change_sends_a_patch_with_if_match_and_repeats_it_once_after_a_401(door: Door) -> None:
    door.on("Appointment/7", reply(401), reply(200, ETag='W/"11"'))
    sent = await door.pathway.send(door.connection, ChangeStatus("7", "arrived", "10-1"))
    assert (sent.resource_id, sent.version) == ("7", "11")
    request = door.served.requests[-1]
    assert (request.headers["If-Match"], request.headers["Content-Type"]) == ('W/"10-1"', "application/json-patch+json")


@pytest.mark.parametrize("responder", [drop, cut_short, reply(500), reply(503), reply(504), reply(201)])
async def test_a_write_without_a_clear_answer_has_an_unknown_outcome_and_is_sent_once(door: Door, responder: Any) -> None:
    door.on("Appointment", responder)
    with pytest.raises(OutcomeUnknown) as unknown:
        await door.pathway.send(door.connection, BookSlot("s-1", "12"))
    assert unknown.value.outcome_unknown
    assert len(door.served.seen(f"{BASE}/Appointment")) == 1
    assert [call.resource_type for call in unknown.value.calls] == ["token", "Appointment"]  # type: ignore[attr-defined]


async def test_a_refused_write_says_so(door: Door) -> None:
    door.on("Appointment", reply(409))
    with pytest.raises(FixRequest, match="slot_taken"):
        await door.pathway.send(door.connection, BookSlot("s-1", "12"))
    door.on("Appointment/7", reply(423, Retry_After="5"))
    with pytest.raises(TryLater, match="locked_at_source") as locked:
        await door.pathway.send(door.connection, ChangeStatus("7", "arrived", "1"))
    assert (locked.value.retry_after, locked.value.outcome_unknown) == (5, False)


def appointment(number: str, **more: Any) -> dict[str, Any]:
    participants = [{"actor": {"reference": "Location/21"}}, {"actor": {"reference": "Patient/12"}}]
    found = {
        "resourceType": "Appointment",
        "id": number,
        "status": "booked",
        "start": "2026-03-02T15:00:00.000Z",
        "participant": participants,
    }
    return found | {"meta": {"versionId": "0", "lastUpdated": "2026-03-01T06:00:00Z"}} | more


async def test_the_effect_of_a_booking_is_found_by_patient_time_place_and_reason(door: Door) -> None:
    place = {
        "url": "https://fhir-ehr.cerner.com/r4/StructureDefinition/scheduling-location",
        "valueReference": {"reference": "Location/21"},
    }
    slot = {"resourceType": "Slot", "id": "s-1", "start": "2026-03-02T09:00:00-06:00", "extension": [place]}
    door.on("Slot/s-1", reply(200, encoded(slot)))
    strangers = [
        appointment("1", status="cancelled"),
        appointment("2", start="2026-03-02T15:30:00Z"),
        appointment("3", participant=[{"actor": {"reference": "Patient/12"}}, {"actor": {"reference": "Location/9"}}]),
        appointment("4", reasonCode=[{"text": "another"}]),
        appointment("5", slot=[{"reference": "Slot/other"}]),
    ]
    write = BookSlot("s-1", "12", "cramp")
    door.on("Appointment", reply(200, searchset(*strangers)))
    assert await door.pathway.find_effect(door.connection, write) is None
    assert door.served.requests[-1].query["patient"] == "12"
    assert door.served.requests[-1].query.getall("-date-or-req-period") == ["ge2026-03-02T15:00:00Z", "lt2026-03-02T15:01:00Z"]
    door.on("Appointment", reply(200, searchset(*strangers, appointment("6", reasonCode=[{"text": "cramp"}]))))
    found = await door.pathway.find_effect(door.connection, write)
    assert found is not None
    assert (found.resource_id, found.version, [call.resource_type for call in found.calls]) == ("6", "0", ["Slot", "Appointment"])


async def test_the_effect_of_a_proposal_is_told_from_an_older_equal_one(door: Door) -> None:
    write = ProposeAppointment("12", ("21",), SERVICE, "2026-03-02T09:00:00-06:00", "2026-03-03T09:00:00-06:00")
    period = [{"start": "2026-03-02T15:00:00Z", "end": "2026-03-03T15:00:00Z"}]
    old = appointment("1", status="proposed", requestedPeriod=period, serviceType=[{"coding": [SERVICE]}])
    door.on("Appointment", reply(200, searchset(old)))
    assert await door.pathway.find_effect(door.connection, write, since=NOW + timedelta(seconds=1)) is None
    found = await door.pathway.find_effect(door.connection, write)
    assert found is not None
    assert found.resource_id == "1"


@pytest.mark.parametrize(
    ("status", "version", "took"), [("arrived", "11", True), ("arrived", "10", False), ("booked", "11", False)]
)
async def test_the_effect_of_a_change_is_its_status_in_another_version(door: Door, status: str, version: str, took: bool) -> None:
    door.on("Appointment/7", reply(200, encoded(appointment("7", status=status, meta={"versionId": version}))))
    found = await door.pathway.find_effect(door.connection, ChangeStatus("7", "arrived", 'W/"10"'))
    assert (found is not None) == took


async def test_no_failure_is_anything_but_a_gateway_error(door: Door) -> None:
    for body in (b"", b"\xff", b"<html>", b"[]", b'{"resourceType":"Bundle","entry":5}', b"{" * 5000, b"[" * 5000):
        for status in (200, 400, 403, 500):
            door.on("Patient", reply(status, body))
            with pytest.raises(GatewayError):
                await door.pathway.search(door.connection, Query("Patient", {"family": ("x",)}, 20))


async def test_a_token_endpoint_that_is_no_address_is_told_as_such(door: Door) -> None:
    door.on(".well-known/smart-configuration", reply(200, encoded({"token_endpoint": "https://[x/token"})))
    with pytest.raises(CallOperator, match="no address"):
        await door.pathway.authorize(door.connection)


async def test_wild_identifiers_do_not_fit_and_do_no_harm(door: Door) -> None:
    wild: list[Any] = ["x", 5, [{}], [{"type": "MR", "value": "77"}], [{"type": {"coding": [{"code": ["MR"]}]}, "value": "77"}]]
    patients = [{"resourceType": "Patient", "id": str(n), "identifier": one} for n, one in enumerate(wild)]
    door.on("Patient", reply(200, searchset(*patients)))
    page = await door.pathway.search(door.connection, Query("Patient", {"identifier": ("MR|77",)}, 20))
    assert page.resources == []


@pytest.mark.parametrize(
    ("status", "code"), [(503, "upstream_unavailable"), (429, "upstream_throttled"), (504, "upstream_timeout")]
)
async def test_the_wait_that_the_source_asks_for_is_handed_on(door: Door, status: int, code: str) -> None:
    door.on("Patient/7", reply(status, Retry_After="40"))
    with pytest.raises(GatewayError, match=code) as failed:
        await door.pathway.read(door.connection, "Patient", "7")
    assert failed.value.retry_after == 40


async def test_credentials_do_not_follow_a_document_to_a_place_that_is_not_trusted(door: Door) -> None:
    trusted = {door.served.base.rstrip("/")}

    async def trust(fhir_base: str, origins: tuple[str, ...]) -> None:
        assert fhir_base == door.base
        if set(origins) - trusted:
            raise CallOperator("upstream_error", "not trusted")

    pathway = FhirR4(door.pathway._server._transport, door.pathway._server._tokens, lambda: door.clock[0], trust)
    found = await pathway.discover(door.base)
    away = reply(200, encoded({"token_endpoint": "https://evil.example/token", "revocation_endpoint": f"{door.base}/revoke"}))
    door.on(".well-known/smart-configuration", away)
    door.clock[0] += timedelta(hours=2)
    assert await pathway.discover(door.base) is found  # what was trusted before serves on
    await pathway.authorize(door.connection)
    assert len(door.served.seen("/token")) == 1
    fresh = FhirR4(door.pathway._server._transport, door.pathway._server._tokens, lambda: door.clock[0], trust)
    with pytest.raises(CallOperator, match="not trusted"):
        await fresh.authorize(door.connection)
    assert len(door.served.seen("/token")) == 1
