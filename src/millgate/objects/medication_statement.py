"""A medication that somebody says the patient takes, took, or does not take."""

from __future__ import annotations

from typing import Annotated

from millgate.canonical.exchange import Resource
from millgate.objects.common import common_fields, opened, source_status
from millgate.objects.concepts import concept_of, concepts
from millgate.objects.declaration import FROM, PATIENT_ID, STATUS, UPDATED_SINCE, Context, Declaration, about
from millgate.objects.dosages import Dosage, dosages
from millgate.objects.elements import identifier, listed, note, period, reasons, reference, reference_id_of, single
from millgate.objects.medications import Medication, medication
from millgate.objects.primitives import moment, text
from millgate.objects.shared import Code, Identifier, Note, Object, Period, Reason, Reference
from millgate.terminology import lifting_order

_MEDICATION_ORDER = lifting_order("medication_statement", "medication")


class MedicationStatement(Object, frozen=True, kw_only=True):
    """A medication that somebody says the patient takes, took, or does not take."""

    patient_id: Annotated[str | None, about("MedicationStatement.subject", "The patient.")] = None
    encounter_id: Annotated[str | None, about("MedicationStatement.context", "The encounter it was told in.")] = None
    status: Annotated[
        str | None, about("MedicationStatement.status", "active, completed, intended, stopped, on-hold, not-taken, …")
    ] = None
    source_status: Annotated[str | None, about("MedicationStatement.status.extension", "The source's own, finer status.")] = None
    status_reasons: Annotated[tuple[Code, ...], about("MedicationStatement.statusReason", "Why it has this status.")] = ()
    category: Annotated[
        Code | None, about("MedicationStatement.category", "inpatient, outpatient, community or patientspecified.")
    ] = None
    medication: Annotated[
        Medication | None, about("MedicationStatement.medication[x]", "What is taken; RxNorm is lifted first.")
    ] = None
    effective_at: Annotated[str | None, about("MedicationStatement.effectiveDateTime", "When it was taken.")] = None
    effective_period: Annotated[Period | None, about("MedicationStatement.effectivePeriod", "Over what time it is taken.")] = None
    asserted_at: Annotated[str | None, about("MedicationStatement.dateAsserted", "When it was told.")] = None
    informant: Annotated[Reference | None, about("MedicationStatement.informationSource", "Who told it.")] = None
    dosages: Annotated[tuple[Dosage, ...], about("MedicationStatement.dosage", "How it is taken.")] = ()
    reasons: Annotated[
        tuple[Reason, ...],
        about("MedicationStatement.reasonCode | reasonReference", "Why: the coded ones, then the references."),
    ] = ()
    based_on: Annotated[tuple[Reference, ...], about("MedicationStatement.basedOn", "The order or plan that it fulfils.")] = ()
    part_of: Annotated[tuple[Reference, ...], about("MedicationStatement.partOf", "The event that it is a part of.")] = ()
    derived_from: Annotated[tuple[Reference, ...], about("MedicationStatement.derivedFrom", "What it was concluded from.")] = ()
    identifiers: Annotated[tuple[Identifier, ...], about("MedicationStatement.identifier", "Its numbers.")] = ()
    notes: Annotated[tuple[Note, ...], about("MedicationStatement.note", "Comments.")] = ()


def normalize(resource: Resource, context: Context) -> MedicationStatement:
    """The statement that this canonical MedicationStatement describes. Raises FixMessage where it is none with an id."""
    notes = opened(resource, "MedicationStatement", context)
    what = medication(resource, notes, _MEDICATION_ORDER)
    return MedicationStatement(
        patient_id=reference_id_of(resource, "subject", "Patient", "patient_id", notes),
        encounter_id=reference_id_of(resource, "context", "Encounter", "encounter_id", notes),
        status=text(resource, "status", "status", notes),
        source_status=source_status(notes),
        status_reasons=concepts(resource, "statusReason", "status_reasons", notes),
        category=concept_of(resource, "category", "category", notes),
        medication=what,
        effective_at=moment(resource, "effectiveDateTime", "effective_at", notes),
        effective_period=single(resource, "effectivePeriod", "effective_period", notes, period),
        asserted_at=moment(resource, "dateAsserted", "asserted_at", notes),
        informant=single(resource, "informationSource", "informant", notes, reference),
        dosages=dosages(resource, "dosage", notes, what),
        reasons=reasons(resource, notes),
        based_on=listed(resource, "basedOn", "based_on", notes, reference),
        part_of=listed(resource, "partOf", "part_of", notes, reference),
        derived_from=listed(resource, "derivedFrom", "derived_from", notes, reference),
        identifiers=listed(resource, "identifier", "identifiers", notes, identifier),
        notes=listed(resource, "note", "notes", notes, note),
        **common_fields(notes),
    )


# Millennium R4 has no MedicationStatement: its home medications are medication requests that are `reported`. So there is no filter.
DECLARATION = Declaration(
    name="medication_statement",
    plural="medication_statements",
    resource_type="MedicationStatement",
    struct=MedicationStatement,
    normalize=normalize,
    filters=(PATIENT_ID, FROM, STATUS, UPDATED_SINCE),
    patient_scoped=True,
    columns=("id", "effective_at", "effective_period", "medication", "status"),
    time_elements=("effectiveDateTime", "effectivePeriod"),
)
