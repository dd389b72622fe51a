"""DSTU2 over a real socket: what is asked has DSTU2's names, what comes out is R4, and its refusals are told as the gateway's."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from millgate.access.connection import Connection
from millgate.access.parties import Registration, Tenant
from millgate.canonical.exchange import BookSlot, Query
from millgate.errors import CallOperator, FixRequest, GatewayError, NotOffered
from millgate.pathways.fhir_dstu2.transport import FhirDstu2
from millgate.pathways.http import Limits, Transport
from millgate.pathways.tokens import TokenBook
from tests.pathways.source import Source, reply, source

NOW = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
BASE = "/dstu2/-KzIoYV6gk"
FHIR = {"Content_Type": "application/json+fhir"}
ORDER = {
    "resourceType": "MedicationOrder",
    "id": "309",
    "status": "active",
    "patient": {"reference": "Patient/1"},
    "medicationCodeableConcept": {"text": "Lisinopril"},
}
PLAN = {"resourceType": "CarePlan", "id": "1", "status": "active", "subject": {"reference": "Patient/1"}}
TEAM = PLAN | {"id": "2", "category": [{"coding": [{"code": "careteam"}]}]}
READ = ("read", "search-type")
OFFERED = dict.fromkeys(("Patient", "MedicationOrder", "CarePlan", "Conformance"), READ)


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


def conformance(offered: dict[str, tuple[str, ...]], token: str | None) -> bytes:
    uris = [{"url": "token", "valueUri": token}] if token else []
    extension = {"url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris", "extension": uris}
    resources = [{"type": kind, "interaction": [{"code": code} for code in codes]} for kind, codes in offered.items()]
    rest = {"mode": "server", "security": {"extension": [extension]}, "resource": resources}
    return encoded({"resourceType": "Conformance", "fhirVersion": "1.0.2", "name": "Cerner", "rest": [rest]})


def searchset(*resources: dict[str, Any], next_link: str | None = None) -> bytes:
    links = [{"relation": "next", "url": next_link}] if next_link else []
    entries = [{"resource": resource} for resource in resources]
    return encoded({"resourceType": "Bundle", "type": "searchset", "link": links, "entry": entries})


@dataclass
class Door:
    """The pathway, a connection to the source, and the source itself."""

    pathway: FhirDstu2
    connection: Connection
    served: Source

    def on(self, path: str, *responders: Any) -> None:
        self.served.on(f"{BASE}/{path}", *responders)

    @property
    def base(self) -> str:
        return f"{self.served.base}{BASE}"


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async def no_rest(_: float) -> None:
        return None

    async with source() as served, Transport(Limits(read_s=1, total_s=10), now=lambda: NOW, sleep=no_rest) as transport:
        tenant = Tenant("north", f"{served.base}{BASE}", "America/Chicago", NOW)
        registration = Registration("north", "system", "client-1", "client_secret_basic", "v1", b"secret")
        tokens = TokenBook(transport, lambda: NOW)
        scopes = ("system/CareTeam.read", "system/MedicationRequest.read")
        made = Door(FhirDstu2(transport, tokens, lambda: NOW), Connection(tenant, registration, scopes), served)
        made.on("metadata", reply(200, conformance(OFFERED, f"{served.base}/token"), **FHIR))
        granted = {"access_token": "t1", "expires_in": 570, "scope": "system/CarePlan.read system/MedicationOrder.read"}
        served.on("/token", reply(200, encoded(granted)))
        yield made
        await tokens.aclose()


async def test_a_conformance_alone_is_discovered_with_the_scopes_that_its_types_take(door: Door) -> None:
    found = await door.pathway.discover(door.base)
    assert found.token_endpoint == f"{door.served.base}/token"
    assert [scope for scope in found.scopes_supported if scope.startswith("system/")] == [
        "system/CarePlan.read",
        "system/CareTeam.read",
        "system/MedicationRequest.read",
        "system/Patient.read",
    ]
    assert door.served.seen(f"{BASE}/metadata")[0].headers["Accept"] == "application/json+fhir"


async def test_a_statement_of_r4_is_none_of_dstu2(door: Door) -> None:
    door.on("metadata", reply(200, encoded({"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"})))
    with pytest.raises(CallOperator, match="a Conformance of FHIR DSTU2"):
        await door.pathway.discover(door.base)


async def test_scopes_are_asked_for_with_dstu2s_types_and_granted_with_r4s(door: Door) -> None:
    grant = await door.pathway.authorize(door.connection)
    assert grant.scopes == ("system/CarePlan.read", "system/CareTeam.read", "system/MedicationRequest.read")
    asked = parse_qs(door.served.bodies[-1].decode())
    assert asked["scope"] == ["system/CarePlan.read system/MedicationOrder.read"]
    assert b64decode(door.served.requests[-1].headers["Authorization"].split()[1]) == b"client-1:secret"


async def test_a_search_is_asked_in_dstu2_answered_in_r4_and_followed(door: Door) -> None:
    second = f"{door.base}/MedicationOrder?patient=1&-pageContext=2&-pageDirection=NEXT"
    door.on("MedicationOrder", reply(200, searchset(ORDER, next_link=second)), reply(200, searchset(ORDER | {"id": "310"})))
    page = await door.pathway.search(door.connection, Query("MedicationRequest", {"patient_id": ("1",)}, 10))
    asked = door.served.seen(f"{BASE}/MedicationOrder")[0]
    assert (asked.query_string, asked.headers["Accept"]) == ("patient=1&_count=10", "application/json+fhir")
    assert [(one["resourceType"], one["id"], one["intent"]) for one in page.resources] == [("MedicationRequest", "309", "order")]
    assert page.next_link == second
    rest = await door.pathway.follow(door.connection, "MedicationRequest", second)
    assert ([one["id"] for one in rest.resources], rest.next_link) == (["310"], None)
    with pytest.raises(CallOperator):
        await door.pathway.follow(door.connection, "MedicationRequest", "https://elsewhere.example/dstu2/x/MedicationOrder")
    with pytest.raises(CallOperator):
        await door.pathway.follow(door.connection, "MedicationRequest", f"{door.base}/Patient?_id=1")


async def test_plans_and_teams_come_apart(door: Door) -> None:
    door.on("CarePlan", reply(200, searchset(PLAN, TEAM)))
    plans = await door.pathway.search(door.connection, Query("CarePlan", {"patient_id": ("1",)}, 10))
    teams = await door.pathway.search(door.connection, Query("CareTeam", {"patient_id": ("1",)}, 10))
    assert ([one["id"] for one in plans.resources], [one["id"] for one in plans.included]) == (["1"], ["2"])
    assert [(one["resourceType"], one["id"]) for one in teams.resources] == [("CareTeam", "2")]
    assert door.served.requests[-1].query["category"] == "careteam"
    door.on("CarePlan/1", reply(200, encoded(PLAN)))
    assert (await door.pathway.read(door.connection, "CarePlan", "1")).resource["id"] == "1"
    with pytest.raises(FixRequest) as refused:
        await door.pathway.read(door.connection, "CareTeam", "1")
    assert refused.value.code == "not_found"


async def test_a_record_is_read_by_the_same_id(door: Door) -> None:
    door.on("MedicationOrder/309", reply(200, encoded(ORDER), ETag='W/"3"'))
    found = await door.pathway.read(door.connection, "MedicationRequest", "309")
    assert (found.resource["resourceType"], found.resource["subject"], found.version) == (
        "MedicationRequest",
        {"reference": "Patient/1"},
        "3",
    )
    with pytest.raises(FixRequest) as refused:
        await door.pathway.read(door.connection, "MedicationRequest", "310")
    assert refused.value.code == "not_found"


@pytest.mark.parametrize(
    ("status", "outcome", "code"),
    [
        (400, ("error", "invalid"), "search_not_supported"),
        (403, ("error", "forbidden"), "upstream_error"),
        (429, ("error", "throttled"), "upstream_throttled"),
        (500, ("fatal", "required"), "upstream_error"),
        (503, ("error", "transient"), "upstream_unavailable"),
    ],
)
async def test_an_operation_outcome_is_told_as_the_gateways_error(
    door: Door, status: int, outcome: tuple[str, str], code: str
) -> None:
    severity, issue = outcome
    said = {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": issue, "diagnostics": "Nancy Smart"}]}
    door.on("MedicationOrder", reply(status, encoded(said), Retry_After="0"))
    with pytest.raises(GatewayError) as refused:
        await door.pathway.search(door.connection, Query("MedicationRequest", {"patient_id": ("1",)}, 10))
    assert refused.value.code == code
    assert refused.value.upstream is not None
    assert refused.value.upstream.outcome == f"{severity}/{issue}"
    assert "Nancy" not in str(refused.value)


async def test_what_is_not_offered_is_said_without_a_call(door: Door) -> None:
    with pytest.raises(NotOffered, match="Conformance lists no search-type of Goal"):
        await door.pathway.search(door.connection, Query("Goal", {"patient_id": ("1",)}, 10))
    with pytest.raises(NotOffered):
        await door.pathway.search(door.connection, Query("Coverage", {"patient_id": ("1",)}, 10))
    write = BookSlot("1", "2")
    for writing in (door.pathway.send(door.connection, write), door.pathway.find_effect(door.connection, write)):
        with pytest.raises(NotOffered, match="retired"):
            await writing


@pytest.mark.parametrize("path", ["metadata-open", "metadata-auth"])
async def test_published_statements_are_discovered(door: Door, corpus: Path, path: str) -> None:
    body = (corpus / "oracle-health-docs" / "dstu2" / f"conformance-{path}.json").read_bytes()
    door.on("metadata", reply(200, body.replace(b"https://authorization.cerner.com", door.served.base.encode())))
    found = await door.pathway.discover(door.base)
    assert found.offers("MedicationOrder", "search-type")
    assert (found.token_endpoint is None) == (path == "metadata-open")


async def test_every_published_answer_to_a_search_is_read(door: Door, corpus: Path) -> None:
    r4 = {"MedicationOrder": "MedicationRequest", "ProcedureRequest": "ServiceRequest", "Contract": "Consent"}
    read = 0
    for file in sorted((corpus / "oracle-health-docs" / "dstu2").glob("*-search-bundle*.json")):
        kind = _first_kind(json.loads(file.read_bytes()))
        wanted = "CareTeam" if "care-team" in file.name else r4.get(kind, kind)
        door.on(kind, reply(200, file.read_bytes().replace(b"https://fhir-open.cerner.com", door.served.base.encode())))
        page = await door.pathway.follow(door.connection, wanted, f"{door.base}/{kind}?patient=1")
        assert {one["resourceType"] for one in page.resources} == {wanted}, file.name
        assert page.warnings == [], file.name
        read += len(page.resources)
    assert read > 30


def _first_kind(bundle: dict[str, Any]) -> str:
    entry = bundle["entry"][0]
    while "resourceType" not in entry:
        entry = entry["resource"]
    return str(entry["resourceType"])
