"""Bookings as Appointment resources. Source: published Appointment examples, oracle-health fact sheet 3.2 and 3.3."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from random import Random

from millgate.simulator.hospital import moments, numbers
from millgate.simulator.hospital.booking import Booking, Bookings
from millgate.simulator.hospital.calendar import Calendar, Lane
from millgate.simulator.hospital.coding import PARTICIPATION, STRUCTURE, Coder, Resource, coding
from millgate.simulator.hospital.dice import dice, digest
from millgate.simulator.hospital.narrative import narrative
from millgate.simulator.hospital.people import Person
from millgate.simulator.hospital.tables import by_key

_REQUESTED_DAYS = 5
_ROOMS = (("28", "Patient Virtual Meeting Room"), ("31", "Provider Virtual Meeting Room"))
_OPEN = ("booked", "pending")


class Appointments:
    """Finds and renders the appointments of one hospital."""

    def __init__(self, seed: int, calendar: Calendar, bookings: Bookings, coder: Coder, person: Callable[[int], Person]) -> None:
        self._seed, self._calendar, self._bookings, self._coder, self._person = seed, calendar, bookings, coder, person

    def read(self, patient: int, appointment_id: str) -> Resource | None:
        found = (each for each in self._bookings.of_patient(patient) if each.appointment_id == appointment_id)
        return next((self.resource(each) for each in found), None)

    def of_patient(self, patient: int) -> list[Resource]:
        """All appointments of a patient, in order of time."""
        return [self.resource(each) for each in self._bookings.of_patient(patient)]

    def between(self, practitioner_id: str | None, location_id: str | None, start: datetime, end: datetime) -> list[Resource]:
        """Appointments with an actor that start in the window; proposed ones if their requested period meets it."""
        found: list[Booking] = []
        for lane in self._calendar.lanes.values():
            theirs = practitioner_id is None or (lane.practitioner is not None and lane.practitioner.id == practitioner_id)
            if theirs and location_id in (None, lane.location.id):
                found += self._of_lane(lane, start, end)
        return [self.resource(each) for each in sorted(found, key=lambda each: (each.cell.start, each.appointment_id))]

    def _of_lane(self, lane: Lane, start: datetime, end: datetime) -> Iterator[Booking]:
        for cell in self._calendar.cells_between(lane, start - timedelta(days=_REQUESTED_DAYS), end + timedelta(days=1)):
            booking = self._bookings.at(cell)
            if booking is None:
                continue
            if booking.status == "proposed":
                first, last = _requested(booking)
                if first < end and last > start:
                    yield booking
            elif start <= cell.start < end:
                yield booking

    # --- rendering ----------------------------------------------------------------------------------------------------

    def resource(self, booking: Booking) -> Resource:
        random = dice(self._seed, "appointment", booking.patient, booking.ordinal)
        lane, video = self._calendar.lanes[booking.cell.lane], booking.cell.service == "video"
        style = moments.milliseconds if video or random.random() < 0.4 else moments.seconds
        made: Resource = {
            "resourceType": "Appointment",
            "id": booking.appointment_id,
            "meta": self._meta(booking, random, style, video=video and booking.status != "proposed"),
            "text": {},
        }
        if video and booking.status != "proposed":
            made["contained"] = self._meeting_rooms(booking)
        made["extension"] = _extensions(booking, random)
        made["status"] = booking.status
        if booking.status in ("cancelled", "noshow") and (booking.status == "cancelled" or random.random() < 0.3):
            made["cancelationReason"] = self._cancel_reason(random)
        category = by_key("service_types")[booking.cell.service]["category"]
        if random.random() < 0.6:
            made["serviceCategory"] = [self._coder.concept("scheduling_category", category)]
        made["serviceType"] = [self._calendar.service_type(booking.cell.service)]
        made["reasonCode"] = [{"text": booking.reason}]
        made["description"] = made["serviceType"][0]["text"]
        made |= self._time(booking, style)
        if random.random() < 0.15:
            made["comment"] = random.choice(
                ("Needs an interpreter", "Bring medication list", "Prefers mornings", "Wheelchair access")
            )
        made["participant"] = self._participants(booking, lane, random, style)
        made["text"] = self._text(made, booking, lane, video=video)
        return made

    def _meta(self, booking: Booking, random: Random, style: Callable[[datetime], str], *, video: bool) -> Resource:
        """Appointments count their versions; those with meeting rooms count the rooms' as well."""
        version = {"booked": 0, "pending": 0, "proposed": 0, "arrived": 1, "checked-in": 2, "fulfilled": 3}.get(booking.status, 1)
        updated = booking.cell.start + timedelta(minutes=random.randint(1, 400))
        if booking.upcoming:
            updated = booking.cell.start - timedelta(days=65 + random.randint(0, 30), minutes=random.randint(0, 600))
        return {"versionId": f"{version}-1" if video else str(version), "lastUpdated": style(updated)}

    def _meeting_rooms(self, booking: Booking) -> list[Resource]:
        key = digest(self._seed, "meeting", booking.patient, booking.ordinal)
        period = {"start": moments.milliseconds(booking.cell.start), "end": moments.milliseconds(booking.cell.end)}
        return [
            {
                "resourceType": "HealthcareService",
                "id": room,
                "type": [{"text": text}],
                "telecom": [
                    {
                        "system": "url",
                        "value": f"https://video.example.org/{key[place * 12 : place * 12 + 12]}",
                        "period": dict(period),
                    }
                ],
            }
            for place, (room, text) in enumerate(_ROOMS)
        ]

    def _cancel_reason(self, random: Random) -> Resource:
        if random.random() < 0.15:
            return {"coding": [self._coder.own(14229, "0")]}  # no reason given: code value 0, without a display
        keys = ("patient", "patient", "provider", "weather", "feeling_better", "transport", "mistake")
        return self._coder.concept("cancel_reason", random.choice(keys))

    def _time(self, booking: Booking, style: Callable[[datetime], str]) -> Resource:
        cell = booking.cell
        if booking.status == "proposed":
            first, last = _requested(booking)
            return {"requestedPeriod": [{"start": style(first), "end": style(last)}]}
        made: Resource = {"start": style(cell.start), "end": style(cell.end), "minutesDuration": cell.minutes}
        if booking.holds_slot:
            made["slot"] = [{"reference": f"Slot/{self._calendar.slot_id(cell)}"}]
        return made | {"requestedPeriod": [{"start": style(cell.start), "end": style(cell.end)}]}

    def _participants(self, booking: Booking, lane: Lane, random: Random, style: Callable[[datetime], str]) -> list[Resource]:
        proposed = booking.status == "proposed"
        status = "needs-action" if proposed or booking.status == "pending" else "accepted"
        patient: Resource = {
            "type": [self._role("patient")],
            "actor": {
                "reference": f"Patient/{numbers.person_id(booking.patient)}",
                "display": self._person(booking.patient).names.current.text,
            },
            "required": "required",
            "status": "tentative" if status == "accepted" and booking.status == "booked" and random.random() < 0.08 else status,
        }
        place = {
            "actor": {"reference": f"Location/{lane.location.id}", "display": lane.location.name},
            "required": "required",
            "status": status,
        }
        if proposed:
            return [patient, place]
        patient["period"] = {"start": style(booking.cell.start), "end": style(booking.cell.end)}
        actor = lane.practitioner.reference if lane.practitioner else {"display": lane.actor}
        performer = {"coding": [coding(PARTICIPATION, "PPRF", "primary performer")]}
        resource = {"type": [self._role(lane.role), performer], "actor": actor, "required": "required", "status": status}
        made = [patient, resource, place]
        if booking.cell.service == "video":
            made += [
                {"type": [{"text": text}], "actor": {"reference": f"#{room}"}, "status": "accepted"} for room, text in _ROOMS
            ]
        return made

    def _role(self, key: str) -> Resource:
        return self._coder.concept("resource_role", key)

    def _text(self, made: Resource, booking: Booking, lane: Lane, *, video: bool) -> Resource:
        cell, proposed = booking.cell, booking.status == "proposed"
        name = self._person(booking.patient).names.current.text
        people = f"Patient: {name}, {'Practitioner' if lane.practitioner else 'Other Resource'}: {lane.actor}, Location: {lane.location.name}"
        slot = self._calendar.slot_id(cell) if booking.holds_slot else None
        return narrative(
            "Appointment",
            ("Status", {"noshow": "No Show", "checked-in": "Checked In"}.get(booking.status, booking.status.title())),
            ("Service Type", made["description"]),
            ("Start", None if proposed else moments.told(cell.start)),
            ("End", None if proposed else moments.told(cell.end)),
            ("Slot Id", slot),
            ("Participants", f"Patient: {name}, Location: {lane.location.name}" if proposed else people),
            ("Video Visit", "Yes" if video and not proposed else None),
        )


def _requested(booking: Booking) -> tuple[datetime, datetime]:
    """When a patient who has proposed an appointment would like to come."""
    return booking.cell.start, booking.cell.start + timedelta(days=_REQUESTED_DAYS)


def _extensions(booking: Booking, random: Random) -> list[Resource]:
    comment = random.choice(("", "Called by the patient", "Left a message")) if booking.status == "cancelled" else None
    can_change = booking.status in _OPEN and booking.upcoming
    flags = [
        {"valueBoolean": can_change, "url": STRUCTURE + "is-cancelable"},
        {"valueBoolean": can_change and booking.status == "booked", "url": STRUCTURE + "is-reschedulable"},
    ]
    return [{"valueString": comment, "url": STRUCTURE + "action-comment"}, *flags] if comment is not None else flags
