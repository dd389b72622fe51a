"""A problem, diagnosis or health concern of a patient."""

from __future__ import annotations

from typing import Annotated, Any

from millgate.canonical.exchange import Resource
from millgate.canonical.extensions import ASSERTED_DATE, DIAGNOSIS_TYPE, extension_of
from millgate.objects.choices import when
from millgate.objects.common import common_fields, opened
from millgate.objects.concepts import concept, concept_of, concepts, concepts_of, extension_concepts
from millgate.objects.declaration import (
    CATEGORY,
    CLINICAL_STATUS,
    ENCOUNTER_ID,
    PATIENT_ID,
    UPDATED_SINCE,
    Context,
    Declaration,
    about,
)
from millgate.objects.elements import identifier, listed, note, reference, reference_id_of, single
from millgate.objects.notes import Notes
from millgate.objects.primitives import members, moment
from millgate.objects.shared import Code, Identifier, Note, Object, Reference, Shared, When
from millgate.terminology import lifting_order

_CODE_ORDER = lifting_order("condition", "code")

# What a category can say of the kind of condition; all others group it otherwise. Source: US Core 6.1.0 us-core-condition-category
# and FHIR R4 condition-category.
KINDS = frozenset({"problem-list-item", "encounter-diagnosis", "health-concern"})


class Stage(Shared, frozen=True, kw_only=True):
    """How far a disease has gone, such as a cancer stage."""

    summary: Annotated[Code | None, about("Condition.stage.summary", "The stage.")] = None
    assessments: Annotated[tuple[Reference, ...], about("Condition.stage.assessment", "What it was found by.")] = ()
    type: Annotated[Code | None, about("Condition.stage.type", "The kind of staging: pathological, clinical, …")] = None


class Evidence(Shared, frozen=True, kw_only=True):
    """What the condition was found by."""

    codes: Annotated[tuple[Code, ...], about("Condition.evidence.code", "Manifestations or symptoms.")] = ()
    details: Annotated[tuple[Reference, ...], about("Condition.evidence.detail", "Where more of it is found.")] = ()


class Condition(Object, frozen=True, kw_only=True):
    """A problem, diagnosis or health concern of a patient."""

    patient_id: Annotated[str | None, about("Condition.subject", "The patient who has it.")] = None
    encounter_id: Annotated[str | None, about("Condition.encounter", "The encounter it was recorded in.")] = None
    category: Annotated[
        Code | None,
        about("Condition.category", "problem-list-item, encounter-diagnosis or health-concern; otherwise the first."),
    ] = None
    other_categories: Annotated[tuple[Code, ...], about("Condition.category", "All categories but that one.")] = ()
    clinical_status: Annotated[Code | None, about("Condition.clinicalStatus", "active, recurrence, remission, resolved, …")] = (
        None
    )
    verification_status: Annotated[
        Code | None, about("Condition.verificationStatus", "confirmed, provisional, differential, refuted, entered-in-error, …")
    ] = None
    code: Annotated[Code | None, about("Condition.code", "What it is; SNOMED CT is lifted first, then ICD-10-CM.")] = None
    severity: Annotated[Code | None, about("Condition.severity", "How severe it is.")] = None
    diagnosis_types: Annotated[
        tuple[Code, ...], about("Condition.extension(diagnosis-type)", "Its part in the encounter: admitting, discharge, …")
    ] = ()
    body_sites: Annotated[tuple[Code, ...], about("Condition.bodySite", "Where on the body.")] = ()
    onset: Annotated[When | None, about("Condition.onset[x]", "When it began.")] = None
    abatement: Annotated[When | None, about("Condition.abatement[x]", "When it ended, or went into remission.")] = None
    recorded_at: Annotated[str | None, about("Condition.recordedDate", "When it was first recorded.")] = None
    recorder: Annotated[Reference | None, about("Condition.recorder", "Who recorded it.")] = None
    asserted_at: Annotated[
        str | None, about("Condition.extension(condition-assertedDate)", "When it was first said to be so.")
    ] = None
    asserter: Annotated[Reference | None, about("Condition.asserter", "Who says so.")] = None
    stages: Annotated[tuple[Stage, ...], about("Condition.stage", "How far it has gone.")] = ()
    evidence: Annotated[tuple[Evidence, ...], about("Condition.evidence", "What it was found by.")] = ()
    notes: Annotated[tuple[Note, ...], about("Condition.note", "Comments.")] = ()
    identifiers: Annotated[tuple[Identifier, ...], about("Condition.identifier", "Its numbers elsewhere.")] = ()


