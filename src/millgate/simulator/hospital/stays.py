"""The heavy patient: one who lay in intensive care again and again, with a chart as large as the largest that are met.

Such charts are asked for (`--heavy-patient`), for measurements of what large ones cost. The patient is the first of the population who
is old enough and has been known for long enough; nobody else's chart changes. Sizes: 1,623 conditions of one patient were seen in one
page. Source: oracle-health fact sheet, 3.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from millgate.simulator.hospital.house import House
from millgate.simulator.hospital.moments import midnight
from millgate.simulator.hospital.numbers import FIRST_STAY, STAYS_EACH
from millgate.simulator.hospital.people import Person
from millgate.simulator.hospital.tables import by_key
from millgate.simulator.hospital.visits import Visit

STAY_DAYS = 13
_FIRST_YEAR = 2015
_REASONS = ("pneumonia", "sepsis", "infarction", "bleeding", "failure")


def heavy_patient(patients: int, person: Callable[[int], Person]) -> int:
    """The number of the patient with the large chart. ValueError if the population has nobody whom it would fit."""
    for number in range(patients):
        candidate = person(number)
        if candidate.registered.year < _FIRST_YEAR and 1935 <= candidate.born.year <= 1970 and not candidate.died:
            return number
    raise ValueError(f"none of {patients} patients is old enough for years of intensive care: take more patients")


def long_stays(house: House, person: Person) -> Iterator[Visit]:
    """Stays in intensive care, one a year, as far as they were over on the day of the run."""
    for number in range(STAYS_EACH):
        random = house.dice("long-stay", person.index, number)
        start = datetime(_FIRST_YEAR + number, random.randint(1, 12), random.randint(1, 28), random.randint(0, 23), tzinfo=UTC)
        end = start + timedelta(days=STAY_DAYS, minutes=random.randint(10, 400))
        if end > midnight(house.today):
            return
        row = by_key("acute_reasons")[_REASONS[number % len(_REASONS)]]
        yield Visit(
            FIRST_STAY + number,
            "inpatient",
            start + timedelta(minutes=random.randint(0, 59)),
            end,
            "finished",
            house.staff.one_of("hospitalist", random.randint(0, 9)),
            random.choice(house.places.beds("intensive")),
            row["reason"],
            nomenclature=row["nomenclature"],
            panels=tuple(filter(None, row["panels"].split(";"))),
            studies=tuple(filter(None, row["imaging"].split(";"))),
            effects=frozenset(filter(None, row["effects"].split(";"))),
        )


def with_stays(visits: list[Visit], stays: tuple[Visit, ...]) -> list[Visit]:
    """All visits in order of time, without those that would have been in the middle of a stay."""
    free = [visit for visit in visits if not any(stay.start <= visit.start <= (stay.end or stay.start) for stay in stays)]
    return sorted([*free, *stays], key=lambda visit: (visit.start, visit.ordinal))
