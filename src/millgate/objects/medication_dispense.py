"""A medication that was handed out for a patient."""

from __future__ import annotations

from typing import Annotated, Any

from millgate.canonical.exchange import Resource
from millgate.objects.common import common_fields, opened, source_status
from millgate.objects.concepts import concept_of, concepts
from millgate.objects.declaration import FROM, PATIENT_ID, UPDATED_SINCE, Context, Declaration, about
from millgate.objects.dosages import Dosage, dosages
from millgate.objects.elements import (
    identifier,
    listed,
    note,
    quantity,
    reference,
    reference_id_of,
    reference_ids,
    single,
)
from millgate.objects.medications import Medication, medication
from millgate.objects.notes import Notes
from millgate.objects.performers import Actor, actor
from millgate.objects.primitives import flag, moment, text
from millgate.objects.shared import Code, Identifier, Note, Object, Quantity, Reason, Reference, Shared
from millgate.terminology import lifting_order

_MEDICATION_ORDER = lifting_order("medication_dispense", "medication")


class Substitution(Shared, frozen=True, kw_only=True):
    """Whether another product was handed out than the one prescribed."""

    was_substituted: Annotated[
        bool | None, about("MedicationDispense.substitution.wasSubstituted", "Whether another was handed out.")
    ] = None
    type: Annotated[Code | None, about("MedicationDispense.substitution.type", "generic, brand, …")] = None
    reasons: Annotated[tuple[Code, ...], about("MedicationDispense.substitution.reason", "Why, or why not.")] = ()
    responsible: Annotated[
        tuple[Reference, ...], about("MedicationDispense.substitution.responsibleParty", "Who answers for it.")
    ] = ()


class MedicationDispense(Object, frozen=True, kw_only=True):
    """A medication that was handed out for a patient."""

    patient_id: Annotated[str | None, about("MedicationDispense.subject", "The patient.")] = None
    encounter_id: Annotated[str | None, about("MedicationDispense.context", "The encounter it was handed out in.")] = None
    status: Annotated[
        str | None, about("MedicationDispense.status", "preparation, in-progress, cancelled, on-hold, completed, …")
    ] = None
    source_status: Annotated[str | None, about("MedicationDispense.status.extension", "The source's own, finer status.")] = None
    status_reason: Annotated[
        Reason | None, about("MedicationDispense.statusReason[x]", "Why it was not handed out, as code or reference.")
    ] = None
    category: Annotated[Code | None, about("MedicationDispense.category", "inpatient, outpatient, community or discharge.")] = (
        None
    )
    type: Annotated[Code | None, about("MedicationDispense.type", "First fill, refill, trial fill, …")] = None
    medication: Annotated[
        Medication | None, about("MedicationDispense.medication[x]", "What was handed out; RxNorm is lifted first.")
    ] = None
    quantity: Annotated[Quantity | None, about("MedicationDispense.quantity", "How much.")] = None
    supply: Annotated[Quantity | None, about("MedicationDispense.daysSupply", "How long it is to last.")] = None
    prepared_at: Annotated[str | None, about("MedicationDispense.whenPrepared", "When it was packed and checked.")] = None
    handed_over_at: Annotated[str | None, about("MedicationDispense.whenHandedOver", "When it was handed out.")] = None
    performers: Annotated[
        tuple[Actor, ...], about("MedicationDispense.performer", "Who handed it out, and in what function.")
    ] = ()
    location: Annotated[Reference | None, about("MedicationDispense.location", "Where it was handed out.")] = None
    destination: Annotated[Reference | None, about("MedicationDispense.destination", "Where it was sent.")] = None
    receivers: Annotated[tuple[Reference, ...], about("MedicationDispense.receiver", "Who took it.")] = ()
    request_ids: Annotated[
        tuple[str, ...],
        about("MedicationDispense.authorizingPrescription", "Ids of the medication requests that it was handed out for."),
    ] = ()
    dosages: Annotated[tuple[Dosage, ...], about("MedicationDispense.dosageInstruction", "How it is to be taken.")] = ()
    substitution: Annotated[
        Substitution | None, about("MedicationDispense.substitution", "Whether it is another product than prescribed.")
    ] = None
    part_of: Annotated[tuple[Reference, ...], about("MedicationDispense.partOf", "The procedure that it is a part of.")] = ()
    supporting_information: Annotated[
        tuple[Reference, ...], about("MedicationDispense.supportingInformation", "What else matters to it.")
    ] = ()
    identifiers: Annotated[tuple[Identifier, ...], about("MedicationDispense.identifier", "Its numbers.")] = ()
    notes: Annotated[tuple[Note, ...], about("MedicationDispense.note", "Comments.")] = ()


