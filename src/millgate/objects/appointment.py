"""A planned meeting of a patient with people and places."""

from __future__ import annotations

from typing import Annotated, Any

from millgate.canonical.exchange import Resource
from millgate.canonical.extensions import IS_CANCELABLE, IS_RESCHEDULABLE
from millgate.objects.common import common_fields, opened, source_status
from millgate.objects.concepts import concept_of, concepts, first_concept
from millgate.objects.declaration import (
    FROM,
    LOCATION_ID,
    PATIENT_ID,
    PRACTITIONER_ID,
    SERVICE_TYPE,
    STATUS,
    TO,
    UPDATED_SINCE,
    Context,
    Declaration,
    about,
)
from millgate.objects.elements import extension_flag, first, listed, own_words, period, reference, reference_ids, single
from millgate.objects.notes import Notes
from millgate.objects.primitives import members, moment, text, whole
from millgate.objects.shared import Code, Object, Period, Reference, Shared
from millgate.objects.shelf_life import BOOKINGS


class Participant(Reference, frozen=True, kw_only=True):
    """Someone or something that takes part in the appointment."""

    types: Annotated[tuple[Code, ...], about("Appointment.participant.type", "In what role.")] = ()
    required: Annotated[str | None, about("Appointment.participant.required", "required, optional or information-only.")] = None
    status: Annotated[str | None, about("Appointment.participant.status", "accepted, declined, tentative or needs-action.")] = (
        None
    )
    period: Annotated[Period | None, about("Appointment.participant.period", "For what part of the time.")] = None


class MeetingRoom(Shared, frozen=True, kw_only=True):
    """A way into a video visit."""

    title: Annotated[str | None, about("HealthcareService.type.text", "Whose room it is, in the source's words.")] = None
    url: Annotated[str | None, about("HealthcareService.telecom.value", "The link to follow.")] = None
    period: Annotated[Period | None, about("HealthcareService.telecom.period", "When the link works.")] = None


class VideoVisit(Shared, frozen=True, kw_only=True):
    """How an appointment is held by video."""

    rooms: Annotated[
        tuple[MeetingRoom, ...], about("Appointment.contained(HealthcareService)", "The rooms, in source order.")
    ] = ()


class Appointment(Object, frozen=True, kw_only=True):
    """A planned meeting of a patient with people and places."""

    patient_id: Annotated[
        str | None, about("Appointment.participant.actor", "The patient, where the appointment has exactly one.")
    ] = None
    status: Annotated[
        str | None, about("Appointment.status", "proposed, booked, arrived, checked-in, fulfilled, cancelled, noshow, …")
    ] = None
    source_status: Annotated[str | None, about("Appointment.status.extension", "The source's own, finer status.")] = None
    start: Annotated[str | None, about("Appointment.start", "When it begins.")] = None
    end: Annotated[str | None, about("Appointment.end", "When it ends.")] = None
    minutes: Annotated[int | None, about("Appointment.minutesDuration", "How long it is planned to last.", "min")] = None
    requested_period: Annotated[Period | None, about("Appointment.requestedPeriod", "When it was asked for.")] = None
    service_types: Annotated[tuple[Code, ...], about("Appointment.serviceType", "What is to be done.")] = ()
    service_category: Annotated[Code | None, about("Appointment.serviceCategory", "Broad kind of service.")] = None
    reason: Annotated[Code | None, about("Appointment.reasonCode", "Why.")] = None
    description: Annotated[str | None, about("Appointment.description", "What a list of appointments shows.")] = None
    comment: Annotated[str | None, about("Appointment.comment", "Comment of whoever booked it.")] = None
    patient_instruction: Annotated[
        str | None, about("Appointment.patientInstruction", "What the patient is to do beforehand.")
    ] = None
    participants: Annotated[tuple[Participant, ...], about("Appointment.participant", "All who take part.")] = ()
    practitioners: Annotated[
        tuple[Reference, ...], about("Appointment.participant.actor", "The practitioners among the participants.")
    ] = ()
    locations: Annotated[tuple[Reference, ...], about("Appointment.participant.actor", "The places among the participants.")] = ()
    slot_ids: Annotated[tuple[str, ...], about("Appointment.slot", "Ids of the slots that it takes.")] = ()
    cancelation_reason: Annotated[Code | None, about("Appointment.cancelationReason", "Why it was cancelled.")] = None
    is_cancelable: Annotated[
        bool | None, about("Appointment.extension(is-cancelable)", "Whether the source lets the patient cancel it.")
    ] = None
    is_reschedulable: Annotated[
        bool | None, about("Appointment.extension(is-reschedulable)", "Whether the source lets the patient move it.")
    ] = None
    video_visit: Annotated[VideoVisit | None, about("Appointment.contained(HealthcareService)", "How it is held by video.")] = (
        None
    )


