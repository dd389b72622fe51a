"""Searches of DSTU2: its own parameters and words, or a refusal that says what would be taken."""

from __future__ import annotations

import pytest

from millgate.canonical.exchange import Query
from millgate.errors import FixRequest, NotOffered
from millgate.pathways.fhir_dstu2.encode.search import encode_search, search_rules
from millgate.pathways.fhir_dstu2.types import dstu2_type, scopes_in_dstu2, scopes_in_r4, scopes_offered

PERIOD = {"from": ("2024-03-10T00:00:00Z",), "to": ("2024-03-11T00:00:00Z",)}


def encode(kind: str, **filters: tuple[str, ...]) -> list[tuple[str, str]]:
    return list(encode_search(Query(kind, filters, 20), time_zone=None).parameters)


def refused(kind: str, **filters: tuple[str, ...]) -> dict[str, str]:
    with pytest.raises(FixRequest) as error:
        encode(kind, **filters)
    assert error.value.code == "search_not_supported"
    return {problem.field: problem.code for problem in error.value.errors}


@pytest.mark.parametrize(
    ("kind", "filters", "parameters"),
    [
        ("CareTeam", {"patient_id": ("1",)}, [("patient", "1"), ("category", "careteam"), ("_count", "20")]),
        ("CareTeam", {"ids": ("7", "8")}, [("_id", "7,8")]),
        ("CarePlan", {"patient_id": ("1",)}, [("patient", "1"), ("_count", "20")]),
        ("Consent", {"patient_id": ("1",)}, [("subject:Patient", "1")]),
        ("Condition", {"patient_id": ("1",), "category": ("problem-list-item",)}, [("patient", "1"), ("category", "problem")]),
        (
            "MedicationRequest",
            {"patient_id": ("1",), "status": ("active", "draft")},
            [("patient", "1"), ("status", "active,draft"), ("_count", "20")],
        ),
        (
            "Observation",
            {"patient_id": ("1",), "code": ("2345-7",), **PERIOD},
            [
                ("patient", "1"),
                ("code", "http://loinc.org|2345-7"),
                ("date", "gt2024-03-09T23:59:59.999Z"),
                ("date", "lt2024-03-11T00:00:00Z"),
                ("_count", "20"),
            ],
        ),
        (
            "Immunization",
            {"patient_id": ("1",), **PERIOD},
            [("patient", "1"), ("date", "ge2024-03-10T00:00:00.000Z"), ("date", "le2024-03-10T23:59:59.999Z")],
        ),
    ],
)
def test_filters_become_dstu2s_parameters(
    kind: str, filters: dict[str, tuple[str, ...]], parameters: list[tuple[str, str]]
) -> None:
    assert encode(kind, **filters) == parameters


def test_what_dstu2_does_not_take_is_refused_before_the_call() -> None:
    assert refused("Observation", patient_id=("1",), category=("laboratory",)) == {"category": "not_searchable"}
    assert refused("Observation", patient_id=("1",), **{"from": PERIOD["from"]}) == {"from": "incomplete"}
    assert refused("Patient", family=("Smart",)) == {"family": "not_searchable", "ids": "required"}
    assert refused("Patient", phone=("816",), email=("a@b.example",)) == {"email": "excluded"}
    assert refused("MedicationRequest", patient_id=("1",), status=("cancelled",)) == {"status": "not_searchable"}
    assert refused("Location", ids=("1",)) == {}


def test_every_searchable_type_has_a_name_in_dstu2() -> None:
    assert {kind: dstu2_type(kind) for kind in search_rules() if dstu2_type(kind) != kind} == {
        "CareTeam": "CarePlan",
        "MedicationRequest": "MedicationOrder",
        "ServiceRequest": "ProcedureRequest",
        "Consent": "Contract",
    }
    with pytest.raises(NotOffered):
        dstu2_type("Coverage")


def test_scopes_have_the_types_names_of_each_side() -> None:
    theirs = ("launch", "system/CarePlan.read", "system/MedicationOrder.read", "system/Patient.read")
    ours = (
        "launch",
        "system/CarePlan.read",
        "system/CareTeam.read",
        "system/MedicationRequest.read",
        "system/Patient.read",
    )
    assert scopes_in_r4(theirs) == ours
    assert scopes_in_dstu2(ours) == theirs
    offered = scopes_offered({"Patient": frozenset({"read"}), "Conformance": frozenset({"read"})})
    assert offered == ("patient/Patient.read", "system/Patient.read", "user/Patient.read")
