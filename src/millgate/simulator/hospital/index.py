"""The search index over all patients, on disk: what they are called, where they live, which numbers they have.

It is built once, in a stream, and taken over by a later start if nothing that it depends on has changed.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from hashlib import sha256
from importlib.resources import files
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from millgate.simulator.hospital import numbers
from millgate.simulator.hospital.identifiers import SSN_SYSTEMS, Identifier
from millgate.simulator.hospital.naming import folded
from millgate.simulator.hospital.people import Person

_BATCH = 500

_SCHEMA = """
CREATE TABLE patient (number INTEGER PRIMARY KEY, born_first TEXT, born_last TEXT, gender TEXT);
CREATE TABLE term (kind TEXT, folded TEXT, written TEXT, current INTEGER, number INTEGER);
CREATE TABLE built (fingerprint TEXT);
"""
_INDEXES = """
CREATE INDEX term_by_value ON term (kind, folded, number);
CREATE INDEX patient_by_birth ON patient (born_first);
"""
Term = tuple[str, str, str, int, int]
Condition = tuple[str, list[str]]


def terms_of(person: Person, identifiers: Iterable[Identifier]) -> Iterator[Term]:
    """What one patient is found by: kind of term, comparable form, written form, whether current."""
    for name in person.names:
        current = int(name.use == "official")
        yield "family", folded(name.family), name.family, current, person.index
        for given in name.given:
            yield "given", folded(given), given, current, person.index
        for part in {name.text, name.prefix, name.suffix} - {""}:
            yield "name", folded(part), part, current, person.index
        for word in folded(name.family).split()[1:]:
            yield "name", word, word, 0, person.index
    for phone in () if person.hides_contact else person.phones:
        yield "phone", phone.digits, phone.digits, int(not phone.ended), person.index
    if person.email and not person.hides_contact:
        yield "email", person.email.casefold(), person.email, 1, person.index
    for address in () if person.hides_contact else person.addresses:
        yield "postal_code", address.postal_code, address.postal_code, int(not address.ended), person.index
    for identifier in identifiers:
        yield "identifier", identifier.value.casefold(), identifier.system or "", int(not identifier.former), person.index
    for system in SSN_SYSTEMS:  # found by it, never shown with it
        yield "identifier", person.numbers["ssn"], system, 1, person.index


def birth_range(text: str) -> tuple[str, str]:
    """First and last day that a date of any precision may mean, in ISO form. Raises ValueError for anything else."""
    if re.fullmatch(r"\d{4}", text, re.ASCII):
        return f"{text}-01-01", f"{text}-12-31"
    if re.fullmatch(r"\d{4}-\d{2}", text, re.ASCII):
        first = date.fromisoformat(f"{text}-01")
        return first.isoformat(), ((first + timedelta(days=31)).replace(day=1) - timedelta(days=1)).isoformat()
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        raise ValueError("not a date")
    return text, date.fromisoformat(text).isoformat()


def program_fingerprint() -> str:
    """Changes with every change to the package's code and tables, so that no index outlives them."""
    total = sha256()
    package = files(__package__)
    for folder in (package, package.joinpath("tables")):
        for each in sorted(folder.iterdir(), key=lambda path: path.name):
            if each.name.endswith((".py", ".csv")):
                total.update(each.name.encode() + each.read_bytes())
    return total.hexdigest()


