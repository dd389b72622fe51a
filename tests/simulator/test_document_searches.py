"""Notes, their bytes in every format, and the generated summary."""

from __future__ import annotations

import base64
from typing import Any
from xml.etree import ElementTree

from millgate.simulator.hospital import Hospital, numbers

from .conftest import Bench
from .test_medication_searches import _holder

_STARTS = {
    "application/pdf": b"%PDF-1.4",
    "text/rtf": rb"{\rtf1",
    "application/xhtml+xml": b"<?xml",
    "application/xml": b"<?xml",
    "text/html": b"<!DOCTYPE html>",
    "text/plain": b"",
}


def _attachments(hospital: Hospital) -> dict[str, dict[str, Any]]:
    """One attachment of each media type."""
    found: dict[str, dict[str, Any]] = {}
    for number in range(hospital.patient_count):
        for note in hospital.chart("DocumentReference", numbers.person_id(number)):
            found |= {each["attachment"]["contentType"]: each["attachment"] for each in note["content"]}
    return found


async def test_every_format_comes_as_bytes_and_as_json(bench: Bench) -> None:
    base = bench.report["open_base"]
    found = _attachments(bench.hospital)
    assert set(found) == set(_STARTS)
    for content_type, attachment in found.items():
        raw = await bench.get(f"{base}/{attachment['url']}", headers={"Accept": content_type})
        assert raw.headers["Content-Type"].startswith(content_type)
        assert raw.body.startswith(_STARTS[content_type])
        wrapped = (await bench.get(f"{base}/{attachment['url']}", headers={"Accept": "application/fhir+json"})).json
        assert wrapped["contentType"] == content_type
        assert base64.b64decode(wrapped["data"]) == raw.body
        refused = await bench.get(f"{base}/{attachment['url']}", headers={"Accept": "application/json"})
        assert (refused.status, refused.body) == (406, b"")


async def test_reports_have_their_renditions(bench: Bench) -> None:
    _, held = _holder(bench.hospital, "DiagnosticReport")
    form = held[0]["presentedForm"][0]
    said = await bench.get(f"{bench.report['open_base']}/{form['url']}", headers={"Accept": form["contentType"]})
    assert said.status == 200
    assert (await bench.get(f"{bench.report['open_base']}/Binary/XX-{held[0]['id']}")).status == 404
    assert (await bench.get(f"{bench.report['open_base']}/Binary?_id=1")).status == 404


async def test_bytes_need_the_scope_of_something_that_has_them(bench: Bench) -> None:
    attachment = next(iter(_attachments(bench.hospital).values()))
    await bench.sign_in("system/Binary.r")
    assert (await bench.get(attachment["url"])).status == 403
    await bench.sign_in("system/Binary.r system/DocumentReference.rs")
    assert (await bench.get(attachment["url"])).status == 200


async def test_a_generated_summary(bench: Bench) -> None:
    patient, _ = _holder(bench.hospital, "Condition", "problem-list-item")
    base = bench.report["open_base"]
    said = await bench.get(f"{base}/DocumentReference/$docref?patient={patient}&type=http://loinc.org%7C34133-9")
    (entry,) = said.json["entry"]
    content = entry["resource"]["content"][0]
    assert content["format"]["code"] == "urn:hl7-org:sdwg:ccda-structuredBody:2.1"
    document = await bench.get(content["attachment"]["url"], headers={"Accept": "application/xml"})
    root = ElementTree.fromstring(document.body)  # noqa: S314 - made by the simulator
    assert root.tag == "{urn:hl7-org:v3}ClinicalDocument"
    titles = [each.text for each in root.iter("{urn:hl7-org:v3}title")]
    assert "Problem list" in titles
    assert (await bench.get(f"{base}/DocumentReference/$docref")).status == 400
    assert (await bench.get(f"{base}/DocumentReference/$docref?patient={patient}&start=ge2020")).status == 400
    assert (await bench.get(f"{base}/DocumentReference/$docref?patient=999999999")).status == 404


async def test_notes_by_type_and_period(bench: Bench) -> None:
    patient, held = _holder(bench.hospital, "DocumentReference", "11506-3")
    base = f"{bench.report['open_base']}/DocumentReference?patient={patient}&_count=100"
    progress = {each["id"] for each in held if "11506-3" in str(each["type"])}
    assert set((await bench.get(f"{base}&type=http://loinc.org%7C11506-3")).ids) == progress
    assert (await bench.get(f"{base}&period=ge2020-01-01")).status == 400
    assert (await bench.get(f"{base}&period=ge2010-01-01&period=lt2030")).status == 400
    assert set((await bench.get(f"{base}&period=ge2000-01-01&period=lt2100-01-01")).ids) == {each["id"] for each in held}
