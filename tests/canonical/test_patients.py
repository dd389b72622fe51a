"""Which patients a resource concerns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millgate.access.rules import is_only_about
from millgate.canonical.bundles import entries_of
from millgate.canonical.json import decode
from millgate.canonical.patients import UNNAMED, is_patient_id, patients_of
from millgate.pathways.fhir_r4.decode import relative_references

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
        (
            {"resourceType": "Account", "subject": [REF, {"reference": "https://a/r4/t/Patient/3"}]},
            ("1", "https://a/r4/t/Patient/3"),
        ),
        ({"resourceType": "Provenance", "target": [REF]}, ("1",)),
        ({"resourceType": "Person", "link": [{"target": REF}]}, ("1",)),
        ({"resourceType": "Consent", "patient": REF, "provision": {"actor": [{"reference": {}}]}}, ("1",)),
        (
            {
                "resourceType": "Consent",
                "patient": REF,
                "provision": {
                    "actor": [{"reference": {"reference": "Patient/2"}}],
                    "provision": [
                        {"data": [{"reference": {"reference": "Patient/3"}}]},
                        {"provision": [{"actor": [{"reference": REF}]}]},
                    ],
                },
            },
            ("1", "2", "3"),
        ),
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


ELSEWHERE = "https://other.example/r4/t/Patient/1"


@pytest.mark.parametrize(
    ("reference", "patients"),
    [
        ({"reference": "Patient/1"}, ("1",)),
        ({"reference": "Patient/1/_history/3"}, ("1",)),
        ({"reference": "Patient/1", "type": "Patient", "identifier": {"value": "9"}}, ("1",)),
        ({"reference": ELSEWHERE}, (ELSEWHERE,)),
        ({"reference": f"{ELSEWHERE}/_history/3"}, (ELSEWHERE,)),
        ({"reference": ELSEWHERE.replace("https", "http")}, (ELSEWHERE.replace("https", "http"),)),
        ({"reference": "HTTPS://OTHER.EXAMPLE/Patient/1"}, (UNNAMED,)),
        ({"reference": "//other.example/Patient/1"}, (UNNAMED,)),
        ({"reference": "../other/Patient/1"}, (UNNAMED,)),
        ({"reference": "patient/1"}, (UNNAMED,)),
        ({"reference": "Patient/1?x=2"}, (UNNAMED,)),
        ({"reference": "Patient?identifier=mrn|2"}, ()),
        ({"reference": "Patient?identifier=mrn|2", "type": "Patient"}, (UNNAMED,)),
        ({"reference": "Group/1", "type": "Patient"}, (UNNAMED,)),
        ({"reference": "urn:uuid:1b", "type": "Patient"}, ("urn:uuid:1b",)),
        ({"reference": "urn:uuid:1b"}, ()),
        ({"reference": "#p", "type": "Patient"}, (UNNAMED,)),
        ({"identifier": {"system": "mrn", "value": "2"}, "type": "Patient"}, (UNNAMED,)),
        ({"display": "Ada Okafor", "type": "Patient"}, (UNNAMED,)),
        ({"resourceType": "Patient", "id": "1"}, (UNNAMED,)),
    ],
)
@pytest.mark.parametrize("place", ["subject", "participant", "context", "contained"])
def test_every_shape_of_a_reference_names_one_patient_and_never_a_namesake(
    reference: dict[str, Any], patients: tuple[str, ...], place: str
) -> None:
    resource: dict[str, Any] = {
        "subject": {"resourceType": "Observation", "subject": reference},
        "participant": {"resourceType": "Appointment", "participant": [{"actor": reference}]},
        "context": {"resourceType": "DocumentReference", "context": {"related": [reference]}},
        "contained": {"resourceType": "List", "contained": [{"resourceType": "Observation", "subject": reference}]},
    }[place]
    assert patients_of(resource) == patients
    assert [is_patient_id(one) for one in patients] == [one == "1" for one in patients]


def test_a_contained_patient_is_somebody_else_also_where_nothing_points_to_it() -> None:
    contained = [{"resourceType": "Patient", "id": "1"}]
    assert patients_of({"resourceType": "Observation", "subject": REF, "contained": contained}) == ("1", UNNAMED)


BASES = st.from_regex(r"https?://[a-z]{1,8}\.example(:[0-9]{2,4})?(/[A-Za-z0-9_-]{1,12}){0,3}", fullmatch=True)


@given(BASES, st.from_regex(r"[A-Za-z0-9.-]{1,20}", fullmatch=True), st.sampled_from(["", "/_history/1"]))
def test_no_patient_of_another_server_counts_as_ones_own(base: str, patient_id: str, version: str) -> None:
    foreign = {"resourceType": "Observation", "subject": {"reference": f"{base}/Patient/{patient_id}{version}"}}
    for scoped in (True, False):
        assert not is_only_about(patients_of(foreign), patient_id, scoped=scoped)
    ours = relative_references(foreign, base)
    assert is_only_about(patients_of(ours), patient_id, scoped=True)
    assert not is_only_about(patients_of(relative_references(foreign, base + "x")), patient_id, scoped=True)
