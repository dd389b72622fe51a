"""A sample that was taken from a patient."""

from __future__ import annotations

from typing import Annotated, Any

from millgate.canonical.exchange import Resource
from millgate.objects.common import common_fields, opened
from millgate.objects.concepts import concept_of, concepts
from millgate.objects.declaration import UPDATED_SINCE, Context, Declaration, about
from millgate.objects.elements import identifier, listed, note, period, quantity, reference, reference_id_of, single
from millgate.objects.notes import Notes
from millgate.objects.primitives import moment, text
from millgate.objects.shared import Code, Identifier, Note, Object, Period, Quantity, Reference, Shared


class Collection(Shared, frozen=True, kw_only=True):
    """How the sample was taken."""

    collector: Annotated[Reference | None, about("Specimen.collection.collector", "Who took it.")] = None
    collected_at: Annotated[str | None, about("Specimen.collection.collectedDateTime", "When it was taken.")] = None
    collected_period: Annotated[Period | None, about("Specimen.collection.collectedPeriod", "Over what time it was taken.")] = (
        None
    )
    duration: Annotated[Quantity | None, about("Specimen.collection.duration", "How long it took.")] = None
    quantity: Annotated[Quantity | None, about("Specimen.collection.quantity", "How much was taken.")] = None
    method: Annotated[Code | None, about("Specimen.collection.method", "How it was taken.")] = None
    body_site: Annotated[Code | None, about("Specimen.collection.bodySite", "From where on the body.")] = None
    fasting_status: Annotated[
        Code | None, about("Specimen.collection.fastingStatusCodeableConcept", "Whether the patient was fasting.")
    ] = None
    fasting_duration: Annotated[
        Quantity | None, about("Specimen.collection.fastingStatusDuration", "How long the patient had been fasting.")
    ] = None


class Processing(Shared, frozen=True, kw_only=True):
    """What was done with the sample."""

    description: Annotated[str | None, about("Specimen.processing.description", "It in words.")] = None
    procedure: Annotated[Code | None, about("Specimen.processing.procedure", "What was done.")] = None
    additives: Annotated[tuple[Reference, ...], about("Specimen.processing.additive", "What was added.")] = ()
    at: Annotated[str | None, about("Specimen.processing.timeDateTime", "When.")] = None
    period: Annotated[Period | None, about("Specimen.processing.timePeriod", "Over what time.")] = None


class Container(Shared, frozen=True, kw_only=True):
    """What the sample is in."""

    identifiers: Annotated[tuple[Identifier, ...], about("Specimen.container.identifier", "Its numbers.")] = ()
    description: Annotated[str | None, about("Specimen.container.description", "It in words.")] = None
    type: Annotated[Code | None, about("Specimen.container.type", "What kind of container.")] = None
    capacity: Annotated[Quantity | None, about("Specimen.container.capacity", "How much it can hold.")] = None
    specimen_quantity: Annotated[
        Quantity | None, about("Specimen.container.specimenQuantity", "How much of the sample is in it.")
    ] = None
    additive: Annotated[Code | None, about("Specimen.container.additiveCodeableConcept", "What was added.")] = None
    additive_reference: Annotated[
        Reference | None, about("Specimen.container.additiveReference", "The substance that was added.")
    ] = None


class Specimen(Object, frozen=True, kw_only=True):
    """A sample that was taken from a patient."""

    patient_id: Annotated[str | None, about("Specimen.subject", "The patient it is from.")] = None
    status: Annotated[str | None, about("Specimen.status", "available, unavailable, unsatisfactory or entered-in-error.")] = None
    type: Annotated[Code | None, about("Specimen.type", "What it is: blood, urine, …")] = None
    received_at: Annotated[str | None, about("Specimen.receivedTime", "When the laboratory received it.")] = None
    collection: Annotated[Collection | None, about("Specimen.collection", "How it was taken.")] = None
    processing: Annotated[tuple[Processing, ...], about("Specimen.processing", "What was done with it.")] = ()
    containers: Annotated[tuple[Container, ...], about("Specimen.container", "What it is in.")] = ()
    conditions: Annotated[tuple[Code, ...], about("Specimen.condition", "The state that it is in.")] = ()
    parents: Annotated[tuple[Reference, ...], about("Specimen.parent", "Specimens that it was taken from.")] = ()
    requests: Annotated[tuple[Reference, ...], about("Specimen.request", "Orders that it was taken for.")] = ()
    notes: Annotated[tuple[Note, ...], about("Specimen.note", "Comments.")] = ()
    accession_identifier: Annotated[
        Identifier | None, about("Specimen.accessionIdentifier", "The number that the laboratory gave it.")
    ] = None
    identifiers: Annotated[tuple[Identifier, ...], about("Specimen.identifier", "Its numbers elsewhere.")] = ()


