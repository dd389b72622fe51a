"""The pathway against the simulated tenant in a process of its own, over real sockets."""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc.jwk import ECKey, RSAKey

from millgate.access.connection import Connection
from millgate.access.parties import Registration, Tenant
from millgate.access.scopes import ScopeSet, granted, translate
from millgate.canonical.exchange import BookSlot, ChangeStatus, Page, ProposeAppointment, Query
from millgate.errors import CallOperator, FixRequest, GatewayError, NeedAccess, TryLater
from millgate.pathways.fhir_r4.transport import FhirR4
from millgate.pathways.http import OutcomeUnknown, Transport
from millgate.pathways.tokens import TokenBook

# The day around which the simulated calendar lies. It is today, since a slot of the past cannot be booked.
TODAY = datetime.now(UTC).date()
WANTED = ("system/*.cruds",)
ODD_TENANT = "-KzIoYV6gk-ILcHOWbsH2m9KsSdDgi12"


@dataclass(frozen=True)
class Simulated:
    """What a running simulator says of itself."""

    address: str
    tenants: list[dict[str, Any]]

    def call(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - loopback
            f"{self.address}/_simulator/{path}", data, {"Content-Type": "application/json"}, method=method
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return json.loads(answer.read() or b"null")

    def fault(self, **rule: Any) -> None:
        """Turn the fault dial."""
        self.call("POST", "faults", rule)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[bytes, Path]]:
    """For each algorithm: the private key as PEM, and the file of its public JWKS."""
    found = {}
    made: Any
    for algorithm, made, kind in (
        ("RS384", rsa.generate_private_key(65537, 2048), RSAKey),
        ("ES384", ec.generate_private_key(ec.SECP384R1()), ECKey),
    ):
        pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        public = kind.import_key(pem).as_dict(private=False) | {"kid": f"key-{algorithm}", "alg": algorithm}
        file = tmp_path_factory.mktemp("keys") / f"{algorithm}.json"
        file.write_text(json.dumps({"keys": [public]}))
        found[algorithm] = (pem, file)
    return found


@pytest.fixture(scope="module")
def simulated(keys: dict[str, tuple[bytes, Path]]) -> Iterator[Simulated]:
    signing = [
        word for algorithm, (_, file) in keys.items() for word in ("--client", algorithm, "--client-jwks", f"{algorithm}={file}")
    ]
    command = [sys.executable, "-m", "millgate.simulator", "--json", "--patients", "40", "--seed", "7", "--until-stdin-closes"]
    command += [f"--tenant={ODD_TENANT}", "--tenant=Second Hospital", "--client", "basic", *signing]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        report = json.loads(process.stdout.readline())
        yield Simulated(report["simulator"], report["tenants"])
        process.stdin.close()
        process.terminate()


@dataclass
class Side:
    """The gateway's side of a tenant."""

    pathway: FhirR4
    connection: Connection
    simulated: Simulated

    async def search(self, kind: str, limit: int = 50, **filters: str | tuple[str, ...]) -> Page:
        given = {name.rstrip("_"): (value,) if isinstance(value, str) else value for name, value in filters.items()}
        return await self.pathway.search(self.connection, Query(kind, given, limit))

    async def all_pages(self, kind: str, limit: int = 50, **filters: str | tuple[str, ...]) -> list[Page]:
        pages = [await self.search(kind, limit, **filters)]
        while pages[-1].next_link is not None:
            pages.append(await self.pathway.follow(self.connection, kind, pages[-1].next_link))
        return pages

    async def a_patient(self) -> str:
        page = await self.search("Patient", 20, birth_date="ge1900-01-01")
        return str(page.resources[0]["id"])

    async def free_slots(self, days: int = 8) -> Page:
        types = self.simulated.tenants[0]["service_types"]
        own = tuple(f"{kind['system']}|{kind['code']}" for kind in types if "codeSet/14249" in kind["system"])
        start, end = TODAY + timedelta(days=1), TODAY + timedelta(days=days)
        return await self.search("Slot", 20, service_type=own, from_=start.isoformat(), to=end.isoformat())


def registration_of(tenant: dict[str, Any], client: str = "basic", **changes: Any) -> Registration:
    secret = next((each["client_secret"] for each in tenant["clients"] if each["client_id"] == client), None)
    return Registration(tenant["tenant"], "system", client, "client_secret_basic", "v2", (secret or "").encode(), **changes)


