"""kill -9, of the gateway and of its database, in the middle of the work: what was answered was audited, and nothing is booked twice."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import aiohttp
import psutil  # type: ignore[import-untyped]
import pytest

from millgate.app import App
from millgate.settings import read_settings
from tests.journeys.faulty import (
    EVERYTHING,
    PATIENCE,
    TENANT,
    Bench,
    Caller,
    Said,
    connect,
    free_slots,
    hospital,
    settled,
)
from tests.journeys.processes import MILLGATE, clean_environment, run, serve

READS, BOOKINGS = 100, 100


def _database_pid(folder: Path) -> int | None:
    try:
        return int((folder / "postgres" / "postmaster.pid").read_text().splitlines()[0])
    except (FileNotFoundError, IndexError):
        return None


def _kill_database(folder: Path) -> None:
    """kill -9 of every process of the embedded PostgreSQL over this folder."""
    for process in psutil.process_iter():
        try:
            mine = Path(process.cwd()).is_relative_to(folder)
            if mine and process.pid != os.getpid():
                process.kill()
        except (psutil.Error, OSError):
            continue


@dataclass
class Told:
    """What the callers of a storm were told, and what they were not."""

    answers: dict[str, Said] = field(default_factory=dict)  # by request id
    bookings: dict[str, dict[str, str]] = field(default_factory=dict)  # by idempotency key
    booked: dict[str, Said] = field(default_factory=dict)  # the bookings that were answered 201
    unanswered: int = 0


@dataclass
class Round:
    """One storm, and how things stood when the gateway answered again."""

    told: Told
    made_by_then: int  # appointments at the source since the first storm began
    ready: Said
    session: Said
    exit_status: int | None
    database_pid: int | None


@dataclass
class Aftermath:
    """Three storms, then every booking once more under its key, and what the source and the store then hold."""

    rounds: dict[str, Round]
    repeated: dict[str, Said]  # by idempotency key, those that were answered before among them
    made: int
    at_source: dict[str, list[str]]  # appointments by slot
    verified: dict[str, Any]
    rows: dict[str, dict[str, Any]]  # of the audit chain, by request id
    kept: dict[str, list[Any]]  # stored records by patient

    @property
    def bookings(self) -> dict[str, dict[str, str]]:
        return {key: body for one in self.rounds.values() for key, body in one.told.bookings.items()}

    @property
    def booked(self) -> dict[str, Said]:
        return {key: said for one in self.rounds.values() for key, said in one.told.booked.items()}

    @property
    def answers(self) -> dict[str, Said]:
        return {request_id: said for one in self.rounds.values() for request_id, said in one.told.answers.items()}


class Storms:
    """Reads and bookings all at once against one gateway, and a blow in the middle of them."""

    def __init__(self, bench: Bench, caller: Caller, patients: list[str], slots: list[str]) -> None:
        self._bench, self._caller, self._patients, self._slots = bench, caller, patients, slots

    async def run(self) -> Aftermath:
        """The gateway is killed, then its database, then both."""
        before = await self._bench.hospital.appointments_made(self._caller.http)
        strikes = {"gateway": self._kill_gateway, "database": self._kill_postmaster, "both": self._kill_both}
        rounds = {name: await self._round(name, strike, before) for name, strike in strikes.items()}
        told = [one.told for one in rounds.values()]
        bookings = {key: body for one in told for key, body in one.bookings.items()}
        repeated = await asyncio.gather(*(settled(self._caller, key, body) for key, body in bookings.items()))
        folder = str(self._bench.folder)
        verified = json.loads(run("audit", "verify", "--json", "--data-dir", folder).stdout)
        rows = json.loads(run("audit", "list", "--limit", "10000", "--json", "--data-dir", folder).stdout)
        return Aftermath(
            rounds=rounds,
            repeated=dict(zip(bookings, repeated, strict=True)),
            made=await self._bench.hospital.appointments_made(self._caller.http) - before,
            at_source=await self._appointments_of_slots(),
            verified=verified,
            rows={row["request_id"]: row for row in rows},
            kept=await self._kept(),
        )

    async def _round(self, name: str, strike: Callable[[], None], before: int) -> Round:
        bench, caller = self._bench, self._caller
        assert bench.gateway is not None
        gateway = bench.gateway
        told = await self._storm(name, strike)
        made = await bench.hospital.appointments_made(caller.http) - before
        if name == "database":
            exit_status = gateway.popen.poll()
            async with asyncio.timeout(30):
                while (await caller.get("/ready")).status != 200:  # noqa: ASYNC110 - there is no event across processes
                    await asyncio.sleep(0.1)
        else:
            exit_status = gateway.popen.wait(10)
            bench.start()
            caller.address = bench.address
        pid = _database_pid(bench.folder)
        return Round(told, made, await caller.get("/ready"), await caller.get("/session"), exit_status, pid)

    async def _storm(self, name: str, strike: Callable[[], None]) -> Told:
        """100 reads and 100 bookings; the blow falls when twelve bookings were answered. Back when nobody waits any more."""
        told, struck, caller = Told(), False, self._caller
        await self._bench.hospital.fault(caller.http, "latency", latency_ms=300, jitter_ms=250)
        await self._bench.hospital.fault(caller.http, "latency", latency_ms=400, jitter_ms=400, resource_type="Observation")

        async def one(request_id: str, booking: bool, call: Awaitable[Said]) -> None:
            nonlocal struck
            try:
                said = await call
            except aiohttp.ClientError:
                told.unanswered += 1
                return
            told.answers[request_id] = said
            if booking and said.status == 201:
                told.booked[request_id] = said
            if len(told.booked) >= 12 and not struck:
                struck = True
                strike()

        async with asyncio.TaskGroup() as group:
            for number in range(READS):
                key, body = f"{name}-booking-{number}", self._booking()
                told.bookings[key] = body
                headers = {"Idempotency-Key": key, "X-Request-Id": key}
                group.create_task(one(key, True, caller.ask("POST", "/create_appointment", json=body, headers=headers)))
                patient = self._patients[number % len(self._patients)]
                path = f"/{('encounters', 'observations')[number % 2]}?patient_id={patient}&limit=5"
                mark = f"{name}-read-{number}"
                group.create_task(one(mark, False, caller.get(path, headers={"X-Request-Id": mark})))
        await self._bench.hospital.calm(caller.http)
        return told

    def _booking(self) -> dict[str, str]:
        return {"slot_id": self._slots.pop(), "patient_id": self._patients[len(self._slots) % len(self._patients)]}

    def _kill_gateway(self) -> None:
        assert self._bench.gateway is not None
        self._bench.gateway.popen.send_signal(signal.SIGKILL)

    def _kill_postmaster(self) -> None:
        pid = _database_pid(self._bench.folder)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    def _kill_both(self) -> None:
        self._kill_gateway()
        _kill_database(self._bench.folder)

    async def _appointments_of_slots(self) -> dict[str, list[str]]:
        """The source's own appointments by slot, from its open surface."""
        found: dict[str, list[str]] = {}
        base = self._bench.hospital.tenants[0]["open_base"]
        for start in range(0, len(self._patients), 50):
            patients = ",".join(self._patients[start : start + 50])
            link: str | None = f"{base}/Appointment?patient={patients}&date=ge2000-01-01T00:00:00Z&_count=100"
            while link:
                async with self._caller.http.get(link, headers={"Accept": "application/fhir+json"}) as answer:
                    bundle = await answer.json(content_type=None)
                for resource in (entry["resource"] for entry in bundle.get("entry", [])):
                    for slot in resource.get("slot", []):
                        found.setdefault(slot["reference"].removeprefix("Slot/"), []).append(resource["id"])
                link = next((one["url"] for one in bundle.get("link", []) if one["relation"] == "next"), None)
        return found

    async def _kept(self) -> dict[str, list[Any]]:
        settings = read_settings({"data_dir": str(self._bench.folder)}, environment={})
        async with App.opened(settings) as app:
            records = app.store.records
            return {one: [*await records.find(TENANT, "patient", one, limit=1000)] for one in self._patients}


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aftermath]:
    folder = tmp_path_factory.mktemp("killed") / "data"
    with hospital("--patients", "60") as source:
        bench = Bench(source, folder, connect(folder, {TENANT: source.tenants[0]}, {"all": ((TENANT,), EVERYTHING)}))
        bench.start()

        async def work() -> Aftermath:
            connector = aiohttp.TCPConnector(limit=0)
            async with aiohttp.ClientSession(timeout=PATIENCE, connector=connector) as http:
                caller = await Caller(http, bench.address).open(bench.keys["all"])
                patients = [one["id"] for one in await source.population(http)]
                return await Storms(bench, caller, patients, await free_slots(caller, 3 * BOOKINGS)).run()

        try:
            yield asyncio.run(work())
            assert bench.gateway is not None
            assert bench.gateway.stop() == 0
            assert _database_pid(folder) is None, "the last gateway has left its database running"
        finally:
            if bench.gateway is not None and bench.gateway.popen.poll() is None:
                bench.gateway.stop()
            _kill_database(folder)  # whatever a failed test has left


