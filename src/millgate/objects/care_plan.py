"""What is intended for a patient. Millennium's plans consist of words alone, which are in `narrative`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from millgate.canonical.exchange import Resource
from millgate.objects.choices import choice, kinds
from millgate.objects.common import common_fields, opened, source_status
from millgate.objects.concepts import concept_of, concepts
from millgate.objects.declaration import CATEGORY, FROM, PATIENT_ID, TO, UPDATED_SINCE, Context, Declaration, about
from millgate.objects.elements import (
    identifier,
    listed,
    note,
    period,
    quantity,
    reasons,
    reference,
    reference_id_of,
    reference_ids,
    single,
)
from millgate.objects.narratives import narrative, narrative_status
from millgate.objects.notes import Notes
from millgate.objects.primitives import flag, member, moment, text
from millgate.objects.shared import (
    Code,
    Identifier,
    Note,
    Object,
    Period,
    Quantity,
    Reason,
    Reference,
    Shared,
    Timing,
)


class Scheduled(Shared, frozen=True, kw_only=True):
    """When an activity is to happen; exactly the field that `kind` names is there."""

    kind: Annotated[
        Literal["timing", "period", "text"],
        about("CarePlan.activity.detail.scheduled[x]", "Which of the other fields is there."),
    ]
    timing: Annotated[Timing | None, about("CarePlan.activity.detail.scheduledTiming", "Once or again and again.")] = None
    period: Annotated[Period | None, about("CarePlan.activity.detail.scheduledPeriod", "A stretch of time.")] = None
    text: Annotated[str | None, about("CarePlan.activity.detail.scheduledString", "In words.")] = None


class Product(Shared, frozen=True, kw_only=True):
    """What an activity uses; exactly the field that `kind` names is there."""

    kind: Annotated[
        Literal["code", "reference"], about("CarePlan.activity.detail.product[x]", "Which of the other fields is there.")
    ]
    code: Annotated[Code | None, about("CarePlan.activity.detail.productCodeableConcept", "A medication or substance.")] = None
    reference: Annotated[
        Reference | None, about("CarePlan.activity.detail.productReference", "A medication or substance of the record.")
    ] = None


class Activity(Shared, frozen=True, kw_only=True):
    """One thing that is to be done."""

    kind: Annotated[str | None, about("CarePlan.activity.detail.kind", "The resource type that it would be ordered as.")] = None
    code: Annotated[Code | None, about("CarePlan.activity.detail.code", "What is to be done.")] = None
    description: Annotated[str | None, about("CarePlan.activity.detail.description", "It in words.")] = None
    status: Annotated[str | None, about("CarePlan.activity.detail.status", "not-started, scheduled, completed, …")] = None
    status_reason: Annotated[Code | None, about("CarePlan.activity.detail.statusReason", "Why it has that status.")] = None
    do_not_perform: Annotated[bool | None, about("CarePlan.activity.detail.doNotPerform", "Whether it is not to be done.")] = None
    reasons: Annotated[
        tuple[Reason, ...],
        about("CarePlan.activity.detail.reasonCode | reasonReference", "Why: the coded ones, then the references."),
    ] = ()
    goal_ids: Annotated[tuple[str, ...], about("CarePlan.activity.detail.goal", "Ids of the goals that it serves.")] = ()
    scheduled: Annotated[Scheduled | None, about("CarePlan.activity.detail.scheduled[x]", "When it is to happen.")] = None
    location: Annotated[Reference | None, about("CarePlan.activity.detail.location", "Where it is to happen.")] = None
    performers: Annotated[tuple[Reference, ...], about("CarePlan.activity.detail.performer", "Who is to do it.")] = ()
    product: Annotated[Product | None, about("CarePlan.activity.detail.product[x]", "What it uses.")] = None
    daily_amount: Annotated[Quantity | None, about("CarePlan.activity.detail.dailyAmount", "How much of it a day.")] = None
    quantity: Annotated[Quantity | None, about("CarePlan.activity.detail.quantity", "How much of it in all.")] = None
    reference: Annotated[
        Reference | None, about("CarePlan.activity.reference", "The order or appointment that says all this instead.")
    ] = None
    outcomes: Annotated[tuple[Code, ...], about("CarePlan.activity.outcomeCodeableConcept", "What came of it.")] = ()
    outcome_references: Annotated[
        tuple[Reference, ...], about("CarePlan.activity.outcomeReference", "Records of what came of it.")
    ] = ()
    progress: Annotated[tuple[Note, ...], about("CarePlan.activity.progress", "Comments on how it goes.")] = ()


class CarePlan(Object, frozen=True, kw_only=True):
    """What is intended for a patient. Millennium's plans consist of words alone, which are in `narrative`."""

    patient_id: Annotated[str | None, about("CarePlan.subject", "The patient.")] = None
    encounter_id: Annotated[str | None, about("CarePlan.encounter", "The encounter it was made in.")] = None
    status: Annotated[str | None, about("CarePlan.status", "draft, active, on-hold, revoked, completed, …")] = None
    source_status: Annotated[str | None, about("CarePlan.status.extension", "The source's own, finer status.")] = None
    intent: Annotated[str | None, about("CarePlan.intent", "proposal, plan, order or option.")] = None
    categories: Annotated[tuple[Code, ...], about("CarePlan.category", "assess-plan and the like.")] = ()
    title: Annotated[str | None, about("CarePlan.title", "Title.")] = None
    description: Annotated[str | None, about("CarePlan.description", "Summary.")] = None
    narrative: Annotated[str | None, about("CarePlan.text.div", "The plan in words, as plain text with line breaks.")] = None
    narrative_status: Annotated[
        str | None, about("CarePlan.text.status", "additional where the words say more than all other fields; else generated, …")
    ] = None
    period: Annotated[Period | None, about("CarePlan.period", "The time that it covers.")] = None
    created_at: Annotated[str | None, about("CarePlan.created", "When it was first recorded.")] = None
    authors: Annotated[tuple[Reference, ...], about("CarePlan.author", "Who answers for it; one at the most.")] = ()
    contributors: Annotated[tuple[Reference, ...], about("CarePlan.contributor", "Who added to it.")] = ()
    care_team_ids: Annotated[tuple[str, ...], about("CarePlan.careTeam", "Ids of the teams that carry it out.")] = ()
    addresses: Annotated[tuple[Reference, ...], about("CarePlan.addresses", "The conditions that it is for.")] = ()
    goal_ids: Annotated[tuple[str, ...], about("CarePlan.goal", "Ids of its goals.")] = ()
    activities: Annotated[tuple[Activity, ...], about("CarePlan.activity", "What is to be done.")] = ()
    supporting_info: Annotated[
        tuple[Reference, ...], about("CarePlan.supportingInfo", "Records that were considered for it.")
    ] = ()
    based_on: Annotated[tuple[Reference, ...], about("CarePlan.basedOn", "Plans that it fulfils.")] = ()
    replaces: Annotated[tuple[Reference, ...], about("CarePlan.replaces", "Plans that it replaces.")] = ()
    part_of: Annotated[tuple[Reference, ...], about("CarePlan.partOf", "Plans that it is a part of.")] = ()
    notes: Annotated[tuple[Note, ...], about("CarePlan.note", "Comments.")] = ()
    identifiers: Annotated[tuple[Identifier, ...], about("CarePlan.identifier", "Its numbers elsewhere.")] = ()


