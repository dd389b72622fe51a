"""What all chapters of charts share: the seed, the tenant's codings, the places, the staff, and the day of the run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from millgate.simulator.hospital import numbers
from millgate.simulator.hospital.coding import Coder, Resource
from millgate.simulator.hospital.dice import dice
from millgate.simulator.hospital.people import Person
from millgate.simulator.hospital.places import Places
from millgate.simulator.hospital.staff import Staff
from millgate.simulator.hospital.visits import Visit


@dataclass(frozen=True, slots=True)
class House:
    """One hospital as those see it who write its charts."""

    seed: int
    coder: Coder
    places: Places
    staff: Staff
    today: date
    zone: ZoneInfo

    def dice(self, kind: str, *named: int | str) -> Random:
        return dice(self.seed, kind, *named)

    def recorded(self, person: Person, moment: datetime, random: Random, *, most_minutes: int = 900) -> datetime:
        """When something that happened was written down: a while later, never after the day of the run."""
        return min(moment + timedelta(minutes=random.randint(1, most_minutes), seconds=random.randint(0, 59)), person.known_until)


def patient_reference(person: Person, *, display: bool = True) -> Resource:
    made: Resource = {"reference": f"Patient/{numbers.person_id(person.index)}"}
    return made | ({"display": person.names.current.text} if display else {})


def encounter_reference(person: Person, visit: Visit) -> Resource:
    return {"reference": f"Encounter/{numbers.encounter_id(person.index, visit.ordinal)}"}
