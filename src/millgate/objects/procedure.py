"""Something that was done to or for a patient: an operation, an examination, a therapy."""

from __future__ import annotations

from typing import Annotated, Any

from millgate.canonical.exchange import Resource
from millgate.objects.choices import choice, kinds
from millgate.objects.common import common_fields, opened, source_status
from millgate.objects.concepts import concept_of, concepts
from millgate.objects.declaration import FROM, PATIENT_ID, TO, UPDATED_SINCE, Context, Declaration, about
from millgate.objects.elements import identifier, listed, note, reasons, reference, reference_id_of, single
from millgate.objects.notes import Notes
from millgate.objects.pointers import pointing
from millgate.objects.primitives import text
from millgate.objects.shared import (
    Code,
    Identifier,
    Note,
    Object,
    Period,
    Quantity,
    Range,
    Reason,
    Reference,
    When,
)
from millgate.terminology import lifting_order

_CODE_ORDER = lifting_order("procedure", "code")
_PERFORMED = kinds(DateTime="instant", Period="period", String="text", Age="age", Range="range")


class ProcedurePerformer(Reference, frozen=True, kw_only=True):
    """Who did it, in what function, and for whom."""

    function: Annotated[Code | None, about("Procedure.performer.function", "In what function: surgeon, assistant, …")] = None
    on_behalf_of: Annotated[Reference | None, about("Procedure.performer.onBehalfOf", "For which organization.")] = None


class FocalDevice(Reference, frozen=True, kw_only=True):
    """A device that the procedure put in, took out or changed."""

    action: Annotated[Code | None, about("Procedure.focalDevice.action", "What was done with it.")] = None


class Procedure(Object, frozen=True, kw_only=True):
    """Something that was done to or for a patient: an operation, an examination, a therapy."""

    patient_id: Annotated[str | None, about("Procedure.subject", "The patient.")] = None
    encounter_id: Annotated[str | None, about("Procedure.encounter", "The encounter it was done in.")] = None
    status: Annotated[str | None, about("Procedure.status", "preparation, in-progress, not-done, completed, …")] = None
    source_status: Annotated[str | None, about("Procedure.status.extension", "The source's own, finer status.")] = None
    status_reason: Annotated[Code | None, about("Procedure.statusReason", "Why it was not done or stopped.")] = None
    category: Annotated[Code | None, about("Procedure.category", "Its kind: surgical, diagnostic, …")] = None
    code: Annotated[Code | None, about("Procedure.code", "What was done; CPT is lifted first, then SNOMED CT, then HCPCS.")] = (
        None
    )
    performed_at: Annotated[str | None, about("Procedure.performedDateTime", "When it was done.")] = None
    performed_period: Annotated[Period | None, about("Procedure.performedPeriod", "Over what time it was done.")] = None
    performed_age: Annotated[Quantity | None, about("Procedure.performedAge", "The patient's age at that time.")] = None
    performed_age_range: Annotated[
        Range | None, about("Procedure.performedRange", "The patient's age at that time, at least and at most.")
    ] = None
    performed_text: Annotated[str | None, about("Procedure.performedString", "When it was done, in words.")] = None
    performers: Annotated[tuple[ProcedurePerformer, ...], about("Procedure.performer", "Who did it.")] = ()
    recorder: Annotated[Reference | None, about("Procedure.recorder", "Who recorded it.")] = None
    asserter: Annotated[Reference | None, about("Procedure.asserter", "Who says so.")] = None
    location: Annotated[Reference | None, about("Procedure.location", "Where it was done.")] = None
    reasons: Annotated[
        tuple[Reason, ...], about("Procedure.reasonCode | reasonReference", "Why: the coded ones, then the references.")
    ] = ()
    body_sites: Annotated[tuple[Code, ...], about("Procedure.bodySite", "Where on the body.")] = ()
    outcome: Annotated[Code | None, about("Procedure.outcome", "What came of it.")] = None
    complications: Annotated[tuple[Code, ...], about("Procedure.complication", "What went wrong.")] = ()
    complication_details: Annotated[
        tuple[Reference, ...], about("Procedure.complicationDetail", "The conditions that came of it.")
    ] = ()
    follow_ups: Annotated[tuple[Code, ...], about("Procedure.followUp", "What is to be done after it.")] = ()
    reports: Annotated[tuple[Reference, ...], about("Procedure.report", "Reports on it.")] = ()
    based_on: Annotated[tuple[Reference, ...], about("Procedure.basedOn", "The orders or plans that it fulfils.")] = ()
    part_of: Annotated[tuple[Reference, ...], about("Procedure.partOf", "What it is a part of.")] = ()
    devices: Annotated[
        tuple[FocalDevice, ...], about("Procedure.focalDevice", "Devices that it put in, took out or changed.")
    ] = ()
    used: Annotated[tuple[Reference, ...], about("Procedure.usedReference", "Items that were used.")] = ()
    used_codes: Annotated[tuple[Code, ...], about("Procedure.usedCode", "Items that were used, as concepts.")] = ()
    notes: Annotated[tuple[Note, ...], about("Procedure.note", "Comments.")] = ()
    identifiers: Annotated[tuple[Identifier, ...], about("Procedure.identifier", "Its numbers elsewhere.")] = ()


