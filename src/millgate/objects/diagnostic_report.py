"""A report on an examination: laboratory panels, imaging, pathology, cardiology."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from millgate.canonical.exchange import Resource
from millgate.objects.common import common_fields, opened, source_status
from millgate.objects.concepts import concept_of, concepts
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
from millgate.objects.elements import (
    attachment,
    identifier,
    listed,
    period,
    reference,
    reference_id_of,
    reference_ids,
    single,
)
from millgate.objects.notes import Notes
from millgate.objects.observation import effective_at
from millgate.objects.primitives import members, moment, text
from millgate.objects.shared import Attachment, Code, Identifier, Object, Period, Reference
from millgate.terminology import lifting_order

_CODE_ORDER = lifting_order("diagnostic_report", "code")


class DiagnosticReport(Object, frozen=True, kw_only=True):
    """A report on an examination: laboratory panels, imaging, pathology, cardiology."""

    patient_id: Annotated[str | None, about("DiagnosticReport.subject", "The patient it is about.")] = None
    encounter_id: Annotated[str | None, about("DiagnosticReport.encounter", "The encounter it was made in.")] = None
    status: Annotated[str | None, about("DiagnosticReport.status", "registered, partial, preliminary, final, amended, …")] = None
    source_status: Annotated[str | None, about("DiagnosticReport.status.extension", "The source's own, finer status.")] = None
    categories: Annotated[tuple[Code, ...], about("DiagnosticReport.category", "Which service made it.")] = ()
    code: Annotated[Code | None, about("DiagnosticReport.code", "What kind of report; LOINC is lifted first.")] = None
    effective_at: Annotated[
        str | None, about("DiagnosticReport.effectiveDateTime", "When its findings were true of the patient.")
    ] = None
    effective_period: Annotated[
        Period | None, about("DiagnosticReport.effectivePeriod", "Over what time its findings were true.")
    ] = None
    issued_at: Annotated[str | None, about("DiagnosticReport.issued", "When this version was released.")] = None
    performers: Annotated[tuple[Reference, ...], about("DiagnosticReport.performer", "Who is responsible for it.")] = ()
    results_interpreters: Annotated[
        tuple[Reference, ...], about("DiagnosticReport.resultsInterpreter", "Who is responsible for its conclusions.")
    ] = ()
    result_ids: Annotated[tuple[str, ...], about("DiagnosticReport.result", "Ids of the observations in it.")] = ()
    conclusion: Annotated[str | None, about("DiagnosticReport.conclusion", "The conclusion in words.")] = None
    conclusion_codes: Annotated[tuple[Code, ...], about("DiagnosticReport.conclusionCode", "The conclusion in codes.")] = ()
    attachments: Annotated[tuple[Attachment, ...], about("DiagnosticReport.presentedForm", "The report as written.")] = ()
    identifiers: Annotated[tuple[Identifier, ...], about("DiagnosticReport.identifier", "Accession and other numbers.")] = ()


def normalize(resource: Resource, context: Context) -> DiagnosticReport:
    """The report that this canonical DiagnosticReport describes. Raises FixMessage where it is no DiagnosticReport with an id."""
    notes = opened(resource, "DiagnosticReport", context)
    return DiagnosticReport(
        patient_id=reference_id_of(resource, "subject", "Patient", "patient_id", notes),
        encounter_id=reference_id_of(resource, "encounter", "Encounter", "encounter_id", notes),
        status=text(resource, "status", "status", notes),
        source_status=source_status(notes),
        categories=concepts(resource, "category", "categories", notes),
        code=concept_of(resource, "code", "code", notes, _CODE_ORDER),
        effective_at=effective_at(resource, notes),
        effective_period=single(resource, "effectivePeriod", "effective_period", notes, period),
        issued_at=moment(resource, "issued", "issued_at", notes),
        performers=listed(resource, "performer", "performers", notes, reference),
        results_interpreters=listed(resource, "resultsInterpreter", "results_interpreters", notes, reference),
        result_ids=reference_ids(resource, "result", "Observation", "result_ids", notes),
        conclusion=text(resource, "conclusion", "conclusion", notes),
        conclusion_codes=concepts(resource, "conclusionCode", "conclusion_codes", notes),
        attachments=_attachments(resource, notes),
        identifiers=listed(resource, "identifier", "identifiers", notes, identifier),
        **common_fields(notes),
    )


def _attachments(resource: Resource, notes: Notes) -> tuple[Attachment, ...]:
    """All presented forms; the gateway's URL of one counts from 0 in source order."""
    base = notes.context.content_url
    return tuple(
        attachment(
            element,
            f"attachments[{index}]",
            notes,
            url=f"{base}/diagnostic_reports/{quote(resource['id'], safe='')}/content/{index}" if base is not None else None,
        )
        for index, element in enumerate(members(resource, "presentedForm", "attachments", notes))
    )


DECLARATION = Declaration(
    name="diagnostic_report",
    plural="diagnostic_reports",
    resource_type="DiagnosticReport",
    struct=DiagnosticReport,
    normalize=normalize,
    filters=(PATIENT_ID, ENCOUNTER_ID, FROM, TO, CATEGORY, CODE, STATUS, UPDATED_SINCE),
    patient_scoped=True,
    columns=("id", "effective_at", "code", "status", "conclusion", "result_ids"),
    time_elements=("effectiveDateTime", "effectivePeriod"),
)
