"""What a patient and those who look after them want to reach."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from millgate.canonical.exchange import Resource
from millgate.objects.choices import choice, kinds
from millgate.objects.common import common_fields, opened, source_status
from millgate.objects.concepts import concept_of, concepts
from millgate.objects.declaration import PATIENT_ID, UPDATED_SINCE, Context, Declaration, about
from millgate.objects.elements import identifier, listed, note, quantity, reference, reference_id_of, single
from millgate.objects.notes import Notes
from millgate.objects.primitives import date, text
from millgate.objects.shared import Code, Identifier, Note, Object, Quantity, Range, Ratio, Reference, Shared


class TargetDetail(Shared, frozen=True, kw_only=True):
    """The value to be reached; exactly the field that `kind` names is there."""

    kind: Annotated[
        Literal["quantity", "range", "code", "text", "boolean", "integer", "ratio"],
        about("Goal.target.detail[x]", "Which of the other fields is there."),
    ]
    quantity: Annotated[Quantity | None, about("Goal.target.detailQuantity", "An amount.")] = None
    range: Annotated[Range | None, about("Goal.target.detailRange", "From a low to a high amount.")] = None
    code: Annotated[Code | None, about("Goal.target.detailCodeableConcept", "A concept.")] = None
    text: Annotated[str | None, about("Goal.target.detailString", "In words.")] = None
    boolean: Annotated[bool | None, about("Goal.target.detailBoolean", "Yes or no.")] = None
    integer: Annotated[int | None, about("Goal.target.detailInteger", "A whole number.")] = None
    ratio: Annotated[Ratio | None, about("Goal.target.detailRatio", "One amount in relation to another.")] = None


class GoalTarget(Shared, frozen=True, kw_only=True):
    """How it will be known that the goal is reached, and by when."""

    measure: Annotated[Code | None, about("Goal.target.measure", "What is measured.")] = None
    detail: Annotated[TargetDetail | None, about("Goal.target.detail[x]", "The value to be reached.")] = None
    due: Annotated[str | None, about("Goal.target.dueDate", "By when.")] = None
    due_after: Annotated[Quantity | None, about("Goal.target.dueDuration", "How long after the start.")] = None


class Goal(Object, frozen=True, kw_only=True):
    """What a patient and those who look after them want to reach."""

    patient_id: Annotated[str | None, about("Goal.subject", "The patient.")] = None
    lifecycle_status: Annotated[
        str | None, about("Goal.lifecycleStatus", "proposed, planned, accepted, active, on-hold, completed, …")
    ] = None
    source_status: Annotated[str | None, about("Goal.lifecycleStatus.extension", "The source's own, finer status.")] = None
    achievement_status: Annotated[Code | None, about("Goal.achievementStatus", "in-progress, improving, achieved, …")] = None
    status_date: Annotated[str | None, about("Goal.statusDate", "Since when it has this status.")] = None
    status_reason: Annotated[str | None, about("Goal.statusReason", "Why it has this status.")] = None
    categories: Annotated[tuple[Code, ...], about("Goal.category", "dietary, safety, behavioral and the like.")] = ()
    priority: Annotated[Code | None, about("Goal.priority", "How much it matters.")] = None
    description: Annotated[Code | None, about("Goal.description", "What is to be reached.")] = None
    start: Annotated[str | None, about("Goal.startDate", "When work on it begins.")] = None
    start_event: Annotated[Code | None, about("Goal.startCodeableConcept", "The event that it begins with.")] = None
    targets: Annotated[tuple[GoalTarget, ...], about("Goal.target", "How it will be known, and by when.")] = ()
    expressed_by: Annotated[Reference | None, about("Goal.expressedBy", "Whose goal it is.")] = None
    addresses: Annotated[tuple[Reference, ...], about("Goal.addresses", "The conditions and needs that it is for.")] = ()
    outcomes: Annotated[tuple[Code, ...], about("Goal.outcomeCode", "What came of it.")] = ()
    outcome_references: Annotated[tuple[Reference, ...], about("Goal.outcomeReference", "Observations of what came of it.")] = ()
    notes: Annotated[tuple[Note, ...], about("Goal.note", "Comments.")] = ()
    identifiers: Annotated[tuple[Identifier, ...], about("Goal.identifier", "Its numbers elsewhere.")] = ()


def normalize(resource: Resource, context: Context) -> Goal:
    """The goal that this canonical Goal describes. Raises FixMessage where it is no Goal with an id."""
    notes = opened(resource, "Goal", context)
    return Goal(
        patient_id=reference_id_of(resource, "subject", "Patient", "patient_id", notes),
        lifecycle_status=text(resource, "lifecycleStatus", "lifecycle_status", notes),
        source_status=source_status(notes, "_lifecycleStatus"),
        achievement_status=concept_of(resource, "achievementStatus", "achievement_status", notes),
        status_date=date(resource, "statusDate", "status_date", notes),
        status_reason=text(resource, "statusReason", "status_reason", notes),
        categories=concepts(resource, "category", "categories", notes),
        priority=concept_of(resource, "priority", "priority", notes),
        description=concept_of(resource, "description", "description", notes),
        start=date(resource, "startDate", "start", notes),
        start_event=concept_of(resource, "startCodeableConcept", "start_event", notes),
        targets=listed(resource, "target", "targets", notes, _target),
        expressed_by=single(resource, "expressedBy", "expressed_by", notes, reference),
        addresses=listed(resource, "addresses", "addresses", notes, reference),
        outcomes=concepts(resource, "outcomeCode", "outcomes", notes),
        outcome_references=listed(resource, "outcomeReference", "outcome_references", notes, reference),
        notes=listed(resource, "note", "notes", notes, note),
        identifiers=listed(resource, "identifier", "identifiers", notes, identifier),
        **common_fields(notes),
    )


_DETAIL = kinds(
    Quantity="quantity",
    Range="range",
    CodeableConcept="code",
    String="text",
    Boolean="boolean",
    Integer="integer",
    Ratio="ratio",
)


def _target(element: dict[str, Any], field: str, notes: Notes) -> GoalTarget | None:
    found = GoalTarget(
        measure=concept_of(element, "measure", field + ".measure", notes),
        detail=choice(element, "detail", field + ".detail", notes, TargetDetail, _DETAIL),
        due=date(element, "dueDate", field + ".due", notes),
        due_after=single(element, "dueDuration", field + ".due_after", notes, quantity),
    )
    return found if found != GoalTarget() else None


DECLARATION = Declaration(
    name="goal",
    plural="goals",
    resource_type="Goal",
    struct=Goal,
    normalize=normalize,
    filters=(PATIENT_ID, UPDATED_SINCE),
    patient_scoped=True,
    columns=("id", "start", "description", "lifecycle_status", "achievement_status", "targets"),
)
