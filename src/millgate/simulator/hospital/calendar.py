"""Who can be booked when: lanes (one practitioner or one room each), their working days, their schedules and slots.

A lane's day is cut into cells that never overlap; each cell belongs to one kind of visit, hence to one Schedule. A cell is a Slot.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from millgate.simulator.hospital import moments
from millgate.simulator.hospital.coding import SNOMED, STRUCTURE, Coder, Resource, coding
from millgate.simulator.hospital.dice import dice, digest
from millgate.simulator.hospital.narrative import narrative
from millgate.simulator.hospital.places import Location, Places
from millgate.simulator.hospital.staff import Practitioner, Staff
from millgate.simulator.hospital.tables import by_key, rows

DAYS_BEFORE, DAYS_AFTER, DAYS_REMEMBERED = 7, 60, 180
# How much of a calendar can ever be filled by patients, and how much is closed to them (meetings, leave).
_FILLED, _CLOSED = 0.85, 0.04
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Minutes since midnight, local time, and the kind of visit.
_CLINIC_DAY = (
    (480, "established"), (510, "established"), (540, "established"), (570, "established"), (600, "new"), (660, "annual"),
    (690, "established"), (780, "established"), (810, "established"), (840, "established"), (870, "new"),
    (930, "video"), (945, "video"), (960, "video"), (975, "video"),
)  # fmt: skip
_ROOMS = (
    ("endoscopy", "Endoscopy Rooms", "equipment", "endoscopy", range(420, 900, 60)),
    ("imaging", "MRI 1", "scanner", "imaging", range(480, 930, 45)),
    ("anticoagulation", "Anticoagulation Clinic", "nurse_clinic", "anticoagulation", range(480, 720, 15)),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One stretch of a lane's time that can be booked."""

    lane: str
    service: str
    start: datetime
    minutes: int

    @property
    def end(self) -> datetime:
        return self.start + timedelta(minutes=self.minutes)


@dataclass(frozen=True, slots=True)
class Lane:
    """Whose time it is: a practitioner's or a room's. `person` is the number that stands in the ids of slots."""

    key: str
    person: str
    actor: str
    role: str
    practitioner: Practitioner | None
    location: Location
    day: tuple[tuple[int, str], ...]


Holder = Callable[[Cell], str | None]


