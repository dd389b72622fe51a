"""What every answer carries, what the open surface leaves out, and that two tenants share nothing."""

from __future__ import annotations

import re
import uuid

from millgate.simulator.clients import Client
from tests.simulator.conftest import NEVER, Bench, Open

OPAQUE_TENANT = "-KzIoYV6gk-ILcHOWbsH2m9KsSdDgi12"


async def test_headers_of_all_answers(bench: Bench) -> None:
    for said in [
        await bench.get("Organization"),
        await bench.get("Nonsense"),
        await bench.get("Patient"),
        await bench.get("metadata"),
    ]:
        uuid.UUID(said.headers["X-Request-Id"])
        assert re.fullmatch(r"/[0-9A-F]{32}/[0-9A-F]{32}", said.headers["opc-request-id"])
        assert said.headers["Cache-Control"] == "no-cache"
        assert said.headers["Vary"] == "Origin"
        assert float(said.headers["Server-Response-Time"]) >= 0
        assert float(said.headers["X-Runtime"]) >= 0
        assert said.headers["Strict-Transport-Security"].startswith("max-age=")
        assert "Content-Encoding" not in said.headers


async def test_a_read_has_version_and_time(bench: Bench) -> None:
    organization = (await bench.get("Organization")).json["entry"][0]["resource"]
    said = await bench.get(f"Organization/{organization['id']}")
    assert said.json == organization
    assert said.headers["ETag"] == f'W/"{organization["meta"]["versionId"]}"'
    assert said.headers["Last-Modified"].endswith(" GMT")
    head = await bench.call("HEAD", f"Organization/{organization['id']}")
    assert (head.status, head.body, head.headers["ETag"]) == (200, b"", said.headers["ETag"])


async def test_cors(bench: Bench) -> None:
    said = await bench.get("Organization", headers={"Origin": "https://app.example"})
    assert said.headers["Access-Control-Allow-Origin"] == "*"
    assert (
        said.headers["Access-Control-Expose-Headers"] == "ETag, Content-Location, Location, X-Request-Id, WWW-Authenticate, Date"
    )
    preflight = {
        "Origin": "https://app.example",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    said = await bench.call("OPTIONS", f"{bench.fhir}/Patient", headers=preflight)
    assert said.status == 200
    assert said.headers["Access-Control-Allow-Headers"] == "authorization"
    assert said.headers["Access-Control-Max-Age"] == "0"
    assert "PATCH" in said.headers["Access-Control-Allow-Methods"]
    assert "Access-Control-Allow-Origin" not in (await bench.get("Organization")).headers


async def test_not_found(bench: Bench) -> None:
    for path in (
        "Patient/this-id-does-not-exist",
        "FakeResourceType?_count=1",
        "Medication?patient=1",
        "Patient/1/_history/1",
        "Patient/%00",
    ):
        said = await bench.get(path)
        assert said.status == 404
        assert said.json == {
            "resourceType": "OperationOutcome",
            "issue": [{"severity": "error", "code": "not-found", "details": {"text": "Not Found"}}],
        }


async def test_an_unknown_tenant(bench: Bench) -> None:
    for url in (
        f"{bench.running.url}/r4/{NEVER}/Patient/1",
        f"{bench.running.url}/open/r4/{NEVER}/metadata",
        f"{bench.running.url}/r4/",
    ):
        said = await bench.get(url)
        assert (said.status, said.body) == (403, b"Tenant not valid or accessible")
        assert said.headers["Content-Type"].startswith("text/plain")


async def test_the_open_surface_reads_without_a_token_and_writes_never(open_bench: Open) -> None:
    bench = await open_bench(signed_in=False)
    base = bench.report["open_base"]
    said = await bench.get(f"{base}/Organization")
    assert said.status == 200
    assert said.json["entry"][0]["fullUrl"].startswith(f"{base}/Organization/")
    assert (said.link("self") or "").startswith(base)
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert (await bench.call(method, f"{base}/Appointment/1")).status == 404
    assert (await bench.call("POST", f"{base}/Appointment", json={})).status == 404


async def test_a_batch_is_refused(bench: Bench) -> None:
    assert (await bench.post("", {"resourceType": "Bundle", "type": "batch", "entry": []})).status == 422
    assert (await bench.post("", {"resourceType": "Bundle", "type": "transaction"})).status == 400


async def test_a_body_beyond_a_mebibyte(bench: Bench) -> None:
    said = await bench.call(
        "POST", "Appointment", data=b" " * (1 << 20) + b"{}", headers={"Content-Type": "application/fhir+json"}
    )
    assert said.status == 413


async def test_a_secret_that_was_given_is_not_reported(open_bench: Open) -> None:
    bench = await open_bench(clients=(Client("app", secret="given"), Client("other")))
    given, made = bench.report["clients"]
    assert (given["client_secret"], bench.report["client_secret"]) == (None, None)
    assert len(made["client_secret"]) > 20
    assert "given" not in repr(bench.running.simulator.tenants[bench.tenant].clients)


async def test_two_tenants_share_nothing(open_bench: Open) -> None:
    one = await open_bench(tenants=("Harbor View", f"{OPAQUE_TENANT}=Prairie General"), patients=30)
    other = Bench(one.running, one.session, number=1, clock=one.clock)
    await other.sign_in()
    assert other.tenant == OPAQUE_TENANT
    assert one.report["name"].startswith("Harbor View")
    assert other.report["name"].startswith("Prairie General")
    assert one.report["client_secret"] != other.report["client_secret"]
    assert one.report["time_zone"] != other.report["time_zone"]
    assert (await one.get("Organization")).status == (await other.get("Organization")).status == 200
    one.bearer, other.bearer = other.bearer, one.bearer
    for bench in (one, other):
        said = await bench.get("Organization")
        assert said.status == 401
        assert "token-invalid" in said.json["message"]
    counts = (await one.state())["tenants"]
    assert [tenant["tokens_issued"] for tenant in counts] == [1, 1]
