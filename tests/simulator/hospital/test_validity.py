"""What FHIR R4 requires is there, or says why it is not."""

from __future__ import annotations

import re
from typing import Any

import pytest

from millgate.simulator.hospital.coding import DATA_ABSENT

from .conftest import Everything
from .shapes import TYPES

# Source: FHIR R4 definitions, elements with a minimum of one; and what US Core asks of patients.
_REQUIRED = {
    "Patient": ("identifier", "name", "gender"),
    "Encounter": ("status", "class"),
    "Observation": ("status", "code"),
    "DiagnosticReport": ("status", "code"),
    "Appointment": ("status", "participant"),
    "Schedule": ("actor",),
    "Slot": ("schedule", "status", "start", "end"),
    "Practitioner": ("name",),
    "Location": ("name",),
    "Organization": ("name",),
    "Condition": ("subject", "code", "category", "verificationStatus"),
    "AllergyIntolerance": ("patient", "code", "verificationStatus"),
    "MedicationRequest": ("status", "intent", "subject", "requester", "authoredOn"),
    "MedicationAdministration": ("status", "subject", "effectiveDateTime"),
    "MedicationDispense": ("status", "subject"),
    "Immunization": ("status", "vaccineCode", "patient", "occurrenceDateTime"),
    "Procedure": ("status", "subject"),
    "DocumentReference": ("status", "type", "subject", "content"),
    "CarePlan": ("status", "intent", "category", "subject"),
    "CareTeam": ("status", "subject", "participant"),
    "Goal": ("lifecycleStatus", "description", "subject"),
    "Device": ("patient", "type"),
    "ServiceRequest": ("status", "intent", "subject", "code"),
    "FamilyMemberHistory": ("status", "patient", "relationship"),
    "RelatedPerson": ("patient", "relationship", "name"),
    "Person": ("name", "identifier"),
    "Consent": ("status", "scope", "category", "patient", "policyRule"),
    "Coverage": ("status", "beneficiary", "payor"),
    "InsurancePlan": ("name", "status"),
    "Account": ("status", "type"),
    "ChargeItem": ("status", "code", "subject", "context"),
    "NutritionOrder": ("status", "intent", "patient", "dateTime"),
    "Questionnaire": ("status", "item"),
    "QuestionnaireResponse": ("status", "questionnaire", "subject"),
    "Specimen": ("type", "subject", "collection"),
    "Communication": ("status", "category", "subject", "recipient", "payload"),
}
# As in the published examples.
_WITHOUT_META = ("Account", "InsurancePlan", "Questionnaire", "QuestionnaireResponse")
_WITHOUT_NARRATIVE = ("Questionnaire", "QuestionnaireResponse")
_STATUSES = {
    "MedicationRequest": "active on-hold cancelled completed entered-in-error stopped draft unknown",
    "MedicationAdministration": "in-progress not-done on-hold completed entered-in-error stopped unknown",
    "MedicationDispense": "preparation in-progress cancelled on-hold completed entered-in-error stopped declined unknown",
    "Encounter": "planned arrived triaged in-progress onleave finished cancelled entered-in-error unknown",
    "Observation": "registered preliminary final amended corrected cancelled entered-in-error unknown",
    "DiagnosticReport": "registered partial preliminary final amended corrected appended cancelled entered-in-error unknown",
    "Appointment": "proposed pending booked arrived fulfilled cancelled noshow entered-in-error checked-in waitlist",
    "Slot": "busy free busy-unavailable busy-tentative entered-in-error",
    "Location": "active suspended inactive",
    "Immunization": "completed entered-in-error not-done",
    "Procedure": "preparation in-progress not-done on-hold stopped completed entered-in-error unknown",
    "DocumentReference": "current superseded entered-in-error",
    "CarePlan": "draft active on-hold revoked completed entered-in-error unknown",
    "ServiceRequest": "draft active on-hold revoked completed entered-in-error unknown",
    "Device": "active inactive entered-in-error unknown",
    "FamilyMemberHistory": "partial completed entered-in-error health-unknown",
    "Account": "active inactive entered-in-error on-hold unknown",
    "ChargeItem": "planned billable not-billable aborted billed entered-in-error unknown",
    "NutritionOrder": "draft active on-hold revoked completed entered-in-error unknown",
}
_ID = re.compile(r"[A-Za-z0-9\-._]{1,64}")  # teams have underscores in theirs, against FHIR: so the tenant has it
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.000)?(Z|[+-]\d\d:00)")


@pytest.mark.parametrize("kind", TYPES)
def test_required_elements_are_there(everything: Everything, kind: str) -> None:
    assert everything[kind]
    for resource in everything[kind]:
        assert resource["resourceType"] == kind
        assert _ID.fullmatch(resource["id"])
        assert not [each for each in _REQUIRED[kind] if each not in resource and f"_{each}" not in resource], resource["id"]


