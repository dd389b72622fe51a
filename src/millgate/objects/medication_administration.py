"""A medication that was given to a patient, or that was not given though it was due."""

from __future__ import annotations

from typing import Annotated

from millgate.canonical.exchange import Resource
from millgate.canonical.extensions import INFUSE_OVER_TIME, extension_of
from millgate.objects.common import common_fields, opened, source_status
from millgate.objects.concepts import concept_of, concepts
from millgate.objects.declaration import FROM, PATIENT_ID, STATUS, TO, UPDATED_SINCE, Context, Declaration, about
from millgate.objects.dosages import Dosage, administered_dosage
from millgate.objects.elements import identifier, listed, note, period, quantity, reasons, reference, reference_id_of, single
from millgate.objects.medications import Medication, medication
from millgate.objects.performers import Actor, actor
from millgate.objects.primitives import moment, text
from millgate.objects.shared import Code, Identifier, Note, Object, Period, Quantity, Reason, Reference
from millgate.terminology import lifting_order

_MEDICATION_ORDER = lifting_order("medication_administration", "medication")


class MedicationAdministration(Object, frozen=True, kw_only=True):
    """A medication that was given to a patient, or that was not given though it was due."""

    patient_id: Annotated[str | None, about("MedicationAdministration.subject", "The patient.")] = None
    encounter_id: Annotated[str | None, about("MedicationAdministration.context", "The encounter it was given in.")] = None
    status: Annotated[
        str | None, about("MedicationAdministration.status", "in-progress, not-done, on-hold, completed, stopped, …")
    ] = None
    source_status: Annotated[
        str | None, about("MedicationAdministration.status.extension", "The source's own, finer status.")
    ] = None
    status_reasons: Annotated[
        tuple[Code, ...], about("MedicationAdministration.statusReason", "Why it was not given, or stopped.")
    ] = ()
    category: Annotated[Code | None, about("MedicationAdministration.category", "inpatient, outpatient or community.")] = None
    medication: Annotated[
        Medication | None, about("MedicationAdministration.medication[x]", "What was given; RxNorm is lifted first.")
    ] = None
    administered_at: Annotated[str | None, about("MedicationAdministration.effectiveDateTime", "When it was given, or due.")] = (
        None
    )
    administered_period: Annotated[
        Period | None, about("MedicationAdministration.effectivePeriod", "Over what time it was given.")
    ] = None
    performers: Annotated[
        tuple[Actor, ...], about("MedicationAdministration.performer", "Who gave it, and in what function.")
    ] = ()
    request_id: Annotated[
        str | None, about("MedicationAdministration.request", "Id of the medication request that it carries out.")
    ] = None
    dosage: Annotated[Dosage | None, about("MedicationAdministration.dosage", "How, and how much.")] = None
    infuse_over: Annotated[
        Quantity | None, about("MedicationAdministration.extension(infuse-over-time)", "How long the infusion is to take.")
    ] = None
    reasons: Annotated[
        tuple[Reason, ...],
        about("MedicationAdministration.reasonCode | reasonReference", "Why: the coded ones, then the references."),
    ] = ()
    devices: Annotated[tuple[Reference, ...], about("MedicationAdministration.device", "What it was given with.")] = ()
    part_of: Annotated[
        tuple[Reference, ...], about("MedicationAdministration.partOf", "The procedure or administration that it is a part of.")
    ] = ()
    supporting_information: Annotated[
        tuple[Reference, ...], about("MedicationAdministration.supportingInformation", "What else matters to it.")
    ] = ()
    identifiers: Annotated[tuple[Identifier, ...], about("MedicationAdministration.identifier", "Its numbers.")] = ()
    notes: Annotated[tuple[Note, ...], about("MedicationAdministration.note", "Comments.")] = ()


def normalize(resource: Resource, context: Context) -> MedicationAdministration:
    """The administration that this canonical MedicationAdministration describes. Raises FixMessage where it is none with an id."""
    notes = opened(resource, "MedicationAdministration", context)
    what = medication(resource, notes, _MEDICATION_ORDER)
    infused = extension_of(resource, INFUSE_OVER_TIME)
    return MedicationAdministration(
        patient_id=reference_id_of(resource, "subject", "Patient", "patient_id", notes),
        encounter_id=reference_id_of(resource, "context", "Encounter", "encounter_id", notes),
        status=text(resource, "status", "status", notes),
        source_status=source_status(notes),
        status_reasons=concepts(resource, "statusReason", "status_reasons", notes),
        category=concept_of(resource, "category", "category", notes),
        medication=what,
        administered_at=moment(resource, "effectiveDateTime", "administered_at", notes),
        administered_period=single(resource, "effectivePeriod", "administered_period", notes, period),
        performers=listed(resource, "performer", "performers", notes, actor),
        request_id=reference_id_of(resource, "request", "MedicationRequest", "request_id", notes),
        dosage=single(resource, "dosage", "dosage", notes, lambda element, at, to: administered_dosage(element, at, to, what)),
        infuse_over=single(infused or {}, "valueQuantity", "infuse_over", notes, quantity),
        reasons=reasons(resource, notes),
        devices=listed(resource, "device", "devices", notes, reference),
        part_of=listed(resource, "partOf", "part_of", notes, reference),
        supporting_information=listed(resource, "supportingInformation", "supporting_information", notes, reference),
        identifiers=listed(resource, "identifier", "identifiers", notes, identifier),
        notes=listed(resource, "note", "notes", notes, note),
        **common_fields(notes),
    )


DECLARATION = Declaration(
    name="medication_administration",
    plural="medication_administrations",
    resource_type="MedicationAdministration",
    struct=MedicationAdministration,
    normalize=normalize,
    filters=(PATIENT_ID, FROM, TO, STATUS, UPDATED_SINCE),
    patient_scoped=True,
    columns=("id", "administered_at", "medication", "dosage", "status"),
    time_elements=("effectiveDateTime", "effectivePeriod"),
)
