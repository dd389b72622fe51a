"""The codes of DSTU2 for R4's, by DSTU2's element. An R4 code that is in no entry has none.

Source: FHIR DSTU2 value sets; HL7's maps between the releases. A code of R4 that is finer goes to DSTU2's nearest wider one.
"""

from __future__ import annotations

from collections.abc import Mapping


def _same(*codes: str, **others: str) -> Mapping[str, str]:
    return {code: code for code in codes} | {r4.replace("_", "-"): dstu2 for r4, dstu2 in others.items()}


CODES: Mapping[str, Mapping[str, str]] = {
    "AllergyIntolerance.criticality": {"low": "CRITL", "high": "CRITH", "unable-to-assess": "CRITU"},
    "AllergyIntolerance.category": _same("food", "medication", "environment", biologic="other"),
    "Appointment.status": _same(
        "proposed", "pending", "booked", "arrived", "fulfilled", "cancelled", "noshow", checked_in="arrived", waitlist="pending"
    ),
    "CarePlan.status": _same("draft", "active", "completed", revoked="cancelled"),
    "CareTeam.status": _same("proposed", "active", inactive="completed"),
    "Condition.clinicalStatus": _same("active", "remission", "resolved", "relapse", recurrence="relapse"),
    "Condition.verificationStatus": _same(
        "provisional", "differential", "confirmed", "refuted", "entered-in-error", unconfirmed="provisional"
    ),
    "DiagnosticReport.status": _same(
        "registered",
        "partial",
        "final",
        "corrected",
        "appended",
        "cancelled",
        "entered-in-error",
        preliminary="partial",
        amended="corrected",
    ),
    "DocumentReference.status": _same("current", "superseded", "entered-in-error"),
    "Encounter.class": {
        "IMP": "inpatient",
        "ACUTE": "inpatient",
        "NONAC": "inpatient",
        "AMB": "outpatient",
        "O": "outpatient",  # of v2 table 0004, where the tenant has no better one
        "EMER": "emergency",
        "HH": "home",
        "FLD": "field",
        "SS": "daytime",
        "VR": "virtual",
    },
    "Encounter.status": _same(
        "planned", "arrived", "in-progress", "onleave", "finished", "cancelled", "entered-in-error", "unknown", triaged="arrived"
    ),
    "Goal.status": _same(
        "proposed",
        "planned",
        "accepted",
        "rejected",
        "on-hold",
        "cancelled",
        active="in-progress",
        completed="achieved",
    ),
    "Immunization.status": _same("completed", "entered-in-error", not_done="completed"),
    "MedicationAdministration.status": _same(
        "in-progress", "on-hold", "completed", "entered-in-error", "stopped", not_done="completed"
    ),
    "MedicationOrder.status": _same(
        "active", "on-hold", "completed", "entered-in-error", "stopped", "draft", cancelled="stopped"
    ),
    "MedicationStatement.status": _same("active", "completed", "entered-in-error", stopped="completed", cancelled="completed"),
    "Observation.status": _same(
        "registered", "preliminary", "final", "amended", "cancelled", "entered-in-error", "unknown", corrected="amended"
    ),
    "Patient.link.type": _same("refer", "seealso", replaced_by="replace"),
    "Procedure.status": _same("in-progress", "completed", "entered-in-error", stopped="aborted"),
    "ProcedureRequest.status": _same("draft", "completed", active="accepted", on_hold="suspended", revoked="aborted"),
    "Slot.freeBusyType": _same("free", "busy", "busy-unavailable", "busy-tentative"),
}


def code(element: str, r4: object) -> str | None:
    """DSTU2's code for R4's at one element of DSTU2 (`Goal.status`)."""
    return CODES[element].get(r4) if isinstance(r4, str) else None