async def connect(
    pathway: FhirR4, tenant: dict[str, Any], registration: Registration, scopes: tuple[str, ...] = WANTED
) -> Connection:
    discovery = await pathway.discover(tenant["fhir_base"])
    asked = translate(ScopeSet.parse(scopes), registration.scope_form, discovery.scopes_supported).asked
    known = Tenant(tenant["tenant"], tenant["fhir_base"], tenant["time_zone"], datetime.now(UTC))
    return Connection(known, registration, asked)


@pytest.fixture
async def pathway() -> AsyncIterator[FhirR4]:
    async def no_rest(_: float) -> None:
        return None

    async with Transport(sleep=no_rest) as transport:
        tokens = TokenBook(transport)
        yield FhirR4(transport, tokens)
        await tokens.aclose()


@pytest.fixture
async def side(pathway: FhirR4, simulated: Simulated) -> AsyncIterator[Side]:
    tenant = simulated.tenants[0]
    yield Side(pathway, await connect(pathway, tenant, registration_of(tenant)), simulated)
    simulated.call("DELETE", "faults")


async def test_discovery_names_endpoints_scopes_and_interactions(pathway: FhirR4, simulated: Simulated) -> None:
    found = await pathway.discover(simulated.tenants[0]["fhir_base"])
    assert found.token_endpoint is not None
    assert found.token_endpoint.startswith(simulated.address)
    assert "system/Observation.crus" in found.scopes_supported
    assert found.offers("Appointment", "patch")
    assert set(found.auth_methods) == {"client_secret_basic", "private_key_jwt"}
    assert "-date-or-req-period" in found.search_parameters["Appointment"]


async def test_a_grant_by_secret_holds_what_was_asked(side: Side) -> None:
    grant = await side.pathway.authorize(side.connection)
    held = granted(ScopeSet.parse(side.connection.scopes), grant.scopes)
    assert held.scopes == ScopeSet.parse(side.connection.scopes)
    assert not held.denied
    assert 500 < grant.expires_in <= 570


@pytest.mark.parametrize("algorithm", ["RS384", "ES384"])
async def test_a_grant_by_signed_assertion(
    pathway: FhirR4, simulated: Simulated, keys: dict[str, tuple[bytes, Path]], algorithm: str
) -> None:
    tenant = simulated.tenants[0]
    pem = keys[algorithm][0]
    registration = Registration(
        tenant["tenant"], "system", algorithm, "private_key_jwt", "v2", pem, f"key-{algorithm}", algorithm
    )
    connection = await connect(pathway, tenant, registration, ("system/Patient.rs",))
    assert (await pathway.authorize(connection)).scopes == ("system/Patient.crus",)


async def test_v1_scopes_of_a_v2_app_are_explained(pathway: FhirR4, simulated: Simulated) -> None:
    tenant = simulated.tenants[0]
    connection = await connect(pathway, tenant, replace(registration_of(tenant), scope_form="v1"))
    with pytest.raises(CallOperator, match="upstream_error") as refused:
        await pathway.authorize(connection)
    assert "v2 app loses v1 scopes" in refused.value.detail or "loses v1 scopes" in refused.value.detail
    assert refused.value.upstream is not None
    assert refused.value.upstream.outcome == "invalid_scope empty-scopes"
    assert refused.value.upstream.request_id


async def test_a_wrong_secret_calls_the_operator(pathway: FhirR4, simulated: Simulated) -> None:
    tenant = simulated.tenants[0]
    connection = await connect(pathway, tenant, replace(registration_of(tenant), credential=b"wrong"))
    with pytest.raises(CallOperator, match="upstream_error") as refused:
        await pathway.authorize(connection)
    assert refused.value.meaning.status == 502


async def test_a_narrow_token_is_refused_as_narrowed(pathway: FhirR4, simulated: Simulated) -> None:
    tenant = simulated.tenants[0]
    connection = await connect(pathway, tenant, registration_of(tenant), ("system/Patient.rs",))
    with pytest.raises(NeedAccess, match="scope_narrowed"):
        await pathway.search(connection, Query("Organization", {}, 50))


