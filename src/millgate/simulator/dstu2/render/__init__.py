"""R4's resources in DSTU2: each type by the function named after it.

What DSTU2 has no element or code for is left out, and so is what the vendor's pages do not list among the fields of a type. A record
whose required status has no code in DSTU2 is not there at all.
Source: FHIR DSTU2 (1.0.2); the vendor's DSTU2 pages and published bodies.
"""

from __future__ import annotations

from collections.abc import Callable

from millgate.simulator.dstu2.render import (
    calendar,
    care,
    consents,
    documents,
    encounters,
    medications,
    people,
    problems,
    results,
)
from millgate.simulator.dstu2.render.datatypes import Json, aged, without_lost_references

_Renderer = Callable[[Json, Json], Json | None]
_RENDERERS: dict[str, _Renderer] = {
    "AllergyIntolerance": problems.allergy_intolerance,
    "Appointment": calendar.appointment,
    "Binary": documents.binary,
    "CarePlan": care.care_plan,
    "Condition": problems.condition,
    "Contract": consents.contract,
    "Device": care.device,
    "DiagnosticReport": results.diagnostic_report,
    "DocumentReference": documents.document_reference,
    "Encounter": encounters.encounter,
    "Goal": care.goal,
    "Immunization": problems.immunization,
    "MedicationAdministration": medications.administration,
    "MedicationOrder": medications.order,
    "MedicationStatement": medications.statement,
    "Observation": results.observation,
    "Patient": people.patient,
    "Person": people.person,
    "Practitioner": people.practitioner,
    "Procedure": problems.procedure,
    "ProcedureRequest": care.procedure_request,
    "RelatedPerson": people.related_person,
    "Schedule": calendar.schedule,
    "Slot": calendar.slot,
}


def rendered(r4: Json, resource_type: str) -> Json | None:
    """The R4 resource as a DSTU2 one of this type; None if DSTU2 has no such record."""
    if r4["resourceType"] == "CareTeam":
        body = care.care_team(aged(r4), r4)
    else:
        body = _RENDERERS[resource_type](aged(r4), r4)
    if body is None:
        return None
    made: Json = {"resourceType": resource_type, "id": r4["id"]}
    if "meta" in r4 and resource_type != "Schedule":
        made["meta"] = r4["meta"]  # as published: its codings keep R4's addresses
    if "text" in r4:
        made["text"] = r4["text"]
    return without_lost_references({**made, **body})