class Index:
    """Finds patients. Not for use by several threads at once."""

    def __init__(self, path: Path | None, fingerprint: str) -> None:
        self._folder = TemporaryDirectory(prefix="millgate-hospital-") if path is None else None
        place = path if path is not None else Path(self._folder.name) / "index.sqlite3" if self._folder else Path()
        self._fingerprint = fingerprint
        self._database = sqlite3.connect(place, isolation_level=None, check_same_thread=False)
        self._database.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-16000;")

    def close(self) -> None:
        self._database.close()
        if self._folder:
            self._folder.cleanup()

    def is_built(self) -> bool:
        """Whether the file holds a finished index of the same hospital."""
        try:
            row = self._database.execute("SELECT fingerprint FROM built").fetchone()
        except sqlite3.DatabaseError:
            return False
        return row is not None and row[0] == self._fingerprint

    def build(self, people: Iterable[tuple[Person, list[Identifier]]]) -> None:
        """Write the index anew. Memory stays the same however many people come."""
        self._database.executescript("DROP TABLE IF EXISTS built; DROP TABLE IF EXISTS term; DROP TABLE IF EXISTS patient;")
        self._database.executescript(_SCHEMA)
        self._database.execute("BEGIN")
        stream = iter(people)
        while batch := list(islice(stream, _BATCH)):
            births = [(person.index, *birth_range(person.birth_date), person.gender) for person, _ in batch]
            self._database.executemany("INSERT INTO patient VALUES (?, ?, ?, ?)", births)
            terms = (term for person, identifiers in batch for term in terms_of(person, identifiers))
            self._database.executemany("INSERT INTO term VALUES (?, ?, ?, ?, ?)", terms)
        self._database.execute("COMMIT")
        self._database.executescript(_INDEXES)
        self._database.execute("INSERT INTO built VALUES (?)", (self._fingerprint,))

    def find(self, conditions: list[Condition], limit: int) -> list[int]:
        """Numbers of the patients that meet all conditions, ascending."""
        where = " AND ".join(condition for condition, _ in conditions) or "1"
        values = [value for _, some in conditions for value in some]
        query = f"SELECT number FROM patient WHERE {where} ORDER BY number LIMIT ?"  # noqa: S608 - conditions are built below
        return [row[0] for row in self._database.execute(query, [*values, limit])]


def having(kinds: tuple[str, ...], text: str, *, exact: bool = False, whole: bool = False) -> Condition:
    """The condition that a term of one of the kinds starts with the text, or is the text.

    `exact`: written just so, in a current name. `whole`: the complete term, in any case.
    """
    marks = ", ".join("?" * len(kinds))
    start = f"number IN (SELECT number FROM term WHERE kind IN ({marks}) AND "  # noqa: S608 - only question marks go in
    if exact:
        return f"{start}folded = ? AND written = ? AND current = 1)", [*kinds, folded(text), text]
    if whole:
        return f"{start}folded = ?)", [*kinds, text.casefold()]
    low = folded(text)
    return f"{start}folded >= ? AND folded < ?)", [*kinds, low, low + "\U0010ffff"]


def numbered(system: str | None, value: str) -> Condition:
    """The condition on an identifier; without a system any will do, an empty one means that none is known."""
    if system is None:
        return having(("identifier",), value, whole=True)
    condition, values = having(("identifier",), value, whole=True)
    return condition[:-1] + " AND written = ?)", [*values, system]


def born(prefix: str, text: str) -> Condition:
    """The condition on the birth date, with FHIR's meaning of prefixes for dates that are ranges.

    Source: FHIR R4 search, 3.1.1.4.4 and 3.1.1.4.6. Raises ValueError for a prefix or a date that is none.
    """
    first, last = birth_range(text)
    equal = "(born_first >= ? AND born_last <= ?)"
    match prefix:
        case "eq" | "":
            return equal, [first, last]
        case "gt":
            return "born_last > ?", [last]
        case "lt":
            return "born_first < ?", [first]
        case "ge":
            return f"(born_last > ? OR {equal})", [last, first, last]
        case "le":
            return f"(born_first < ? OR {equal})", [first, first, last]
    raise ValueError("not a prefix")


def identified(ids: Iterable[str]) -> Condition:
    """The condition that the logical id is one of these; combined records have none of their own here."""
    places = [numbers.person_place(each) for each in ids]
    wanted = [str(place.patient) for place in places if place and place.ordinal == 0]
    return f"number IN ({', '.join('?' * len(wanted))})", wanted
