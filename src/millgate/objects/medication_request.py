"""An order, a prescription or a plan to take a medication; a documented home medication, too."""

from __future__ import annotations

from typing import Annotated, Any

from millgate.canonical.exchange import Resource
from millgate.canonical.extensions import PHARMACY_VERIFICATION_STATUS, extension_of
from millgate.objects.common import common_fields, opened, source_status
from millgate.objects.concepts import concept_of, concepts
from millgate.objects.declaration import PATIENT_ID, STATUS, UPDATED_SINCE, Context, Declaration, about
from millgate.objects.dosages import Dosage, dosages
from millgate.objects.elements import (
    identifier,
    listed,
    note,
    period,
    quantity,
    reasons,
    reference,
    reference_id_of,
    single,
)
from millgate.objects.medications import Medication, medication
from millgate.objects.notes import Notes
from millgate.objects.primitives import flag, moment, text, whole
from millgate.objects.shared import Code, Identifier, Note, Object, Period, Quantity, Reason, Reference, Shared
from millgate.terminology import lifting_order

_MEDICATION_ORDER = lifting_order("medication_request", "medication")


class InitialFill(Shared, frozen=True, kw_only=True):
    """The first dispensing, where it differs from those that follow."""

    quantity: Annotated[Quantity | None, about("MedicationRequest.dispenseRequest.initialFill.quantity", "How much.")] = None
    supply: Annotated[
        Quantity | None, about("MedicationRequest.dispenseRequest.initialFill.duration", "How long it is to last.")
    ] = None


class Dispense(Shared, frozen=True, kw_only=True):
    """What is to be handed out."""

    quantity: Annotated[Quantity | None, about("MedicationRequest.dispenseRequest.quantity", "How much each time.")] = None
    refills: Annotated[
        int | None, about("MedicationRequest.dispenseRequest.numberOfRepeatsAllowed", "How many times more after the first.")
    ] = None
    validity: Annotated[Period | None, about("MedicationRequest.dispenseRequest.validityPeriod", "When it may be dispensed.")] = (
        None
    )
    supply: Annotated[
        Quantity | None, about("MedicationRequest.dispenseRequest.expectedSupplyDuration", "How long each is to last.")
    ] = None
    interval: Annotated[
        Quantity | None, about("MedicationRequest.dispenseRequest.dispenseInterval", "How long between two, at least.")
    ] = None
    initial_fill: Annotated[InitialFill | None, about("MedicationRequest.dispenseRequest.initialFill", "The first one.")] = None
    performer: Annotated[Reference | None, about("MedicationRequest.dispenseRequest.performer", "Which pharmacy is to.")] = None


class AllowedSubstitution(Shared, frozen=True, kw_only=True):
    """Whether another product may be handed out."""

    allowed: Annotated[bool | None, about("MedicationRequest.substitution.allowedBoolean", "Whether it may.")] = None
    kind: Annotated[
        Code | None, about("MedicationRequest.substitution.allowedCodeableConcept", "Which kind may be: generic, brand, …")
    ] = None
    reason: Annotated[Code | None, about("MedicationRequest.substitution.reason", "Why, or why not.")] = None


class MedicationRequest(Object, frozen=True, kw_only=True):
    """An order, a prescription or a plan to take a medication; a documented home medication, too."""

    patient_id: Annotated[str | None, about("MedicationRequest.subject", "The patient.")] = None
    encounter_id: Annotated[str | None, about("MedicationRequest.encounter", "The encounter it was made in.")] = None
    status: Annotated[str | None, about("MedicationRequest.status", "active, on-hold, cancelled, completed, stopped, …")] = None
    source_status: Annotated[str | None, about("MedicationRequest.status.extension", "The source's own, finer status.")] = None
    status_reason: Annotated[Code | None, about("MedicationRequest.statusReason", "Why it has this status.")] = None
    verification_status: Annotated[
        Code | None,
        about("MedicationRequest.extension(pharmacy-verification-status)", "Whether a pharmacist has to verify it, or has."),
    ] = None
    intent: Annotated[str | None, about("MedicationRequest.intent", "proposal, plan, order, original-order, …")] = None
    categories: Annotated[
        tuple[Code, ...], about("MedicationRequest.category", "inpatient, outpatient, community, discharge, …")
    ] = ()
    priority: Annotated[str | None, about("MedicationRequest.priority", "routine, urgent, asap or stat.")] = None
    do_not_perform: Annotated[
        bool | None, about("MedicationRequest.doNotPerform", "Whether the medication is not to be taken.")
    ] = None
    medication: Annotated[
        Medication | None, about("MedicationRequest.medication[x]", "What is to be taken; RxNorm is lifted first.")
    ] = None
    authored_at: Annotated[str | None, about("MedicationRequest.authoredOn", "When it was written.")] = None
    requester: Annotated[Reference | None, about("MedicationRequest.requester", "Who answers for it.")] = None
    recorder: Annotated[Reference | None, about("MedicationRequest.recorder", "Who entered it.")] = None
    reported: Annotated[
        bool | None, about("MedicationRequest.reported[x]", "Whether somebody told of it, other than by ordering it.")
    ] = None
    reported_by: Annotated[Reference | None, about("MedicationRequest.reportedReference", "Who told of it.")] = None
    performer: Annotated[Reference | None, about("MedicationRequest.performer", "Who is to give it.")] = None
    performer_type: Annotated[Code | None, about("MedicationRequest.performerType", "What kind of person is to give it.")] = None
    reasons: Annotated[
        tuple[Reason, ...], about("MedicationRequest.reasonCode | reasonReference", "Why: the coded ones, then the references.")
    ] = ()
    course_of_therapy: Annotated[
        Code | None, about("MedicationRequest.courseOfTherapyType", "Short course, continuous, seasonal, …")
    ] = None
    dosages: Annotated[tuple[Dosage, ...], about("MedicationRequest.dosageInstruction", "How it is to be taken.")] = ()
    dispense: Annotated[Dispense | None, about("MedicationRequest.dispenseRequest", "What is to be handed out.")] = None
    substitution: Annotated[
        AllowedSubstitution | None, about("MedicationRequest.substitution", "Whether another product may be handed out.")
    ] = None
    based_on: Annotated[tuple[Reference, ...], about("MedicationRequest.basedOn", "The plan or order that it fulfils.")] = ()
    prior_prescription: Annotated[
        Reference | None, about("MedicationRequest.priorPrescription", "The request that it replaces.")
    ] = None
    coverages: Annotated[tuple[Reference, ...], about("MedicationRequest.insurance", "Who may pay for it.")] = ()
    supporting_information: Annotated[
        tuple[Reference, ...], about("MedicationRequest.supportingInformation", "What else matters to it.")
    ] = ()
    group_identifier: Annotated[
        Identifier | None, about("MedicationRequest.groupIdentifier", "Number of the prescription that it is a part of.")
    ] = None
    identifiers: Annotated[tuple[Identifier, ...], about("MedicationRequest.identifier", "Order and other numbers.")] = ()
    notes: Annotated[tuple[Note, ...], about("MedicationRequest.note", "Comments.")] = ()