def normalize(resource: Resource, context: Context) -> Procedure:
    """The procedure that this canonical Procedure describes. Raises FixMessage where it is no Procedure with an id."""
    notes = opened(resource, "Procedure", context)
    return Procedure(
        patient_id=reference_id_of(resource, "subject", "Patient", "patient_id", notes),
        encounter_id=reference_id_of(resource, "encounter", "Encounter", "encounter_id", notes),
        status=text(resource, "status", "status", notes),
        source_status=source_status(notes),
        status_reason=concept_of(resource, "statusReason", "status_reason", notes),
        category=concept_of(resource, "category", "category", notes),
        code=concept_of(resource, "code", "code", notes, _CODE_ORDER),
        **_performed(resource, notes),
        performers=listed(resource, "performer", "performers", notes, _performer),
        recorder=single(resource, "recorder", "recorder", notes, reference),
        asserter=single(resource, "asserter", "asserter", notes, reference),
        location=single(resource, "location", "location", notes, reference),
        reasons=reasons(resource, notes),
        body_sites=concepts(resource, "bodySite", "body_sites", notes),
        outcome=concept_of(resource, "outcome", "outcome", notes),
        complications=concepts(resource, "complication", "complications", notes),
        complication_details=listed(resource, "complicationDetail", "complication_details", notes, reference),
        follow_ups=concepts(resource, "followUp", "follow_ups", notes),
        reports=listed(resource, "report", "reports", notes, reference),
        based_on=listed(resource, "basedOn", "based_on", notes, reference),
        part_of=listed(resource, "partOf", "part_of", notes, reference),
        devices=listed(resource, "focalDevice", "devices", notes, _device),
        used=listed(resource, "usedReference", "used", notes, reference),
        used_codes=concepts(resource, "usedCode", "used_codes", notes),
        notes=listed(resource, "note", "notes", notes, note),
        identifiers=listed(resource, "identifier", "identifiers", notes, identifier),
        **common_fields(notes),
    )


def _performed(resource: Resource, notes: Notes) -> dict[str, Any]:
    """The fields that say when: one of them at the most."""
    found = choice(resource, "performed", "performed_at", notes, When, _PERFORMED)
    if found is None:
        return {}
    return {
        "performed_at": found.instant,
        "performed_period": found.period,
        "performed_age": found.age,
        "performed_age_range": found.range,
        "performed_text": found.text,
    }


def _performer(element: dict[str, Any], field: str, notes: Notes) -> ProcedurePerformer | None:
    return pointing(
        ProcedurePerformer,
        element,
        "actor",
        field,
        notes,
        function=concept_of(element, "function", field + ".function", notes),
        on_behalf_of=single(element, "onBehalfOf", field + ".on_behalf_of", notes, reference),
    )


def _device(element: dict[str, Any], field: str, notes: Notes) -> FocalDevice | None:
    action = concept_of(element, "action", field + ".action", notes)
    return pointing(FocalDevice, element, "manipulated", field, notes, action=action)


DECLARATION = Declaration(
    name="procedure",
    plural="procedures",
    resource_type="Procedure",
    struct=Procedure,
    normalize=normalize,
    filters=(PATIENT_ID, FROM, TO, UPDATED_SINCE),
    patient_scoped=True,
    columns=("id", "performed_at", "code", "status", "performers", "location"),
    time_elements=("performedDateTime", "performedPeriod"),
)
