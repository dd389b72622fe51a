"""The timetable that slots belong to: what may be booked, with whom or where."""

from __future__ import annotations

from typing import Annotated

from millgate.canonical.exchange import Resource
from millgate.canonical.extensions import SCHEDULING_LOCATION, extension_of
from millgate.objects.common import common_fields, opened
from millgate.objects.concepts import concepts
from millgate.objects.declaration import LOCATION_ID, PRACTITIONER_ID, SERVICE_TYPE, UPDATED_SINCE, Context, Declaration, about
from millgate.objects.elements import listed, period, reference, single
from millgate.objects.primitives import flag, text
from millgate.objects.shared import Code, Object, Period, Reference
from millgate.objects.shelf_life import TIMETABLES


class Schedule(Object, frozen=True, kw_only=True):
    """The timetable that slots belong to: what may be booked, with whom or where."""

    actors: Annotated[tuple[Reference, ...], about("Schedule.actor", "Whose or what's timetable it is.")] = ()
    service_types: Annotated[tuple[Code, ...], about("Schedule.serviceType", "What may be booked.")] = ()
    location: Annotated[Reference | None, about("Schedule.extension(scheduling-location)", "Where.")] = None
    horizon: Annotated[Period | None, about("Schedule.planningHorizon", "The time that it covers.")] = None
    active: Annotated[bool | None, about("Schedule.active", "Whether it is in use.")] = None
    comment: Annotated[str | None, about("Schedule.comment", "Comment on its availability.")] = None


def normalize(resource: Resource, context: Context) -> Schedule:
    """The schedule that this canonical Schedule describes. Raises FixMessage where it is no Schedule with an id."""
    notes = opened(resource, "Schedule", context)
    place = extension_of(resource, SCHEDULING_LOCATION)
    return Schedule(
        actors=listed(resource, "actor", "actors", notes, reference),
        service_types=concepts(resource, "serviceType", "service_types", notes),
        location=single(place, "valueReference", "location", notes, reference) if place is not None else None,
        horizon=single(resource, "planningHorizon", "horizon", notes, period),
        active=flag(resource, "active", "active", notes),
        comment=text(resource, "comment", "comment", notes),
        **common_fields(notes),
    )


DECLARATION = Declaration(
    name="schedule",
    plural="schedules",
    resource_type="Schedule",
    struct=Schedule,
    normalize=normalize,
    filters=(PRACTITIONER_ID, LOCATION_ID, SERVICE_TYPE, UPDATED_SINCE),
    patient_scoped=False,
    shelf_life=TIMETABLES,
    columns=("id", "active", "service_types", "actors"),
)
