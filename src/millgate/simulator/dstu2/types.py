"""DSTU2's resource types: what of R4 each is rendered from, and what a token may do with it.

Writes are retired here, so no scope but `.read` is known. Not known from public sources, chosen here: a DSTU2 registration may ask
in version 2's form too (`system/MedicationOrder.rs`), with the letters of what is offered.
"""

from __future__ import annotations

# The R4 types of which a DSTU2 type is made, where the name is not the same.
_OTHERS: dict[str, tuple[str, ...]] = {
    "CarePlan": ("CarePlan", "CareTeam"),
    "Contract": ("Consent",),
    "MedicationOrder": ("MedicationRequest",),
    "MedicationStatement": ("MedicationRequest",),
    "Person": ("Patient",),
    "ProcedureRequest": ("ServiceRequest",),
}
TYPES = frozenset(
    {
        "AllergyIntolerance", "Appointment", "Binary", "CarePlan", "Condition", "Contract", "Device", "DiagnosticReport",
        "DocumentReference", "Encounter", "Goal", "Immunization", "MedicationAdministration", "MedicationOrder",
        "MedicationStatement", "Observation", "Patient", "Person", "Practitioner", "Procedure", "ProcedureRequest",
        "RelatedPerson", "Schedule", "Slot",
    }
)  # fmt: skip
# Found by a search alone: their pages have no read by id.
SEARCH_ONLY = frozenset({"DiagnosticReport", "Observation"})
READ_ONLY = frozenset({"Binary"})


def sources(resource_type: str) -> tuple[str, ...]:
    """The R4 types of which a type of DSTU2 is made."""
    return _OTHERS.get(resource_type, (resource_type,))


def letters(resource_type: str) -> str:
    """What of c, r, u, d, s is offered for a type; empty for a type that is none of DSTU2's."""
    if resource_type not in TYPES:
        return ""
    return "r" if resource_type in READ_ONLY else "s" if resource_type in SEARCH_ONLY else "rs"
