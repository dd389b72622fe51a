"""One thing measured, asked or noted about a patient: a result, a vital sign, a social history answer."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from millgate.canonical.exchange import Resource
from millgate.canonical.extensions import PERFORMER_FUNCTION
from millgate.objects.choices import choice, kinds
from millgate.objects.common import common_fields, opened, source_status
from millgate.objects.concepts import concept_of, concepts, extension_concepts
from millgate.objects.declaration import (
    CATEGORY,
    CODE,
    ENCOUNTER_ID,
    FROM,
    PATIENT_ID,
    STATUS,
    TO,
    UPDATED_SINCE,
    Context,
    Declaration,
    about,
)
from millgate.objects.elements import listed, note, period, quantity, range_, reference, reference_id_of, single
from millgate.objects.notes import Notes
from millgate.objects.primitives import moment, text
from millgate.objects.shared import (
    Code,
    Note,
    Object,
    ObservationValue,
    Period,
    Quantity,
    Range,
    Reference,
    Shared,
)
from millgate.terminology import lifting_order

_CODE_ORDER = lifting_order("observation", "code")
_COMPONENT_ORDER = lifting_order("observation", "components.code")


class ReferenceRange(Shared, frozen=True, kw_only=True):
    """What values are usual, and for whom."""

    low: Annotated[Quantity | None, about("Observation.referenceRange.low", "The low end, inclusive.")] = None
    high: Annotated[Quantity | None, about("Observation.referenceRange.high", "The high end, inclusive.")] = None
    type: Annotated[Code | None, about("Observation.referenceRange.type", "What the range means: normal, therapeutic, …")] = None
    applies_to: Annotated[
        tuple[Code, ...], about("Observation.referenceRange.appliesTo", "Whom it holds for, such as a sex or a race.")
    ] = ()
    age: Annotated[Range | None, about("Observation.referenceRange.age", "The ages that it holds for.")] = None
    text: Annotated[str | None, about("Observation.referenceRange.text", "The range in the source's words.")] = None


class Component(Shared, frozen=True, kw_only=True):
    """One part of an observation, such as the systolic pressure."""

    code: Annotated[Code | None, about("Observation.component.code", "What was measured.")] = None
    value: Annotated[ObservationValue | None, about("Observation.component.value[x]", "The result.")] = None
    interpretations: Annotated[
        tuple[Code, ...], about("Observation.component.interpretation", "High, low, normal and the like.")
    ] = ()
    reference_ranges: Annotated[
        tuple[ReferenceRange, ...], about("Observation.component.referenceRange", "What values are usual.")
    ] = ()
    absent: Annotated[
        dict[str, str],
        about("Observation.component.dataAbsentReason", "Why a field of this component is missing, by field path."),
    ] = msgspec.field(default_factory=dict)


class Performer(Reference, frozen=True, kw_only=True):
    """Who is responsible, and in what function."""

    functions: Annotated[
        tuple[Code, ...], about("Observation.performer.extension(event-performerFunction)", "In what function.")
    ] = ()


class Observation(Object, frozen=True, kw_only=True):
    """One thing measured, asked or noted about a patient: a result, a vital sign, a social history answer."""

    patient_id: Annotated[str | None, about("Observation.subject", "The patient it is about.")] = None
    encounter_id: Annotated[str | None, about("Observation.encounter", "The encounter it was made in.")] = None
    status: Annotated[str | None, about("Observation.status", "registered, preliminary, final, amended, corrected, …")] = None
    source_status: Annotated[str | None, about("Observation.status.extension", "The source's own, finer status.")] = None
    categories: Annotated[tuple[Code, ...], about("Observation.category", "laboratory, vital-signs, social-history, …")] = ()
    code: Annotated[Code | None, about("Observation.code", "What was measured; LOINC is lifted first.")] = None
    effective_at: Annotated[
        str | None, about("Observation.effectiveDateTime | effectiveInstant", "When it was true of the patient.")
    ] = None
    effective_period: Annotated[
        Period | None, about("Observation.effectivePeriod", "Over what time it was true of the patient.")
    ] = None
    issued_at: Annotated[str | None, about("Observation.issued", "When this version was released.")] = None
    value: Annotated[ObservationValue | None, about("Observation.value[x]", "The result, with its kind named.")] = None
    interpretations: Annotated[tuple[Code, ...], about("Observation.interpretation", "High, low, normal and the like.")] = ()
    reference_ranges: Annotated[tuple[ReferenceRange, ...], about("Observation.referenceRange", "What values are usual.")] = ()
    components: Annotated[tuple[Component, ...], about("Observation.component", "The parts of the observation.")] = ()
    performers: Annotated[tuple[Performer, ...], about("Observation.performer", "Who is responsible.")] = ()
    method: Annotated[Code | None, about("Observation.method", "How it was done.")] = None
    body_site: Annotated[Code | None, about("Observation.bodySite", "Where on the body.")] = None
    specimen: Annotated[Reference | None, about("Observation.specimen", "The specimen that was used.")] = None
    notes: Annotated[tuple[Note, ...], about("Observation.note", "Comments.")] = ()
    derived_from: Annotated[tuple[Reference, ...], about("Observation.derivedFrom", "What it was computed from.")] = ()
    members: Annotated[tuple[Reference, ...], about("Observation.hasMember", "The observations of this group.")] = ()


def normalize(resource: Resource, context: Context) -> Observation:
    """The observation that this canonical Observation describes. Raises FixMessage where it is no Observation with an id."""
    notes = opened(resource, "Observation", context)
    value = observation_value(resource, "value", notes)
    if "dataAbsentReason" in resource:
        notes.stated_reason("value", resource["dataAbsentReason"])
    return Observation(
        patient_id=reference_id_of(resource, "subject", "Patient", "patient_id", notes),
        encounter_id=reference_id_of(resource, "encounter", "Encounter", "encounter_id", notes),
        status=text(resource, "status", "status", notes),
        source_status=source_status(notes),
        categories=concepts(resource, "category", "categories", notes),
        code=concept_of(resource, "code", "code", notes, _CODE_ORDER),
        effective_at=effective_at(resource, notes),
        effective_period=single(resource, "effectivePeriod", "effective_period", notes, period),
        issued_at=moment(resource, "issued", "issued_at", notes),
        value=value,
        interpretations=concepts(resource, "interpretation", "interpretations", notes),
        reference_ranges=listed(resource, "referenceRange", "reference_ranges", notes, _reference_range),
        components=listed(resource, "component", "components", notes, _component),
        performers=listed(resource, "performer", "performers", notes, _performer),
        method=concept_of(resource, "method", "method", notes),
        body_site=concept_of(resource, "bodySite", "body_site", notes),
        specimen=single(resource, "specimen", "specimen", notes, reference),
        notes=listed(resource, "note", "notes", notes, note),
        derived_from=listed(resource, "derivedFrom", "derived_from", notes, reference),
        members=listed(resource, "hasMember", "members", notes, reference),
        **common_fields(notes),
    )


def effective_at(resource: Resource, notes: Notes) -> str | None:
    """The moment of `effectiveDateTime` or `effectiveInstant`."""
    key = "effectiveInstant" if "effectiveInstant" in resource else "effectiveDateTime"
    return moment(resource, key, "effective_at", notes)


_VALUE_KINDS = kinds(
    Quantity="quantity",
    CodeableConcept="code",
    String="text",
    Boolean="boolean",
    Integer="integer",
    Range="range",
    Ratio="ratio",
    SampledData="sampled_data",
    Time="time",
    DateTime="instant",
    Period="period",
    Attachment="attachment",
)


def observation_value(source: dict[str, Any], field: str, notes: Notes) -> ObservationValue | None:
    """The value[x] of an observation or a component."""
    return choice(source, "value", field, notes, ObservationValue, _VALUE_KINDS)


def _reference_range(element: dict[str, Any], field: str, notes: Notes) -> ReferenceRange | None:
    found = ReferenceRange(
        low=single(element, "low", field + ".low", notes, quantity),
        high=single(element, "high", field + ".high", notes, quantity),
        type=concept_of(element, "type", field + ".type", notes),
        applies_to=concepts(element, "appliesTo", field + ".applies_to", notes),
        age=single(element, "age", field + ".age", notes, range_),
        text=text(element, "text", field + ".text", notes),
    )
    return found if found != ReferenceRange() else None


def _component(element: dict[str, Any], field: str, notes: Notes) -> Component | None:
    """One component; the reasons inside it stand with the component, and not with the whole object."""
    outer, notes.absent = notes.absent, {}
    value = observation_value(element, "value", notes)
    if "dataAbsentReason" in element:
        notes.stated_reason("value", element["dataAbsentReason"])
    found = Component(
        code=concept_of(element, "code", "code", notes, _COMPONENT_ORDER),
        value=value,
        interpretations=concepts(element, "interpretation", "interpretations", notes),
        reference_ranges=listed(element, "referenceRange", "reference_ranges", notes, _reference_range),
        absent=dict(sorted(notes.absent.items())),
    )
    notes.absent = outer
    return found if found != Component() else None


def _performer(element: dict[str, Any], field: str, notes: Notes) -> Performer | None:
    found = reference(element, field, notes)
    functions = extension_concepts(element, PERFORMER_FUNCTION, field + ".functions", notes)
    if found is None and not functions:
        return None
    if found is None:
        return Performer(functions=functions)
    return Performer(object=found.object, id=found.id, display=found.display, functions=functions)


DECLARATION = Declaration(
    name="observation",
    plural="observations",
    resource_type="Observation",
    struct=Observation,
    normalize=normalize,
    filters=(PATIENT_ID, ENCOUNTER_ID, FROM, TO, CATEGORY, CODE, STATUS, UPDATED_SINCE),
    patient_scoped=True,
    columns=("id", "effective_at", "code", "value", "interpretations", "status"),
    time_elements=("effectiveDateTime", "effectiveInstant", "effectivePeriod"),
)
