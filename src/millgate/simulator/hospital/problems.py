"""What patients suffer from, since when, and what they take for it: all that charts are made of.

Problems depend on the seed, the patient's number and the patient's age at the census, and on no other day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from millgate.simulator.hospital.dice import dice
from millgate.simulator.hospital.people import CENSUS, Person
from millgate.simulator.hospital.tables import rows

PREGNANCY = "pregnancy"
_TERM_DAYS = 280
_BANDS = ((18, "child"), (45, "young"), (65, "middle"), (999, "old"))


@dataclass(frozen=True, slots=True)
class Medication:
    name: str
    dose: str
    route: str
    frequency: str
    since: date


@dataclass(frozen=True, slots=True)
class Problem:
    """One entry of a problem list. `until` is the day on which it was over, if it ever is."""

    key: str
    name: str
    icd10: str
    snomed: str
    nomenclature: str
    onset: date
    until: date | None
    severity: float
    specialty: str
    panels: tuple[str, ...]
    reason: str
    medications: tuple[Medication, ...]

    def is_active(self, on: date) -> bool:
        return self.onset <= on and (self.until is None or on < self.until)

    def takes(self, word: str) -> bool:
        return any(word in medication.name for medication in self.medications)


def draw_problems(seed: int, person: Person) -> tuple[Problem, ...]:
    """The problems of a person, chronic ones first, then pregnancies in order of time."""
    random = dice(seed, "problems", person.index)
    age = max(0, person.age(CENSUS))
    found: dict[str, Problem] = {}
    for row in rows("problems"):
        chance, onset_chance = random.random(), random.random()
        severity = max(-2.0, min(2.0, random.gauss(0, 1)))
        likelier = sum(key in found for key in row["made_likelier_by"].split(";"))
        share = float(row[next(band for until, band in _BANDS if age < until)]) * (1 + 0.5 * likelier)
        if chance < share and row["sex"] in ("", person.sex) and age > int(row["onset_low"]):
            onset_age = int(row["onset_low"]) + (age - int(row["onset_low"])) * (1 - onset_chance**2 * 0.8)
            onset = min(person.born + timedelta(days=int(onset_age * 365.25)), CENSUS - timedelta(days=30))
            found[row["key"]] = _problem(random, row, onset, severity)
    return tuple(found.values()) + _pregnancies(random, person, age)


def _problem(random: Random, row: dict[str, str], onset: date, severity: float) -> Problem:
    panels = tuple(row["panels"].split(";")) if row["panels"] else ()
    medications = _medications(random, row["key"], onset)
    return Problem(
        row["key"], row["name"], row["icd10"], row["snomed"], row["nomenclature"], onset, None, severity, row["specialty"], panels,
        row["reason"], medications,
    )  # fmt: skip


def _medications(random: Random, problem: str, onset: date) -> tuple[Medication, ...]:
    made = []
    for row in rows("medications"):
        if row["problem"] == problem and random.random() < float(row["share"]):
            since = onset + timedelta(days=random.randint(0, 120))
            made.append(Medication(row["name"], row["dose"], row["route"], row["frequency"], since))
    return tuple(made)


def _pregnancies(random: Random, person: Person, age: int) -> tuple[Problem, ...]:
    """Pregnancies from the first registration on: a woman of the right age has one in every ten years or so."""
    if person.sex != "female" or age > 46:
        return ()
    made: list[Problem] = []
    day = max(person.born + timedelta(days=20 * 365), person.registered.date())
    last = person.born + timedelta(days=42 * 365)
    while (day := day + timedelta(days=int(200 + random.random() * 4200))) < last and len(made) < 4:
        until = day + timedelta(days=_TERM_DAYS + random.randint(-21, 9))
        medications = _medications(random, PREGNANCY, day + timedelta(days=45))
        panels = ("cbc", "urinalysis", "blood_type", "prenatal")
        made.append(
            Problem(
                PREGNANCY, "Pregnancy", "Z34.90", "77386006", "13240030", day, until, 0.0, "obstetrics", panels, "Prenatal visit",
                medications,
            )
        )  # fmt: skip
        day = until + timedelta(days=240)
    return tuple(made)
