"""A source in memory behind the pathway's own protocol, which a test can hold up, and the journeys in front of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from millgate.access.connection import Connection
from millgate.access.parties import Client, PathwayName, Persona, Registration, ServiceType, Session, Tenant
from millgate.canonical.exchange import AppointmentWrite, BookSlot, Call, ChangeStatus, Found, Page, Query, Resource, Sent
from millgate.errors import FixRequest, GatewayError
from millgate.flow.appointment_request import AppointmentRequest
from millgate.flow.authenticate import Authenticator
from millgate.flow.cursor import Cursors
from millgate.flow.read import ListRequest, Reader
from millgate.flow.record import Recorder
from millgate.flow.refreshing import Refreshed
from millgate.flow.routes import Route, Routes
from millgate.flow.service_types import BookableTypes
from millgate.flow.shelf import Shelf
from millgate.flow.write import Writer
from millgate.objects import OBJECTS
from millgate.pathways.fhir_r4 import effect

NOW = datetime(2026, 11, 2, 6, 30, tzinfo=UTC)
TENANT = Tenant("mercy", "https://fhir.example/r4/t", "America/Chicago", NOW)
SESSION = Session("s", "c", "mercy", "system", ("system/*.cruds",), (), None, None, NOW, NOW.replace(year=2027))
Failure = Callable[[AppointmentWrite, bool], GatewayError | None]


@dataclass(frozen=True)
class Granted:
    scopes: tuple[str, ...] = ("system/Appointment.crus", "system/Slot.rus", "system/Schedule.rs", "system/Observation.crus")
    scopes_supported: tuple[str, ...] = scopes
    expires_in: float = 570.0


def slot(slot_id: str, start: str = "2026-11-03T15:00:00Z") -> Resource:
    return {"resourceType": "Slot", "id": slot_id, "status": "free", "start": start, "schedule": {"reference": "Schedule/9"}}


def appointment(appointment_id: str, status: str, start: str = "2026-11-03T14:00:00Z", **more: Any) -> Resource:
    actors = [{"actor": {"reference": "Patient/7"}, "status": "accepted"}]
    return {
        "resourceType": "Appointment",
        "id": appointment_id,
        "meta": {"versionId": "0"},
        "status": status,
        "participant": actors,
        **({} if status == "proposed" else {"start": start}),
        **more,
    }


# Slots are searched by a period.
PERIOD = {"from": ("2026-01-05T00:00:00Z",), "to": ("2026-01-06T00:00:00Z",)}


@dataclass
class Ward:
    """Slots and appointments; a slot is given once. `fails` says what goes wrong with a write, before and after its effect."""

    slots: dict[str, Resource] = field(default_factory=dict)
    appointments: dict[str, Resource] = field(default_factory=dict)
    observations: list[Resource] = field(default_factory=list)
    schedule: Resource = field(default_factory=lambda: {"resourceType": "Schedule", "id": "9", "actor": []})
    fails: Failure = lambda write, after: None
    pages: dict[str | None, Page] = field(default_factory=dict)  # by their link, for a source with more pages than one
    searches: int = 0
    now: datetime = NOW  # when it answers
    unseen: int = 0  # how many looks for an effect come too early
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    going: asyncio.Event = field(default_factory=asyncio.Event)
    name: str = "fhir-r4"

    def __post_init__(self) -> None:
        self.going.set()

    async def discover(self, fhir_base: str) -> Granted:
        return Granted()

    async def authorize(self, connection: Connection) -> Granted:
        return Granted()

    async def search(self, connection: Connection, query: Query) -> Page:
        """The page as it is when the search comes, answered when the test lets it."""
        self.searches += 1
        held = {"Slot": self.slots, "Appointment": self.appointments}.get(query.resource_type, {})
        found = [dict(one) for one in (*held.values(), *(self.observations if query.resource_type == "Observation" else ()))]
        included = [dict(self.schedule)] if query.include else []
        self.asked.set()
        await self.going.wait()
        if self.pages:
            return self.pages[None]
        return Page(found, included, None, "", [], self.now)

    async def follow(self, connection: Connection, resource_type: str, link: str) -> Page:
        return self.pages[link]

    async def read(self, connection: Connection, resource_type: str, resource_id: str) -> Found:
        held = {"Slot": self.slots, "Appointment": self.appointments}.get(resource_type, {"9": self.schedule})
        if resource_id not in held:
            raise FixRequest("not_found", "There is none.")
        resource = dict(held[resource_id])
        return Found(resource, resource.get("meta", {}).get("versionId"), [], self.now)

    async def send(self, connection: Connection, write: AppointmentWrite) -> Sent:
        call = Call("PATCH" if isinstance(write, ChangeStatus) else "POST", "Appointment", None, "r", None)
        for after in (False, True):
            if after:
                made = self._do(write, call)
            if failure := self.fails(write, after):
                failure.calls = (call,)
                raise failure
        return Sent(made, "1", [call])

    def _do(self, write: AppointmentWrite, call: Call) -> str:
        slot_id = getattr(write, "slot_id", None)
        if slot_id is not None and self.slots[slot_id]["status"] != "free":
            refused = FixRequest("slot_taken", "The slot is not free any more.")
            refused.calls = (call,)
            raise refused
        if slot_id is not None:
            self.slots[slot_id]["status"] = "busy"
        if isinstance(write, ChangeStatus):
            changed = {**self.appointments[write.appointment_id], "status": write.status, "meta": {"versionId": "1"}}
            self.appointments[write.appointment_id] = changed | ({"start": self.slots[slot_id]["start"]} if slot_id else {})
            return write.appointment_id
        assert isinstance(write, BookSlot)
        made = f"made-{len(self.appointments)}"
        reason = {"reasonCode": [{"text": write.reason}]} if write.reason else {}
        self.appointments[made] = appointment(made, "booked", self.slots[write.slot_id]["start"], **reason)
        return made

    async def find_effect(self, connection: Connection, write: AppointmentWrite, since: datetime | None = None) -> Sent | None:
        """As the pathway of FHIR R4 looks for it."""
        if self.unseen:
            self.unseen -= 1
            return None
        if isinstance(write, ChangeStatus):
            now = self.appointments[write.appointment_id]
            shows = effect.change_shows(write, now, now["meta"]["versionId"])
            return Sent(write.appointment_id, now["meta"]["versionId"], []) if shows else None
        assert isinstance(write, BookSlot)
        found = effect.booking_among(write, self.slots[write.slot_id], list(self.appointments.values()), since)
        return Sent(found["id"], "1", []) if found else None


class Parties:
    """The store's tables of clients, sessions and tenants, as far as an open session needs them."""

    async def by_key(self, key: str) -> Client | None:
        return None

    async def open(self, session: Session) -> str:
        return "ms_x"

    async def by_token(self, token: str) -> Session | None:
        return SESSION

    async def end(self, session_id: str) -> None:
        return None

    async def get(self, name: str) -> Tenant | None:
        return TENANT

    async def registration(self, tenant: str, persona: Persona, pathway: PathwayName = "fhir-r4") -> Registration | None:
        return Registration(tenant, persona, "client-1", "client_secret_basic", "v2", b"secret", pathway=pathway)

    async def service_types(self, tenant: str) -> Sequence[ServiceType]:
        return [ServiceType("https://fhir.cerner.com/t/codeSet/14249", "1", None, "operator")]

    async def learn_service_types(self, tenant: str, types: Sequence[ServiceType]) -> None:
        return None

    async def save(
        self,
        tenant: str,
        pathway: str,
        resources: Sequence[Resource],
        *,
        received_at: datetime,
        connected_at: datetime | None = None,
    ) -> object:
        return None


