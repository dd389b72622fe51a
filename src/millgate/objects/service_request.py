"""An order, proposal or referral: something that is asked to be done for a patient."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from millgate.canonical.exchange import Resource
from millgate.objects.choices import choice, kinds
from millgate.objects.common import common_fields, opened, source_status
from millgate.objects.concepts import concept_of, concepts
from millgate.objects.declaration import CODE, PATIENT_ID, UPDATED_SINCE, Context, Declaration, about
from millgate.objects.elements import identifier, listed, note, reasons, reference, reference_id_of, single
from millgate.objects.primitives import flag, moment, text, texts
from millgate.objects.shared import (
    Code,
    Identifier,
    Note,
    Object,
    Period,
    Quantity,
    Range,
    Ratio,
    Reason,
    Reference,
    Shared,
    Timing,
)


class Occurrence(Shared, frozen=True, kw_only=True):
    """When it is to be done; exactly the field that `kind` names is there."""

    kind: Annotated[
        Literal["instant", "period", "timing"], about("ServiceRequest.occurrence[x]", "Which of the other fields is there.")
    ]
    instant: Annotated[str | None, about("ServiceRequest.occurrenceDateTime", "A date or moment, at its precision.")] = None
    period: Annotated[Period | None, about("ServiceRequest.occurrencePeriod", "A stretch of time.")] = None
    timing: Annotated[Timing | None, about("ServiceRequest.occurrenceTiming", "Once or again and again.")] = None


class RequestedAmount(Shared, frozen=True, kw_only=True):
    """How much of it; exactly the field that `kind` names is there."""

    kind: Annotated[
        Literal["quantity", "ratio", "range"], about("ServiceRequest.quantity[x]", "Which of the other fields is there.")
    ]
    quantity: Annotated[Quantity | None, about("ServiceRequest.quantityQuantity", "An amount.")] = None
    ratio: Annotated[Ratio | None, about("ServiceRequest.quantityRatio", "An amount in relation to another.")] = None
    range: Annotated[Range | None, about("ServiceRequest.quantityRange", "From a low to a high amount.")] = None


class ServiceRequest(Object, frozen=True, kw_only=True):
    """An order, proposal or referral: something that is asked to be done for a patient."""

    patient_id: Annotated[str | None, about("ServiceRequest.subject", "The patient.")] = None
    encounter_id: Annotated[str | None, about("ServiceRequest.encounter", "The encounter it was made in.")] = None
    status: Annotated[str | None, about("ServiceRequest.status", "draft, active, on-hold, revoked, completed, …")] = None
    source_status: Annotated[str | None, about("ServiceRequest.status.extension", "The source's own, finer status.")] = None
    intent: Annotated[str | None, about("ServiceRequest.intent", "proposal, plan, order, original-order, …")] = None
    categories: Annotated[tuple[Code, ...], about("ServiceRequest.category", "laboratory, imaging, counselling, …")] = ()
    priority: Annotated[str | None, about("ServiceRequest.priority", "routine, urgent, asap or stat.")] = None
    do_not_perform: Annotated[bool | None, about("ServiceRequest.doNotPerform", "Whether it is not to be done.")] = None
    code: Annotated[Code | None, about("ServiceRequest.code", "What is to be done.")] = None
    details: Annotated[tuple[Code, ...], about("ServiceRequest.orderDetail", "How it is to be done.")] = ()
    quantity: Annotated[RequestedAmount | None, about("ServiceRequest.quantity[x]", "How much of it.")] = None
    occurrence: Annotated[Occurrence | None, about("ServiceRequest.occurrence[x]", "When it is to be done.")] = None
    as_needed: Annotated[bool | None, about("ServiceRequest.asNeededBoolean", "Whether it is to be done as needed.")] = None
    as_needed_for: Annotated[
        Code | None, about("ServiceRequest.asNeededCodeableConcept", "What it is to be done for, as needed.")
    ] = None
    authored_at: Annotated[str | None, about("ServiceRequest.authoredOn", "When it was signed.")] = None
    requester: Annotated[Reference | None, about("ServiceRequest.requester", "Who asks for it.")] = None
    performer_type: Annotated[Code | None, about("ServiceRequest.performerType", "What kind of performer is wanted.")] = None
    performers: Annotated[tuple[Reference, ...], about("ServiceRequest.performer", "Who is asked to do it.")] = ()
    locations: Annotated[tuple[Reference, ...], about("ServiceRequest.locationReference", "Where it is to be done.")] = ()
    location_codes: Annotated[tuple[Code, ...], about("ServiceRequest.locationCode", "In what kind of place.")] = ()
    reasons: Annotated[
        tuple[Reason, ...], about("ServiceRequest.reasonCode | reasonReference", "Why: the coded ones, then the references.")
    ] = ()
    body_sites: Annotated[tuple[Code, ...], about("ServiceRequest.bodySite", "Where on the body.")] = ()
    specimens: Annotated[tuple[Reference, ...], about("ServiceRequest.specimen", "Specimens that it is to be done on.")] = ()
    insurance: Annotated[tuple[Reference, ...], about("ServiceRequest.insurance", "Coverage that may pay for it.")] = ()
    supporting_info: Annotated[
        tuple[Reference, ...], about("ServiceRequest.supportingInfo", "Records that whoever does it should know.")
    ] = ()
    relevant_history: Annotated[
        tuple[Reference, ...], about("ServiceRequest.relevantHistory", "Provenances of what became of it.")
    ] = ()
    based_on: Annotated[tuple[Reference, ...], about("ServiceRequest.basedOn", "Plans or orders that it fulfils.")] = ()
    replaces: Annotated[tuple[Reference, ...], about("ServiceRequest.replaces", "Orders that it replaces.")] = ()
    patient_instruction: Annotated[str | None, about("ServiceRequest.patientInstruction", "What the patient is told.")] = None
    instantiates: Annotated[
        tuple[str, ...],
        about("ServiceRequest.instantiatesCanonical | instantiatesUri", "Addresses of the protocols that it follows."),
    ] = ()
    notes: Annotated[tuple[Note, ...], about("ServiceRequest.note", "Comments.")] = ()
    requisition: Annotated[
        Identifier | None, about("ServiceRequest.requisition", "The number that it shares with those ordered with it.")
    ] = None
    identifiers: Annotated[tuple[Identifier, ...], about("ServiceRequest.identifier", "Its numbers elsewhere.")] = ()


_OCCURRENCE = kinds(DateTime="instant", Period="period", Timing="timing")
_AMOUNT = kinds(Quantity="quantity", Ratio="ratio", Range="range")


def normalize(resource: Resource, context: Context) -> ServiceRequest:
    """The order that this canonical ServiceRequest describes. Raises FixMessage where it is no ServiceRequest with an id."""
    notes = opened(resource, "ServiceRequest", context)
    fields: dict[str, Any] = {
        "patient_id": reference_id_of(resource, "subject", "Patient", "patient_id", notes),
        "encounter_id": reference_id_of(resource, "encounter", "Encounter", "encounter_id", notes),
        "status": text(resource, "status", "status", notes),
        "source_status": source_status(notes),
        "intent": text(resource, "intent", "intent", notes),
        "categories": concepts(resource, "category", "categories", notes),
        "priority": text(resource, "priority", "priority", notes),
        "do_not_perform": flag(resource, "doNotPerform", "do_not_perform", notes),
        "code": concept_of(resource, "code", "code", notes),
        "details": concepts(resource, "orderDetail", "details", notes),
        "quantity": choice(resource, "quantity", "quantity", notes, RequestedAmount, _AMOUNT),
        "occurrence": choice(resource, "occurrence", "occurrence", notes, Occurrence, _OCCURRENCE),
        "as_needed": flag(resource, "asNeededBoolean", "as_needed", notes),
        "as_needed_for": concept_of(resource, "asNeededCodeableConcept", "as_needed_for", notes),
        "authored_at": moment(resource, "authoredOn", "authored_at", notes),
        "requester": single(resource, "requester", "requester", notes, reference),
        "performer_type": concept_of(resource, "performerType", "performer_type", notes),
        "location_codes": concepts(resource, "locationCode", "location_codes", notes),
        "reasons": reasons(resource, notes),
        "body_sites": concepts(resource, "bodySite", "body_sites", notes),
        "patient_instruction": text(resource, "patientInstruction", "patient_instruction", notes),
        "instantiates": texts(resource, "instantiatesCanonical", "instantiates", notes)
        + texts(resource, "instantiatesUri", "instantiates", notes),
        "notes": listed(resource, "note", "notes", notes, note),
        "requisition": single(resource, "requisition", "requisition", notes, identifier),
        "identifiers": listed(resource, "identifier", "identifiers", notes, identifier),
    }
    for field, element in _REFERENCES.items():
        fields[field] = listed(resource, element, field, notes, reference)
    return ServiceRequest(**fields, **common_fields(notes))


_REFERENCES = {
    "performers": "performer",
    "locations": "locationReference",
    "specimens": "specimen",
    "insurance": "insurance",
    "supporting_info": "supportingInfo",
    "relevant_history": "relevantHistory",
    "based_on": "basedOn",
    "replaces": "replaces",
}


DECLARATION = Declaration(
    name="service_request",
    plural="service_requests",
    resource_type="ServiceRequest",
    struct=ServiceRequest,
    normalize=normalize,
    filters=(PATIENT_ID, CODE, UPDATED_SINCE),
    patient_scoped=True,
    columns=("id", "authored_at", "code", "status", "priority", "requester"),
)