class Calendar:
    """All lanes of one hospital around one day."""

    def __init__(self, seed: int, places: Places, staff: Staff, coder: Coder, today: date, zone: ZoneInfo) -> None:
        self._seed, self._coder, self._today, self._zone = seed, coder, today, zone
        self.lanes: dict[str, Lane] = {}
        for practitioner in staff.all:
            if practitioner.sees_patients:
                self.lanes[practitioner.id] = _clinic(practitioner)
        for number, (key, actor, role, service, times) in enumerate(_ROOMS):
            day = tuple((minute, service) for minute in times)
            person = str(61_518_600 + number * 14)
            self.lanes[key] = Lane(key, person, actor, role, None, places.locations[key], day)
        self._services = by_key("service_types")
        self._by_person = {lane.person: lane for lane in self.lanes.values()}
        self._grids: dict[str, tuple[list[Cell], list[datetime]]] = {}
        self._orders: dict[tuple[str, bool], tuple[list[Cell], dict[datetime, int]]] = {}

    # --- cells --------------------------------------------------------------------------------------------------------

    def _grid(self, lane: Lane) -> tuple[list[Cell], list[datetime]]:
        """All cells of a lane that the calendar remembers, ascending, and their starts."""
        if lane.key not in self._grids:
            span = DAYS_REMEMBERED + DAYS_AFTER + 1
            days = (self._today + timedelta(days=ahead - DAYS_REMEMBERED) for ahead in range(span))
            made = [cell for day in days if day.weekday() < 5 and not _is_holiday(day) for cell in self._day(lane, day)]
            self._grids[lane.key] = made, [cell.start for cell in made]
        return self._grids[lane.key]

    def _day(self, lane: Lane, day: date) -> Iterator[Cell]:
        for minute, service in lane.day:
            local = datetime.combine(day, time(*divmod(minute, 60)), tzinfo=self._zone)
            yield Cell(lane.key, service, local.astimezone(UTC), int(self._services[service]["minutes"]))

    def cells_between(self, lane: Lane, start: datetime, end: datetime) -> list[Cell]:
        """The cells that start in the window, ascending, within the time that the calendar remembers."""
        cells, starts = self._grid(lane)
        return cells[bisect_left(starts, start) : bisect_left(starts, end)]

    def _order(self, lane: Lane, *, upcoming: bool) -> tuple[list[Cell], dict[datetime, int]]:
        """The cells of the coming or the past weeks in the order in which they fill up: near days first, with chance."""
        if (lane.key, upcoming) not in self._orders:
            first = self._local_midnight(self._today if upcoming else self._today - timedelta(days=DAYS_REMEMBERED))
            days = DAYS_AFTER + 1 if upcoming else DAYS_REMEMBERED
            random = dice(self._seed, "calendar", lane.key, int(upcoming))
            weighed = []
            for cell in self.cells_between(lane, first, first + timedelta(days=days)):
                distance = abs((cell.start.date() - self._today).days) / days
                weighed.append((distance * 0.8 + random.random(), cell.start, cell))
            ordered = [cell for *_, cell in sorted(weighed, key=lambda each: each[:2])]
            self._orders[lane.key, upcoming] = ordered, {cell.start: place for place, cell in enumerate(ordered)}
        return self._orders[lane.key, upcoming]

    def _local_midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), tzinfo=self._zone)

    def cell(self, lane: Lane, place: int, *, upcoming: bool) -> Cell | None:
        """The cell that fills up in that place; None when the calendar is full."""
        ordered, _ = self._order(lane, upcoming=upcoming)
        return ordered[place] if place < len(ordered) * _FILLED else None

    def place(self, cell: Cell) -> tuple[int, bool]:
        """The place in which a cell fills up, and whether it is upcoming."""
        lane = self.lanes[cell.lane]
        for upcoming in (True, False):
            place = self._order(lane, upcoming=upcoming)[1].get(cell.start)
            if place is not None:
                return place, upcoming
        return -1, False

    def is_closed(self, cell: Cell) -> bool:
        """Whether nobody may be booked there."""
        place, upcoming = self.place(cell)
        return place >= len(self._order(self.lanes[cell.lane], upcoming=upcoming)[0]) * (1 - _CLOSED)

    # --- resources ----------------------------------------------------------------------------------------------------

    def service_type(self, service: str) -> Resource:
        """The concept of an appointment type, own value first."""
        row = self._services[service]
        codings = [self._coder.own(14249, row["code"], row["display"])]
        if row["standard_code"]:
            codings.append(coding(SNOMED, row["standard_code"], row["standard_display"], selected=False))
        return {"coding": codings, "text": row["display"]}

    def service_types(self) -> list[Resource]:
        made = []
        for row in rows("service_types"):
            own, *standard = self.service_type(row["key"])["coding"]
            made.append(
                {key: own[key] for key in ("system", "code", "display")}
                | {"standard": {key: standard[0][key] for key in ("system", "code", "display")} if standard else None}
            )
        return made

    def _schedule_id(self, lane: Lane, service: str) -> str:
        return f"{self._services[service]['code']}-{lane.location.id}-{lane.person}-0"

    def slot_id(self, cell: Cell) -> str:
        lane = self.lanes[cell.lane]
        minutes = int((cell.start - _EPOCH).total_seconds()) // 60
        return f"{self._services[cell.service]['code']}-{lane.location.id}-{lane.person}-{minutes}"

    def schedules(self) -> Iterator[Resource]:
        for lane in self.lanes.values():
            for service in dict.fromkeys(service for _, service in lane.day):
                yield self._schedule(lane, service)

    def schedule(self, schedule_id: str) -> Resource | None:
        found = self._lane_and_service(schedule_id)
        return self._schedule(*found) if found and self._schedule_id(*found) == schedule_id else None

    def _lane_and_service(self, some_id: str) -> tuple[Lane, str] | None:
        """The lane and the kind of visit that a schedule's or slot's id begins with."""
        parts = some_id.split("-")
        lane = self._by_person.get(parts[2]) if len(parts) == 4 else None
        if lane is None or lane.location.id != parts[1]:
            return None
        offered = {service for _, service in lane.day}
        service = next((key for key, row in self._services.items() if row["code"] == parts[0] and key in offered), None)
        return (lane, service) if service else None

    def _schedule(self, lane: Lane, service: str) -> Resource:
        random = dice(self._seed, "schedule", lane.key, service)
        updated = datetime(
            2023, random.randint(1, 12), random.randint(1, 28), random.randint(13, 22), random.randint(0, 59), tzinfo=UTC
        )
        style = moments.milliseconds if random.random() < 0.5 else moments.seconds
        schedule_id = self._schedule_id(lane, service)
        actor: Resource = {"display": lane.actor}
        if lane.practitioner:
            actor = lane.practitioner.reference
        elif lane.key == "anticoagulation":
            actor = {"reference": f"Location/{lane.location.id}", "display": lane.actor}
        kind = "Practitioner" if lane.practitioner else "Location" if "reference" in actor else "Resource"
        version = f"{random.randint(1000, 9999)}v{random.randint(0, 9)}vv{random.randint(100, 999)}v{random.randint(100, 999)}"
        return {
            "resourceType": "Schedule",
            "id": schedule_id,
            "meta": {"versionId": version, "lastUpdated": style(updated)},
            "text": narrative(
                "Schedule", ("Status", "Active"), ("Service Type", self._services[service]["display"]), (kind, actor["display"])
            ),
            "active": True,
            "serviceType": [self.service_type(service)],
            "actor": [dict(actor)],
        }

    def slots(self, schedule_id: str, start: datetime, end: datetime, holder: Holder) -> list[Resource]:
        found = self._lane_and_service(schedule_id)
        if found is None or self._schedule_id(*found) != schedule_id:
            return []
        lane, service = found
        return [
            self._slot(cell, holder)
            for cell in self.cells_between(lane, *self._open_window(start, end))
            if cell.service == service
        ]

    def _open_window(self, start: datetime, end: datetime) -> tuple[datetime, datetime]:
        """The part of a window for which slots are kept."""
        return max(start, self._local_midnight(self._today - timedelta(days=DAYS_BEFORE))), end

    def slot(self, slot_id: str, holder: Holder) -> Resource | None:
        cell = self.cell_of(slot_id)
        return self._slot(cell, holder) if cell else None

    def cell_of(self, slot_id: str) -> Cell | None:
        """The cell behind a slot's id. Slots of the past half year can still be read, though no longer listed."""
        found = self._lane_and_service(slot_id)
        minutes = slot_id.rpartition("-")[2]
        if found is None or not (minutes.isascii() and minutes.isdigit() and len(minutes) <= 9):
            return None
        start = _EPOCH + timedelta(minutes=int(minutes))
        cells = self.cells_between(found[0], start, start + timedelta(minutes=1))
        return next((cell for cell in cells if self.slot_id(cell) == slot_id), None)

    def _slot(self, cell: Cell, holder: Holder) -> Resource:
        lane, slot_id = self.lanes[cell.lane], self.slot_id(cell)
        status = "busy" if holder(cell) else "busy-unavailable" if self.is_closed(cell) else "free"
        mark = int(digest(self._seed, "slot", slot_id)[:12], 16)
        updated = cell.start - timedelta(days=90 + mark % 40, seconds=mark % 50_000)
        schedule_id = self._schedule_id(lane, cell.service)
        display = self._services[cell.service]["display"]
        return {
            "resourceType": "Slot",
            "id": slot_id,
            "meta": {"versionId": f"{mark % 900 + 100}v{mark}", "lastUpdated": moments.seconds(updated)},
            "text": narrative(
                "Slot",
                ("Service Type", display),
                ("Start", moments.told(cell.start)),
                ("End", moments.told(cell.end)),
                ("Schedule Reference", schedule_id),
                ("Status", status.replace("-", " ").title()),
            ),
            "extension": [
                {"valueReference": {"reference": f"Location/{lane.location.id}"}, "url": STRUCTURE + "scheduling-location"}
            ],
            "serviceType": [self.service_type(cell.service)],
            "schedule": {"reference": f"Schedule/{schedule_id}"},
            "status": status,
            "start": moments.seconds(cell.start),
            "end": moments.seconds(cell.end),
        }


def _clinic(practitioner: Practitioner) -> Lane:
    """The lane of a practitioner; only primary care holds annual visits."""
    yearly = practitioner.specialty in ("family", "internal", "pediatrics", "obstetrics")
    day = tuple((minute, service if yearly or service != "annual" else "established") for minute, service in _CLINIC_DAY)
    return Lane(practitioner.id, practitioner.id, practitioner.display, "resource", practitioner, practitioner.location, day)


def _is_holiday(day: date) -> bool:
    """Whether all clinics are closed. Source: US federal holidays with a fixed date, and Thanksgiving."""
    if (day.month, day.day) in ((1, 1), (6, 19), (7, 4), (11, 11), (12, 25)):
        return True
    return day.month == 11 and day.weekday() == 3 and 22 <= day.day <= 28
