"""The rules of plans, teams, goals, orders for care, and implants. Source: fact sheet 3.2; live CapabilityStatement, 2026-08."""

from __future__ import annotations

from millgate.simulator.search.rules import DateRule, Needs, Page, Parameter, SearchRule
from millgate.simulator.search.table.parts import (
    CLOSED,
    D2,
    FROM_TO,
    PROVENANCE,
    R4,
    US_CORE,
    count,
    last_updated,
    patient,
    resource_id,
    subject,
    token,
)

CARE_PLAN = SearchRule(
    resource_type="CarePlan",
    any_of=("_id", "patient"),
    needs=(Needs("patient", ("category",)), Needs("category", ("patient",))),
    page=Page(default=20, maximum=100),
    revincludes=PROVENANCE,
    parameters=(
        resource_id("CarePlan"),
        Parameter(
            name="date",
            kind="date",
            paths=("period",),
            dates=DateRule(single=frozenset(), lower=frozenset({"ge"}), upper=frozenset({"le"}), same_precision=True),
            definition=US_CORE + "careplan-date",
            about="'ge' and 'le' with the same precision.",
        ),
        patient(US_CORE + "careplan-patient"),
        token(
            "category",
            "assess-plan. Required with 'patient'.",
            "category.coding",
            definition=US_CORE + "careplan-category",
            codes=frozenset({"assess-plan"}),
        ),
        count(),
    ),
)

CARE_TEAM = SearchRule(
    resource_type="CareTeam",
    any_of=("_id", "patient", "encounter"),
    one_of=("patient", "encounter"),
    needs=(Needs("category", ("patient",)), Needs("status", ("patient",))),
    revincludes=PROVENANCE,
    parameters=(
        resource_id("CareTeam", many=False),
        token(
            "category",
            "longitudinal or encounter. Only with 'patient'.",
            definition=R4 + "CareTeam-category",
            many=False,
            codes=frozenset({"longitudinal", "encounter", "LA28865-6", "LA27976-2"}),
        ),
        Parameter(
            name="encounter",
            kind="reference",
            targets=("Encounter",),
            paths=("encounter",),
            definition=R4 + "clinical-encounter",
            about="The encounter whose teams are shown.",
        ),
        patient(US_CORE + "careteam-patient"),
        token("status", "The status. Only with 'patient'.", "status", definition=US_CORE + "careteam-status"),
    ),
)

GOAL = SearchRule(
    resource_type="Goal",
    any_of=("_id", "patient"),
    revincludes=PROVENANCE,
    parameters=(
        resource_id("Goal", many=False),
        patient(US_CORE + "goal-patient"),
        Parameter(
            name="target-date",
            kind="date",
            paths=("target.dueDate",),
            dates=D2,
            definition=US_CORE + "goal-target-date",
            about="When it is to be reached. " + CLOSED,
        ),
    ),
)

DEVICE = SearchRule(
    resource_type="Device",
    any_of=("_id", "patient"),
    revincludes=PROVENANCE,
    total=True,
    parameters=(resource_id("Device"), patient(US_CORE + "device-patient", "patient")),
)

SERVICE_REQUEST = SearchRule(
    resource_type="ServiceRequest",
    any_of=("_id", "patient", "subject"),
    one_of=("patient", "subject"),
    page=Page(default=20, maximum=100),
    revincludes=PROVENANCE,
    parameters=(
        resource_id("ServiceRequest"),
        patient(R4 + "clinical-patient"),
        subject(R4 + "ServiceRequest-subject"),
        token(
            "code",
            "An order of the tenant's catalog (code set 200), with its system.",
            "code.coding",
            definition=R4 + "clinical-code",
            system_required=True,
            own_set="200",
        ),
        last_updated(FROM_TO),
        count(),
    ),
)