@pytest.mark.parametrize("kind", TYPES)
def test_every_resource_has_a_narrative_and_no_profile(everything: Everything, kind: str) -> None:
    for resource in everything[kind] if kind not in _WITHOUT_NARRATIVE else ():
        assert resource["text"]["status"] in ("generated", "extensions", "additional")
        assert resource["text"]["div"].startswith('<div xmlns="http://www.w3.org/1999/xhtml">')
    for resource in everything[kind]:
        assert ("meta" in resource) is (kind not in _WITHOUT_META)
        if "meta" not in resource:
            continue
        assert set(resource["meta"]) - {"security"} == {"versionId", "lastUpdated"}
        assert _INSTANT.fullmatch(resource["meta"]["lastUpdated"])


@pytest.mark.parametrize("kind", sorted(_STATUSES))
def test_statuses_are_fhir_codes(everything: Everything, kind: str) -> None:
    assert {each["status"] for each in everything[kind]} <= set(_STATUSES[kind].split())


@pytest.mark.parametrize("kind", TYPES)
def test_ids_are_unique(everything: Everything, kind: str) -> None:
    ids = [each["id"] for each in everything[kind]]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("kind", TYPES)
def test_nothing_is_empty(everything: Everything, kind: str) -> None:
    def check(node: Any, path: str) -> None:
        if isinstance(node, dict):
            assert node, path
            for key, value in node.items():
                check(value, f"{path}.{key}")
        elif isinstance(node, list):
            assert node, path
            for each in node:
                check(each, path)
        else:
            assert node is not None, path
            assert node != "" or path.endswith(".extension.valueString"), path  # Millennium does send empty action comments

    for resource in everything[kind]:
        check(resource, kind)


def test_observations_have_a_value_or_a_reason_or_parts(everything: Everything) -> None:
    for each in everything["Observation"]:
        values = [key for key in each if key.startswith("value")]
        assert len(values) <= 1
        assert bool(values) + ("dataAbsentReason" in each) + ("hasMember" in each) + ("component" in each and not values) == 1, (
            each["id"]
        )


def test_many_kinds_of_values_occur(everything: Everything) -> None:
    kinds = {key for each in everything["Observation"] for key in each if key.startswith("value")}
    assert kinds == {"valueQuantity", "valueCodeableConcept", "valueString", "valueDateTime", "valueRange", "valueRatio"}
    assert any("comparator" in each.get("valueQuantity", {}) for each in everything["Observation"])


def test_own_and_standard_codings_stand_side_by_side(everything: Everything) -> None:
    laboratory = [each for each in everything["Observation"] if each["id"].startswith("L-")]
    codings = [each["code"]["coding"] for each in laboratory]
    assert any("system" not in each[0] and each[0]["extension"][0]["url"] == DATA_ABSENT for each in codings)
    for own, *standard in codings:
        if "system" in own:
            assert own["system"].endswith("/codeSet/72")
            assert own["userSelected"] is True
            assert all(each["system"] == "http://loinc.org" and each["userSelected"] is False for each in standard)


def test_times_come_in_three_styles(everything: Everything) -> None:
    stamps = [each["meta"]["lastUpdated"] for kind in everything.values() for each in kind if "meta" in each]
    assert any(stamp.endswith("+00:00") for stamp in stamps)
    assert any(stamp.endswith(".000Z") for stamp in stamps)
    assert any(stamp.endswith("00Z") and "." not in stamp for stamp in stamps)


def test_encounters_come_in_all_classes(everything: Everything) -> None:
    classes = {each["class"]["code"] for each in everything["Encounter"]}
    assert {"AMB", "IMP", "EMER", "OBSENC", "HH", "VR"} <= classes


def test_locations_form_a_tree(everything: Everything) -> None:
    parents = {each["id"]: each.get("partOf", {}).get("reference", "").partition("/")[2] for each in everything["Location"]}
    for location in parents:
        seen = set()
        while location:
            assert location not in seen
            seen.add(location)
            location = parents[location]
    assert {each["physicalType"]["text"] for each in everything["Location"]} >= {
        "Facility(s)",
        "Building(s)",
        "Nurse Unit(s)",
        "Room(s)",
        "Bed(s)",
    }


def test_provider_numbers_have_their_check_digit(everything: Everything) -> None:
    """Source: CMS, NPI check digit: Luhn over the number with prefix 80840."""
    found = [
        each["value"]
        for kind in ("Practitioner", "Organization")
        for resource in everything[kind]
        for each in resource["identifier"]
        if each.get("system") == "http://hl7.org/fhir/sid/us-npi"
    ]
    assert len(found) > 30
    for number in found:
        digits = [int(each) for each in reversed("80840" + number)]
        assert sum(sum(divmod(digit * (1 + place % 2), 10)) for place, digit in enumerate(digits)) % 10 == 0
