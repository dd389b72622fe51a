"""A storm: a source of which three calls in ten go wrong, in every way at once, and many callers who want their answers all the same.

Callers read objects, walk lists to their end and book, each repeating what failed as the contract says; the source's open surface, which
no fault strikes, says what is true. What is kept is facts: answers, walks, bookings.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import aiohttp

from tests.journeys.calling import OpenSurface
from tests.journeys.faulty import Bench, Caller, Hospital, Said, free_slots
from tests.journeys.processes import run

# Of a hundred calls for records or documents, so many are struck by each of these; thirty all together, those that are slow among them.
BY_THE_HUNDRED: tuple[tuple[float, dict[str, Any]], ...] = (
    (3, {"kind": "status", "status": 500}),
    (2, {"kind": "status", "status": 502}),
    (2, {"kind": "status", "status": 503}),
    (2, {"kind": "status", "status": 504}),
    (1, {"kind": "status", "status": 500, "after_effect": True}),
    (2, {"kind": "status", "status": 429}),
    (0.5, {"kind": "status", "status": 429, "retry_after_s": 1}),
    (0.5, {"kind": "status", "status": 503, "retry_after_s": 1, "retry_after_form": "date"}),
    (3, {"kind": "drop_before"}),
    (3, {"kind": "drop_after"}),
    (3, {"kind": "truncate"}),
    (2, {"kind": "drip", "bytes_per_s": 60_000}),
    (1, {"kind": "plain_text"}),
    (1, {"kind": "html"}),
    (0.5, {"kind": "revoke_tokens"}),
    (1.5, {"kind": "broken_record"}),
    (2, {"kind": "latency", "latency_ms": 400, "jitter_ms": 300}),
)
OF_TOKENS = 20  # of a hundred token requests fail
TOLD = frozenset({"upstream_unavailable", "upstream_timeout", "upstream_throttled", "upstream_error", "operation_in_progress"})
CHARTS = {"encounters": "Encounter", "observations": "Observation", "diagnostic_reports": "DiagnosticReport"}
MOST_TRIES = 200


@dataclass(frozen=True)
class Answered:
    """One answer of the gateway: what was asked, status, error code, seconds, and the id under which it was audited."""

    what: str
    status: int
    code: str | None
    seconds: float
    request_id: str


@dataclass
class Truth:
    """What the hospital itself says: patients, and the charts of some of them by (list, patient)."""

    patients: dict[str, Any]
    charts: dict[tuple[str, str], dict[str, Any]]
    bad: tuple[str, str]  # the patient of whom one observation is bad, and that observation


@dataclass
class Walk:
    """A list that was walked to its end."""

    name: str
    patient: str
    ids: list[str]
    warnings: list[str]


@dataclass
class Booking:
    """A booking under a key; `said` once the gateway has answered for good."""

    key: str
    body: dict[str, str]
    said: Said | None = None


@dataclass
class Weather:
    """All that happened."""

    answers: list[Answered] = field(default_factory=list)
    walks: list[Walk] = field(default_factory=list)
    given_up: int = 0
    reads: int = 0
    bookings: list[Booking] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def figures(self) -> dict[str, Any]:
        """How often which answer came, and how long they took, in milliseconds."""
        took = sorted(one.seconds for one in self.answers)
        codes = Counter(one.code or str(one.status) for one in self.answers)
        return {
            "answers": len(took),
            "good": sum(one.status < 400 for one in self.answers),
            "by_answer": dict(sorted(codes.items())),
            "p50_ms": round(1000 * took[len(took) // 2], 1),
            "p99_ms": round(1000 * took[int(len(took) * 0.99)], 1),
            "reads": self.reads,
            "walks": len(self.walks),
            "walks_with_a_warning": sum(bool(one.warnings) for one in self.walks),
            "walks_given_up": self.given_up,
            "bookings": len(self.bookings),
            "bookings_answered": sum(one.said is not None for one in self.bookings),
            "wrong": len(self.wrong),
        }


def relative(value: Any, bases: Sequence[str]) -> Any:
    """A resource whose references do not say at which of these bases it was read."""
    if isinstance(value, dict):
        return {name: _shortened(one, bases) if name == "reference" else relative(one, bases) for name, one in value.items()}
    return [relative(item, bases) for item in value] if isinstance(value, list) else value


def _shortened(reference: Any, bases: Sequence[str]) -> Any:
    for base in bases:
        if isinstance(reference, str) and reference.startswith(base + "/"):
            return reference[len(base) + 1 :]
    return reference


class Storm:
    """Callers in bad weather. `length_s` is how long they go on beginning new things; what was begun then is seen to its end."""

    def __init__(self, hospital: Hospital, caller: Caller, length_s: float, seed: int = 1) -> None:
        self.hospital = hospital
        self.caller = caller
        self.weather = Weather()
        self._length_s = length_s
        self._dice = random.Random(seed)  # noqa: S311 - chance, no secret
        told = hospital.tenants[0]
        self._bases = (told["fhir_base"], told["open_base"])
        self._open = OpenSurface(caller.http, told["open_base"])
        self._slots: list[str] = []
        self.truth = Truth({}, {}, ("", ""))

    async def prepare(self, patients: int, slots: int) -> None:
        """Learn the truth while all is calm, and choose the record that is bad all along."""
        everyone = await self._open.all("Patient", birthdate="ge1800-01-01", _count=1000)
        self.truth.patients = {one["id"]: relative(one, self._bases) for one in everyone}
        for patient in list(self.truth.patients)[:patients]:
            for name, kind in CHARTS.items():
                found = await self._open.all(kind, patient=patient, _count=100)
                self.truth.charts[name, patient] = {one["id"]: relative(one, self._bases) for one in found}
        charts = [(patient, list(chart)) for (name, patient), chart in self.truth.charts.items() if name == "observations"]
        patient, ids = max(charts, key=lambda pair: len(pair[1]))
        dated = [one for one in ids if not one.startswith("SH")]
        self.truth.bad = (patient, dated[len(dated) // 2])
        self._slots = await free_slots(self.caller, slots)

    async def break_out(self, *, bad_record: bool) -> None:
        """Set the dial. `bad_record`: one that stays bad, so that every list that holds it has to be divided."""
        http = self.caller.http
        if bad_record:
            bad = self.truth.bad[1]
            await self.hospital.fault(http, "broken_record", resource_type="Observation", resource_id=bad, surface="ehr")
        for hundredths, rule in BY_THE_HUNDRED:
            await self.hospital.fault(http, **rule, surface="ehr", share=hundredths / 100)
        await self.hospital.fault(http, "status", status=503, surface="authorization", share=OF_TOKENS / 100)

    async def blow(self, callers: int) -> None:
        """So many callers at once, until the time is over and all have come to an end."""
        ends_at = time.monotonic() + self._length_s
        dice = [random.Random(self._dice.random()) for _ in range(callers)]  # noqa: S311
        await asyncio.gather(*(self._call(one, ends_at) for one in dice))

    async def _call(self, dice: random.Random, ends_at: float) -> None:
        while time.monotonic() < ends_at:
            doing = dice.random()
            if doing < 0.5:
                await self._read(dice)
            elif doing < 0.9 or not self._slots:
                await self._walk(dice)
            else:
                await self._book(dice)

    async def _ask(self, what: str, method: str, path: str, **more: Any) -> Said:
        request_id = uuid.uuid4().hex
        headers = {"X-Request-Id": request_id, **more.pop("headers", {})}
        began = time.monotonic()
        said = await self.caller.ask(method, path, headers=headers, **more)
        self.weather.answers.append(Answered(what, said.status, said.code, time.monotonic() - began, request_id))
        if said.status >= 400 and said.code not in TOLD:
            self.weather.wrong.append(f"{method} {what}: {said.status} {said.body[:300]!r}")
        return said

    async def _read(self, dice: random.Random) -> None:
        """One patient, or one record of a chart, as the hospital has it."""
        if dice.random() < 0.5:
            name, one = "patients", dice.choice(list(self.truth.patients))
            true = self.truth.patients[one]
        else:
            (name, _), chart = dice.choice([pair for pair in self.truth.charts.items() if pair[1]])
            one = dice.choice(list(chart))
            true = chart[one]
        said = await self._ask(name, "GET", f"/{name}/{one}?include=fhir&max_age={dice.choice((0, 5))}")
        if said.status == 200:
            self.weather.reads += 1
            found = json.loads(said.body, parse_float=Decimal)["fhir"]
            if relative(found, self._bases) != true:
                self.weather.wrong.append(f"{name}/{one} differs from the hospital's own")

    async def _walk(self, dice: random.Random) -> None:
        """A list to its end; a page that failed is asked for again, as the contract says."""
        name, patient = dice.choice([key for key, chart in self.truth.charts.items() if chart])
        query: Mapping[str, str] = {"patient_id": patient, "limit": str(dice.choice((7, 20, 50, 100))), "max_age": "0"}
        walk, tries = Walk(name, patient, [], []), 0
        while True:
            said = await self._ask(name, "GET", f"/{name}", params=query)
            if said.status == 200:
                page = said.json
                walk.ids += [one["id"] for one in page["data"]]
                walk.warnings += [one["detail"] for one in page["warnings"]]
                if not page["has_more"]:
                    self.weather.walks.append(walk)
                    return
                query = {"cursor": page["next_cursor"]}
                continue
            tries += 1
            if tries > MOST_TRIES:
                self.weather.given_up += 1
                return
            await asyncio.sleep(dice.uniform(0, 0.2))

    async def _book(self, dice: random.Random) -> None:
        body = {"slot_id": self._slots.pop(), "patient_id": dice.choice(list(self.truth.patients)), "reason": "Follow-up"}
        booking = Booking(f"storm-{uuid.uuid4().hex}", body)
        self.weather.bookings.append(booking)
        for _ in range(3):
            if await self._send(booking):
                return
            await asyncio.sleep(dice.uniform(0, 0.3))

    async def _send(self, booking: Booking) -> bool:
        said = await self._ask(
            "create_appointment", "POST", "/create_appointment", json=booking.body, headers={"Idempotency-Key": booking.key}
        )
        if said.status == 201:
            booking.said = said
        return said.status == 201

    async def clear_up(self, patience_s: float = 60) -> float:
        """Clear the dial; the seconds until a record and two lists come at the first try again. Then every booking is settled."""
        await self.hospital.settle(self.caller.http)
        began = time.monotonic()
        async with asyncio.timeout(patience_s):
            await self._until(self._is_calm)
            calm_s = time.monotonic() - began
            for booking in self.weather.bookings:
                if booking.said is None:
                    await self._until(lambda booking=booking: self._send(booking))
        return calm_s

    async def _until(self, succeeds: Callable[[], Awaitable[bool]]) -> None:
        while not await succeeds():  # noqa: ASYNC110 - it is other processes that are waited for
            await asyncio.sleep(self._dice.uniform(0.05, 0.2))

    async def _is_calm(self) -> bool:
        one = next(iter(self.truth.patients))
        paths = (f"/patients/{one}", f"/observations?patient_id={one}&limit=20", f"/encounters?patient_id={one}&limit=20")
        said = [await self._ask("calm", "GET", path, headers={"Cache-Control": "no-cache"}) for path in paths]
        return all(one.status == 200 for one in said)

    # --- what must hold

    def check_walks(self) -> list[str]:
        """What is wrong with the walks: an item twice, one that is not there, one missing that no warning tells of."""
        found = []
        for walk in self.weather.walks:
            chart, named = self.truth.charts[walk.name, walk.patient], f"{walk.name} of {walk.patient}"
            if len(set(walk.ids)) < len(walk.ids):
                found.append(f"{named}: {[one for one, times in Counter(walk.ids).items() if times > 1]} came more than once")
            if strange := set(walk.ids) - chart.keys():
                found.append(f"{named}: {strange} are not the patient's")
            missing = chart.keys() - set(walk.ids)
            if missing and not walk.warnings:
                found.append(f"{named}: {len(missing)} of {len(chart)} are missing, and nothing says so")
        return found

    async def check_bookings(self) -> list[str]:
        """What is wrong with the bookings, by the hospital's own calendar: each key has made exactly one, the one that it answers with."""
        found = []
        for booking in self.weather.bookings:
            held = await self._open.all(
                "Appointment", patient=booking.body["patient_id"], date="ge2000-01-01T00:00:00Z", _count=100
            )
            of_slot = [one["id"] for one in held if {"reference": f"Slot/{booking.body['slot_id']}"} in one.get("slot", [])]
            told = booking.said.json["id"] if booking.said is not None else None
            if of_slot != [told]:
                found.append(f"{booking.key}: the calendar holds {of_slot}, the answer was {told}")
        return found


def chain_is_whole(bench: Bench) -> bool:
    """Whether the audit chain verifies."""
    told = run("audit", "verify", "--json", "--data-dir", str(bench.folder)).stdout
    return bool(json.loads(told)["ok"])


def rows_of(bench: Bench) -> dict[str, tuple[int, str | None]]:
    """Status and code of each audited request by its id."""
    told = run("audit", "list", "--limit", "10000", "--json", "--data-dir", str(bench.folder)).stdout
    rows = json.loads(told)
    assert len(rows) < 10_000, "there are more rows than one listing holds"
    return {row["request_id"]: (row["status"], row["code"]) for row in rows}


def calm_session() -> aiohttp.ClientSession:
    """Sockets for very many callers at once."""
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=300), connector=aiohttp.TCPConnector(limit=0))
