"""After a busy day nothing of a patient and no secret is found in the data directory or a log, by whoever has only the files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psycopg
import pytest
from psycopg import sql

from tests.journeys.bytesearch import Search
from tests.journeys.faulty import EVERYTHING, PATIENCE, TENANT, Bench, Caller, connect, free_slots, hospital

CLIENT = "Quartermaster portal"
PAIN = "Thunderclap headache since Sunday"
LATEST_BIRTH = "2026"  # a child of this year has birth dates that any log line may show


@dataclass
class Day:
    """What was done, who was in it, and what was found afterwards."""

    folder: Path
    people: list[dict[str, Any]]
    secrets: list[str]
    statuses: list[int] = field(default_factory=list)
    records: int = 0
    common: set[str] = field(default_factory=set)  # words of PostgreSQL's own, there before any patient was looked at
    running: dict[str, list[str]] = field(default_factory=dict)
    stopped: dict[str, list[str]] = field(default_factory=dict)
    rows: set[str] = field(default_factory=set)
    log: str = ""


def words_of(person: Mapping[str, Any]) -> Iterator[str]:
    """Everything that tells who somebody is: names, numbers, birth date, telephone, e-mail, street."""
    for name in person.get("name", []):
        yield from (word for word in [name.get("family", ""), *name.get("given", [])] if len(word) >= 5)
        yield name.get("text", "")
    yield from (one["value"] for one in person.get("identifier", []) if len(one.get("value", "")) >= 6)
    yield person["id"]
    for contact in person.get("telecom", []):
        value = str(contact.get("value", ""))
        yield value
        yield "".join(letter for letter in value if letter.isdigit()) if contact.get("system") == "phone" else ""
    for address in person.get("address", []):
        yield from (line for line in address.get("line", []) if len(line) >= 8)
    born = str(person.get("birthDate", ""))
    if len(born) == 10 and born < LATEST_BIRTH:
        yield from (born, born.replace("-", ""))


def all_words(people: list[dict[str, Any]]) -> set[str]:
    return {word for person in people for word in words_of(person) if word}


class Busy:
    """One caller's busy day over all patients."""

    def __init__(self, bench: Bench, caller: Caller, day: Day) -> None:
        self._bench, self._caller, self._day = bench, caller, day

    async def run(self) -> None:
        people = self._day.people
        await asyncio.gather(*(self._get(f"/patients/{person['id']}", include="fhir") for person in people))
        await asyncio.gather(*(self._visit(person) for person in people[:16]))
        slots = await free_slots(self._caller, 8)
        for number, slot in enumerate(slots):
            await self._appointment(number, slot, people[number]["id"])
        await self._trouble(people[:5], slots[0])

    async def _visit(self, person: Mapping[str, Any]) -> None:
        patient = person["id"]
        family = (person.get("name") or [{}])[0].get("family", "nobody")
        await self._get(f"/patients/{patient}")
        await self._get("/patients", family=family)
        await self._get("/patients", birth_date=person.get("birthDate", "1970-01-01"), family=family)
        await self._get("/patients", identifier=(person.get("identifier") or [{}])[0].get("value", "1"))
        for name in ("encounters", "appointments", "diagnostic_reports", "observations"):
            said = await self._get(f"/{name}", patient_id=patient, limit="20")
            if said.json.get("next_cursor"):
                self._day.secrets.append(said.json["next_cursor"])
                await self._get(f"/{name}", cursor=said.json["next_cursor"])
        await self._get("/observations", headers={"Accept": "application/fhir+json"}, patient_id=patient, category="vital-signs")

    async def _appointment(self, number: int, slot: str, patient: str) -> None:
        made = await self._book(f"{patient} {number}", slot_id=slot, patient_id=patient, reason=PAIN, comment=f"{PAIN}, again")
        if number % 3 == 1:
            await self._book(f"arrive {number}", appointment_id=made["id"], status="arrived")
        if number % 3 == 2:
            await self._book(f"cancel {number}", appointment_id=made["id"], status="cancelled", reason=PAIN)

    async def _trouble(self, people: list[dict[str, Any]], taken: str) -> None:
        """The same people while everything goes wrong."""
        http, source = self._caller.http, self._bench.hospital
        await self._book("taken", slot_id=taken, patient_id=people[1]["id"], reason=PAIN)
        for rule in (
            {"kind": "status", "status": 500},
            {"kind": "drop_before"},
            {"kind": "status", "status": 422},
            {"kind": "truncate"},
        ):
            await source.fault(http, **rule)
            for person in people[:2]:
                await self._get(f"/patients/{person['id']}?max_age=0")
                await self._get("/patients", family=person["name"][0]["family"], birth_date=person["birthDate"], max_age="0")
            await self._book(f"{rule}", slot_id="no-such-slot", patient_id=people[0]["id"], reason=PAIN)
            await source.calm(http)
        for person in people:
            await self._get("/patients", nickname=person["name"][0]["family"], birth_date=person["identifier"][0]["value"])
            await self._get(f"/patients/{person['name'][0]['text']}")
            await self._get(f"/{person['name'][0]['family']}/{person['birthDate']}")

    async def _get(self, path: str, *, headers: Mapping[str, str] | None = None, **query: str) -> Any:
        said = await self._caller.get(path, params=query, headers=headers)
        self._day.statuses.append(said.status)
        return said

    async def _book(self, key: str, **body: str) -> Any:
        said = await self._caller.book(key, **body)
        self._day.statuses.append(said.status)
        return said.json