def normalize(resource: Resource, context: Context) -> Appointment:
    """The appointment that this canonical Appointment describes. Raises FixMessage where it is no Appointment with an id."""
    notes = opened(resource, "Appointment", context)
    participants = listed(resource, "participant", "participants", notes, _participant)
    return Appointment(
        patient_id=_patient_id(participants, notes),
        status=text(resource, "status", "status", notes),
        source_status=source_status(notes),
        start=moment(resource, "start", "start", notes),
        end=moment(resource, "end", "end", notes),
        minutes=whole(resource, "minutesDuration", "minutes", notes),
        requested_period=first(resource, "requestedPeriod", "requested_period", notes, period),
        service_types=concepts(resource, "serviceType", "service_types", notes),
        service_category=first_concept(resource, "serviceCategory", "service_category", notes),
        reason=first_concept(resource, "reasonCode", "reason", notes),
        description=text(resource, "description", "description", notes),
        comment=text(resource, "comment", "comment", notes),
        patient_instruction=text(resource, "patientInstruction", "patient_instruction", notes),
        participants=participants,
        practitioners=_actors(participants, "practitioner", "practitioner_role"),
        locations=_actors(participants, "location"),
        slot_ids=reference_ids(resource, "slot", "Slot", "slot_ids", notes),
        cancelation_reason=concept_of(resource, "cancelationReason", "cancelation_reason", notes),
        is_cancelable=extension_flag(resource, IS_CANCELABLE, "is_cancelable", notes),
        is_reschedulable=extension_flag(resource, IS_RESCHEDULABLE, "is_reschedulable", notes),
        video_visit=_video_visit(resource, notes) if "contained" in resource else None,
        **common_fields(notes),
    )


def _participant(element: dict[str, Any], field: str, notes: Notes) -> Participant | None:
    actor = single(element, "actor", field, notes, reference) or Reference()
    found = Participant(
        object=actor.object,
        id=actor.id,
        display=actor.display,
        types=concepts(element, "type", field + ".types", notes),
        required=text(element, "required", field + ".required", notes),
        status=text(element, "status", field + ".status", notes),
        period=single(element, "period", field + ".period", notes, period),
    )
    return found if found != Participant() else None


def _patient_id(participants: tuple[Participant, ...], notes: Notes) -> str | None:
    ids = dict.fromkeys(each.id for each in participants if each.object == "patient" and each.id is not None)
    if len(ids) > 1:
        notes.warn("more_than_one", "patient_id", f"The appointment is of {len(ids)} patients; they are among the participants.")
        return None
    return next(iter(ids), None)


def _actors(participants: tuple[Participant, ...], *objects: str) -> tuple[Reference, ...]:
    return tuple(
        Reference(object=each.object, id=each.id, display=each.display) for each in participants if each.object in objects
    )


def _video_visit(resource: Resource, notes: Notes) -> VideoVisit | None:
    """The contained HealthcareServices that have a link. Source: Millennium R4 Appointment, video visits."""
    rooms: list[MeetingRoom] = []
    for service in members(resource, "contained", "video_visit", notes):
        if service.get("resourceType") != "HealthcareService":
            continue
        for telecom in members(service, "telecom", "video_visit", notes):
            if telecom.get("system") == "url":
                place = f"video_visit.rooms[{len(rooms)}]"
                rooms.append(
                    MeetingRoom(
                        title=own_words(service),
                        url=text(telecom, "value", place + ".url", notes),
                        period=single(telecom, "period", place + ".period", notes, period),
                    )
                )
    return VideoVisit(rooms=tuple(rooms)) if rooms else None


DECLARATION = Declaration(
    name="appointment",
    plural="appointments",
    resource_type="Appointment",
    struct=Appointment,
    normalize=normalize,
    filters=(PATIENT_ID, FROM, TO, STATUS, PRACTITIONER_ID, LOCATION_ID, SERVICE_TYPE, UPDATED_SINCE),
    patient_scoped=True,
    shelf_life=BOOKINGS,
    columns=("id", "start", "minutes", "status", "service_types", "practitioners", "locations"),
    time_elements=("start", "requestedPeriod"),
)
