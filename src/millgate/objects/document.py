"""A document of the record: a clinical note, a letter, a scan, a summary; with where its bytes are fetched."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import msgspec

from millgate.canonical.absent import extension_reason
from millgate.canonical.exchange import Resource
from millgate.objects.common import common_fields, opened, source_status
from millgate.objects.concepts import coding_as_code, concept_of, concepts
from millgate.objects.declaration import (
    CATEGORY,
    ENCOUNTER_ID,
    FROM,
    PATIENT_ID,
    TO,
    TYPE,
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
from millgate.objects.pointers import pointing
from millgate.objects.primitives import member, members, moment, text
from millgate.objects.shared import Attachment, Code, Identifier, Object, Period, Reference


class DocumentAttachment(Attachment, frozen=True, kw_only=True):
    """The document's content in one form, to be fetched by its URL."""

    format: Annotated[
        Code | None, about("DocumentReference.content.format", "What rules the content keeps beside its MIME type.")
    ] = None


class RelatedDocument(Reference, frozen=True, kw_only=True):
    """Another document, and what this one is to it."""

    relation: Annotated[
        str | None, about("DocumentReference.relatesTo.code", "What this one does to it: replaces, transforms, signs, appends.")
    ] = None


class Document(Object, frozen=True, kw_only=True):
    """A document of the record: a clinical note, a letter, a scan, a summary; with where its bytes are fetched."""

    patient_id: Annotated[str | None, about("DocumentReference.subject", "The patient it is about.")] = None
    encounter_ids: Annotated[
        tuple[str, ...], about("DocumentReference.context.encounter", "Ids of the encounters it belongs to.")
    ] = ()
    status: Annotated[
        str | None, about("DocumentReference.status", "Of this entry: current, superseded or entered-in-error.")
    ] = None
    source_status: Annotated[str | None, about("DocumentReference.status.extension", "The source's own, finer status.")] = None
    doc_status: Annotated[
        str | None, about("DocumentReference.docStatus", "Of the document: preliminary, final, amended or entered-in-error.")
    ] = None
    type: Annotated[Code | None, about("DocumentReference.type", "What kind of document.")] = None
    categories: Annotated[tuple[Code, ...], about("DocumentReference.category", "clinical-note and the like.")] = ()
    date: Annotated[str | None, about("DocumentReference.date", "When this entry was made.")] = None
    authors: Annotated[tuple[Reference, ...], about("DocumentReference.author", "Who wrote it.")] = ()
    authenticator: Annotated[Reference | None, about("DocumentReference.authenticator", "Who vouches for it.")] = None
    custodian: Annotated[Reference | None, about("DocumentReference.custodian", "Who keeps it.")] = None
    description: Annotated[str | None, about("DocumentReference.description", "What it is, in words.")] = None
    period: Annotated[Period | None, about("DocumentReference.context.period", "The time of the care that it describes.")] = None
    events: Annotated[tuple[Code, ...], about("DocumentReference.context.event", "The acts that it describes.")] = ()
    facility_type: Annotated[
        Code | None, about("DocumentReference.context.facilityType", "The kind of facility the patient was seen in.")
    ] = None
    practice_setting: Annotated[
        Code | None, about("DocumentReference.context.practiceSetting", "The clinical specialty it was made in.")
    ] = None
    related: Annotated[
        tuple[Reference, ...], about("DocumentReference.context.related", "Orders and other records that it belongs to.")
    ] = ()
    related_documents: Annotated[
        tuple[RelatedDocument, ...], about("DocumentReference.relatesTo", "Other documents, and what this one is to them.")
    ] = ()
    security_labels: Annotated[tuple[Code, ...], about("DocumentReference.securityLabel", "How confidential it is.")] = ()
    attachments: Annotated[
        tuple[DocumentAttachment, ...], about("DocumentReference.content", "Its content in each form that there is.")
    ] = ()
    identifiers: Annotated[
        tuple[Identifier, ...], about("DocumentReference.masterIdentifier | identifier", "The master identifier goes first.")
    ] = ()


def normalize(resource: Resource, context: Context) -> Document:
    """The document that this canonical DocumentReference describes. Raises FixMessage where it is none with an id."""
    notes = opened(resource, "DocumentReference", context)
    around = member(resource, "context", "encounter_ids", notes) or {}
    if "extension" in around:
        notes.reason("encounter_ids", extension_reason(around))
    return Document(
        patient_id=reference_id_of(resource, "subject", "Patient", "patient_id", notes),
        encounter_ids=reference_ids(around, "encounter", "Encounter", "encounter_ids", notes),
        status=text(resource, "status", "status", notes),
        source_status=source_status(notes),
        doc_status=text(resource, "docStatus", "doc_status", notes),
        type=concept_of(resource, "type", "type", notes),
        categories=concepts(resource, "category", "categories", notes),
        date=moment(resource, "date", "date", notes),
        authors=listed(resource, "author", "authors", notes, reference),
        authenticator=single(resource, "authenticator", "authenticator", notes, reference),
        custodian=single(resource, "custodian", "custodian", notes, reference),
        description=text(resource, "description", "description", notes),
        period=single(around, "period", "period", notes, period),
        events=concepts(around, "event", "events", notes),
        facility_type=concept_of(around, "facilityType", "facility_type", notes),
        practice_setting=concept_of(around, "practiceSetting", "practice_setting", notes),
        related=listed(around, "related", "related", notes, reference),
        related_documents=listed(resource, "relatesTo", "related_documents", notes, _related),
        security_labels=concepts(resource, "securityLabel", "security_labels", notes),
        attachments=_attachments(resource, notes),
        identifiers=_identifiers(resource, notes),
        **common_fields(notes),
    )


def _attachments(resource: Resource, notes: Notes) -> tuple[DocumentAttachment, ...]:
    """The content in each form. The gateway's URL of the first is `…/content`; of the others, counted from 0, `…/content/1`."""
    base = notes.context.content_url
    found = []
    for index, element in enumerate(members(resource, "content", "attachments", notes)):
        field = f"attachments[{index}]"
        place = f"/{index}" if index else ""
        url = None if base is None else f"{base}/documents/{quote(resource['id'], safe='')}/content{place}"
        content = attachment(member(element, "attachment", field, notes) or {}, field, notes, url=url)
        notes.reason(field, extension_reason(element))
        form = coding_as_code(element.get("format"), field + ".format", notes)
        found.append(DocumentAttachment(format=form, **msgspec.structs.asdict(content)))
    return tuple(found)


def _identifiers(resource: Resource, notes: Notes) -> tuple[Identifier, ...]:
    both = [*_one(resource.get("masterIdentifier")), *members(resource, "identifier", "identifiers", notes)]
    return listed({"identifier": both}, "identifier", "identifiers", notes, identifier)


def _one(element: Any) -> list[Any]:
    return [element] if element is not None else []


def _related(element: dict[str, Any], field: str, notes: Notes) -> RelatedDocument | None:
    relation = text(element, "code", field + ".relation", notes)
    return pointing(RelatedDocument, element, "target", field, notes, relation=relation)


DECLARATION = Declaration(
    name="document",
    plural="documents",
    resource_type="DocumentReference",
    struct=Document,
    normalize=normalize,
    filters=(PATIENT_ID, ENCOUNTER_ID, FROM, TO, CATEGORY, TYPE, UPDATED_SINCE),
    patient_scoped=True,
    columns=("id", "date", "type", "status", "authors", "attachments"),
    time_elements=("date",),
)
