"""A message that was sent: a notification or reminder to clinicians, about a patient or not."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import quote

import msgspec

from millgate.canonical.exchange import Resource
from millgate.canonical.extensions import EMAIL_STATUS
from millgate.objects.choices import choice, kinds
from millgate.objects.common import common_fields, opened, source_status
from millgate.objects.concepts import concept_of, concepts, extension_concepts
from millgate.objects.declaration import (
    CATEGORY,
    FROM,
    PRACTITIONER_ID,
    TO,
    UPDATED_SINCE,
    Context,
    Declaration,
    Filter,
    about,
)
from millgate.objects.elements import identifier, listed, note, reasons, reference, reference_id_of, single
from millgate.objects.notes import Notes
from millgate.objects.primitives import members, moment, text, texts
from millgate.objects.shared import Attachment, Code, Identifier, Note, Object, Reason, Reference, Shared

EMAIL_STATUS_FILTER = Filter("email_status", "With this status of its e-mail, as `system|code` or code.", "token")


class Payload(Shared, frozen=True, kw_only=True):
    """A part of the message; exactly the field that `kind` names is there."""

    kind: Annotated[
        Literal["text", "attachment", "reference"],
        about("Communication.payload.content[x]", "Which of the other fields is there."),
    ]
    text: Annotated[str | None, about("Communication.payload.contentString", "The words of it.")] = None
    attachment: Annotated[Attachment | None, about("Communication.payload.contentAttachment", "A file.")] = None
    reference: Annotated[Reference | None, about("Communication.payload.contentReference", "A record or file that holds it.")] = (
        None
    )


class Communication(Object, frozen=True, kw_only=True):
    """A message that was sent: a notification or reminder to clinicians, about a patient or not."""

    patient_id: Annotated[str | None, about("Communication.subject", "The patient it is about.")] = None
    encounter_id: Annotated[str | None, about("Communication.encounter", "The encounter it was made in.")] = None
    status: Annotated[str | None, about("Communication.status", "preparation, in-progress, completed, …")] = None
    source_status: Annotated[str | None, about("Communication.status.extension", "The source's own, finer status.")] = None
    status_reason: Annotated[Code | None, about("Communication.statusReason", "Why it has that status.")] = None
    email_statuses: Annotated[
        tuple[Code, ...], about("Communication.extension(email-status)", "What became of its e-mail: completed, …")
    ] = ()
    categories: Annotated[tuple[Code, ...], about("Communication.category", "notification, reminder, instruction, …")] = ()
    priority: Annotated[str | None, about("Communication.priority", "routine, urgent, asap or stat.")] = None
    mediums: Annotated[tuple[Code, ...], about("Communication.medium", "By what means: in writing, by phone, …")] = ()
    topic: Annotated[Code | None, about("Communication.topic", "What it is about.")] = None
    about_records: Annotated[tuple[Reference, ...], about("Communication.about", "Records that it is about.")] = ()
    sent_at: Annotated[str | None, about("Communication.sent", "When it was sent.")] = None
    received_at: Annotated[str | None, about("Communication.received", "When it was received.")] = None
    sender: Annotated[Reference | None, about("Communication.sender", "Who sent it.")] = None
    recipients: Annotated[tuple[Reference, ...], about("Communication.recipient", "Whom it was sent to.")] = ()
    payloads: Annotated[tuple[Payload, ...], about("Communication.payload", "Its parts.")] = ()
    reasons: Annotated[
        tuple[Reason, ...], about("Communication.reasonCode | reasonReference", "Why: the coded ones, then the references.")
    ] = ()
    in_response_to: Annotated[tuple[Reference, ...], about("Communication.inResponseTo", "Messages that it answers.")] = ()
    based_on: Annotated[tuple[Reference, ...], about("Communication.basedOn", "Orders that it fulfils.")] = ()
    part_of: Annotated[tuple[Reference, ...], about("Communication.partOf", "What it is a part of.")] = ()
    instantiates: Annotated[
        tuple[str, ...],
        about("Communication.instantiatesCanonical | instantiatesUri", "Addresses of the protocols that it follows."),
    ] = ()
    notes: Annotated[tuple[Note, ...], about("Communication.note", "Comments.")] = ()
    identifiers: Annotated[tuple[Identifier, ...], about("Communication.identifier", "Its numbers elsewhere.")] = ()


def normalize(resource: Resource, context: Context) -> Communication:
    """The message that this canonical Communication describes. Raises FixMessage where it is no Communication with an id."""
    notes = opened(resource, "Communication", context)
    return Communication(
        patient_id=reference_id_of(resource, "subject", "Patient", "patient_id", notes),
        encounter_id=reference_id_of(resource, "encounter", "Encounter", "encounter_id", notes),
        status=text(resource, "status", "status", notes),
        source_status=source_status(notes),
        status_reason=concept_of(resource, "statusReason", "status_reason", notes),
        email_statuses=extension_concepts(resource, EMAIL_STATUS, "email_statuses", notes),
        categories=concepts(resource, "category", "categories", notes),
        priority=text(resource, "priority", "priority", notes),
        mediums=concepts(resource, "medium", "mediums", notes),
        topic=concept_of(resource, "topic", "topic", notes),
        about_records=listed(resource, "about", "about_records", notes, reference),
        sent_at=moment(resource, "sent", "sent_at", notes),
        received_at=moment(resource, "received", "received_at", notes),
        sender=single(resource, "sender", "sender", notes, reference),
        recipients=listed(resource, "recipient", "recipients", notes, reference),
        payloads=_payloads(resource, notes),
        reasons=reasons(resource, notes),
        in_response_to=listed(resource, "inResponseTo", "in_response_to", notes, reference),
        based_on=listed(resource, "basedOn", "based_on", notes, reference),
        part_of=listed(resource, "partOf", "part_of", notes, reference),
        instantiates=texts(resource, "instantiatesCanonical", "instantiates", notes)
        + texts(resource, "instantiatesUri", "instantiates", notes),
        notes=listed(resource, "note", "notes", notes, note),
        identifiers=listed(resource, "identifier", "identifiers", notes, identifier),
        **common_fields(notes),
    )


_CONTENT = kinds(String="text", Attachment="attachment", Reference="reference")


def _payloads(resource: Resource, notes: Notes) -> tuple[Payload, ...]:
    """All parts; the gateway's URL of one that is a file counts from 0 in source order."""
    found = []
    for index, element in enumerate(members(resource, "payload", "payloads", notes)):
        payload = choice(element, "content", f"payloads[{index}]", notes, Payload, _CONTENT)
        if payload is None:
            continue
        if payload.attachment is not None and notes.context.content_url is not None:
            url = f"{notes.context.content_url}/communications/{quote(resource['id'], safe='')}/content/{index}"
            payload = msgspec.structs.replace(payload, attachment=msgspec.structs.replace(payload.attachment, url=url))
        found.append(payload)
    return tuple(found)


DECLARATION = Declaration(
    name="communication",
    plural="communications",
    resource_type="Communication",
    struct=Communication,
    normalize=normalize,
    filters=(PRACTITIONER_ID, FROM, TO, CATEGORY, EMAIL_STATUS_FILTER, UPDATED_SINCE),
    patient_scoped=True,
    columns=("id", "received_at", "topic", "sender", "recipients", "status"),
    time_elements=("received",),
)
