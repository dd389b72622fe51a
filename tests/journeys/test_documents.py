"""Documents of the simulated hospital by the addresses that their objects name: every format, as bytes and as text, audited, and confined."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import aiohttp
import pytest

from millgate.flow.document_text import CONVERTIBLE
from tests.journeys.calling import Caller, OpenSurface
from tests.journeys.conftest import OpenSession, Stack
from tests.journeys.people import People

FORMATS = {"text/plain", "text/rtf", "text/html", "application/xhtml+xml", "application/xml", "application/pdf"}


async def attachments(caller: Caller, surface: OpenSurface) -> dict[str, tuple[str, dict[str, Any]]]:
    """For each format a document's id and its attachment."""
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for patient in await surface.all("Patient", birthdate="ge1900-01-01", _count=1000):
        for document in await caller.all("/documents", patient_id=patient["id"]):
            found |= {one["content_type"]: (document["id"], one) for one in document["attachments"]}
        if found.keys() >= FORMATS:
            return found
    raise AssertionError(f"the hospital has only {sorted(found)}")


async def test_every_format_is_had_by_the_address_that_its_object_names(stack: Stack, mercy: Caller, source: Any) -> None:
    surface = source("mercy")
    for content_type, (document_id, one) in (await attachments(mercy, surface)).items():
        assert one["url"].startswith(f"{stack.gateway}/documents/{document_id}/content")
        said = await mercy.get(one["url"].removeprefix(stack.gateway))
        record = await surface.read("DocumentReference", document_id)
        named = [each["attachment"] for each in record["content"]]
        place = [each["contentType"] for each in named].index(content_type)
        link = named[place]["url"]
        kept = base64.b64decode((await surface.read("Binary", link.removeprefix("Binary/")))["data"])
        assert (said.status, said.body) == (200, kept)
        assert said.headers["Content-Type"] == content_type
        assert said.headers["Content-Length"] == str(len(kept))
        digest = base64.b64encode(hashlib.sha256(kept).digest()).decode()
        assert said.headers["Repr-Digest"] == f"sha-256=:{digest}:"
        assert said.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert (said.headers["X-Content-Type-Options"], said.headers["Cache-Control"]) == ("nosniff", "private, no-store")
        assert document_id in said.headers["Content-Disposition"]
        assert said.headers["Content-Disposition"].startswith("attachment; ")
        text = await mercy.get(f"/documents/{document_id}/content/{place}", as_="text")
        if content_type in CONVERTIBLE - {"application/xml"}:  # this hospital's XML is no CDA
            assert (text.status, text.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
            assert text.body.decode().startswith(one["title"])
            assert record["subject"]["display"].partition(",")[0] in text.body.decode()
        else:
            assert text.refusal() == (415, "unsupported_media_type")
            assert content_type in text.json["detail"]


async def test_a_head_tells_what_a_get_would(mercy: Caller, source: Any, stack: Stack) -> None:
    document_id, _ = (await attachments(mercy, source("mercy")))["application/pdf"]
    path = f"/documents/{document_id}/content"
    whole = await mercy.get(path, type="application/pdf")
    head = await mercy.call("HEAD", path, params={"type": "application/pdf"})
    assert (head.status, head.body) == (200, b"")
    for name in ("Content-Type", "Content-Length", "ETag", "Content-Disposition", "Accept-Ranges", "Repr-Digest"):
        assert head.headers[name] == whole.headers[name]
    inline = await mercy.get(path, type="application/pdf", inline=1)
    assert inline.headers["Content-Disposition"].startswith("inline; ")


async def test_reports_are_had_by_their_addresses_too(mercy: Caller, chart_of: Any, stack: Stack) -> None:
    chart = await chart_of("mercy")
    reports = await mercy.all("/diagnostic_reports", patient_id=chart.id)
    presented = [one for report in reports[:5] for one in report.get("attachments", ())]
    assert presented
    for one in presented:
        said = await mercy.get(one["url"].removeprefix(stack.gateway))
        assert (said.status, said.headers["Content-Type"]) == (200, one["content_type"])
        assert said.body


async def test_the_source_makes_a_summary_when_it_is_asked_for(mercy: Caller, chart_of: Any) -> None:
    chart = await chart_of("mercy")
    first, second = [await mercy.get(f"/patients/{chart.id}/ccd") for _ in range(2)]
    assert (first.status, first.headers["Content-Type"]) == (200, "application/xml")
    assert first.body.startswith(b"<?xml")
    assert first.body != second.body  # made anew, with an id of its own
    assert first.headers["Content-Disposition"] == 'attachment; filename="ccd.xml"'
    text = await mercy.get(f"/patients/{chart.id}/ccd", as_="text")
    assert text.body.decode().startswith("Continuity of Care Document\nProblem list\n")
    narrowed = {"from_": "2024-01-01T00:00:00Z", "to": "2025-01-01T00:00:00Z"}
    assert (await mercy.get(f"/patients/{chart.id}/ccd", **narrowed)).status == 200
    assert (await mercy.get(f"/patients/{chart.id}/ccd", from_="2024-01-01")).refusal() == (400, "invalid_request")
    assert (await mercy.get("/patients/999/ccd")).refusal() == (404, "not_found")


async def test_what_a_session_lacks_is_named(open_session: OpenSession, source: Any, mercy: Caller, chart_of: Any) -> None:
    document_id, _ = (await attachments(mercy, source("mercy")))["text/plain"]
    for scopes, lacking in (("system/DocumentReference.rs", "Binary"), ("system/Binary.r", "DocumentReference")):
        narrow = await open_session("mercy", [scopes])
        for path in (f"/documents/{document_id}/content", f"/patients/{(await chart_of('mercy')).id}/ccd"):
            refused = await narrow.get(path)
            assert refused.refusal() == (403, "scope_missing")
            assert f"system/{lacking}.r" in refused.json["detail"]


async def test_each_access_has_its_rows(stack: Stack, mercy: Caller, source: Any) -> None:
    document_id, _ = (await attachments(mercy, source("mercy")))["text/plain"]
    said = await mercy.get(f"/documents/{document_id}/content", type="text/plain")
    rows = stack.told("audit", "list", "--tenant", "mercy", "--request-id", said.headers["X-Request-Id"])
    assert [(one["action"], one["object"], one["status"], one["code"]) for one in rows] == [
        ("content.sent", "document", 200, None),
        ("content", "document", 200, None),
    ]
    assert rows[0]["ids"] == [document_id, f"{len(said.body)} bytes"]
    assert [call["resource_type"] for call in rows[1]["calls"]] == ["DocumentReference", "Binary"]
    record = await source("mercy").read("DocumentReference", document_id)
    assert rows[0]["patients"] == rows[1]["patients"] == [record["subject"]["reference"].removeprefix("Patient/")]


async def test_a_patient_has_their_own_documents_and_nobody_elses(people: People) -> None:
    mine, other = people.hospital.user("patient"), people.hospital.user("patient", 1)
    own, system = await people.arrive("patient", mine), await people.application.system()
    (theirs, *_) = await system.all("/documents", patient_id=other["patient_ids"][0])
    refused = await own.get(f"/documents/{theirs['id']}/content")
    assert refused.status in (403, 404)  # the source itself may hide it
    assert refused.refusal()[1] in ("patient_out_of_context", "not_found")
    assert (await own.get(f"/patients/{other['patient_ids'][0]}/ccd")).refusal() == (403, "patient_out_of_context")
    shown = await own.all("/documents")
    assert {one["patient_id"] for one in shown} == {mine["patient_ids"][0]}
    said = await own.get(f"/documents/{shown[0]['id']}/content")
    assert said.status == 200, said.body
    assert (await own.get(f"/patients/{mine['patient_ids'][0]}/ccd")).status == 200


@pytest.mark.parametrize("bearer", [None, "ms_wrong"])
async def test_nothing_without_a_session(stack: Stack, http: aiohttp.ClientSession, bearer: str | None) -> None:
    for path in ("/documents/1/content", "/diagnostic_reports/1/content/0", "/communications/1/content", "/patients/1/ccd"):
        assert (await Caller(http, stack.gateway, bearer).get(path)).refusal() == (401, "invalid_session")
