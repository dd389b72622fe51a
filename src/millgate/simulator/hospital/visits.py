"""When patients came to the hospital, why, where, and who saw them: the thread on which charts are strung.

A patient's visits of the past years have fixed dates and numbers; a later `today` adds to them. Around `today` lie the visits
that kept appointments led to, those who are in the house now, and those who are expected.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random

from millgate.simulator.hospital.booking import Booking, Bookings
from millgate.simulator.hospital.dice import dice
from millgate.simulator.hospital.moments import midnight
from millgate.simulator.hospital.people import Person
from millgate.simulator.hospital.places import Location, Places
from millgate.simulator.hospital.problems import PREGNANCY, Problem
from millgate.simulator.hospital.staff import Practitioner, Staff
from millgate.simulator.hospital.tables import by_key, rows

_LAST_OF_YEARS = 90
ADMITTED, IN_EMERGENCY, EXPECTED, ON_LEAVE, COMBINED = 110, 111, 112, 113, 120
_CHRONIC = ("clinic", "clinic", "clinic", "virtual", "home")
_WARDS = {
    "inpatient": ("medical", "telemetry", "surgical", "intensive"),
    "observation": ("telemetry",),
    "emergency": ("emergency",),
}


@dataclass(slots=True)
class Visit:
    """One encounter before it is written down. `end` is None while it lasts."""

    ordinal: int
    kind: str
    start: datetime
    end: datetime | None
    status: str
    practitioner: Practitioner
    location: Location | None
    reason: str
    nomenclature: str = ""
    problem: Problem | None = None
    panels: tuple[str, ...] = ()
    studies: tuple[str, ...] = ()
    effects: frozenset[str] = field(default_factory=frozenset)
    booking: Booking | None = None

    @property
    def is_charted(self) -> bool:
        """Whether anything was measured: not before it began, and not if it never took place."""
        return self.status in ("finished", "in-progress", "onleave", "triaged")


class Visits:
    """Draws the visits of any patient."""

    def __init__(self, seed: int, places: Places, staff: Staff, bookings: Bookings, today: date) -> None:
        self._seed, self._places, self._staff, self._bookings, self._today = seed, places, staff, bookings, today

    def of(self, person: Person, problems: tuple[Problem, ...]) -> list[Visit]:
        """All visits in order of time."""
        now = midnight(self._today)
        past = [visit for visit in self._of_years(person, problems) if visit.start < now and _alive(person, visit.start)]
        for visit in past:
            if visit.end and visit.end > now:
                visit.end, visit.status = None, "in-progress"
        around = [*self._kept(person, problems), *self._around_today(person, problems)]
        return sorted([*past, *around], key=lambda visit: (visit.start, visit.ordinal))

    # --- the years ----------------------------------------------------------------------------------------------------

    def _of_years(self, person: Person, problems: tuple[Problem, ...]) -> Iterator[Visit]:
        ordinal = 0
        for year in range(person.registered.year, self._today.year + 1):
            for visit in self._of_year(person, problems, year):
                if ordinal > _LAST_OF_YEARS:
                    return
                visit.ordinal = ordinal
                ordinal += 1
                yield visit

    def _of_year(self, person: Person, problems: tuple[Problem, ...], year: int) -> list[Visit]:
        random = dice(self._seed, "year", person.index, year)
        made = self._begin(random, person, year)
        for problem in problems:
            if problem.key == PREGNANCY:
                made += self._pregnancy(random, person, problem, year)
        active = [each for each in problems if each.key != PREGNANCY and each.is_active(date(year, 12, 31))]
        wanted = 0.7 + 0.55 * len(active) + (1.0 if person.age(date(year, 12, 31)) > 70 else 0)
        for _ in range(min(6, int(wanted * random.random() * 2))):
            start = _office_time(random, date(year, 1, 1) + timedelta(days=random.randint(0, 364)))
            if person.registered <= start:
                made.append(self._any_visit(random, person, active, start))
        last = datetime(year + 1, 1, 1, tzinfo=UTC)
        return sorted((each for each in made if person.registered <= each.start < last), key=lambda visit: visit.start)

    def _begin(self, random: Random, person: Person, year: int) -> list[Visit]:
        """The visit in which the patient was registered; for those who were born here, the birth."""
        if year != person.registered.year:
            return []
        if (person.registered.date() - person.born).days <= 1:
            return [self._visit(random, "birth", person.registered, self._staff.one_of("pediatrics", person.index), "Newborn")]
        panels = ("bmp", "lipids") if person.age(person.registered.date()) > 20 else ()
        return [self._clinic(random, person, person.registered, "New patient", None, panels)]

    def _any_visit(self, random: Random, person: Person, active: list[Problem], start: datetime) -> Visit:
        chance, problem = random.random(), random.choice(active) if active else None
        if problem and chance < 0.62:
            kind = random.choice(_CHRONIC if person.age(start.date()) > 60 else _CHRONIC[:-1])
            visit = self._clinic(random, person, start, problem.reason, problem, problem.panels, kind=kind)
            return visit if random.random() < 0.7 else self._with_more_panels(visit, active)
        if chance < 0.8:
            return self._acute(random, person, active, start)
        panels = ("bmp", "cbc", "lipids") if person.age(start.date()) >= 20 else ()
        studies = ("mammogram",) if person.sex == "female" and person.age(start.date()) > 45 and random.random() < 0.4 else ()
        if person.age(start.date()) >= 50 and random.random() < 0.12:
            studies = ("colonoscopy",)
        return self._clinic(random, person, start, "Annual exam", None, panels, studies=studies)

    def _with_more_panels(self, visit: Visit, active: list[Problem]) -> Visit:
        """One drawing of blood for all problems."""
        panels = [panel for problem in active for panel in problem.panels]
        visit.panels = tuple(dict.fromkeys([*visit.panels, *panels]))
        return visit

    def _pregnancy(self, random: Random, person: Person, pregnancy: Problem, year: int) -> list[Visit]:
        """Prenatal visits every few weeks, blood at the first, and the delivery."""
        obstetrician = self._staff.one_of("obstetrics", person.index)
        made = []
        for week in (9, 16, 24, 30, 35, 38):
            day = pregnancy.onset + timedelta(days=week * 7 + random.randint(-3, 3))
            if day.year == year and pregnancy.until and day < pregnancy.until:
                visit = self._visit(random, "clinic", _office_time(random, day), obstetrician, "Prenatal visit")
                visit.problem, visit.panels = (
                    pregnancy,
                    pregnancy.panels if week == 9 else ("urinalysis",) if week < 35 else ("cbc",),
                )
                made.append(visit)
        if pregnancy.until and pregnancy.until.year == year:
            start = midnight(pregnancy.until) + timedelta(hours=random.randint(1, 22), minutes=random.randint(0, 59))
            visit = self._visit(random, "delivery", start, obstetrician, "Labor")
            visit.problem, visit.panels = pregnancy, ("cbc", "blood_type")
            made.append(visit)
        return made

    def _acute(self, random: Random, person: Person, active: list[Problem], start: datetime) -> Visit:
        """Something sudden: a reason that fits the patient's age, sex and problems."""
        age, keys = person.age(start.date()), {problem.key for problem in active}
        fitting, shares = [], []
        for row in rows("acute_reasons"):
            needs = set(filter(None, row["needs"].split(";")))
            if (
                int(row["age_from"]) <= age < int(row["age_to"])
                and row["sex"] in ("", person.sex)
                and (not needs or needs & keys)
            ):
                fitting.append(row)
                shares.append(float(row["share"]) * (3 if needs else 1))
        row = random.choices(fitting, shares)[0]
        return self._for_reason(
            random, person, row, start + timedelta(hours=random.choice((0, 0, 1, 2) if row["kind"] == "urgent" else (0, 2, 5, 9)))
        )

    def _for_reason(self, random: Random, person: Person, row: dict[str, str], start: datetime) -> Visit:
        specialty = {"urgent": "assistant", "emergency": "emergency"}.get(row["kind"], "hospitalist")
        visit = self._visit(random, row["kind"], start, self._staff.one_of(specialty, random.randint(0, 9)), row["reason"])
        visit.nomenclature, visit.effects = row["nomenclature"], frozenset(filter(None, row["effects"].split(";")))
        visit.panels = tuple(filter(None, row["panels"].split(";")))
        visit.studies = tuple(filter(None, row["imaging"].split(";")))
        return visit

    def _clinic(
        self,
        random: Random,
        person: Person,
        start: datetime,
        reason: str,
        problem: Problem | None,
        panels: tuple[str, ...],
        *,
        kind: str = "clinic",
        studies: tuple[str, ...] = (),
    ) -> Visit:
        practitioner = self._staff.primary_care_of(person.index, person.age(start.date()))
        if problem and problem.specialty and random.random() < 0.35:
            practitioner = self._staff.one_of(problem.specialty, person.index)
        visit = self._visit(random, kind, start, practitioner, reason)
        visit.problem, visit.panels, visit.studies = problem, panels if kind != "virtual" else (), studies
        visit.nomenclature = problem.nomenclature if problem else ""
        return visit

    def _visit(self, random: Random, kind: str, start: datetime, practitioner: Practitioner, reason: str) -> Visit:
        """A visit with the length and in the place that its kind has. A few are called off, or charted by mistake."""
        row = by_key("visit_kinds")[kind]
        minutes = random.randint(int(row["minutes_low"]), int(row["minutes_high"]))
        chance = random.random()
        status = (
            "cancelled" if chance < 0.03 else "entered-in-error" if chance < 0.04 else "unknown" if chance < 0.044 else "finished"
        )
        end: datetime | None = start + timedelta(minutes=minutes, seconds=random.randint(0, 59))
        if status == "finished" and kind in ("clinic", "urgent") and chance > 0.95:
            status, end = "in-progress", None  # nobody closed it: Millennium leaves such outpatient encounters open for years
        return Visit(0, kind, start, end, status, practitioner, self._place(random, kind, practitioner), reason)

    def _place(self, random: Random, kind: str, practitioner: Practitioner) -> Location | None:
        if kind in ("virtual", "home"):
            return None
        if kind in ("delivery", "birth"):
            return random.choice(self._places.beds("labor")) if kind == "delivery" else self._places.locations["nursery"]
        if kind == "urgent":
            return self._places.locations["urgent_clinic"]
        wards = _WARDS.get(kind)
        return random.choice(self._places.beds(random.choice(wards))) if wards else practitioner.location

    # --- around today -------------------------------------------------------------------------------------------------

    def _kept(self, person: Person, problems: tuple[Problem, ...]) -> Iterator[Visit]:
        """Encounters of the appointments that were kept; on the day itself, of those who have come so far."""
        for booking in self._bookings.of_patient(person.index):
            if booking.encounter is None:
                continue
            random = dice(self._seed, "kept", person.index, booking.ordinal)
            cell = booking.cell
            practitioner = self._bookings.practitioner_of(cell) or self._staff.one_of("nurse", person.index)
            kind = "virtual" if cell.service == "video" else "room" if self._bookings.practitioner_of(cell) is None else "clinic"
            visit = self._visit(random, kind, cell.start, practitioner, booking.reason)
            visit.ordinal, visit.booking, visit.problem = booking.encounter, booking, booking.problem
            visit.location = None if kind == "virtual" else self._bookings.location_of(cell)
            visit.panels = self._panels_of(booking) if kind != "virtual" else ()
            visit.studies = {"imaging": ("mri",), "endoscopy": ("colonoscopy",)}.get(cell.lane, ())
            visit.nomenclature = booking.problem.nomenclature if booking.problem else ""
            visit.status = {"fulfilled": "finished", "arrived": "arrived", "checked-in": "in-progress"}[booking.status]
            visit.end = cell.end if visit.status == "finished" else None
            yield visit

    def _panels_of(self, booking: Booking) -> tuple[str, ...]:
        if booking.cell.lane == "anticoagulation":
            return ("inr",)
        if booking.problem:
            return booking.problem.panels if booking.problem.key != PREGNANCY else ("urinalysis",)
        return ("bmp", "lipids") if booking.reason == "Annual exam" else ()

    def _around_today(self, person: Person, problems: tuple[Problem, ...]) -> Iterator[Visit]:
        random = dice(self._seed, "around", person.index)
        chance, days, minutes = random.random(), random.randint(0, 5), random.randint(0, 1100)
        now = midnight(self._today)
        active = [each for each in problems if each.is_active(self._today) and each.key != PREGNANCY]
        start = now - timedelta(days=days, minutes=minutes)
        if person.died or start < person.registered:
            return
        if chance < 0.03:
            yield self._now(random, person, active, "inpatient", start, "in-progress", ADMITTED)
        elif chance < 0.045:
            status = "triaged" if chance < 0.035 else "arrived" if chance < 0.04 else "in-progress"
            yield self._now(random, person, active, "emergency", now - timedelta(minutes=minutes % 240), status, IN_EMERGENCY)
        elif chance < 0.075:
            yield self._expected(random, person, now + timedelta(days=4 + days * 5, hours=14))
        elif chance < 0.08:
            yield self._now(random, person, active, "inpatient", start, "onleave", ON_LEAVE)

    def _now(
        self, random: Random, person: Person, active: list[Problem], kind: str, start: datetime, status: str, ordinal: int
    ) -> Visit:
        age, keys = person.age(self._today), {problem.key for problem in active}
        fitting = [
            row
            for row in rows("acute_reasons")
            if row["kind"] == kind
            and int(row["age_from"]) <= age < int(row["age_to"])
            and row["sex"] in ("", person.sex)
            and (not row["needs"] or keys & set(row["needs"].split(";")))
        ]
        if fitting:
            visit = self._for_reason(random, person, random.choice(fitting), start)
        else:
            visit = self._visit(random, kind, start, self._staff.one_of("hospitalist", person.index), "Fever")
            visit.panels, visit.effects = ("cbc",), frozenset({"infection"})
        visit.ordinal, visit.status, visit.end = ordinal, status, None
        return visit

    def _expected(self, random: Random, person: Person, start: datetime) -> Visit:
        visit = self._visit(random, "preadmit", start, self._staff.one_of("surgery", person.index), "Elective surgery")
        visit.ordinal, visit.status, visit.location = EXPECTED, "planned", self._places.locations["surgical"]
        return visit


def _alive(person: Person, moment: datetime) -> bool:
    return person.died is None or moment < person.died


def _office_time(random: Random, day: date) -> datetime:
    """A working day at or after `day`, and a time between 14 and 22 UTC."""
    day += timedelta(days={5: 2, 6: 1}.get(day.weekday(), 0))
    return midnight(day) + timedelta(minutes=14 * 60 + 5 * random.randint(0, 95), seconds=random.randint(0, 59))
