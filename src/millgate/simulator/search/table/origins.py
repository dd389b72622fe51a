"""The rules of Provenance. Source: fact sheet 3.2; live CapabilityStatement, 2026-08."""

from __future__ import annotations

from millgate.simulator.search.rules import Parameter, SearchRule
from millgate.simulator.search.table.parts import R4, resource_id

PROVENANCE_TARGETS = (
    "AllergyIntolerance",
    "CarePlan",
    "CareTeam",
    "Condition",
    "DiagnosticReport",
    "DocumentReference",
    "Encounter",
    "Goal",
    "Immunization",
    "MedicationRequest",
    "Observation",
    "Patient",
    "Procedure",
)

PROVENANCE_RULE = SearchRule(
    resource_type="Provenance",
    any_of=("_id", "target"),
    total=True,
    parameters=(
        resource_id("Provenance"),
        Parameter(
            name="target",
            kind="reference",
            targets=PROVENANCE_TARGETS,
            typed=True,
            definition=R4 + "Provenance-target",
            about="The record whose origin is looked for, with its type; it may name a version.",
        ),
    ),
)