def normalize(resource: Resource, context: Context) -> MedicationRequest:
    """The request that this canonical MedicationRequest describes. Raises FixMessage where it is none with an id."""
    notes = opened(resource, "MedicationRequest", context)
    what = medication(resource, notes, _MEDICATION_ORDER)
    verified = extension_of(resource, PHARMACY_VERIFICATION_STATUS)
    reported_by = single(resource, "reportedReference", "reported_by", notes, reference)
    return MedicationRequest(
        patient_id=reference_id_of(resource, "subject", "Patient", "patient_id", notes),
        encounter_id=reference_id_of(resource, "encounter", "Encounter", "encounter_id", notes),
        status=text(resource, "status", "status", notes),
        source_status=source_status(notes),
        status_reason=concept_of(resource, "statusReason", "status_reason", notes),
        verification_status=concept_of(verified or {}, "valueCodeableConcept", "verification_status", notes),
        intent=text(resource, "intent", "intent", notes),
        categories=concepts(resource, "category", "categories", notes),
        priority=text(resource, "priority", "priority", notes),
        do_not_perform=flag(resource, "doNotPerform", "do_not_perform", notes),
        medication=what,
        authored_at=moment(resource, "authoredOn", "authored_at", notes),
        requester=single(resource, "requester", "requester", notes, reference),
        recorder=single(resource, "recorder", "recorder", notes, reference),
        reported=True if reported_by is not None else flag(resource, "reportedBoolean", "reported", notes),
        reported_by=reported_by,
        performer=single(resource, "performer", "performer", notes, reference),
        performer_type=concept_of(resource, "performerType", "performer_type", notes),
        reasons=reasons(resource, notes),
        course_of_therapy=concept_of(resource, "courseOfTherapyType", "course_of_therapy", notes),
        dosages=dosages(resource, "dosageInstruction", notes, what),
        dispense=single(resource, "dispenseRequest", "dispense", notes, _dispense),
        substitution=single(resource, "substitution", "substitution", notes, _substitution),
        based_on=listed(resource, "basedOn", "based_on", notes, reference),
        prior_prescription=single(resource, "priorPrescription", "prior_prescription", notes, reference),
        coverages=listed(resource, "insurance", "coverages", notes, reference),
        supporting_information=listed(resource, "supportingInformation", "supporting_information", notes, reference),
        group_identifier=single(resource, "groupIdentifier", "group_identifier", notes, identifier),
        identifiers=listed(resource, "identifier", "identifiers", notes, identifier),
        notes=listed(resource, "note", "notes", notes, note),
        **common_fields(notes),
    )


def _dispense(element: dict[str, Any], field: str, notes: Notes) -> Dispense | None:
    found = Dispense(
        quantity=single(element, "quantity", field + ".quantity", notes, quantity),
        refills=whole(element, "numberOfRepeatsAllowed", field + ".refills", notes),
        validity=single(element, "validityPeriod", field + ".validity", notes, period),
        supply=single(element, "expectedSupplyDuration", field + ".supply", notes, quantity),
        interval=single(element, "dispenseInterval", field + ".interval", notes, quantity),
        initial_fill=single(element, "initialFill", field + ".initial_fill", notes, _initial_fill),
        performer=single(element, "performer", field + ".performer", notes, reference),
    )
    return found if found != Dispense() else None


def _initial_fill(element: dict[str, Any], field: str, notes: Notes) -> InitialFill | None:
    found = InitialFill(
        quantity=single(element, "quantity", field + ".quantity", notes, quantity),
        supply=single(element, "duration", field + ".supply", notes, quantity),
    )
    return found if found != InitialFill() else None


def _substitution(element: dict[str, Any], field: str, notes: Notes) -> AllowedSubstitution | None:
    found = AllowedSubstitution(
        allowed=flag(element, "allowedBoolean", field + ".allowed", notes),
        kind=concept_of(element, "allowedCodeableConcept", field + ".kind", notes),
        reason=concept_of(element, "reason", field + ".reason", notes),
    )
    return found if found != AllowedSubstitution() else None


DECLARATION = Declaration(
    name="medication_request",
    plural="medication_requests",
    resource_type="MedicationRequest",
    struct=MedicationRequest,
    normalize=normalize,
    filters=(PATIENT_ID, STATUS, UPDATED_SINCE),
    patient_scoped=True,
    columns=("id", "authored_at", "medication", "status", "intent", "dosages"),
)