def test_the_gateway_was_killed_in_the_middle_and_starts_again_without_help(aftermath: Aftermath) -> None:
    for name in ("gateway", "both"):
        round_ = aftermath.rounds[name]
        assert round_.exit_status == -signal.SIGKILL
        assert round_.told.unanswered >= 30
        assert 12 <= len(round_.told.booked) < BOOKINGS
        assert len(round_.told.answers) - len(round_.told.booked) >= 20
        assert (round_.ready.status, round_.session.status) == (200, 200)  # the session is the one from before


def test_a_database_killed_under_the_gateway_comes_back_by_itself(aftermath: Aftermath) -> None:
    """Nobody is left without an answer, and nobody is told anything but to come again."""
    round_ = aftermath.rounds["database"]
    assert round_.exit_status is None
    assert round_.told.unanswered == 0
    answers = round_.told.answers.values()
    assert len(answers) == READS + BOOKINGS
    assert {said.status for said in answers} == {200, 201, 503}
    assert {said.code for said in answers} == {None, "store_unavailable"}
    assert all(said.json["retryable"] for said in answers if said.code)
    assert round_.database_pid not in (None, aftermath.rounds["gateway"].database_pid)
    assert (round_.ready.status, round_.session.status) == (200, 200)


def test_the_audit_chain_is_whole_and_holds_every_answer(aftermath: Aftermath) -> None:
    assert aftermath.verified["ok"], aftermath.verified
    answered = {request_id: said.status for request_id, said in aftermath.answers.items() if said.status in (200, 201)}
    assert len(answered) >= 100
    assert {
        request_id: aftermath.rows[request_id]["status"] for request_id in answered if request_id in aftermath.rows
    } == answered
    for key, said in aftermath.booked.items():
        row = aftermath.rows[key]
        assert (row["ids"], row["patients"]) == ([said.json["id"]], [aftermath.bookings[key]["patient_id"]])
        assert "POST" in {call["method"] for call in row["calls"]}


