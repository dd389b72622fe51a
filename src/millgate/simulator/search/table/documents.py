"""The rules of notes and of what they are kept in. Source: fact sheet 3.2; live CapabilityStatement, 2026-08."""

from __future__ import annotations

from millgate.simulator.search.rules import DateRule, Page, Parameter, SearchRule
from millgate.simulator.search.table.parts import (
    PROVENANCE,
    R4,
    US_CORE,
    count,
    last_updated,
    patient,
    resource_id,
    token,
)

DOCUMENT_REFERENCE = SearchRule(
    resource_type="DocumentReference",
    any_of=("_id", "patient"),
    one_of=("date", "period", "_lastUpdated"),
    page=Page(default=10, maximum=100, token="stores", uneven=True),  # noqa: S106
    order="newest-first",
    revincludes=PROVENANCE,
    parameters=(
        resource_id("DocumentReference", US_CORE + "documentreference-id"),
        patient(US_CORE + "documentreference-patient"),
        Parameter(
            name="encounter",
            kind="reference",
            many=True,
            targets=("Encounter",),
            paths=("context.encounter",),
            definition=R4 + "clinical-encounter",
            about="One or several encounters, by comma, in which the note was written.",
        ),
        Parameter(
            name="period",
            kind="date",
            paths=("context.period",),
            dates=DateRule(single=frozenset(), lower=frozenset({"ge"}), upper=frozenset({"lt"}), same_precision=True),
            definition=US_CORE + "documentreference-period",
            about="What time the note is about: 'ge' and 'lt', with the same precision.",
        ),
        count(),
        token("type", "One or several kinds of note, by comma.", "type.coding", definition=US_CORE + "documentreference-type"),
        token("category", "The category.", "category.coding", definition=US_CORE + "documentreference-category"),
        Parameter(
            name="date",
            kind="date",
            paths=("date",),
            dates=DateRule(time="in-pairs"),
            definition=US_CORE + "documentreference-date",
            about="When it was written. Once, or twice with times as a closed range.",
        ),
        last_updated(),
    ),
)

BINARY = SearchRule(resource_type="Binary", parameters=(), searchable=False)
