"""Bodies as they really come, and what each status means; no patient's data ever reaches an error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millgate.errors import CODES, CallOperator, GatewayError
from millgate.pathways.fhir.refusals import Purpose, refusal
from millgate.pathways.fhir.wire import etag_version, located_id, read_outcome, read_resource, read_searchset, version_of
from millgate.pathways.http import OutcomeUnknown


def bundle(*entries: Any, links: Any = ()) -> bytes:
    return json.dumps({"resourceType": "Bundle", "type": "searchset", "link": list(links), "entry": list(entries)}).encode()


def entry(kind: str, resource_id: str, updated: str = "2024-01-01T00:00:00Z", mode: str = "match", **more: Any) -> dict[str, Any]:
    resource = {"resourceType": kind, "id": resource_id, "meta": {"versionId": "1", "lastUpdated": updated}, **more}
    return {"fullUrl": f"https://x/{kind}/{resource_id}", "resource": resource, "search": {"mode": mode}}


def outcome(text: str, code: str = "invalid") -> bytes:
    issue = {"severity": "error", "code": code, "details": {"text": text}}
    return json.dumps({"resourceType": "OperationOutcome", "issue": [issue]}).encode()


def test_matches_includes_and_outcomes_are_kept_apart() -> None:
    warning = {
        "resource": {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "incomplete"}]},
        "search": {"mode": "outcome"},
    }
    page = read_searchset(
        bundle(
            entry("Slot", "1"),
            entry("Schedule", "2", mode="include"),
            warning,
            links=[{"relation": "next", "url": "https://x/n"}],
        ),
        "Slot",
    )
    assert [resource["id"] for resource in page.resources] == ["1"]
    assert [resource["id"] for resource in page.included] == ["2"]
    assert (page.warnings, page.next_link, page.self_link) == (["warning/incomplete"], "https://x/n", None)


def test_a_repeated_id_is_kept_once_at_its_first_place_in_its_newest_version_whatever_the_timestamp_style() -> None:
    page = read_searchset(
        bundle(
            entry("Observation", "a", "2024-01-01T10:00:00.000Z", status="preliminary"),
            entry("Observation", "b"),
            entry("Observation", "a", "2024-01-01T05:00:01-06:00", status="final"),
            entry("Observation", "a", "2024-01-01T10:00:00+00:00", status="stale"),
        ),
        "Observation",
    )
    assert [(resource["id"], resource.get("status")) for resource in page.resources] == [("a", "final"), ("b", None)]


def test_entries_without_the_wrapper_are_taken_and_broken_ones_are_told() -> None:
    page = read_searchset(
        bundle({"resourceType": "Patient", "id": "7"}, {"fullUrl": "x"}, 5, {"resource": {"resourceType": "Patient"}}), "Patient"
    )
    assert [resource["id"] for resource in page.resources] == ["7"]
    assert page.warnings == ["entry-without-resource", "entry-unreadable", "entry-without-id"]


def test_an_empty_searchset_has_no_entry() -> None:
    assert read_searchset(b'{"resourceType":"Bundle","type":"searchset","total":0}', "Patient").resources == []


def test_decimals_keep_their_digits() -> None:
    body = b'{"resourceType":"Observation","id":"1","valueQuantity":{"value":7.50}}'
    assert str(read_resource(body, "Observation", "1")["valueQuantity"]["value"]) == "7.50"


@pytest.mark.parametrize(
    "body", [b"", b"<html>Bad Gateway</html>", b"[]", b"null", b'{"resourceType":"Patient","id":"8"}', b"\xff\xfe"]
)
def test_anything_else_than_what_was_asked_for_is_an_upstream_error(body: bytes) -> None:
    with pytest.raises(CallOperator, match="upstream_error"):
        read_resource(body, "Patient", "7")
    with pytest.raises(CallOperator, match="upstream_error"):
        read_searchset(body, "Patient")


@given(st.binary(max_size=300))
def test_wild_bytes_raise_nothing_but_gateway_errors(body: bytes) -> None:
    read_outcome(body)
    for read in (lambda: read_resource(body, "Patient", "7"), lambda: read_searchset(body, "Patient")):
        with pytest.raises(GatewayError):
            read()


MEMBERS = "resourceType entry resource id meta link issue details text search url lastUpdated message".split()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["entry", "link", "issue", "message", "id"]), JSON, max_size=4))
def test_wild_bundles_are_read_or_refused(members: dict[str, Any]) -> None:
    body = json.dumps({**members, "resourceType": "Bundle"}).encode()
    read_outcome(body)
    try:
        ids = [resource["id"] for resource in read_searchset(body, "Patient").resources]
    except CallOperator:
        ids = []
    assert all(isinstance(each, str) and each for each in ids)


def test_versions_ids_and_etags_are_opaque() -> None:
    assert version_of({"meta": {"versionId": "0$0"}}, {"etag": 'W/"9"'}) == "0$0"
    assert version_of({}, {"etag": 'W/"410v795030969834"'}) == "410v795030969834"
    assert etag_version({"etag": "odd"}) is None
    assert located_id({"location": "https://x/r4/-T/Appointment/12%2F7"}, "Appointment") == "12/7"
    assert located_id({"location": "https://x/r4/t/Appointment/12/_history/3"}, "Appointment") == "12"
    assert located_id({"location": "https://x/r4/t/Patient/12"}, "Appointment") is None
    assert located_id({}, "Appointment") is None
    for damage in ("%0D%0AX-More:%201", "12%20", "%C3%A9", "1" * 256, "%00"):
        assert located_id({"location": f"https://x/r4/t/Appointment/{damage}"}, "Appointment") is None


@pytest.mark.parametrize(
    ("status", "purpose", "code"),
    [
        (400, "search", "search_not_supported"),
        (422, "search", "search_not_supported"),
        (400, "book", "rejected_by_source"),
        (401, "read", "upstream_error"),
        (403, "read", "upstream_error"),
        (404, "read", "not_found"),
        (406, "read", "upstream_error"),
        (409, "book", "slot_taken"),
        (409, "change", "version_conflict"),
        (412, "change", "version_conflict"),
        (422, "book", "rejected_by_source"),
        (423, "change", "locked_at_source"),
        (424, "book", "dependency_failed"),
        (429, "read", "upstream_throttled"),
        (429, "book", "upstream_throttled"),
        (500, "read", "upstream_unavailable"),
        (500, "search", "upstream_unavailable"),
        (500, "discover", "upstream_unavailable"),
        (501, "read", "upstream_error"),
        (520, "search", "upstream_unavailable"),
        (502, "search", "upstream_unavailable"),
        (503, "read", "upstream_unavailable"),
        (504, "search", "upstream_timeout"),
        (302, "read", "upstream_error"),
    ],
)
def test_each_status_has_its_code(status: int, purpose: Purpose, code: str) -> None:
    assert refusal(status, {}, b"", purpose=purpose, resource_type="Appointment").code == code


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
def test_a_failure_after_a_write_leaves_its_outcome_unknown(status: int) -> None:
    for purpose in ("book", "change", "create"):
        error = refusal(status, {}, b"", purpose=purpose, resource_type="Appointment")
        assert isinstance(error, OutcomeUnknown)
        assert error.outcome_unknown
        assert error.code == ("upstream_timeout" if status == 504 else "upstream_unavailable")


@pytest.mark.parametrize("status", [400, 404, 409, 412, 422, 423, 424, 429])
def test_a_refused_write_had_no_effect(status: int) -> None:
    assert not refusal(status, {}, b"", purpose="book", resource_type="Appointment").outcome_unknown


def test_the_edges_own_words_are_understood() -> None:
    urn = "urn:cerner:error:oauth2:resource-access:insufficient-scopes"
    message = f'code="{urn}", error="insufficient_scope", subcode="no_scope_for_resource_path"'
    error = refusal(403, {}, json.dumps({"code": 403, "message": message}).encode(), purpose="read", resource_type="Slot")
    assert error.code == "scope_narrowed"
    assert error.upstream is not None
    assert error.upstream.outcome == "insufficient-scopes no_scope_for_resource_path"
    assert (
        "allowed resources" in refusal(403, {}, b'{"message":"Forbidden resource"}', purpose="read", resource_type="Slot").detail
    )
    assert (
        "does not know the tenant"
        in refusal(403, {}, b"Tenant not valid or accessible", purpose="read", resource_type="Slot").detail
    )


def test_the_required_field_500_is_explained() -> None:
    body = b'{"resourceType":"OperationOutcome","issue":[{"severity":"fatal","code":"required","location":["/f:AllergyIntolerance/f:status"]}]}'
    error = refusal(500, {}, body, purpose="search", resource_type="Observation")
    assert error.code == "upstream_error"
    assert "lacks an element" in error.detail


def test_fixed_wording_is_shown() -> None:
    text = "at least one of _id, identifier, name, family, given, birthdate, phone, email, address-postalcode, or -pageContext must be provided"
    assert text in refusal(400, {}, outcome(text), purpose="search", resource_type="Patient").detail


@pytest.mark.parametrize(
    "text",
    [
        "Patient Ramírez not found",
        "no record for Mary O'Neil",
        "invalid date 1980-05-17",
        "MRN 00123456 is combined",
        "call 913-555-0100",
    ],
)
def test_a_text_with_a_patients_data_is_not_shown(text: str) -> None:
    error = refusal(400, {}, outcome(text), purpose="search", resource_type="Patient")
    assert text not in f"{error} {error.detail} {error.upstream}"
    assert error.upstream is not None
    assert error.upstream.outcome == "error/invalid"


@given(
    st.integers(300, 599), st.binary(max_size=200), st.sampled_from(["search", "read", "book", "change", "create", "discover"])
)
def test_any_status_with_any_body_gives_a_known_code(status: int, body: bytes, purpose: Purpose) -> None:
    error = refusal(status, {}, body, purpose=purpose, resource_type="Patient")
    assert error.code in CODES


def test_the_published_searchsets_are_read(corpus: Path) -> None:
    folder = corpus / "oracle-health-docs" / "r4"
    files = sorted(folder.glob("*-search-bundle*.json")) if folder.is_dir() else []
    if not files:
        pytest.skip("the vendor's examples are not here")
    for file in files:
        body = file.read_bytes()
        document = json.loads(body)
        kinds = {each.get("resource", each).get("resourceType") for each in document.get("entry", [])} - {None}
        if document.get("resourceType") != "Bundle" or not kinds:
            continue
        page = read_searchset(body, sorted(kinds)[0])
        assert page.resources or page.included, file.name