async def test_patients_by_name_identifier_and_id(side: Side) -> None:
    page = await side.search("Patient", 20, birth_date="ge1900-01-01")
    patient = page.resources[0]
    assert {resource["resourceType"] for resource in page.resources} == {"Patient"}
    family = patient["name"][0]["family"]
    assert patient["id"] in [found["id"] for page in await side.all_pages("Patient", family=family) for found in page.resources]
    number = next(each for each in patient["identifier"] if each.get("value") and each.get("system"))
    by_number = await side.search("Patient", identifier=f"{number['system']}|{number['value']}")
    assert [found["id"] for found in by_number.resources] == [patient["id"]]
    found = await side.pathway.read(side.connection, "Patient", patient["id"])
    assert found.resource == patient
    assert found.version == patient["meta"]["versionId"]


@pytest.mark.parametrize("kind", ["Encounter", "Observation", "DiagnosticReport", "Appointment"])
async def test_every_page_of_a_patients_records_is_followed(side: Side, kind: str) -> None:
    patient_id = await side.a_patient()
    small = await side.all_pages(kind, 5, patient_id=patient_id)
    large = await side.all_pages(kind, 200, patient_id=patient_id)
    ids = [{resource["id"] for page in pages for resource in page.resources} for pages in (small, large)]
    assert ids[0] == ids[1]
    for page in small:
        assert len({resource["id"] for resource in page.resources}) == len(page.resources)
        assert all(call.status in (200, None) and call.request_id for call in page.calls)