def test_every_booking_repeated_under_its_key_is_one_appointment(aftermath: Aftermath) -> None:
    assert aftermath.rounds["both"].made_by_then > len(aftermath.booked), "no booking lost its answer after it took effect"
    assert {said.status for said in aftermath.repeated.values()} == {201}
    assert aftermath.made == len(aftermath.bookings) == 3 * BOOKINGS
    ids = {key: [said.json["id"]] for key, said in aftermath.repeated.items()}
    assert {key: aftermath.at_source.get(body["slot_id"]) for key, body in aftermath.bookings.items()} == ids


def test_what_was_answered_before_is_answered_again(aftermath: Aftermath) -> None:
    for key, said in aftermath.booked.items():
        again = aftermath.repeated[key]
        assert (again.body, again.headers["Idempotency-Replayed"]) == (said.body, "true")


def test_every_record_that_was_kept_opens(aftermath: Aftermath) -> None:
    assert sum(map(len, aftermath.kept.values())) > 300
    for patient, records in aftermath.kept.items():
        assert all(f"Patient/{patient}" in json.dumps(record.resource, default=str) for record in records)


# --- a first start that was cut off


STAGES: dict[str, Callable[[Path], bool]] = {
    "the cluster was being made": lambda folder: any(folder.glob("postgres.making-*")),
    "the server was starting": lambda folder: _database_pid(folder) is not None,
    "the schema was being made": lambda folder: _database_is_ready(folder),
}


def _database_is_ready(folder: Path) -> bool:
    try:
        return (folder / "postgres" / "postmaster.pid").read_text().splitlines()[7].strip() == "ready"
    except (FileNotFoundError, IndexError):
        return False


@pytest.mark.parametrize("stage", STAGES)
def test_a_first_start_that_was_cut_off_is_taken_up(tmp_path: Path, stage: str) -> None:
    folder, deadline = tmp_path / "data", time.monotonic() + 60
    first = subprocess.Popen(
        [*MILLGATE, "serve", "--port", "0", "--data-dir", str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=clean_environment(),
        start_new_session=True,
    )
    try:
        while not STAGES[stage](folder):
            assert first.poll() is None, "the first start ended before this stage"
            assert time.monotonic() < deadline
            time.sleep(0.001)
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait(10)
    _kill_database(folder)
    again = serve(folder)
    try:
        assert (folder / "master.key").exists()
        assert not list(folder.glob("postgres.making-*"))
        with urlopen(f"{again.report['gateway']}/ready") as answer:  # noqa: S310 - our own gateway
            assert json.load(answer)["ready"] is True
    finally:
        assert again.stop() == 0
    assert _database_pid(folder) is None
