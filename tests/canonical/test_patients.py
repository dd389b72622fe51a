"""Which patients a resource concerns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millgate.canonical.bundles import entries_of
from millgate.canonical.json import decode
from millgate.canonical.patients import patients_of

REF = {"reference": "Patient/1"}


@pytest.mark.parametrize(
    ("resource", "patients"),
    [
        ({"resourceType": "Patient", "id": "7", "link": [{"other": {"reference": "Patient/8"}}]}, ("7",)),
        ({"resourceType": "Observation", "subject": REF}, ("1",)),
        ({"resourceType": "Observation", "subject": {"reference": "Group/1"}}, ()),
        ({"resourceType": "AllergyIntolerance", "patient": REF}, ("1",)),
        ({"resourceType": "Coverage", "beneficiary": REF, "subscriber": {"reference": "Patient/2"}}, ("1", "2")),
        (
            {
                "resourceType": "Appointment",
                "participant": [{"actor": {"reference": "Location/1"}}, {"actor": REF}, {"actor": REF}],
            },
            ("1",),
        ),
        ({"resourceType": "Appointment", "participant": [{"actor": {"reference": "Patient/2"}}, {"actor": REF}]}, ("2", "1")),
        ({"resourceType": "Account", "subject": [REF, {"reference": "https://a/r4/t/Patient/3"}]}, ("1", "3")),
        ({"resourceType": "Provenance", "target": [REF]}, ("1",)),
        ({"resourceType": "Person", "link": [{"target": REF}]}, ("1",)),
        ({"resourceType": "Consent", "patient": REF, "provision": {"actor": [{"reference": {}}]}}, ("1",)),
        ({"resourceType": "DocumentReference", "context": {"sourcePatientInfo": REF}}, ("1",)),
        ({"resourceType": "Location", "id": "1"}, ()),
        ("Patient/1", ()),
    ],
)
def test_patients(resource: Any, patients: tuple[str, ...]) -> None:
    assert patients_of(resource) == patients


ODD = st.one_of(st.none(), st.integers(), st.lists(st.none()), st.dictionaries(st.text(max_size=3), st.none()))


@given(st.dictionaries(st.sampled_from(["subject", "participant", "link", "context", "resourceType"]), ODD))
def test_odd_resources(resource: Any) -> None:
    assert patients_of(resource) == ()


def test_published_clinical_resources_name_their_patient(corpus: Path) -> None:
    clinical = {"Observation", "Condition", "Procedure", "DiagnosticReport", "Immunization", "MedicationRequest", "Coverage"}
    seen = 0
    for path in sorted((corpus / "oracle-health-docs" / "r4").glob("*search-bundle*.json")):
        for entry in entries_of(decode(path.read_bytes())):
            if entry.resource is not None and entry.resource.get("resourceType") in clinical:
                assert len(patients_of(entry.resource)) == 1, path.name
                seen += 1
    assert seen > 30