def normalize(resource: Resource, context: Context) -> Condition:
    """The condition that this canonical Condition describes. Raises FixMessage where it is no Condition with an id."""
    notes = opened(resource, "Condition", context)
    category, other_categories = _categories(resource, notes)
    asserted = extension_of(resource, ASSERTED_DATE)
    return Condition(
        patient_id=reference_id_of(resource, "subject", "Patient", "patient_id", notes),
        encounter_id=reference_id_of(resource, "encounter", "Encounter", "encounter_id", notes),
        category=category,
        other_categories=other_categories,
        clinical_status=concept_of(resource, "clinicalStatus", "clinical_status", notes),
        verification_status=concept_of(resource, "verificationStatus", "verification_status", notes),
        code=concept_of(resource, "code", "code", notes, _CODE_ORDER),
        severity=concept_of(resource, "severity", "severity", notes),
        diagnosis_types=extension_concepts(resource, DIAGNOSIS_TYPE, "diagnosis_types", notes),
        body_sites=concepts(resource, "bodySite", "body_sites", notes),
        onset=when(resource, "onset", "onset", notes),
        abatement=when(resource, "abatement", "abatement", notes),
        recorded_at=moment(resource, "recordedDate", "recorded_at", notes),
        recorder=single(resource, "recorder", "recorder", notes, reference),
        asserted_at=moment(asserted, "valueDateTime", "asserted_at", notes) if asserted is not None else None,
        asserter=single(resource, "asserter", "asserter", notes, reference),
        stages=listed(resource, "stage", "stages", notes, _stage),
        evidence=listed(resource, "evidence", "evidence", notes, _evidence),
        notes=listed(resource, "note", "notes", notes, note),
        identifiers=listed(resource, "identifier", "identifiers", notes, identifier),
        **common_fields(notes),
    )


def _categories(resource: Resource, notes: Notes) -> tuple[Code | None, tuple[Code, ...]]:
    """The category that says what kind of condition it is (the first one, where none does), and all others in source order."""
    elements = members(resource, "category", "category", notes) if "category" in resource else []
    if not elements:
        return None, ()
    main = next((index for index, element in enumerate(elements) if _names_kind(element)), 0)
    others = elements[:main] + elements[main + 1 :]
    return concept(elements[main], "category", notes), concepts_of(others, "other_categories", notes)


def _names_kind(element: dict[str, Any]) -> bool:
    codings = element.get("coding")
    listed_codings = codings if codings.__class__ is list else []
    return any(each.__class__ is dict and str(each.get("code")) in KINDS for each in listed_codings)


def _stage(element: dict[str, Any], field: str, notes: Notes) -> Stage | None:
    found = Stage(
        summary=concept_of(element, "summary", field + ".summary", notes),
        assessments=listed(element, "assessment", field + ".assessments", notes, reference),
        type=concept_of(element, "type", field + ".type", notes),
    )
    return found if found != Stage() else None


def _evidence(element: dict[str, Any], field: str, notes: Notes) -> Evidence | None:
    found = Evidence(
        codes=concepts(element, "code", field + ".codes", notes),
        details=listed(element, "detail", field + ".details", notes, reference),
    )
    return found if found != Evidence() else None


DECLARATION = Declaration(
    name="condition",
    plural="conditions",
    resource_type="Condition",
    struct=Condition,
    normalize=normalize,
    filters=(PATIENT_ID, ENCOUNTER_ID, CATEGORY, CLINICAL_STATUS, UPDATED_SINCE),
    patient_scoped=True,
    columns=("id", "category", "code", "clinical_status", "onset", "recorded_at"),
)
