"""Documents over DSTU2: their bytes, a Binary of DSTU2's form, the generated summary."""

from __future__ import annotations

import base64

import pytest

from tests.simulator.dstu2.conftest import Dstu2Bench
from tests.simulator.dstu2.test_dstu2_searches import one_of

SUMMARY = "http://loinc.org|34133-9"


async def test_a_document_points_to_its_pdf(dstu2: Dstu2Bench) -> None:
    document = await one_of(dstu2, "DocumentReference")
    attachment = document["content"][0]["attachment"]
    assert attachment["contentType"] == "application/pdf"

    raw = await dstu2.get(attachment["url"], Accept="application/pdf")
    assert (raw.status, raw.headers["Content-Type"]) == (200, "application/pdf")
    binary = await dstu2.get(attachment["url"], Accept="application/json+fhir")
    assert (binary.json["resourceType"], binary.json["contentType"]) == ("Binary", "application/pdf")
    assert base64.b64decode(binary.json["content"]) == raw.body
    assert "data" not in binary.json


@pytest.mark.parametrize("accept", ["application/json", "application/fhir+json", "text/html"])
async def test_a_binary_is_not_given_as_anything_else(dstu2: Dstu2Bench, accept: str) -> None:
    url = (await one_of(dstu2, "DocumentReference"))["content"][0]["attachment"]["url"]
    assert (await dstu2.get(url, Accept=accept)).status == 406


async def test_a_binary_needs_the_scope_of_what_points_to_it(dstu2: Dstu2Bench) -> None:
    url = (await one_of(dstu2, "DocumentReference"))["content"][0]["attachment"]["url"]
    alone = (await dstu2.token("system/Binary.read")).json["access_token"]
    both = (await dstu2.token("system/Binary.read system/DocumentReference.read")).json["access_token"]
    assert (await dstu2.get(url, bearer=alone)).status == 403
    assert (await dstu2.get(url, bearer=both)).status == 200


async def test_the_summary_is_indexed_and_its_formats_are_listed(dstu2: Dstu2Bench) -> None:
    patient = dstu2.bench.hospital.find_patients()[0]
    bundle = await dstu2.get(f"DocumentReference/$docref?patient={patient}&type={SUMMARY}")
    (entry,) = bundle.json["entry"]
    reference = entry["resource"]
    assert {"indexed", "status", "type", "subject", "content"} <= reference.keys()
    assert "date" not in reference
    (shown,) = reference["content"][0]["format"]
    assert shown.keys() == {"system", "code", "display"}
    url = reference["content"][0]["attachment"]["url"]
    assert url.startswith(f"{dstu2.base}/Binary/$autogen-ccd-if?")
    summary = await dstu2.get(url, Accept="application/json+fhir")
    assert summary.json["contentType"] == "application/xml"
    assert base64.b64decode(summary.json["content"]).lstrip().startswith(b"<?xml")


async def test_reports_of_radiology_have_a_page(dstu2: Dstu2Bench) -> None:
    report = await one_of(dstu2, "DiagnosticReport")
    page = next(one for one in report["presentedForm"] if one["contentType"] == "text/html")
    said = await dstu2.get(page["url"], Accept="text/html")
    assert said.status == 200
    assert b"<html" in said.body