async def test_dates_categories_and_codes_narrow_observations(side: Side) -> None:
    patient_id = await side.a_patient()
    labs = [
        found
        for page in await side.all_pages("Observation", 200, patient_id=patient_id, category="laboratory")
        for found in page.resources
    ]
    assert labs
    code = next(c["code"] for c in labs[0]["code"]["coding"] if c.get("system") == "http://loinc.org")
    same = [
        found for page in await side.all_pages("Observation", 200, patient_id=patient_id, code=code) for found in page.resources
    ]
    assert labs[0]["id"] in {found["id"] for found in same}
    assert all(code in {c.get("code") for c in found["code"]["coding"]} for found in same)
    since = labs[len(labs) // 2]["effectiveDateTime"]
    later = await side.all_pages("Observation", 200, patient_id=patient_id, category="laboratory", from_=since)
    moments = [datetime.fromisoformat(found["effectiveDateTime"]) for page in later for found in page.resources]
    assert moments
    assert min(moments) >= datetime.fromisoformat(since)


@pytest.mark.parametrize(
    ("kind", "filters"),
    [
        ("Organization", {}),
        ("Practitioner", {"active": "true"}),
        ("Location", {"physical_type": "http://terminology.hl7.org/CodeSystem/location-physical-type|bu"}),
    ],
)
async def test_the_places_and_people_of_the_tenant(side: Side, kind: str, filters: dict[str, str]) -> None:
    page = await side.search(kind, 50, **filters)
    assert page.resources
    first = page.resources[0]
    assert (await side.pathway.read(side.connection, kind, first["id"])).resource == first


async def test_unknown_ids_and_the_other_tenants_are_not_found(side: Side) -> None:
    for odd in ("no-such-id", "a/b", "ü", "%2e%2e", "1?x=y"):
        with pytest.raises(FixRequest, match="not_found"):
            await side.pathway.read(side.connection, "Patient", odd)


async def test_two_tenants_are_two_worlds(side: Side) -> None:
    second = side.simulated.tenants[1]
    other = await connect(side.pathway, second, registration_of(second))
    patient_id = await side.a_patient()
    theirs = await side.pathway.search(other, Query("Patient", {"birth_date": ("ge1900-01-01",)}, 20))
    assert theirs.resources
    ours = await side.search("Patient", 20, birth_date="ge1900-01-01")
    assert theirs.resources != ours.resources
    with pytest.raises(GatewayError):
        await side.pathway.follow(other, "Patient", f"{side.connection.tenant.fhir_base}/Patient?_id={patient_id}")


async def test_a_slot_is_booked_once_moved_on_and_cancelled(side: Side) -> None:
    slot = (await side.free_slots()).resources[0]
    schedule = await side.pathway.read(side.connection, "Schedule", slot["schedule"]["reference"].removeprefix("Schedule/"))
    assert schedule.resource["resourceType"] == "Schedule"
    patient_id = await side.a_patient()
    sent = await side.pathway.send(side.connection, BookSlot(slot["id"], patient_id, "Sore knee"))
    found = await side.pathway.read(side.connection, "Appointment", sent.resource_id)
    assert (found.resource["status"], found.version) == ("booked", sent.version)
    with pytest.raises(FixRequest, match="slot_taken"):
        await side.pathway.send(side.connection, BookSlot(slot["id"], patient_id))
    arrived = await side.pathway.send(side.connection, ChangeStatus(sent.resource_id, "arrived", found.version or ""))
    with pytest.raises(FixRequest, match="version_conflict"):
        await side.pathway.send(side.connection, ChangeStatus(sent.resource_id, "checked-in", found.version or ""))
    with pytest.raises(FixRequest, match="rejected_by_source") as refused:
        await side.pathway.send(side.connection, ChangeStatus(sent.resource_id, "fulfilled", arrived.version or ""))
    assert refused.value.upstream is not None
    assert refused.value.upstream.status == 422
    coding = {"system": "http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason", "code": "oth-err"}
    await side.pathway.send(side.connection, ChangeStatus(sent.resource_id, "cancelled", arrived.version or "", coding))
    after = await side.pathway.read(side.connection, "Appointment", sent.resource_id)
    assert after.resource["status"] == "cancelled"


async def test_a_proposal_is_listed_and_booked_into_a_slot(side: Side) -> None:
    patient_id = await side.a_patient()
    slot = (await side.free_slots()).resources[2]
    place = next(e for e in slot["extension"] if e["url"].endswith("scheduling-location"))["valueReference"]["reference"]
    service = slot["serviceType"][0]["coding"][0]
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    write = ProposeAppointment(
        patient_id,
        (place.removeprefix("Location/"),),
        {"system": service["system"], "code": service["code"]},
        start.isoformat(),
        (start + timedelta(days=9)).isoformat(),
        "Numb toe",
    )
    assert await side.pathway.find_effect(side.connection, write) is None
    sent = await side.pathway.send(side.connection, write)
    found = await side.pathway.find_effect(side.connection, write)
    assert found is not None
    assert found.resource_id == sent.resource_id
    listed = [each["id"] for page in await side.all_pages("Appointment", 50, patient_id=patient_id) for each in page.resources]
    assert sent.resource_id in listed
    booked = await side.pathway.send(
        side.connection, ChangeStatus(sent.resource_id, "booked", sent.version or "", slot_id=slot["id"])
    )
    assert (await side.pathway.read(side.connection, "Appointment", booked.resource_id)).resource["status"] == "booked"


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
async def test_the_effect_of_a_lost_booking_is_found_or_told_to_be_none(side: Side, kind: str) -> None:
    slot = (await side.free_slots()).resources[4]
    write = BookSlot(slot["id"], await side.a_patient(), f"Lost {kind}")
    side.simulated.fault(kind=kind, method="POST", resource_type="Appointment", count=1)
    with pytest.raises(OutcomeUnknown):
        await side.pathway.send(side.connection, write)
    found = await side.pathway.find_effect(side.connection, write)
    assert (found is not None) == (kind == "drop_after")
    if found is not None:
        assert (await side.pathway.read(side.connection, "Appointment", found.resource_id)).resource["status"] == "booked"


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
async def test_the_effect_of_a_lost_change_is_found_or_told_to_be_none(side: Side, kind: str) -> None:
    slot = (await side.free_slots()).resources[6]
    sent = await side.pathway.send(side.connection, BookSlot(slot["id"], await side.a_patient()))
    write = ChangeStatus(sent.resource_id, "cancelled", sent.version or "")
    side.simulated.fault(kind=kind, method="PATCH", resource_type="Appointment", count=1)
    with pytest.raises(OutcomeUnknown):
        await side.pathway.send(side.connection, write)
    found = await side.pathway.find_effect(side.connection, write)
    assert (found is not None) == (kind == "drop_after")


async def test_passing_failures_of_reads_are_ridden_out(side: Side) -> None:
    patient_id = await side.a_patient()
    for rule in (
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 503},
        {"kind": "drop_before"},
        {"kind": "truncate"},
        {"kind": "status", "status": 429},
    ):
        side.simulated.fault(**rule, method="GET", resource_type="Patient", count=1)
        assert (await side.pathway.read(side.connection, "Patient", patient_id)).resource["id"] == patient_id