@dataclass(frozen=True)
class Begun:
    state: str
    answer: bytes | None = None
    started_at: datetime | None = NOW


@dataclass
class Keys:
    """Idempotency keys in memory. A key that is left is `abandoned` to whoever asks next."""

    states: dict[str, Begun] = field(default_factory=dict)
    lost: bool = False  # whether the store is out of reach when an answer should be kept

    async def begin(self, *, client_id: str, tenant: str, key: str, body_hash: bytes) -> Begun:
        begun = self.states.get(key, Begun("started"))
        self.states[key] = Begun("in_progress") if begun.state != "replay" else begun
        return begun

    async def finish(self, *, client_id: str, tenant: str, key: str, answer: bytes) -> None:
        if self.lost:
            raise GatewayError("store_unavailable", "gone")
        self.states[key] = Begun("replay", answer)

    async def release(self, *, client_id: str, tenant: str, key: str) -> None:
        del self.states[key]

    async def leave(self, *, client_id: str, tenant: str, key: str) -> None:
        self.states[key] = Begun("abandoned")


class Journeys:
    """Reading and writing in front of one ward."""

    def __init__(self, ward: Ward) -> None:
        self.ward, self.keys, parties = ward, Keys(), Parties()
        self.told: list[tuple[str, Sequence[str]]] = []
        self.refreshed: list[Refreshed] = []
        self.at = NOW  # the reader's clock
        self.authenticator = authenticator = Authenticator(
            clients=parties,
            sessions=parties,
            tenants=parties,
            pathway=ward,
            now=lambda: NOW,
            new_id=lambda: "s",
            session_seconds=60,
        )
        recorder, bookable = Recorder(parties), BookableTypes(parties)
        self.reader = Reader(
            authenticator=authenticator,
            routes=Routes({"fhir-r4": Route(ward)}),
            recorder=recorder,
            bookable=bookable,
            cursors=Cursors(bytes(range(64))),
            shelf=Shelf(1_000_000),
            now=lambda: self.at,
            tell=self._tell,
            audited=self._audited,
        )
        self.writer = Writer(
            authenticator=authenticator,
            pathway=ward,
            recorder=recorder,
            reader=self.reader,
            bookable=bookable,
            keys=self.keys,
            now=lambda: NOW,
        )

    async def _tell(self, tenant: str, objects: Sequence[str]) -> None:
        self.told.append((tenant, objects))

    async def _audited(self, done: Refreshed) -> None:
        self.refreshed.append(done)

    async def page(self, name: str, max_age: float | None = None, **filters: tuple[str, ...]) -> Any:
        """One list, with the ids that it shows; slots of a day, since they are searched by a period."""
        filters = PERIOD | filters if name == "slot" else filters
        return await self.reader.page(SESSION, ListRequest(OBJECTS[name], filters, None, None, max_age, "objects"))

    async def write(self, key: str = "k", **request: Any) -> Any:
        """One write."""
        return await self.writer.appointment(SESSION, AppointmentRequest(**request), key=key)