def superuser(folder: Path) -> psycopg.Connection[Any]:
    """The database as its superuser, over the socket that its pid file names."""
    socket_folder = (folder / "postgres" / "postmaster.pid").read_text().splitlines()[4]
    return psycopg.connect(host=socket_folder, user="postgres", dbname="millgate", autocommit=True)


def rows_found(folder: Path, search: Search) -> tuple[set[str], int]:
    """What of the texts is found in the tables' rows as they are read, so past the database's own compression; and the records."""
    found: set[str] = set()
    with superuser(folder) as connection:
        tables = connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
        for (table,) in tables:
            with connection.cursor().copy(sql.SQL("COPY {} TO STDOUT (FORMAT BINARY)").format(sql.SQL(table))) as copy:
                found |= search.found_in(b"".join(bytes(part) for part in copy))
        counted = connection.execute("SELECT count(*) FROM record").fetchone()
    assert counted is not None
    return found, counted[0]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    folder = tmp_path_factory.mktemp("rest") / "data"
    with hospital("--patients", "40") as source:
        told = source.tenants[0]
        keys = connect(folder, {TENANT: told}, {CLIENT: ((TENANT,), EVERYTHING)})
        bench = Bench(source, folder, keys)
        day = Day(folder, [], [keys[CLIENT], keys[CLIENT].removeprefix("mg_"), told["client_secret"]])

        async def work() -> None:
            async with aiohttp.ClientSession(timeout=PATIENCE) as http:
                day.people = await source.population(http)
                caller = await Caller(http, bench.address).open(keys[CLIENT])
                day.secrets += [str(caller.token), str(caller.token).removeprefix("ms_")]
                await Busy(bench, caller, day).run()

        async def people() -> list[dict[str, Any]]:
            async with aiohttp.ClientSession(timeout=PATIENCE) as http:
                return await source.population(http)

        words = all_words(asyncio.run(people()))
        day.common = set(Search(words).found_under(folder))
        gateway = bench.start(MILLGATE_LOG_LEVEL="debug")
        try:
            asyncio.run(work())
            search = Search((words - day.common) | set(day.secrets) | {PAIN, "pageContext", "Hemoglobin", TENANT, CLIENT})
            with superuser(folder) as connection:
                connection.execute("CHECKPOINT")
            day.rows, day.records = rows_found(folder, search)
            day.running = search.found_under(folder)
            assert gateway.stop() == 0
            day.stopped = search.found_under(folder)
            day.log = "".join(gateway.log)
            yield day
        finally:
            gateway.stop()


def test_the_day_was_busy_and_the_search_can_find(day: Day) -> None:
    """Otherwise the other tests would prove nothing."""
    assert len(day.people) == 40
    assert {200, 201, 400, 404, 409, 502, 503} <= set(day.statuses)
    assert day.statuses.count(200) > 200
    assert day.records > 1_000
    assert len(all_words(day.people)) > 300
    assert len(day.common) <= 10, day.common
    for found in (day.running, day.stopped):
        assert {TENANT, CLIENT} <= found.keys(), "even what lies there in the clear is not found"
    assert {TENANT, CLIENT} <= day.rows


def test_nothing_of_a_patient_and_no_secret_is_in_the_files(day: Day) -> None:
    """Tables, indexes, write-ahead log, the server's log: after a checkpoint while the database runs, and after it has stopped."""
    assert {text: where for text, where in day.running.items() if text not in (TENANT, CLIENT)} == {}
    assert {text: where for text, where in day.stopped.items() if text not in (TENANT, CLIENT)} == {}


def test_nothing_of_a_patient_and_no_secret_is_in_the_rows(day: Day) -> None:
    assert day.rows == {TENANT, CLIENT}


def test_nothing_of_a_patient_and_no_secret_is_in_the_gateways_log(day: Day) -> None:
    assert '"outcome unknown"' in day.log or '"level"' in day.log, "the log says nothing, so it proves nothing"
    assert Search(all_words(day.people) | set(day.secrets) | {PAIN, "pageContext"}).found_in(day.log.encode()) == set()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_the_search_finds_every_word_in_every_form(day: Day, encoding: str) -> None:
    words = all_words(day.people) | set(day.secrets)
    search = Search(words)
    spellings: list[Callable[[str], str]] = [str, str.lower, str.upper]
    for spelled in spellings:
        leak = b"\x9f\x00".join(f'"{spelled(word)}"'.encode(encoding) for word in sorted(words))
        assert search.found_in(leak) == words
