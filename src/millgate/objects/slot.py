"""A stretch of time on a schedule that may be booked."""

from __future__ import annotations

from typing import Annotated

from millgate.canonical.dates import instant
from millgate.canonical.exchange import Resource
from millgate.canonical.extensions import SCHEDULING_LOCATION, extension_of
from millgate.canonical.references import contained_resource, parse_element
from millgate.objects.common import common_fields, opened, source_status
from millgate.objects.concepts import concepts
from millgate.objects.declaration import (
    FROM,
    LOCATION_ID,
    PRACTITIONER_ID,
    SERVICE_TYPE,
    STATUS,
    TO,
    UPDATED_SINCE,
    Context,
    Declaration,
    about,
)
from millgate.objects.elements import listed, reference, reference_id_of, single
from millgate.objects.notes import Notes
from millgate.objects.primitives import moment, text
from millgate.objects.shared import Code, Object, Reference
from millgate.objects.shelf_life import BOOKINGS


class Slot(Object, frozen=True, kw_only=True):
    """A stretch of time on a schedule that may be booked."""

    schedule_id: Annotated[str | None, about("Slot.schedule", "The schedule that it is on.")] = None
    status: Annotated[str | None, about("Slot.status", "busy, free, busy-unavailable, busy-tentative or entered-in-error.")] = (
        None
    )
    source_status: Annotated[str | None, about("Slot.status.extension", "The source's own, finer status.")] = None
    start: Annotated[str | None, about("Slot.start", "When it begins.")] = None
    end: Annotated[str | None, about("Slot.end", "When it ends.")] = None
    minutes: Annotated[int | None, about("Slot.start, Slot.end", "From start to end.", "min")] = None
    service_types: Annotated[tuple[Code, ...], about("Slot.serviceType", "What may be booked.")] = ()
    practitioner: Annotated[
        Reference | None, about("Slot.schedule.actor", "With whom, where the schedule came along and names one.")
    ] = None
    location: Annotated[
        Reference | None, about("Slot.extension(scheduling-location)", "Where; else the place that the schedule names.")
    ] = None


def normalize(resource: Resource, context: Context) -> Slot:
    """The slot that this canonical Slot describes. Raises FixMessage where it is no Slot with an id."""
    notes = opened(resource, "Slot", context)
    actors = _actors(resource, context)
    start = moment(resource, "start", "start", notes)
    end = moment(resource, "end", "end", notes)
    place = extension_of(resource, SCHEDULING_LOCATION)
    location = single(place, "valueReference", "location", notes, reference) if place is not None else None
    return Slot(
        schedule_id=reference_id_of(resource, "schedule", "Schedule", "schedule_id", notes),
        status=text(resource, "status", "status", notes),
        source_status=source_status(notes),
        start=start,
        end=end,
        minutes=_minutes(start, end),
        service_types=concepts(resource, "serviceType", "service_types", notes),
        practitioner=_only(actors, ("practitioner", "practitioner_role"), "practitioner", notes),
        location=location or _only(actors, ("location",), "location", notes),
        **common_fields(notes),
    )


def _minutes(start: str | None, end: str | None) -> int | None:
    """The whole minutes between two moments; None where one of them is not known, or they are no whole minutes apart."""
    first = instant(start) if start is not None else None
    last = instant(end) if end is not None else None
    if first is None or last is None or last < first:
        return None
    minutes, rest = divmod((last - first).total_seconds(), 60)
    return int(minutes) if rest == 0 else None


def _actors(resource: Resource, context: Context) -> tuple[Reference, ...]:
    """The actors of the slot's schedule, where that came beside the slot or inside it."""
    parsed = parse_element(resource.get("schedule"))
    if parsed is None:
        return ()
    if parsed.contained is not None:
        schedule = contained_resource(resource, parsed.contained)
    else:
        schedule = context.included.get(f"Schedule/{parsed.id}")
    if schedule is None:
        return ()
    return listed(schedule, "actor", "actors", Notes(schedule, context), reference)


def _only(actors: tuple[Reference, ...], objects: tuple[str, ...], field: str, notes: Notes) -> Reference | None:
    found = [actor for actor in actors if actor.object in objects]
    if len(found) > 1:
        notes.warn("more_than_one", field, f"The schedule names {len(found)}; none is shown.")
    return found[0] if len(found) == 1 else None


DECLARATION = Declaration(
    name="slot",
    plural="slots",
    resource_type="Slot",
    struct=Slot,
    normalize=normalize,
    filters=(FROM, TO, STATUS, PRACTITIONER_ID, LOCATION_ID, SERVICE_TYPE, UPDATED_SINCE),
    patient_scoped=False,
    shelf_life=BOOKINGS,
    columns=("id", "start", "minutes", "status", "service_types", "practitioner", "location"),
    time_elements=("start",),
    companion=("schedule", "Schedule"),
)
