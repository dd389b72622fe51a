"""What a patient is allergic to or does not tolerate, and what it did to them; also that there is nothing known."""

from __future__ import annotations

from typing import Annotated, Any

from millgate.canonical.exchange import Resource
from millgate.objects.choices import when
from millgate.objects.common import common_fields, opened
from millgate.objects.concepts import concept_of, concepts
from millgate.objects.declaration import CLINICAL_STATUS, PATIENT_ID, UPDATED_SINCE, Context, Declaration, about
from millgate.objects.elements import identifier, listed, note, reference, reference_id_of, single
from millgate.objects.notes import Notes
from millgate.objects.primitives import moment, text, texts
from millgate.objects.shared import Code, Identifier, Note, Object, Reference, Shared, When
from millgate.terminology import lifting_order

_CODE_ORDER = lifting_order("allergy", "code")


class Reaction(Shared, frozen=True, kw_only=True):
    """What happened when the patient met the substance."""

    manifestations: Annotated[
        tuple[Code, ...], about("AllergyIntolerance.reaction.manifestation", "What was seen: hives, nausea, …")
    ] = ()
    severity: Annotated[str | None, about("AllergyIntolerance.reaction.severity", "mild, moderate or severe.")] = None
    onset: Annotated[str | None, about("AllergyIntolerance.reaction.onset", "When it happened.")] = None
    substance: Annotated[Code | None, about("AllergyIntolerance.reaction.substance", "The exact substance that did it.")] = None
    exposure_route: Annotated[
        Code | None, about("AllergyIntolerance.reaction.exposureRoute", "How the patient met it: by mouth, skin contact, …")
    ] = None
    description: Annotated[str | None, about("AllergyIntolerance.reaction.description", "The whole of it in words.")] = None
    notes: Annotated[tuple[Note, ...], about("AllergyIntolerance.reaction.note", "Comments.")] = ()


class Allergy(Object, frozen=True, kw_only=True):
    """What a patient is allergic to or does not tolerate, and what it did to them; also that there is nothing known."""

    patient_id: Annotated[str | None, about("AllergyIntolerance.patient", "The patient who has it.")] = None
    encounter_id: Annotated[str | None, about("AllergyIntolerance.encounter", "The encounter it was recorded in.")] = None
    clinical_status: Annotated[Code | None, about("AllergyIntolerance.clinicalStatus", "active, inactive or resolved.")] = None
    verification_status: Annotated[
        Code | None, about("AllergyIntolerance.verificationStatus", "unconfirmed, confirmed, refuted or entered-in-error.")
    ] = None
    type: Annotated[str | None, about("AllergyIntolerance.type", "allergy or intolerance.")] = None
    categories: Annotated[
        tuple[str, ...], about("AllergyIntolerance.category", "food, medication, environment or biologic.")
    ] = ()
    criticality: Annotated[
        str | None, about("AllergyIntolerance.criticality", "How much harm it may do: low, high or unable-to-assess.")
    ] = None
    code: Annotated[
        Code | None, about("AllergyIntolerance.code", "What it is to, or that nothing is known; RxNorm is lifted first.")
    ] = None
    onset: Annotated[When | None, about("AllergyIntolerance.onset[x]", "When it began.")] = None
    recorded_at: Annotated[str | None, about("AllergyIntolerance.recordedDate", "When it was first recorded.")] = None
    recorder: Annotated[Reference | None, about("AllergyIntolerance.recorder", "Who recorded it.")] = None
    asserter: Annotated[Reference | None, about("AllergyIntolerance.asserter", "Who says so.")] = None
    last_occurrence: Annotated[
        str | None, about("AllergyIntolerance.lastOccurrence", "When a reaction was last known to happen.")
    ] = None
    reactions: Annotated[tuple[Reaction, ...], about("AllergyIntolerance.reaction", "What it did to the patient.")] = ()
    notes: Annotated[tuple[Note, ...], about("AllergyIntolerance.note", "Comments.")] = ()
    identifiers: Annotated[tuple[Identifier, ...], about("AllergyIntolerance.identifier", "Its numbers elsewhere.")] = ()


def normalize(resource: Resource, context: Context) -> Allergy:
    """The allergy that this canonical AllergyIntolerance describes. Raises FixMessage where it is none with an id."""
    notes = opened(resource, "AllergyIntolerance", context)
    return Allergy(
        patient_id=reference_id_of(resource, "patient", "Patient", "patient_id", notes),
        encounter_id=reference_id_of(resource, "encounter", "Encounter", "encounter_id", notes),
        clinical_status=concept_of(resource, "clinicalStatus", "clinical_status", notes),
        verification_status=concept_of(resource, "verificationStatus", "verification_status", notes),
        type=text(resource, "type", "type", notes),
        categories=texts(resource, "category", "categories", notes),
        criticality=text(resource, "criticality", "criticality", notes),
        code=concept_of(resource, "code", "code", notes, _CODE_ORDER),
        onset=when(resource, "onset", "onset", notes),
        recorded_at=moment(resource, "recordedDate", "recorded_at", notes),
        recorder=single(resource, "recorder", "recorder", notes, reference),
        asserter=single(resource, "asserter", "asserter", notes, reference),
        last_occurrence=moment(resource, "lastOccurrence", "last_occurrence", notes),
        reactions=listed(resource, "reaction", "reactions", notes, _reaction),
        notes=listed(resource, "note", "notes", notes, note),
        identifiers=listed(resource, "identifier", "identifiers", notes, identifier),
        **common_fields(notes),
    )


def _reaction(element: dict[str, Any], field: str, notes: Notes) -> Reaction | None:
    found = Reaction(
        manifestations=concepts(element, "manifestation", field + ".manifestations", notes),
        severity=text(element, "severity", field + ".severity", notes),
        onset=moment(element, "onset", field + ".onset", notes),
        substance=concept_of(element, "substance", field + ".substance", notes, _CODE_ORDER),
        exposure_route=concept_of(element, "exposureRoute", field + ".exposure_route", notes),
        description=text(element, "description", field + ".description", notes),
        notes=listed(element, "note", field + ".notes", notes, note),
    )
    return found if found != Reaction() else None


DECLARATION = Declaration(
    name="allergy",
    plural="allergies",
    resource_type="AllergyIntolerance",
    struct=Allergy,
    normalize=normalize,
    filters=(PATIENT_ID, CLINICAL_STATUS, UPDATED_SINCE),
    patient_scoped=True,
    columns=("id", "code", "clinical_status", "criticality", "reactions", "recorded_at"),
)
