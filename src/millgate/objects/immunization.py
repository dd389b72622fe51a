"""A vaccination that a patient had, here or elsewhere, or that was not given and why."""

from __future__ import annotations

from typing import Annotated, Any

from millgate.canonical.exchange import Resource
from millgate.objects.common import common_fields, opened, source_status
from millgate.objects.concepts import concept_of, concepts
from millgate.objects.declaration import FROM, PATIENT_ID, TO, UPDATED_SINCE, Context, Declaration, about
from millgate.objects.elements import identifier, listed, note, quantity, reasons, reference, reference_id_of, single
from millgate.objects.notes import Notes
from millgate.objects.pointers import pointing
from millgate.objects.primitives import date, flag, moment, text, whole
from millgate.objects.shared import Code, Identifier, Note, Object, Quantity, Reason, Reference, Shared
from millgate.terminology import lifting_order

_VACCINE_ORDER = lifting_order("immunization", "vaccine")


class Vaccinator(Reference, frozen=True, kw_only=True):
    """Who ordered or gave it."""

    function: Annotated[Code | None, about("Immunization.performer.function", "Whether they ordered or gave it.")] = None


class ProtocolDose(Shared, frozen=True, kw_only=True):
    """Which dose of which series it was, under one recommendation."""

    dose_number: Annotated[
        str | None, about("Immunization.protocolApplied.doseNumber[x]", "Which dose of the series, as the source writes it.")
    ] = None
    series: Annotated[str | None, about("Immunization.protocolApplied.series", "Name of the series.")] = None
    series_doses: Annotated[
        str | None, about("Immunization.protocolApplied.seriesDoses[x]", "How many doses the series has.")
    ] = None
    target_diseases: Annotated[
        tuple[Code, ...], about("Immunization.protocolApplied.targetDisease", "What it is to protect from.")
    ] = ()
    authority: Annotated[Reference | None, about("Immunization.protocolApplied.authority", "Who recommends the series.")] = None


class VaccineReaction(Shared, frozen=True, kw_only=True):
    """What happened after it."""

    at: Annotated[str | None, about("Immunization.reaction.date", "When it began.")] = None
    detail: Annotated[Reference | None, about("Immunization.reaction.detail", "The observation of it.")] = None
    reported: Annotated[
        bool | None, about("Immunization.reaction.reported", "Whether it was told by somebody who was not there.")
    ] = None


class Education(Shared, frozen=True, kw_only=True):
    """What the patient was given to read about the vaccine."""

    document_type: Annotated[str | None, about("Immunization.education.documentType", "Which document.")] = None
    reference: Annotated[str | None, about("Immunization.education.reference", "Address of the document.")] = None
    published_at: Annotated[str | None, about("Immunization.education.publicationDate", "When it was published.")] = None
    presented_at: Annotated[str | None, about("Immunization.education.presentationDate", "When the patient was given it.")] = None


class Immunization(Object, frozen=True, kw_only=True):
    """A vaccination that a patient had, here or elsewhere, or that was not given and why."""

    patient_id: Annotated[str | None, about("Immunization.patient", "The patient.")] = None
    encounter_id: Annotated[str | None, about("Immunization.encounter", "The encounter it was given in.")] = None
    status: Annotated[str | None, about("Immunization.status", "completed, entered-in-error or not-done.")] = None
    source_status: Annotated[str | None, about("Immunization.status.extension", "The source's own, finer status.")] = None
    status_reason: Annotated[Code | None, about("Immunization.statusReason", "Why it was not given.")] = None
    vaccine: Annotated[Code | None, about("Immunization.vaccineCode", "Which vaccine; CVX is lifted first.")] = None
    occurred_at: Annotated[str | None, about("Immunization.occurrenceDateTime", "When it was given.")] = None
    occurred_text: Annotated[str | None, about("Immunization.occurrenceString", "When it was given, in words.")] = None
    recorded_at: Annotated[str | None, about("Immunization.recorded", "When it was first recorded.")] = None
    primary_source: Annotated[
        bool | None, about("Immunization.primarySource", "Whether whoever gave it recorded it; otherwise it was told.")
    ] = None
    report_origin: Annotated[Code | None, about("Immunization.reportOrigin", "Who told of it.")] = None
    lot_number: Annotated[str | None, about("Immunization.lotNumber", "Lot of the vaccine.")] = None
    expiration_date: Annotated[str | None, about("Immunization.expirationDate", "Until when the vaccine was good.")] = None
    manufacturer: Annotated[Reference | None, about("Immunization.manufacturer", "Who made the vaccine.")] = None
    site: Annotated[Code | None, about("Immunization.site", "Where on the body.")] = None
    route: Annotated[Code | None, about("Immunization.route", "By which route.")] = None
    dose: Annotated[Quantity | None, about("Immunization.doseQuantity", "How much.")] = None
    performers: Annotated[tuple[Vaccinator, ...], about("Immunization.performer", "Who ordered or gave it.")] = ()
    location: Annotated[Reference | None, about("Immunization.location", "Where it was given.")] = None
    reasons: Annotated[
        tuple[Reason, ...], about("Immunization.reasonCode | reasonReference", "Why: the coded ones, then the references.")
    ] = ()
    protocol: Annotated[
        tuple[ProtocolDose, ...], about("Immunization.protocolApplied", "Which dose of which series, by recommendation.")
    ] = ()
    is_subpotent: Annotated[bool | None, about("Immunization.isSubpotent", "Whether it was too weak to count.")] = None
    subpotent_reasons: Annotated[tuple[Code, ...], about("Immunization.subpotentReason", "Why it was too weak.")] = ()
    reactions: Annotated[tuple[VaccineReaction, ...], about("Immunization.reaction", "What happened after it.")] = ()
    education: Annotated[
        tuple[Education, ...], about("Immunization.education", "What the patient was given to read about it.")
    ] = ()
    program_eligibilities: Annotated[
        tuple[Code, ...], about("Immunization.programEligibility", "Vaccination programmes that the patient was eligible for.")
    ] = ()
    funding_source: Annotated[Code | None, about("Immunization.fundingSource", "Who paid for the vaccine.")] = None
    notes: Annotated[tuple[Note, ...], about("Immunization.note", "Comments.")] = ()
    identifiers: Annotated[tuple[Identifier, ...], about("Immunization.identifier", "Its numbers elsewhere.")] = ()


