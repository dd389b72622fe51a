"""Which patient is booked where: a one-to-one match of patients' appointments and cells of the calendar, worked out both ways.

Every patient has a few numbers in the order in which a lane fills up, and they depend on the patient's own number only. So no
two appointments meet in one cell, and nobody's appointments change when the hospital grows; when a lane is full, patients with
higher numbers are simply not booked there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from random import Random

from millgate.simulator.hospital import numbers
from millgate.simulator.hospital.calendar import Calendar, Cell, Lane
from millgate.simulator.hospital.dice import dice
from millgate.simulator.hospital.people import Person
from millgate.simulator.hospital.places import Location
from millgate.simulator.hospital.problems import Problem, draw_problems
from millgate.simulator.hospital.staff import PRIMARY_CARE, Practitioner, Staff

HOLDING = frozenset({"booked", "pending", "arrived", "checked-in", "fulfilled", "noshow"})
_PEDIATRICS = ("pediatrics",)
# Ordinals of a patient's appointments: (upcoming first, upcoming second, past first, past second) in primary care, then one
# upcoming and one past with a specialist, and in a room.
_PRIMARY = {(True, 0): 0, (True, 1): 1, (False, 0): 4, (False, 1): 6}
_SPECIALIST = {True: 2, False: 5}
_ROOM = {True: 3, False: 7}
_KEPT_ORDINAL = 96


@dataclass(frozen=True, slots=True)
class Booking:
    """One appointment of a patient; `cell` is its time, which it holds or held only if its status is in HOLDING."""

    patient: int
    ordinal: int
    cell: Cell
    status: str
    upcoming: bool
    reason: str
    problem: Problem | None

    @property
    def appointment_id(self) -> str:
        return numbers.appointment_id(self.patient, self.ordinal)

    @property
    def encounter(self) -> int | None:
        """Ordinal of the encounter that the appointment led to."""
        return _KEPT_ORDINAL + self.ordinal if self.status in ("fulfilled", "arrived", "checked-in") else None

    @property
    def holds_slot(self) -> bool:
        return self.status in HOLDING


class Bookings:
    """All appointments of one hospital."""

    def __init__(
        self, seed: int, calendar: Calendar, staff: Staff, today: date, person: Callable[[int], Person], patients: int
    ) -> None:
        self._seed, self._calendar, self._staff, self._today = seed, calendar, staff, today
        self._person, self._patients = person, patients
        self.of_patient: Callable[[int], tuple[Booking, ...]] = lru_cache(maxsize=4096)(self._draw)

    def holder(self, cell: Cell) -> str | None:
        """Id of the appointment that holds a cell."""
        booking = self.at(cell)
        return booking.appointment_id if booking and booking.holds_slot else None

    def at(self, cell: Cell) -> Booking | None:
        """The appointment that was made for a cell, whatever has become of it."""
        place, upcoming = self._calendar.place(cell)
        found = self._patient_of(self._calendar.lanes[cell.lane], place, upcoming) if place >= 0 else None
        if found is None or found[0] >= self._patients:
            return None
        patient, ordinal = found
        return next((each for each in self.of_patient(patient) if each.ordinal == ordinal and each.cell == cell), None)

    def practitioner_of(self, cell: Cell) -> Practitioner | None:
        """Whose time a cell is; None if it is a room's."""
        return self._calendar.lanes[cell.lane].practitioner

    def location_of(self, cell: Cell) -> Location:
        return self._calendar.lanes[cell.lane].location

    # --- patient to place, and back -----------------------------------------------------------------------------------

    def _lanes(self, specialties: tuple[str, ...]) -> list[Lane]:
        return [self._calendar.lanes[each.id] for each in self._staff.of(*specialties)]

    def _team(self, person: Person) -> tuple[str, ...]:
        return _PEDIATRICS if person.age(self._today) < 16 else PRIMARY_CARE

    def _primary(self, person: Person, second: int, *, upcoming: bool) -> Cell | None:
        lanes = self._lanes(self._team(person))
        rank, lane = divmod(person.index, len(lanes))
        return self._calendar.cell(lanes[lane], rank * 2 + second, upcoming=upcoming)

    def _specialist(self, person: Person, specialty: str, *, upcoming: bool) -> Cell | None:
        lanes = self._lanes((specialty,))
        rank, lane = divmod(person.index, len(lanes))
        return self._calendar.cell(lanes[lane], rank, upcoming=upcoming)

    def _patient_of(self, lane: Lane, place: int, upcoming: bool) -> tuple[int, int] | None:
        """The patient and the ordinal to which a place of a lane belongs."""
        if lane.practitioner is None:
            return place, _ROOM[upcoming]
        specialty = lane.practitioner.specialty
        for team in (PRIMARY_CARE, _PEDIATRICS):
            if specialty in team:
                lanes = self._lanes(team)
                return place // 2 * len(lanes) + lanes.index(lane), _PRIMARY[upcoming, place % 2]
        lanes = self._lanes((specialty,))
        return place * len(lanes) + lanes.index(lane), _SPECIALIST[upcoming]

    # --- drawing ------------------------------------------------------------------------------------------------------

    def _draw(self, patient: int) -> tuple[Booking, ...]:
        person = self._person(patient)
        problems = [each for each in draw_problems(self._seed, person) if each.is_active(self._today)]
        random = dice(self._seed, "bookings", patient)
        made: list[Booking] = []
        for upcoming, second, share in ((True, 0, 0.55), (True, 1, 0.2), (False, 0, 0.6), (False, 1, 0.25)):
            if random.random() < share:
                cell = self._primary(person, second, upcoming=upcoming)
                made += self._book(random, person, _PRIMARY[upcoming, second], cell, upcoming, _reason(random, problems))
        made += self._specialties(random, person, problems) + self._rooms(random, person, problems)
        return tuple(sorted(made, key=lambda each: each.cell.start))

    def _specialties(self, random: Random, person: Person, problems: list[Problem]) -> list[Booking]:
        known = [each for each in problems if each.specialty and self._staff.of(each.specialty)]
        made: list[Booking] = []
        for upcoming in (True, False):
            chance, problem = random.random(), random.choice(known) if known else None
            if problem and chance < 0.55:
                cell = self._specialist(person, problem.specialty, upcoming=upcoming)
                made += self._book(random, person, _SPECIALIST[upcoming], cell, upcoming, (problem.reason, problem))
        return made

    def _rooms(self, random: Random, person: Person, problems: list[Problem]) -> list[Booking]:
        warfarin = next((each for each in problems if each.takes("warfarin")), None)
        made: list[Booking] = []
        for upcoming in (True, False):
            chance = random.random()
            room, reason = "imaging", "MRI brain without contrast"
            if warfarin:
                room, reason = "anticoagulation", "INR check"
            elif person.age(self._today) >= 45 and chance < 0.12:
                room, reason = "endoscopy", "Screening colonoscopy"
            if chance < (0.8 if warfarin else 0.18):
                cell = self._calendar.cell(self._calendar.lanes[room], person.index, upcoming=upcoming)
                made += self._book(random, person, _ROOM[upcoming], cell, upcoming, (reason, warfarin))
        return made

    def _book(
        self, random: Random, person: Person, ordinal: int, cell: Cell | None, upcoming: bool, reason: tuple[str, Problem | None]
    ) -> list[Booking]:
        """The appointment, unless the lane is full or the patient was not there to have it."""
        status = self._status(random, cell, upcoming, second=ordinal == 1)
        if cell is None or cell.start < person.registered or (person.died and (upcoming or cell.start > person.died)):
            return []
        return [Booking(person.index, ordinal, cell, status, upcoming, *reason)]

    def _status(self, random: Random, cell: Cell | None, upcoming: bool, *, second: bool) -> str:
        chance = random.random()
        if not upcoming:
            return (
                "fulfilled"
                if chance < 0.8
                else "noshow"
                if chance < 0.88
                else "cancelled"
                if chance < 0.985
                else "entered-in-error"
            )
        if second and chance < 0.3:
            return "proposed"
        if cell and cell.start.date() == self._today:
            return "arrived" if chance > 0.8 else "checked-in" if chance > 0.6 else "booked"
        return "cancelled" if chance > 0.93 else "pending" if chance > 0.9 else "booked"


def _reason(random: Random, problems: list[Problem]) -> tuple[str, Problem | None]:
    chance = random.random()
    if problems and chance < 0.6:
        problem = random.choice(problems)
        return problem.reason, problem
    return random.choice(
        ("Annual exam", "Follow-up", "Immunizations", "Medication refill", "Back pain", "Cough", "Form completion")
    ), None