def normalize(resource: Resource, context: Context) -> CarePlan:
    """The plan that this canonical CarePlan describes. Raises FixMessage where it is no CarePlan with an id."""
    notes = opened(resource, "CarePlan", context)
    author = single(resource, "author", "authors", notes, reference)
    return CarePlan(
        patient_id=reference_id_of(resource, "subject", "Patient", "patient_id", notes),
        encounter_id=reference_id_of(resource, "encounter", "Encounter", "encounter_id", notes),
        status=text(resource, "status", "status", notes),
        source_status=source_status(notes),
        intent=text(resource, "intent", "intent", notes),
        categories=concepts(resource, "category", "categories", notes),
        title=text(resource, "title", "title", notes),
        description=text(resource, "description", "description", notes),
        narrative=narrative(resource, "narrative", notes),
        narrative_status=narrative_status(resource, "narrative_status", notes),
        period=single(resource, "period", "period", notes, period),
        created_at=moment(resource, "created", "created_at", notes),
        authors=(author,) if author is not None else (),
        contributors=listed(resource, "contributor", "contributors", notes, reference),
        care_team_ids=reference_ids(resource, "careTeam", "CareTeam", "care_team_ids", notes),
        addresses=listed(resource, "addresses", "addresses", notes, reference),
        goal_ids=reference_ids(resource, "goal", "Goal", "goal_ids", notes),
        activities=listed(resource, "activity", "activities", notes, _activity),
        supporting_info=listed(resource, "supportingInfo", "supporting_info", notes, reference),
        based_on=listed(resource, "basedOn", "based_on", notes, reference),
        replaces=listed(resource, "replaces", "replaces", notes, reference),
        part_of=listed(resource, "partOf", "part_of", notes, reference),
        notes=listed(resource, "note", "notes", notes, note),
        identifiers=listed(resource, "identifier", "identifiers", notes, identifier),
        **common_fields(notes),
    )


_SCHEDULED = kinds(Timing="timing", Period="period", String="text")
_PRODUCT = kinds(CodeableConcept="code", Reference="reference")


def _activity(element: dict[str, Any], field: str, notes: Notes) -> Activity | None:
    detail = member(element, "detail", field, notes) or {}
    found = Activity(
        kind=text(detail, "kind", field + ".kind", notes),
        code=concept_of(detail, "code", field + ".code", notes),
        description=text(detail, "description", field + ".description", notes),
        status=text(detail, "status", field + ".status", notes),
        status_reason=concept_of(detail, "statusReason", field + ".status_reason", notes),
        do_not_perform=flag(detail, "doNotPerform", field + ".do_not_perform", notes),
        reasons=reasons(detail, notes, field + ".reasons"),
        goal_ids=reference_ids(detail, "goal", "Goal", field + ".goal_ids", notes),
        scheduled=choice(detail, "scheduled", field + ".scheduled", notes, Scheduled, _SCHEDULED),
        location=single(detail, "location", field + ".location", notes, reference),
        performers=listed(detail, "performer", field + ".performers", notes, reference),
        product=choice(detail, "product", field + ".product", notes, Product, _PRODUCT),
        daily_amount=single(detail, "dailyAmount", field + ".daily_amount", notes, quantity),
        quantity=single(detail, "quantity", field + ".quantity", notes, quantity),
        reference=single(element, "reference", field + ".reference", notes, reference),
        outcomes=concepts(element, "outcomeCodeableConcept", field + ".outcomes", notes),
        outcome_references=listed(element, "outcomeReference", field + ".outcome_references", notes, reference),
        progress=listed(element, "progress", field + ".progress", notes, note),
    )
    return found if found != Activity() else None


DECLARATION = Declaration(
    name="care_plan",
    plural="care_plans",
    resource_type="CarePlan",
    struct=CarePlan,
    normalize=normalize,
    filters=(PATIENT_ID, FROM, TO, CATEGORY, UPDATED_SINCE),
    patient_scoped=True,
    columns=("id", "period", "title", "categories", "status", "authors"),
    time_elements=("period",),
)
