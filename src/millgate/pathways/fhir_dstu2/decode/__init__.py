"""FHIR DSTU2 into the canonical form: each type by the rules of the module that is named after its object.

Source: FHIR DSTU2 (1.0.2); FHIR R4 (4.0.1); HL7's maps between them; Millennium's published DSTU2 examples.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from millgate.canonical import json
from millgate.canonical.exchange import Resource
from millgate.canonical.references import relative_references
from millgate.errors import FixMessage
from millgate.pathways.fhir_dstu2.decode import (
    allergy,
    appointment,
    binary,
    care_plan,
    care_team,
    condition,
    consent,
    device,
    diagnostic_report,
    document,
    encounter,
    goal,
    immunization,
    location,
    medication,
    medication_administration,
    medication_request,
    medication_statement,
    observation,
    organization,
    patient,
    person,
    practitioner,
    procedure,
    related_person,
    schedule,
    service_request,
    slot,
)
from millgate.pathways.fhir_dstu2.decode.datatypes import modernized
from millgate.pathways.fhir_dstu2.decode.rules import rewritten
from millgate.pathways.fhir_dstu2.wire import entries

# DSTU2's type, R4's type, and whose rules lead from one to the other.
_TYPES: dict[str, tuple[str, ModuleType]] = {
    "AllergyIntolerance": ("AllergyIntolerance", allergy),
    "Appointment": ("Appointment", appointment),
    "Binary": ("Binary", binary),
    "CarePlan": ("CarePlan", care_plan),
    "Condition": ("Condition", condition),
    "Contract": ("Consent", consent),
    "Device": ("Device", device),
    "DiagnosticReport": ("DiagnosticReport", diagnostic_report),
    "DocumentReference": ("DocumentReference", document),
    "Encounter": ("Encounter", encounter),
    "Goal": ("Goal", goal),
    "Immunization": ("Immunization", immunization),
    "Location": ("Location", location),
    "Medication": ("Medication", medication),
    "MedicationAdministration": ("MedicationAdministration", medication_administration),
    "MedicationOrder": ("MedicationRequest", medication_request),
    "MedicationStatement": ("MedicationStatement", medication_statement),
    "Observation": ("Observation", observation),
    "Organization": ("Organization", organization),
    "Patient": ("Patient", patient),
    "Person": ("Person", person),
    "Practitioner": ("Practitioner", practitioner),
    "Procedure": ("Procedure", procedure),
    "ProcedureRequest": ("ServiceRequest", service_request),
    "RelatedPerson": ("RelatedPerson", related_person),
    "Schedule": ("Schedule", schedule),
    "Slot": ("Slot", slot),
}

# What each type of DSTU2 becomes in R4: a care plan of the category `careteam` is a care team.
R4_TYPES: dict[str, tuple[str, ...]] = {name: (to,) for name, (to, _) in _TYPES.items()} | {"CarePlan": ("CarePlan", "CareTeam")}


def decode(data: bytes, base: str | None = None) -> list[Resource]:
    """The canonical resources in one document: a resource, or a Bundle's entries in their order.

    `base` is the tenant's, whose absolute references become relative. Raises FixMessage `invalid_document`.
    """
    return [decode_resource(resource, base) for resource in entries(json.decode(data))]


def decode_document(document: Any) -> Any:
    """The document with every resource in it canonical: a Bundle stays one. What is no resource stays as it is."""
    if not isinstance(document, dict):
        return document
    if "resourceType" not in document:
        return {name: decode_document(member) if name == "resource" else member for name, member in document.items()}
    listed = document.get("entry")
    if document["resourceType"] == "Bundle" and isinstance(listed, list):
        return {**document, "entry": [decode_document(entry) for entry in listed]}
    return decode_resource(document) if isinstance(document["resourceType"], str) else document


def decode_resource(resource: Resource, base: str | None = None) -> Resource:
    """The canonical resource of one of DSTU2; a type without rules (an OperationOutcome, a Bundle) has its datatypes changed only."""
    relative = relative_references(resource, base) if base else resource
    new: Resource = _decoded(modernized(relative))
    return new


def _decoded(old: Any) -> Any:
    if not isinstance(old, dict) or not isinstance(old.get("resourceType"), str):
        raise FixMessage("invalid_document", "The document is no FHIR resource, or an entry of it is none.")
    contained = old.get("contained")
    if isinstance(contained, list):
        old = {**old, "contained": [_decoded(one) if _is_resource(one) else one for one in contained]}
    kind = old["resourceType"]
    if kind not in _TYPES:
        return old
    to, module = ("CareTeam", care_team) if kind == "CarePlan" and care_team.is_team(old) else _TYPES[kind]
    new = rewritten(old, module.RULES, kind)
    return {**new, "resourceType": to, **{key: value for key, value in getattr(module, "ALSO", {}).items() if key not in new}}


def _is_resource(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("resourceType"), str)