async def test_lasting_failures_are_told(side: Side) -> None:
    patient_id = await side.a_patient()
    for status, code in (
        (429, "upstream_throttled"),
        (503, "upstream_unavailable"),
        (504, "upstream_timeout"),
        (500, "upstream_unavailable"),
    ):
        side.simulated.fault(kind="status", status=status, method="GET", resource_type="Patient", retry_after_s=120)
        with pytest.raises(GatewayError, match=code) as failed:
            await side.pathway.read(side.connection, "Patient", patient_id)
        assert not failed.value.outcome_unknown
        assert failed.value.calls
        assert (status != 429) or (isinstance(failed.value, TryLater) and failed.value.retry_after == 120)
        side.simulated.call("DELETE", "faults")


async def test_a_revoked_token_costs_one_refresh(side: Side) -> None:
    patient_id = await side.a_patient()
    side.simulated.fault(kind="revoke_tokens")
    found = await side.pathway.read(side.connection, "Patient", patient_id)
    assert [(call.resource_type, call.status) for call in found.calls] == [("Patient", 401), ("token", 200), ("Patient", 200)]


async def test_many_at_once_share_one_token(pathway: FhirR4, simulated: Simulated) -> None:
    tenant = simulated.tenants[0]
    connection = await connect(pathway, tenant, registration_of(tenant), ("system/Patient.rs", "system/Organization.rs"))
    before = simulated.call("GET", "state")
    await asyncio.gather(*(pathway.search(connection, Query("Organization", {}, 50)) for _ in range(30)))
    after = simulated.call("GET", "state")
    issued = [sum(each["tokens_issued"] for each in state["tenants"]) for state in (before, after)]
    assert issued[1] - issued[0] == 1


SAMPLES: dict[str, dict[str, str]] = {
    "Patient": {
        "family": "Sm",
        "given": "A",
        "birth_date": "1980",
        "gender": "female",
        "postal_code": "6",
        "identifier": "7",
        "phone": "5",
    },
    "Encounter": {
        "patient_id": "",
        "status": "finished",
        "from": "2020-01-05",
        "to": "2026-01-01T00:00:00Z",
        "updated_since": "2020-01-01",
    },
    "Observation": {
        "patient_id": "",
        "code": "718-7",
        "category": "laboratory",
        "from": "2020-01-05",
        "updated_since": "2020-01-01",
        "to": "2026-01-06",
    },
    "DiagnosticReport": {
        "patient_id": "",
        "encounter_id": "5",
        "from": "2020-01-05",
        "to": "2026-01-06",
        "updated_since": "2020-01-01",
        "code": "58410-2",
    },
    "Appointment": {
        "patient_id": "",
        "location_id": "1",
        "practitioner_id": "1",
        "status": "proposed",
        "from": "2020-01-05",
        "to": "2027-01-06",
    },
    "Slot": {
        "service_type": "http://snomed.info/sct|394802001",
        "location_id": "1",
        "practitioner_id": "2",
        "status": "free",
        "from": "2026-01-05",
        "to": "2026-01-06",
    },
    "Practitioner": {"family": "Sm", "given": "A", "active": "true", "name": "Sm", "identifier": "urn:oid:1.2|3"},
    "Location": {
        "state": "IL",
        "city": "Ch",
        "name": "N",
        "organization_id": "5",
        "type": "HOSP",
        "postal_code": "6",
        "address": "a",
    },
    "Organization": {"name": "N", "address": "a", "type": "http://terminology.hl7.org/CodeSystem/organization-type|prov"},
}


@pytest.mark.parametrize("kind", SAMPLES)
async def test_no_search_that_passes_the_encoder_is_refused_by_the_source(side: Side, kind: str) -> None:
    patient_id = await side.a_patient()
    passed = refused = 0
    for size in range(len(SAMPLES[kind]) + 1):
        for names in itertools.combinations(SAMPLES[kind], size):
            filters = {name: (SAMPLES[kind][name] or patient_id,) for name in names}
            try:
                await side.pathway.search(side.connection, Query(kind, filters, 20))
            except FixRequest as error:
                assert error.upstream is None, (names, error.detail)
                refused += 1
            else:
                passed += 1
    assert passed > 2
    assert refused > 1 or kind == "Organization"
