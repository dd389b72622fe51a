"""The rules of what patients have, had, and were given against it: conditions, allergies, procedures, immunizations, family history.

Source: fact sheet 3.2; parameter documentation of the live CapabilityStatement, 2026-08.
"""

from __future__ import annotations

from millgate.simulator.search.rules import ANY_PREFIX, DateRule, Needs, Parameter, SearchRule
from millgate.simulator.search.table.parts import (
    CLOSED,
    PROVENANCE,
    R4,
    US_CORE,
    encounter,
    last_updated,
    patient,
    resource_id,
    subject,
    token,
)

CONDITION = SearchRule(
    resource_type="Condition",
    any_of=("_id", "patient", "subject"),
    one_of=("patient", "subject"),
    revincludes=PROVENANCE,
    parameters=(
        resource_id("Condition"),
        patient(US_CORE + "condition-patient"),
        encounter(R4 + "Condition-encounter"),
        subject(R4 + "Condition-subject"),
        token(
            "clinical-status",
            "One or several clinical statuses, by comma.",
            "clinicalStatus.coding",
            definition=US_CORE + "condition-clinical-status",
        ),
        token(
            "category",
            "problem-list-item, encounter-diagnosis or health-concern.",
            "category.coding",
            definition=US_CORE + "condition-category",
            codes=frozenset({"problem-list-item", "encounter-diagnosis", "health-concern"}),
        ),
        last_updated(),
    ),
)

ALLERGY_INTOLERANCE = SearchRule(
    resource_type="AllergyIntolerance",
    any_of=("_id", "patient"),
    revincludes=PROVENANCE,
    parameters=(
        resource_id("AllergyIntolerance"),
        patient(US_CORE + "allergyintolerance-patient", "patient"),
        token(
            "clinical-status",
            "One or several clinical statuses, by comma.",
            "clinicalStatus.coding",
            definition=US_CORE + "allergyintolerance-clinical-status",
        ),
        last_updated(),
    ),
)

PROCEDURE = SearchRule(
    resource_type="Procedure",
    any_of=("_id", "patient", "subject"),
    one_of=("patient", "subject"),
    not_together=(("date", "_lastUpdated"),),
    revincludes=PROVENANCE,
    parameters=(
        resource_id("Procedure"),
        patient(US_CORE + "procedure-patient"),
        subject(R4 + "clinical-patient"),
        Parameter(
            name="date",
            kind="date",
            paths=("performedDateTime", "performedPeriod"),
            dates=DateRule(single=ANY_PREFIX - {""}, time="always"),
            definition=US_CORE + "procedure-date",
            about="When it was done, with prefix and time. " + CLOSED,
        ),
        last_updated(),
    ),
)

_ONE_END = frozenset({"ge", "le"})
IMMUNIZATION = SearchRule(
    resource_type="Immunization",
    any_of=("_id", "patient"),
    not_together=(("date", "_lastUpdated"),),
    total=True,
    revincludes=PROVENANCE,
    parameters=(
        resource_id("Immunization"),
        patient(US_CORE + "immunization-patient", "patient"),
        last_updated(DateRule(single=frozenset({"gt", "ge"}), pairs=False)),
        Parameter(
            name="date",
            kind="date",
            paths=("occurrenceDateTime",),
            dates=DateRule(single=_ONE_END, lower=frozenset({"ge"}), upper=frozenset({"le"}), same_precision=True),
            definition=US_CORE + "immunization-date",
            about="When it was given or not given: 'ge', 'le', or both with the same precision.",
        ),
        token(
            "target-disease",
            "One or several target diseases, by comma, in standard codes.",
            "protocolApplied.targetDisease.coding",
            definition=US_CORE + "immunization-target-disease",
            proprietary=False,
        ),
    ),
)

FAMILY_MEMBER_HISTORY = SearchRule(
    resource_type="FamilyMemberHistory",
    any_of=("_id", "patient"),
    needs=(Needs("status", ("patient",)),),
    parameters=(
        resource_id("FamilyMemberHistory"),
        patient(R4 + "clinical-patient", "patient"),
        token("status", "One or several statuses, by comma. Only with 'patient'.", "status", definition=R4 + "status"),
    ),
)