def normalize(resource: Resource, context: Context) -> Immunization:
    """The vaccination that this canonical Immunization describes. Raises FixMessage where it is no Immunization with an id."""
    notes = opened(resource, "Immunization", context)
    return Immunization(
        patient_id=reference_id_of(resource, "patient", "Patient", "patient_id", notes),
        encounter_id=reference_id_of(resource, "encounter", "Encounter", "encounter_id", notes),
        status=text(resource, "status", "status", notes),
        source_status=source_status(notes),
        status_reason=concept_of(resource, "statusReason", "status_reason", notes),
        vaccine=concept_of(resource, "vaccineCode", "vaccine", notes, _VACCINE_ORDER),
        occurred_at=moment(resource, "occurrenceDateTime", "occurred_at", notes),
        occurred_text=text(resource, "occurrenceString", "occurred_text", notes),
        recorded_at=moment(resource, "recorded", "recorded_at", notes),
        primary_source=flag(resource, "primarySource", "primary_source", notes),
        report_origin=concept_of(resource, "reportOrigin", "report_origin", notes),
        lot_number=text(resource, "lotNumber", "lot_number", notes),
        expiration_date=date(resource, "expirationDate", "expiration_date", notes),
        manufacturer=single(resource, "manufacturer", "manufacturer", notes, reference),
        site=concept_of(resource, "site", "site", notes),
        route=concept_of(resource, "route", "route", notes),
        dose=single(resource, "doseQuantity", "dose", notes, quantity),
        performers=listed(resource, "performer", "performers", notes, _performer),
        location=single(resource, "location", "location", notes, reference),
        reasons=reasons(resource, notes),
        protocol=listed(resource, "protocolApplied", "protocol", notes, _dose),
        is_subpotent=flag(resource, "isSubpotent", "is_subpotent", notes),
        subpotent_reasons=concepts(resource, "subpotentReason", "subpotent_reasons", notes),
        reactions=listed(resource, "reaction", "reactions", notes, _reaction),
        education=listed(resource, "education", "education", notes, _education),
        program_eligibilities=concepts(resource, "programEligibility", "program_eligibilities", notes),
        funding_source=concept_of(resource, "fundingSource", "funding_source", notes),
        notes=listed(resource, "note", "notes", notes, note),
        identifiers=listed(resource, "identifier", "identifiers", notes, identifier),
        **common_fields(notes),
    )


def _performer(element: dict[str, Any], field: str, notes: Notes) -> Vaccinator | None:
    function = concept_of(element, "function", field + ".function", notes)
    return pointing(Vaccinator, element, "actor", field, notes, function=function)


def _dose(element: dict[str, Any], field: str, notes: Notes) -> ProtocolDose | None:
    found = ProtocolDose(
        dose_number=_number(element, "doseNumber", field + ".dose_number", notes),
        series=text(element, "series", field + ".series", notes),
        series_doses=_number(element, "seriesDoses", field + ".series_doses", notes),
        target_diseases=concepts(element, "targetDisease", field + ".target_diseases", notes),
        authority=single(element, "authority", field + ".authority", notes, reference),
    )
    return found if found != ProtocolDose() else None


def _number(element: dict[str, Any], key: str, field: str, notes: Notes) -> str | None:
    """A number of doses: FHIR has it as a whole number or as text."""
    if key + "PositiveInt" not in element:
        return text(element, key + "String", field, notes)
    number = whole(element, key + "PositiveInt", field, notes)
    return str(number) if number is not None else None


def _reaction(element: dict[str, Any], field: str, notes: Notes) -> VaccineReaction | None:
    found = VaccineReaction(
        at=moment(element, "date", field + ".at", notes),
        detail=single(element, "detail", field + ".detail", notes, reference),
        reported=flag(element, "reported", field + ".reported", notes),
    )
    return found if found != VaccineReaction() else None


def _education(element: dict[str, Any], field: str, notes: Notes) -> Education | None:
    found = Education(
        document_type=text(element, "documentType", field + ".document_type", notes),
        reference=text(element, "reference", field + ".reference", notes),
        published_at=moment(element, "publicationDate", field + ".published_at", notes),
        presented_at=moment(element, "presentationDate", field + ".presented_at", notes),
    )
    return found if found != Education() else None


DECLARATION = Declaration(
    name="immunization",
    plural="immunizations",
    resource_type="Immunization",
    struct=Immunization,
    normalize=normalize,
    filters=(PATIENT_ID, FROM, TO, UPDATED_SINCE),
    patient_scoped=True,
    columns=("id", "occurred_at", "vaccine", "status", "lot_number", "performers"),
    time_elements=("occurrenceDateTime",),
)
