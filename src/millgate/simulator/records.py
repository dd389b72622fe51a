"""The tenant's records as they stand now: the seeded hospital, and over it everything that was written since the start."""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Any, Protocol, TypeVar

import msgspec

from millgate.simulator.answers import encode

Json = dict[str, Any]
T = TypeVar("T")
MOST_CHARTS = 128
MOST_READS = 20_000
MOST_BOOKS = 64
# How far from today a search without an end looks for what staff and places have booked.
APPOINTMENT_HORIZON = timedelta(days=400)


class Hospital(Protocol):
    """What the server needs of a seeded hospital. Resources have relative references; each call gives fresh copies."""

    tenant: str
    name: str
    patient_count: int
    time_zone: str
    heavy_patient: str | None

    def close(self) -> None: ...
    def read(self, resource_type: str, resource_id: str) -> Json | None: ...
    def find_patients(
        self,
        *,
        ids: list[str] | None = None,
        identifier: tuple[str | None, str] | None = None,
        name: str | None = None,
        family: str | None = None,
        given: str | None = None,
        birthdate: list[tuple[str, str]] | None = None,
        phone: str | None = None,
        email: str | None = None,
        postal_code: str | None = None,
        gender: str | None = None,
        exact: set[str] | frozenset[str] = frozenset(),
        limit: int = 1001,
    ) -> list[str]: ...
    def find_relatives(self, identifier: tuple[str | None, str]) -> list[str]: ...
    def find_encounters(self, identifier: tuple[str | None, str]) -> list[str]: ...
    def chart(self, resource_type: str, patient_id: str, *, flowsheet: bool = True) -> list[Json]: ...
    def outlines(self, resource_type: str, patient_id: str) -> list[Json]: ...
    def is_outlined(self, resource_type: str, resource_id: str) -> bool: ...
    def practitioners(self) -> Iterator[Json]: ...
    def locations(self) -> Iterator[Json]: ...
    def organizations(self) -> Iterator[Json]: ...
    def communications(self, practitioner_id: str | None = None) -> Iterator[Json]: ...
    def insurance_plans(self) -> Iterator[Json]: ...
    def schedules(self) -> Iterator[Json]: ...
    def slots(self, *, schedule_id: str, start: datetime, end: datetime) -> list[Json]: ...
    def appointments(
        self, *, practitioner_id: str | None = None, location_id: str | None = None, start: datetime, end: datetime
    ) -> list[Json]: ...
    def service_types(self) -> list[Json]: ...
    def patient_of(self, resource_type: str, resource_id: str) -> str | None: ...
    def provenance(self, target: Json) -> Json | None: ...
    def summary(self, patient_id: str, made: datetime, document_id: str) -> bytes | None: ...


class Record:
    """One resource with its encoded body, which is made when first asked for and then kept. Never changed in place."""

    __slots__ = ("_body", "_facts", "_resource")

    def __init__(self, resource: Json) -> None:
        self._resource = resource
        self._body: msgspec.Raw | None = None
        self._facts: dict[Callable[[Json], Any], Any] = {}

    def fact(self, of: Callable[[Json], T]) -> T:
        """What a function says of the resource, worked out once: searches sort and divide the same charts again and again."""
        if of not in self._facts:
            self._facts[of] = of(self.searched)
        found: T = self._facts[of]
        return found

    @property
    def resource(self) -> Json:
        return self._resource

    @property
    def searched(self) -> Json:
        """What searches look at: the resource, or as much of it as they may ask for."""
        return self._resource

    @property
    def body(self) -> msgspec.Raw:
        if self._body is None:
            self._body = msgspec.Raw(encode(self.resource))
        return self._body

    @property
    def id(self) -> str:
        return str(self._resource["id"])

    @property
    def key(self) -> tuple[str, str]:
        return str(self._resource["resourceType"]), self.id


class Outline(Record):
    """One resource of those that are too many to be kept: it is made anew whenever it is looked at, and encoded anew."""

    __slots__ = ("_hospital",)

    def __init__(self, outline: Json, hospital: Hospital) -> None:
        super().__init__(outline)
        self._hospital = hospital

    @property
    def resource(self) -> Json:
        made = self._hospital.read(*self.key)
        assert made is not None, "an outline is of a record that is there"  # noqa: S101
        return made

    @property
    def body(self) -> msgspec.Raw:
        return msgspec.Raw(encode(self.resource))


class SlotBook:
    """The seeded slots of one schedule, over one unbroken range of time that grows as it is asked for."""

    def __init__(self, hospital: Hospital, schedule_id: str, start: datetime) -> None:
        self._hospital, self._schedule_id = hospital, schedule_id
        self._low = self._high = start
        self._records: list[Record] = []
        self._starts: list[datetime] = []

    def between(self, start: datetime, end: datetime) -> list[Record]:
        """The slots that start in a range, ascending."""
        if start < self._low:
            earlier = self._made(start, self._low)
            self._records, self._starts = earlier + self._records, self._times(earlier) + self._starts
            self._low = start
        if end > self._high:
            later = self._made(self._high, end)
            self._records, self._starts = self._records + later, self._starts + self._times(later)
            self._high = end
        return self._records[bisect_left(self._starts, start) : bisect_left(self._starts, end)]

    def _made(self, start: datetime, end: datetime) -> list[Record]:
        return [Record(slot) for slot in self._hospital.slots(schedule_id=self._schedule_id, start=start, end=end)]

    @staticmethod
    def _times(records: Iterable[Record]) -> list[datetime]:
        return [datetime.fromisoformat(record.resource["start"]) for record in records]


