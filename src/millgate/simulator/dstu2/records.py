"""The tenant's records as DSTU2 shows them: rendered when they are first asked for, and kept beside R4's own as long as those are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache

from millgate.simulator.dstu2.render import rendered
from millgate.simulator.dstu2.types import sources
from millgate.simulator.records import Json, Record, Records


@lru_cache(maxsize=64)
def renderer(resource_type: str) -> Callable[[Json], Record | None]:
    """What makes a record of this DSTU2 type; always the same function, so that a record of R4's keeps what it made."""

    def make(r4: Json) -> Record | None:
        resource = rendered(r4, resource_type)
        return Record(resource) if resource is not None else None

    return make


class Dstu2Records(Records):
    """Reads and lists of one tenant in DSTU2. Nothing is kept but in R4's records, and nothing is written here."""

    def __init__(self, r4: Records) -> None:
        super().__init__(r4.hospital, r4.today)
        self.r4 = r4

    def read(self, resource_type: str, resource_id: str) -> Record | None:
        """The record of this id, or None."""
        for source in sources(resource_type):
            record = self.r4.read(source, resource_id)
            if record is not None:
                return record.fact(renderer(resource_type))
        return None

    def origin(self, resource_type: str, resource_id: str) -> Record | None:
        """DSTU2 tells no origins."""
        return None

    def chart(self, resource_type: str, patient_id: str) -> list[Record]:
        """All records of a type in one patient's chart, those of each R4 type behind the other."""
        found = [record for source in sources(resource_type) for record in self.r4.chart(source, patient_id)]
        return self.shown(resource_type, found)

    def appointments(self, resource_type: str, resource_id: str, start: datetime, end: datetime) -> list[Record]:
        """The appointments of a practitioner or a location that start in a range."""
        return self.shown("Appointment", self.r4.appointments(resource_type, resource_id, start, end))

    def all(self, resource_type: str) -> list[Record]:
        """All practitioners or schedules."""
        return self.shown(resource_type, self.r4.all(resource_type))

    def slots(self, schedule_id: str, start: datetime, end: datetime) -> list[Record]:
        """The slots of a schedule that start in a range, as they stand now, ascending."""
        return self.shown("Slot", self.r4.slots(schedule_id, start, end))

    @staticmethod
    def shown(resource_type: str, found: Iterable[Record]) -> list[Record]:
        """R4's records as records of a DSTU2 type, without those that DSTU2 does not have."""
        made = (record.fact(renderer(resource_type)) for record in found)
        return [record for record in made if record is not None]
