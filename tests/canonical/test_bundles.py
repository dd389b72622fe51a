"""Bundles and NDJSON, tidy and untidy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from millgate.canonical.bundles import entries_of, lines_of, unwrapped, urns_of
from millgate.canonical.json import decode

PATIENT = {"resourceType": "Patient", "id": "1"}


def bundle(*entries: Any, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "searchset", "entry": list(entries), **more}


def test_entries_tell_where_they_stood() -> None:
    outcome = {"resourceType": "OperationOutcome"}
    document = bundle(
        {"fullUrl": "https://a/Patient/1", "resource": PATIENT, "search": {"mode": "match"}},
        PATIENT,
        {"resource": {"fullUrl": "https://a/Patient/1", "resource": PATIENT}},
        {"search": {"mode": "match"}},
        None,
        {"resource": bundle({"resource": PATIENT}), "response": {"status": "200"}},
        {"response": {"status": "404", "outcome": outcome}},
    )
    assert [(entry.location, entry.resource, entry.mode, entry.status) for entry in entries_of(document)] == [
        ("entry[0]", PATIENT, "match", None),
        ("entry[1]", PATIENT, None, None),
        ("entry[2]", PATIENT, None, None),
        ("entry[3]", None, "match", None),
        ("entry[4]", None, None, None),
        ("entry[5].resource.entry[0]", PATIENT, None, None),
        ("entry[6]", None, None, "404"),
        ("entry[6].response.outcome", outcome, "outcome", "404"),
    ]


def test_an_empty_answer_has_no_entries() -> None:
    assert list(entries_of({"resourceType": "Bundle", "total": 0})) == []
    assert list(entries_of({"resourceType": "Bundle", "entry": {"resource": PATIENT}})) == []


def test_urns_of_a_transaction() -> None:
    document = bundle({"fullUrl": "urn:uuid:a", "resource": PATIENT}, {"fullUrl": "https://a/Patient/1", "resource": PATIENT})
    assert urns_of(document) == {"urn:uuid:a": "Patient/1"}


def test_unwrapping_ends() -> None:
    assert unwrapped({"resource": {"resource": PATIENT}}) == PATIENT
    assert unwrapped({"resource": {"resource": {"resource": PATIENT}}}) is None
    assert unwrapped([PATIENT]) is None


def test_lines_go_on_behind_a_damaged_one() -> None:
    lines = list(lines_of(b'{"a":1}\r\n\n{"a":\n[2]'))
    assert [(line.number, line.value, line.error is None) for line in lines] == [
        (1, {"a": 1}, True),
        (3, None, False),
        (4, [2], True),
    ]


@given(st.binary())
def test_any_lines(data: bytes) -> None:
    numbers = [line.number for line in lines_of(data)]
    assert numbers == sorted(set(numbers))


def test_published_bundles_lose_no_entry(corpus: Path) -> None:
    empty = []
    for path in sorted((corpus / "oracle-health-docs" / "r4").glob("*bundle*.json")):
        document = decode(path.read_bytes())
        if not isinstance(document, dict) or document.get("resourceType") != "Bundle":
            continue
        empty += [path.name for entry in entries_of(document) if entry.resource is None]
    assert sorted(empty) == [
        "consent-search-bundle-actor.json",
        "consent-search-bundle-patient-persona.json",
        "consent-search-bundle.json",
    ], "only these hold an entry without a resource"
