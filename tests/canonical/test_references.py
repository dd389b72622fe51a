"""References in all their forms."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millgate.canonical.references import ParsedReference, contained_resource, parse_element, parse_reference, reference_id

BASE = "https://fhir-ehr.cerner.com/r4/-KzIoYV6gk-ILcHOWbsH2m9KsSdDgi12"


@pytest.mark.parametrize(
    ("text", "hint", "expected"),
    [
        ("Patient/12724066", None, ParsedReference("Patient", "12724066")),
        ("Observation/VS-CV-1-SECT-2", None, ParsedReference("Observation", "VS-CV-1-SECT-2")),
        ("Slot/24477854-21304876-62852027-0", None, ParsedReference("Slot", "24477854-21304876-62852027-0")),
        ("Condition/p9/_history/3", None, ParsedReference("Condition", "p9", "3")),
        (f"{BASE}/Patient/1", None, ParsedReference("Patient", "1", None, BASE)),
        (f"{BASE}/Patient/1/_history/2$3", None, ParsedReference("Patient", "1", "2$3", BASE)),
        ("#28", None, ParsedReference(contained="28")),
        ("#28", "Location", ParsedReference("Location", contained="28")),
        ("urn:uuid:0b8a6ef0", "Patient", ParsedReference("Patient", urn="urn:uuid:0b8a6ef0")),
        ("urn:oid:1.2.3", None, ParsedReference(urn="urn:oid:1.2.3")),
        ("Communication/489580643.0.-4.prsnl", None, ParsedReference("Communication", "489580643.0.-4.prsnl")),
        ("", None, None),
        ("#", None, None),
        ("12724066", None, None),
        ("patient/1", None, None),
        ("Patient/1?x=2", None, None),
        ("Patient/", None, None),
        ("Patient/1/2", None, None),
        ("Patient?identifier=a|b", None, None),
        ("mailto:someone", None, None),
    ],
)
def test_forms(text: str, hint: str | None, expected: ParsedReference | None) -> None:
    assert parse_reference(text, hint) == expected


def test_ids_of_the_expected_type_only() -> None:
    assert reference_id({"reference": "Patient/1"}, "Patient") == "1"
    assert reference_id("Patient/1", "Patient") == "1"
    assert reference_id({"reference": "Group/1"}, "Patient") is None
    assert reference_id({"reference": "urn:uuid:7", "type": "Patient"}, "Patient") == "urn:uuid:7"
    assert reference_id({"resourceType": "Patient", "id": "9"}, "Patient") == "9"
    assert reference_id({"resourceType": "Patient"}, "Patient") is None
    for odd in (None, 7, [], {}, {"reference": 7}, {"display": "x"}, {"identifier": {}}):
        assert reference_id(odd, "Patient") is None


def test_contained_resources_are_found_by_their_local_id() -> None:
    resource: dict[str, Any] = {"contained": [7, {"id": "1"}, {"id": "2", "resourceType": "Location"}]}
    assert contained_resource(resource, "2") == {"id": "2", "resourceType": "Location"}
    assert contained_resource(resource, "3") is None
    assert contained_resource({"contained": "2"}, "2") is None


@given(st.text(), st.one_of(st.none(), st.text()))
def test_any_text(text: str, hint: str | None) -> None:
    parsed = parse_reference(text, hint)
    assert parsed == parse_element({"reference": text, "type": hint})
    if parsed is not None and parsed.id is not None:
        assert parsed.id in text