def normalize(resource: Resource, context: Context) -> Specimen:
    """The specimen that this canonical Specimen describes. Raises FixMessage where it is no Specimen with an id."""
    notes = opened(resource, "Specimen", context)
    return Specimen(
        patient_id=reference_id_of(resource, "subject", "Patient", "patient_id", notes),
        status=text(resource, "status", "status", notes),
        type=concept_of(resource, "type", "type", notes),
        received_at=moment(resource, "receivedTime", "received_at", notes),
        collection=single(resource, "collection", "collection", notes, _collection),
        processing=listed(resource, "processing", "processing", notes, _processing),
        containers=listed(resource, "container", "containers", notes, _container),
        conditions=concepts(resource, "condition", "conditions", notes),
        parents=listed(resource, "parent", "parents", notes, reference),
        requests=listed(resource, "request", "requests", notes, reference),
        notes=listed(resource, "note", "notes", notes, note),
        accession_identifier=single(resource, "accessionIdentifier", "accession_identifier", notes, identifier),
        identifiers=listed(resource, "identifier", "identifiers", notes, identifier),
        **common_fields(notes),
    )


def _collection(element: dict[str, Any], field: str, notes: Notes) -> Collection | None:
    found = Collection(
        collector=single(element, "collector", field + ".collector", notes, reference),
        collected_at=moment(element, "collectedDateTime", field + ".collected_at", notes),
        collected_period=single(element, "collectedPeriod", field + ".collected_period", notes, period),
        duration=single(element, "duration", field + ".duration", notes, quantity),
        quantity=single(element, "quantity", field + ".quantity", notes, quantity),
        method=concept_of(element, "method", field + ".method", notes),
        body_site=concept_of(element, "bodySite", field + ".body_site", notes),
        fasting_status=concept_of(element, "fastingStatusCodeableConcept", field + ".fasting_status", notes),
        fasting_duration=single(element, "fastingStatusDuration", field + ".fasting_duration", notes, quantity),
    )
    return found if found != Collection() else None


def _processing(element: dict[str, Any], field: str, notes: Notes) -> Processing | None:
    found = Processing(
        description=text(element, "description", field + ".description", notes),
        procedure=concept_of(element, "procedure", field + ".procedure", notes),
        additives=listed(element, "additive", field + ".additives", notes, reference),
        at=moment(element, "timeDateTime", field + ".at", notes),
        period=single(element, "timePeriod", field + ".period", notes, period),
    )
    return found if found != Processing() else None


def _container(element: dict[str, Any], field: str, notes: Notes) -> Container | None:
    found = Container(
        identifiers=listed(element, "identifier", field + ".identifiers", notes, identifier),
        description=text(element, "description", field + ".description", notes),
        type=concept_of(element, "type", field + ".type", notes),
        capacity=single(element, "capacity", field + ".capacity", notes, quantity),
        specimen_quantity=single(element, "specimenQuantity", field + ".specimen_quantity", notes, quantity),
        additive=concept_of(element, "additiveCodeableConcept", field + ".additive", notes),
        additive_reference=single(element, "additiveReference", field + ".additive_reference", notes, reference),
    )
    return found if found != Container() else None


DECLARATION = Declaration(
    name="specimen",
    plural="specimens",
    resource_type="Specimen",
    struct=Specimen,
    normalize=normalize,
    filters=(UPDATED_SINCE,),
    patient_scoped=True,
    columns=("id", "type", "status", "received_at", "accession_identifier"),
)
