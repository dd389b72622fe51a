"""The rules of appointments, schedules and slots."""

from __future__ import annotations

from millgate.simulator.search.rules import DateRule, Include, Needs, Page, Parameter, SearchRule
from millgate.simulator.search.table.parts import R4, count, resource_id

_APPOINTMENT_DATE = DateRule(time="with-prefix")
_APPOINTMENT_BY = ("patient", "practitioner", "location")


def _participant(name: str, resource_type: str) -> Parameter:
    return Parameter(
        name=name,
        kind="reference",
        many=True,
        targets=(resource_type,),
        paths=("participant.actor",),
        definition=R4 + f"Appointment-{name}",
        about=f"One or several {resource_type} participants, by comma. Exactly one of 'patient', 'practitioner', 'location', or '_id'.",
    )


APPOINTMENT = SearchRule(
    resource_type="Appointment",
    any_of=("_id", *_APPOINTMENT_BY),
    one_of=_APPOINTMENT_BY,
    needs=(
        *(Needs(name, ("date", "-date-or-req-period")) for name in _APPOINTMENT_BY),
        *(Needs(name, _APPOINTMENT_BY) for name in ("date", "-date-or-req-period", "status")),
    ),
    not_together=(("date", "-date-or-req-period"),),
    page=Page(default=20, maximum=100),
    order="start",
    parameters=(
        resource_id("Appointment"),
        count(),
        Parameter(
            name="date",
            kind="date",
            paths=("start",),
            dates=_APPOINTMENT_DATE,
            definition=R4 + "Appointment-date",
            about="When it starts: without a prefix, with a prefix and a time, or twice as a closed range. Leaves out proposed ones.",
        ),
        Parameter(
            name="-date-or-req-period",
            kind="date",
            paths=("start", "requestedPeriod"),
            dates=_APPOINTMENT_DATE,
            about="Like 'date', and for proposed appointments the requested period.",
        ),
        _participant("patient", "Patient"),
        _participant("practitioner", "Practitioner"),
        _participant("location", "Location"),
        Parameter(
            name="status",
            kind="token",
            many=True,
            paths=("status",),
            codes=frozenset(
                {
                    "proposed",
                    "pending",
                    "booked",
                    "arrived",
                    "fulfilled",
                    "cancelled",
                    "noshow",
                    "entered-in-error",
                    "checked-in",
                    "waitlist",
                }
            ),
            definition=R4 + "Appointment-status",
            about="One or several statuses, by comma.",
        ),
    ),
)

SCHEDULE = SearchRule(resource_type="Schedule", any_of=("_id",), parameters=(resource_id("Schedule"),))

SLOT = SearchRule(
    resource_type="Slot",
    any_of=("_id", "service-type"),
    needs=(
        Needs("service-type", ("start",)),
        *(Needs(name, ("service-type",)) for name in ("start", "schedule.actor", "-location")),
    ),
    page=Page(default=50, minimum=5, maximum=200, keeps_parameters=False),
    order="slot",
    includes=(Include("Slot:schedule", ("Schedule",)), Include("Schedule:actor:Practitioner", ("Schedule", "Practitioner"))),
    parameters=(
        resource_id("Slot"),
        Parameter(
            name="start",
            kind="date",
            dates=DateRule(single=frozenset(), lower=frozenset({"ge"}), upper=frozenset({"lt"}), time="always"),
            definition=R4 + "Slot-date",
            about="When the slot starts: 'ge' and 'lt', both with a time. Required with 'service-type'.",
        ),
        Parameter(
            name="service-type",
            kind="token",
            many=True,
            definition=R4 + "Service-type",
            about="One or several appointment types, by comma, all from the standard or all from the tenant's code system.",
        ),
        Parameter(
            name="schedule.actor",
            kind="reference",
            many=True,
            targets=("Practitioner",),
            definition=R4 + "Slot-schedule.actor",
            about="One or several practitioners, by comma.",
        ),
        Parameter(
            name="-location",
            kind="reference",
            many=True,
            targets=("Location",),
            definition=R4 + "Slot-location",
            about="One or several locations, by comma.",
        ),
        count(),
    ),
)
