"""What is counted, under which labels, and what it costs a request."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from millgate.access.budget import Ceiling
from millgate.access.parties import Tenant
from millgate.app import App
from millgate.settings import Settings
from millgate.store.audit import Entry
from millgate.surfaces.api.metrics import Measured, Metrics
from millgate.surfaces.api.server import Server, bind
from tests.database import database_server, empty_database_url, fresh_database_url

__all__ = ["database_server", "empty_database_url", "fresh_database_url"]

BASE, TOKENS, STRANGE = "https://ehr.example/r4/t-8a1c", "https://auth.example/t-8a1c/token", "https://elsewhere.example/r4/u"


@pytest.fixture
async def app(fresh_database_url: str, tmp_path: Path) -> AsyncIterator[App]:
    """An App with one tenant."""
    key = base64.b64encode(bytes(32)).decode()
    async with App.opened(Settings(data_dir=str(tmp_path), database_url=fresh_database_url, master_key=key)) as opened:
        await opened.store.tenants.add(Tenant("mercy", BASE, None, opened.now()))
        await opened.store.budgets.set_ceiling("mercy", Ceiling(rate_per_s=500, concurrency=9))
        await opened.bookkeeper.look()
        yield opened


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """All samples by name and labels; no two of one name and labels."""
    found: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    for family in text_string_to_metric_families(metrics.text().decode()):
        for sample in family.samples:
            place = (sample.name, tuple(sorted(sample.labels.items())))
            assert place not in found
            found[place] = sample.value
    return found


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    """One sample, or None."""
    return samples(metrics).get((name, tuple(sorted(labels.items()))))


async def call(app: App, source: str, endpoint: str, kind: str, status: int | None) -> None:
    turn = await app.sources.turn(source, endpoint, "interactive", time.monotonic() + 5)
    if status is None:
        turn.failed(timed_out=True, kind=kind)
    else:
        turn.answered(kind, status, None)
    turn.end()


async def test_calls_to_sources_are_told_by_tenant_kind_and_class_of_status(app: App) -> None:
    metrics = Metrics(app)
    app.sources.belongs(TOKENS, BASE)
    await call(app, BASE, "fhir", "GET Patient", 200)
    await call(app, BASE, "fhir", "GET Patient", 201)
    await call(app, BASE, "fhir", "GET Slot", 429)
    await call(app, BASE, "fhir", "GET Slot", None)
    await call(app, TOKENS, "authorization", "POST token", 200)
    await call(app, STRANGE, "fhir", "GET Patient", 200)
    name = "millgate_upstream_calls_total"
    assert value(metrics, name, tenant="mercy", resource_type="Patient", status="2xx") == 2
    assert value(metrics, name, tenant="mercy", resource_type="Slot", status="4xx") == 1
    assert value(metrics, name, tenant="mercy", resource_type="Slot", status="none") == 1
    assert value(metrics, name, tenant="mercy", resource_type="token", status="2xx") == 1
    assert value(metrics, name, tenant="(unknown)", resource_type="Patient", status="2xx") == 1
    assert value(metrics, "millgate_upstream_call_seconds_count", tenant="mercy", resource_type="Slot") == 2


async def test_what_was_learned_is_told_by_tenant_and_endpoint(app: App) -> None:
    metrics = Metrics(app)
    app.sources.belongs(TOKENS, BASE)
    await call(app, TOKENS, "authorization", "POST token", 200)
    await call(app, BASE, "fhir", "GET Patient", 429)
    held = await app.sources.turn(BASE, "fhir", "interactive", time.monotonic() + 5)
    assert value(metrics, "millgate_source_in_flight", tenant="mercy", endpoint="fhir") == 1
    held.end()
    assert value(metrics, "millgate_source_throttled_total", tenant="mercy", endpoint="fhir") == 1
    assert value(metrics, "millgate_source_turns_total", tenant="mercy", endpoint="fhir") == 2
    assert value(metrics, "millgate_source_turns_total", tenant="mercy", endpoint="authorization") == 1
    assert (value(metrics, "millgate_source_pace_per_second", tenant="mercy", endpoint="fhir") or 0) > 0
    assert value(metrics, "millgate_source_limit", tenant="mercy", endpoint="fhir") == 9
    for urgency in ("interactive", "write", "reread", "batch"):
        assert value(metrics, "millgate_source_waiting", tenant="mercy", endpoint="fhir", urgency=urgency) == 0
    assert value(metrics, "millgate_breaker_state", tenant="mercy") == 0
    assert value(metrics, "millgate_breaker_openings_total", tenant="mercy") == 0
    assert value(metrics, "millgate_ceiling_per_second", tenant="mercy") == 500
    assert value(metrics, "millgate_ceiling_at_once", tenant="mercy") == 9
    assert "python_info" in {name for name, _ in samples(metrics)}


async def test_audit_rows_and_sign_ins_are_counted_when_they_are_committed(app: App) -> None:
    metrics = Metrics(app)
    for action, code in (("search", None), ("sign_in", None), ("sign_in", "access_denied"), ("sign_in", None)):
        await app.store.audit.append(Entry(at=app.now(), request_id="r", action=action, object="session", status=302, code=code))
    assert value(metrics, "millgate_audit_rows_total", action="search") == 1
    assert value(metrics, "millgate_sign_ins_total", outcome="signed_in") == 2
    assert value(metrics, "millgate_sign_ins_total", outcome="access_denied") == 1


async def test_requests_are_told_by_their_template_and_methods_of_ones_own_are_one(app: App) -> None:
    metrics = Metrics(app)
    metrics.answered("/patients/{object_id:str}", "GET", 200, 0.02)
    for method in ("BREW", "WHEN"):
        metrics.answered("", method, 404, 0.001)
    assert value(metrics, "millgate_requests_total", route="/patients/{object_id}", method="GET", status="200") == 1
    assert value(metrics, "millgate_requests_total", route="(none)", method="OTHER", status="404") == 2
    assert value(metrics, "millgate_request_seconds_bucket", route="/patients/{object_id}", le="0.025") == 1
    assert value(metrics, "millgate_request_seconds_bucket", route="/patients/{object_id}", le="0.01") == 0


async def test_no_label_holds_an_address_or_an_id(app: App) -> None:
    metrics = Metrics(app)
    app.sources.belongs(TOKENS, BASE)
    await call(app, BASE, "fhir", "GET Patient", 200)
    await call(app, STRANGE, "fhir", "GET Patient", 200)
    text = metrics.text().decode()
    assert "t-8a1c" not in text
    assert "example" not in text


async def test_whoever_scrapes_needs_the_token_or_an_operators_key(app: App) -> None:
    _, operators = await app.store.clients.create("On call", tenants=(), scopes=("operator",))
    _, portals = await app.store.clients.create("Portal", tenants=("mercy",), scopes=("system/*.rs",))
    app.settings = msgspec.structs.replace(app.settings, metrics_token="a-token-for-the-scraper")
    server = Server(app, bind("127.0.0.1", 0))
    await server.start()
    try:
        async with aiohttp.ClientSession() as http:

            async def scraped(bearer: str | None) -> tuple[int, str]:
                headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
                async with http.get(f"{server.url}/metrics", headers=headers) as answer:
                    return answer.status, await answer.text()

            async with http.get(f"{server.url}/patients/12345") as answer:
                assert answer.status == 401
            async with http.get(f"{server.url}/12345/no-such-path") as answer:
                assert answer.status == 404
            assert [(await scraped(bearer))[0] for bearer in (None, "a-token-for-the-scrapes", portals, operators)] == [
                401, 401, 403, 200,
            ]  # fmt: skip
            status, text = await scraped("a-token-for-the-scraper")
            async with http.get(f"{server.url}/tenants", headers={"Authorization": "Bearer a-token-for-the-scraper"}) as answer:
                assert answer.status == 401
    finally:
        await server.stop()
    assert status == 200
    assert 'millgate_requests_total{method="GET",route="/patients/{object_id}",status="401"} 1.0' in text
    assert 'millgate_requests_total{method="GET",route="(none)",status="404"} 1.0' in text
    assert 'millgate_audit_rows_total{action="operate"} 2.0' in text  # the portal's refusal and the operator's look
    assert "12345" not in text


async def test_a_request_costs_little_more_for_being_counted(app: App) -> None:
    """A cached read takes some 400 µs; being counted may take a small part of that, on a machine that does other things, too."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        scope["path_template"] = "/observations"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def ignore(message: Any) -> None:
        pass

    async def seconds(api: Any) -> float:
        began = time.process_time()
        for _ in range(2000):
            await api({"type": "http", "method": "GET"}, None, ignore)
        return (time.process_time() - began) / 2000

    measured: Any = Measured(answer, Metrics(app))
    await asyncio.sleep(0)
    plain, counted = min([await seconds(answer) for _ in range(5)]), min([await seconds(measured) for _ in range(5)])
    assert counted - plain < 0.0002