def normalize(resource: Resource, context: Context) -> MedicationDispense:
    """The dispense that this canonical MedicationDispense describes. Raises FixMessage where it is none with an id."""
    notes = opened(resource, "MedicationDispense", context)
    what = medication(resource, notes, _MEDICATION_ORDER)
    return MedicationDispense(
        patient_id=reference_id_of(resource, "subject", "Patient", "patient_id", notes),
        encounter_id=reference_id_of(resource, "context", "Encounter", "encounter_id", notes),
        status=text(resource, "status", "status", notes),
        source_status=source_status(notes),
        status_reason=_status_reason(resource, notes),
        category=concept_of(resource, "category", "category", notes),
        type=concept_of(resource, "type", "type", notes),
        medication=what,
        quantity=single(resource, "quantity", "quantity", notes, quantity),
        supply=single(resource, "daysSupply", "supply", notes, quantity),
        prepared_at=moment(resource, "whenPrepared", "prepared_at", notes),
        handed_over_at=moment(resource, "whenHandedOver", "handed_over_at", notes),
        performers=listed(resource, "performer", "performers", notes, actor),
        location=single(resource, "location", "location", notes, reference),
        destination=single(resource, "destination", "destination", notes, reference),
        receivers=listed(resource, "receiver", "receivers", notes, reference),
        request_ids=reference_ids(resource, "authorizingPrescription", "MedicationRequest", "request_ids", notes),
        dosages=dosages(resource, "dosageInstruction", notes, what),
        substitution=single(resource, "substitution", "substitution", notes, _substitution),
        part_of=listed(resource, "partOf", "part_of", notes, reference),
        supporting_information=listed(resource, "supportingInformation", "supporting_information", notes, reference),
        identifiers=listed(resource, "identifier", "identifiers", notes, identifier),
        notes=listed(resource, "note", "notes", notes, note),
        **common_fields(notes),
    )


def _status_reason(resource: Resource, notes: Notes) -> Reason | None:
    code = concept_of(resource, "statusReasonCodeableConcept", "status_reason.code", notes)
    pointed = single(resource, "statusReasonReference", "status_reason.reference", notes, reference)
    return Reason(code=code, reference=pointed) if code is not None or pointed is not None else None


def _substitution(element: dict[str, Any], field: str, notes: Notes) -> Substitution | None:
    found = Substitution(
        was_substituted=flag(element, "wasSubstituted", field + ".was_substituted", notes),
        type=concept_of(element, "type", field + ".type", notes),
        reasons=concepts(element, "reason", field + ".reasons", notes),
        responsible=listed(element, "responsibleParty", field + ".responsible", notes, reference),
    )
    return found if found != Substitution() else None


DECLARATION = Declaration(
    name="medication_dispense",
    plural="medication_dispenses",
    resource_type="MedicationDispense",
    struct=MedicationDispense,
    normalize=normalize,
    filters=(PATIENT_ID, FROM, UPDATED_SINCE),
    patient_scoped=True,
    columns=("id", "handed_over_at", "medication", "quantity", "supply", "status"),
    time_elements=("whenHandedOver", "whenPrepared"),
)
