"""Files become objects and problems, whatever is in them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from millgate.objects.convert import Conversion, convert
from millgate.pathways.fhir_dstu2.decode import decode_document

PATIENT = {"resourceType": "Patient", "id": "1", "birthDate": "2019"}
OBSERVATION = {"resourceType": "Observation", "id": "2", "subject": {"reference": "urn:uuid:p"}}


def outline(result: Conversion) -> tuple[list[str], list[tuple[str, str]]]:
    return [f"{made.object} {made.id}" for made in result.objects], [(each.code, each.location) for each in result.problems]


def test_one_resource() -> None:
    result = convert(json.dumps(PATIENT).encode(), include_fhir=True)
    assert outline(result) == (["patient 1"], [])
    assert result.fhir == [PATIENT]
    assert result.objects[0].source.pathway == "fhir-r4"


def test_a_bundle_delivers_the_rest() -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "not-found", "diagnostics": "SECRET"}]}
    bundle = {
        "resourceType": "Bundle",
        "type": "batch-response",
        "entry": [
            {"fullUrl": "urn:uuid:p", "resource": PATIENT},
            {"resource": OBSERVATION},
            PATIENT | {"id": "3"},
            {"resource": {"resourceType": "ImagingStudy", "id": "9"}},
            {"resource": outcome, "search": {"mode": "outcome"}},
            {"response": {"status": "404", "outcome": outcome}},
            {"resource": {"resourceType": "Bundle", "entry": [{"resource": PATIENT | {"id": "4"}}, 7]}},
            {"resource": {"resourceType": "Patient"}},
        ],
    }
    result = convert(json.dumps(bundle).encode())
    assert outline(result) == (
        ["patient 1", "observation 2", "patient 3", "patient 4"],
        [
            ("empty_entry", "entry[5]"),
            ("empty_entry", "entry[6].resource.entry[1]"),
            ("unknown_resource_type", "entry[3]"),
            ("operation_outcome", "entry[4]"),
            ("operation_outcome", "entry[5].response.outcome"),
            ("invalid_document", "entry[7]"),
        ],
    )
    assert result.objects[1].patient_id == "1", "a URN of the same Bundle is resolved"  # type: ignore[attr-defined]
    assert "SECRET" not in " ".join(problem.detail for problem in result.problems)


def test_ndjson_with_a_damaged_line() -> None:
    lines = [json.dumps(PATIENT), "", '{"resourceType":"Patient","id":', json.dumps(OBSERVATION)]
    result = convert("\r\n".join(lines).encode())
    assert outline(result) == (["patient 1", "observation 2"], [("invalid_document", "line 3")])


def test_damaged_files_are_problems() -> None:
    for data in (
        b"",
        b"{",
        b"MSH|^~\\&|",
        b"\xff\xfe",
        b"[" * 5000,
        b"<xml/>\n<xml/>",
        b'{"resourceType": "Patient", "id": "1", "id": "2"}',
    ):
        assert outline(convert(data)) == ([], [("invalid_document", "file")]), data[:20]


def test_documents_of_another_pathway_become_canonical_first() -> None:
    bundle = {
        "resourceType": "Bundle",
        "entry": [{"resource": {"resourceType": "Practitioner", "id": "7", "name": {"family": ["Lind"]}}}],
    }
    for document in (bundle, bundle["entry"][0]["resource"]):  # type: ignore[index]
        (made,) = convert(json.dumps(document).encode(), pathway="fhir-dstu2", canonical=decode_document).objects
        assert (made.name.family, made.source.pathway) == ("Lind", "fhir-dstu2")  # type: ignore[attr-defined]


@given(data=st.binary(max_size=60))
@settings(deadline=None)
def test_any_bytes_at_all(data: bytes) -> None:
    result = convert(data)
    assert result.objects == []
    assert result.problems


def test_published_bundles_and_captures_convert(corpus: Path) -> None:
    files = sorted((corpus / "oracle-health-docs").glob("*r4*/*.json")) + sorted(
        (corpus / "oracle-health-docs/captures-2026").glob("*.json")
    )
    made = 0
    for path in files:
        data = path.read_bytes()
        if path.parent.name == "captures-2026":
            data = json.dumps(json.loads(data).get("body")).encode()
        result = convert(data, time_zone="America/Chicago")
        made += len(result.objects)
        codes = {problem.code for problem in result.problems}
        assert codes <= {"unknown_resource_type", "operation_outcome", "invalid_document", "empty_entry"}, path.name
        if "create-request" not in path.name and "-read-response" in path.name:
            assert "invalid_document" not in codes or "binary" in path.name, path.name
    assert made >= 120


def test_synthetic_charts_convert(corpus: Path) -> None:
    files = sorted((corpus / "synthea" / "r4").glob("*.json.gz"))
    assert files
    for path in files:
        result = convert(gzip.decompress(path.read_bytes()), time_zone="America/New_York")
        assert {problem.code for problem in result.problems} == {"unknown_resource_type"}
        assert {made.object for made in result.objects} >= {"patient", "encounter", "observation", "organization"}
        (patient,) = [made for made in result.objects if made.object == "patient"]
        observations = [made for made in result.objects if made.object == "observation"]
        assert {made.patient_id for made in observations} == {patient.id}  # type: ignore[attr-defined]
        assert [warning for made in result.objects for warning in made.warnings] == []
