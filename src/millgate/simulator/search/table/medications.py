"""The rules of orders for medicines, doses given, packs handed out.

Source: fact sheet 3.2; parameter documentation of the live CapabilityStatement, 2026-08. Not known, chosen here: page sizes (25 for
requests was seen; 20 elsewhere, 100 at most), and that they come in the order in which they were charted.
"""

from __future__ import annotations

from millgate.simulator.search.rules import RANGE_PREFIXES, DateRule, Page, Parameter, SearchRule
from millgate.simulator.search.table.parts import (
    CLOSED,
    FROM_TO,
    PROVENANCE,
    R4,
    US_CORE,
    count,
    last_updated,
    patient,
    resource_id,
    token,
)

_FROM = frozenset({"ge", "gt"})

MEDICATION_REQUEST = SearchRule(
    resource_type="MedicationRequest",
    any_of=("_id", "patient"),
    page=Page(default=25, maximum=100, token="concept"),  # noqa: S106
    revincludes=PROVENANCE,
    parameters=(
        resource_id("MedicationRequest"),
        patient(US_CORE + "medicationrequest-patient"),
        token(
            "intent",
            "One or several intents, by comma: order, plan.",
            "intent",
            definition=US_CORE + "medicationrequest-intent",
            codes=frozenset({"order", "plan"}),
        ),
        token("status", "One or several statuses, by comma.", "status", definition=US_CORE + "medicationrequest-status"),
        last_updated(FROM_TO),
        Parameter(
            name="-timing-boundsPeriod",
            kind="date",
            paths=("dosageInstruction.timing.repeat.boundsPeriod",),
            dates=DateRule(single=frozenset({"ge"}), time="always", pairs=False),
            definition=R4 + "Resource-dosageInstruction-timing-repeat-boundsPeriod",
            about="The time in which the medicine is to be taken, with 'ge' and a time.",
        ),
        count(),
    ),
)

MEDICATION_ADMINISTRATION = SearchRule(
    resource_type="MedicationAdministration",
    any_of=("_id", "patient"),
    page=Page(default=20, maximum=100),
    parameters=(
        resource_id("MedicationAdministration"),
        patient(R4 + "medicationadministration-patient"),
        token("status", "One or several statuses, by comma.", "status", definition=R4 + "medicationadministration-status"),
        Parameter(
            name="performer",
            kind="reference",
            many=True,
            targets=("Practitioner",),
            paths=("performer.actor",),
            definition=R4 + "medicationadministration-performer",
            about="One or several of those who gave it, by comma.",
        ),
        Parameter(
            name="effective-time",
            kind="date",
            paths=("effectiveDateTime", "effectivePeriod"),
            dates=DateRule(single=RANGE_PREFIXES, time="always"),
            definition=R4 + "medicationadministration-effective-time",
            about="When it was given, with prefix and time. " + CLOSED,
        ),
        count(advertised=False),
    ),
)

MEDICATION_DISPENSE = SearchRule(
    resource_type="MedicationDispense",
    any_of=("_id", "patient"),
    passed_over=(("date", "_lastUpdated"),),
    page=Page(default=20, maximum=100),
    revincludes=PROVENANCE,
    parameters=(
        resource_id("MedicationDispense"),
        patient(R4 + "MedicationDispense-patient"),
        Parameter(
            name="date",
            kind="date",
            paths=("whenHandedOver",),
            dates=DateRule(single=_FROM, pairs=False),
            definition=R4 + "MedicationDispense-whenhandedover",
            about="When it was handed over, with 'ge' or 'gt'. Passed over beside '_lastUpdated'.",
        ),
        last_updated(DateRule(single=_FROM, time="always", pairs=False)),
        count(),
    ),
)