class Records:
    """Reads and lists of one tenant. What was written wins over what was seeded."""

    def __init__(self, hospital: Hospital, today: date) -> None:
        self.hospital = hospital
        self.today = today
        self._written: dict[tuple[str, str], Record] = {}
        self._appointments_of: dict[str, set[str]] = defaultdict(set)
        self._charts: OrderedDict[tuple[str, str], list[Record]] = OrderedDict()
        self._reads: OrderedDict[tuple[str, str], Record] = OrderedDict()
        self._books: OrderedDict[str, SlotBook] = OrderedDict()
        self._lists: dict[str, list[Record]] = {}

    # --- reading

    def read(self, resource_type: str, resource_id: str) -> Record | None:
        """The record of this id, or None."""
        key = (resource_type, resource_id)
        record = self._written.get(key) or self._reads.get(key)
        if record is None:
            resource = self.hospital.read(resource_type, resource_id)
            if resource is None:
                return None
            record = Record(resource)
            # neither whole documents, which are too large, nor whole flowsheets, which are too many
            if resource_type != "Binary" and not self.hospital.is_outlined(resource_type, resource_id):
                self._keep(self._reads, key, record, MOST_READS)
        return record

    def origin(self, resource_type: str, resource_id: str) -> Record | None:
        """The Provenance of a record; None if there is no such record."""
        target = self.read(resource_type, resource_id)
        found = self.hospital.provenance(target.resource) if target is not None else None
        return Record(found) if found is not None else None

    def chart(self, resource_type: str, patient_id: str) -> list[Record]:
        """All records of a type in one patient's chart; empty for a patient who is not there."""
        key = (resource_type, patient_id)
        seeded = self._charts.get(key)
        if seeded is None:
            seeded = [Record(resource) for resource in self.hospital.chart(resource_type, patient_id, flowsheet=False)]
            outlines = [Outline(each, self.hospital) for each in self.hospital.outlines(resource_type, patient_id)]
            self._keep(self._charts, key, [*seeded, *outlines], MOST_CHARTS)
            for record in seeded:  # later pages are read by id
                self._keep(self._reads, record.key, record, MOST_READS)
            seeded = self._charts[key]
        return seeded if resource_type != "Appointment" else self._with_written(seeded, f"Patient/{patient_id}")

    def appointments(self, resource_type: str, resource_id: str, start: datetime, end: datetime) -> list[Record]:
        """The appointments of a practitioner or a location that start in a range."""
        name = "practitioner_id" if resource_type == "Practitioner" else "location_id"
        seeded = self.hospital.appointments(**{name: resource_id}, start=start, end=end)
        return self._with_written([Record(resource) for resource in seeded], f"{resource_type}/{resource_id}")

    def all(self, resource_type: str) -> list[Record]:
        """All practitioners, locations, organizations or schedules."""
        if resource_type not in self._lists:
            source = {
                "Practitioner": self.hospital.practitioners,
                "Location": self.hospital.locations,
                "Organization": self.hospital.organizations,
                "InsurancePlan": self.hospital.insurance_plans,
                "Schedule": self.hospital.schedules,
            }[resource_type]
            self._lists[resource_type] = [Record(resource) for resource in source()]
        return self._lists[resource_type]

    def slots(self, schedule_id: str, start: datetime, end: datetime) -> list[Record]:
        """The slots of a schedule that start in a range, as they stand now, ascending."""
        book = self._books.pop(schedule_id, None) or SlotBook(self.hospital, schedule_id, start)
        self._keep(self._books, schedule_id, book, MOST_BOOKS)
        return [self._written.get(record.key, record) for record in book.between(start, end)]

    def _with_written(self, seeded: Iterable[Record], participant: str) -> list[Record]:
        current = {record.id: self._written.get(record.key, record) for record in seeded}
        for appointment_id in self._appointments_of.get(participant, ()):
            current[appointment_id] = self._written["Appointment", appointment_id]
        return [record for record in current.values() if takes_part(record.resource, participant)]

    # --- writing

    def write(self, resource: Json) -> Record:
        """Put a new or changed resource over what is there."""
        record = Record(resource)
        self._written[record.key] = record
        self._reads.pop(record.key, None)
        if resource["resourceType"] == "Appointment":
            for participant in resource.get("participant", ()):
                self._appointments_of[participant.get("actor", {}).get("reference", "")].add(record.id)
        return record

    def written(self, resource_type: str) -> int:
        """How many resources of a type were made or changed since the start."""
        return sum(1 for key in self._written if key[0] == resource_type)

    @staticmethod
    def _keep(cache: OrderedDict[Any, Any], key: Any, value: Any, most: int) -> None:
        cache[key] = value
        while len(cache) > most:
            cache.popitem(last=False)


def takes_part(appointment: Json, participant: str) -> bool:
    """Whether `Patient/1`, `Practitioner/2` or `Location/3` is among an appointment's participants."""
    return any(p.get("actor", {}).get("reference") == participant for p in appointment.get("participant", ()))
