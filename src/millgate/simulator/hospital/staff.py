"""The people who work at the hospital, and who of them looks after whom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random

from millgate.simulator.hospital import moments, numbers
from millgate.simulator.hospital.coding import STRUCTURE, V2_IDENTIFIER, Coder, Resource, absent, coding
from millgate.simulator.hospital.dice import Urn, dice
from millgate.simulator.hospital.naming import draw_family, draw_given, folded
from millgate.simulator.hospital.narrative import narrative
from millgate.simulator.hospital.places import NPI_SYSTEM, Location, Places, npi
from millgate.simulator.hospital.tables import rows

EXTERNAL_SYSTEM = "urn:oid:2.16.840.1.113883.3.42.10001.100001.12"
DEA_SYSTEM = "urn:oid:2.16.840.1.113883.4.814"
PRIMARY_CARE = ("family", "internal")


@dataclass(frozen=True, slots=True)
class Practitioner:
    id: str
    number: int
    specialty: str
    family: str
    given: tuple[str, ...]
    credential: str
    gender: str
    physician: bool
    location: Location
    service: str
    sees_patients: bool

    @property
    def display(self) -> str:
        """`Applegate MD, Christina`."""
        return f"{f'{self.family} {self.credential}'.strip()}, {' '.join(self.given)}"

    @property
    def reference(self) -> Resource:
        return {"reference": f"Practitioner/{self.id}", "display": self.display}


class Staff:
    """All practitioners of one hospital. The first is the system itself, in whose name machines chart."""

    def __init__(self, seed: int, places: Places, coder: Coder) -> None:
        self._seed, self._places, self._coder = seed, places, coder
        place = places.locations["main"]
        self.system = Practitioner("1", 0, "system", "SYSTEM", ("SYSTEM", "Millennium"), "", "unknown", False, place, "", False)
        self.all: list[Practitioner] = [self.system]
        origins = [row for row in rows("origins") if row["origin"] != "one_name"]
        urn = Urn(origins, [float(row["weight"]) for row in origins])
        for row in rows("staff"):
            for _ in range(int(row["count"])):
                self.all.append(self._hire(len(self.all), row, urn))
        self.by_id = {each.id: each for each in self.all}
        self._of: dict[tuple[str, ...], list[Practitioner]] = {}

    def _hire(self, number: int, row: dict[str, str], origins: Urn[dict[str, str]]) -> Practitioner:
        random = dice(self._seed, "practitioner", number)
        origin, gender = origins.draw(random), random.choice(("female", "male"))
        born = date(random.randint(1958, 1992), 1, 1)
        given = [draw_given(random, origin["given_names"], gender, born)]
        if random.random() < 0.3:
            given.append(random.choice("ABCDEFGHJKLMNPRSTW"))
        return Practitioner(
            id=numbers.practitioner_id(number),
            number=number,
            specialty=row["specialty"],
            family=draw_family(random, origin["family_names"]),
            given=tuple(given),
            credential=row["credential"],
            gender=gender,
            physician=row["physician"] == "1",
            location=self._places.locations[row["location"]],
            service=row["service"],
            sees_patients=row["sees"] == "clinic",
        )

    def of(self, *specialties: str) -> list[Practitioner]:
        if specialties not in self._of:
            self._of[specialties] = [each for each in self.all if each.specialty in specialties]
        return self._of[specialties]

    def one_of(self, specialty: str, number: int) -> Practitioner:
        """The same one of a specialty for the same number."""
        fitting = self.of(specialty)
        return fitting[number % len(fitting)]

    def primary_care_of(self, patient: int, age: int) -> Practitioner:
        """The practitioner who looks after a patient. Children have a pediatrician."""
        team = self.of("pediatrics") if age < 16 else self.of(*PRIMARY_CARE)
        return team[patient % len(team)]

    def resources(self) -> Iterator[Resource]:
        for practitioner in self.all:
            yield self.resource(practitioner)

    def resource(self, practitioner: Practitioner) -> Resource:
        random = dice(self._seed, "practitioner-record", practitioner.number)
        since = datetime(2015, 8, 18, 5, 0, tzinfo=UTC) + timedelta(
            days=random.randint(0, 2400), seconds=random.randint(0, 86_399)
        )
        changed = since + timedelta(days=random.randint(30, 400))
        identifiers = self._identifiers(practitioner, random, since)
        told = ", ".join(f"{each['type']['text']}: {each['value']}" for each in identifiers)
        made: Resource = {
            "resourceType": "Practitioner",
            "id": practitioner.id,
            "meta": {"versionId": str(random.randint(2, 30)), "lastUpdated": moments.milliseconds(changed)},
            "text": narrative(
                "Practitioner",
                ("Name", practitioner.display),
                ("Identifiers", told),
                ("Gender", practitioner.gender.capitalize()),
                ("Status", "Active"),
            ),
            "extension": [{"valueBoolean": practitioner.physician, "url": STRUCTURE + "is-physician"}],
            "identifier": identifiers,
            "active": True,
            "name": [_name(practitioner, changed)],
            "gender": practitioner.gender,
        }
        if practitioner is not self.system:
            made |= self._contacts(practitioner, random, since)
        return made

    def _identifiers(self, practitioner: Practitioner, random: Random, since: datetime) -> list[Resource]:
        period = {"start": moments.milliseconds(since)}
        login = folded(practitioner.given[0][0] + practitioner.family).replace(" ", "").upper()[:12]
        made: list[Resource] = []
        if practitioner.credential in ("MD", "DO", "NP", "PA-C"):
            value = npi(random.randint(10_000_000, 99_999_999))
            made.append(
                _identifier("NPI", "National provider identifier", "National Provider Identifier", NPI_SYSTEM, value, period)
            )
        if practitioner.physician:
            value = _dea(practitioner.family, random.randint(100_000, 999_999))
            made.append(
                _identifier("DEA", "Drug Enforcement Administration registration number", "DEA", DEA_SYSTEM, value, period)
            )
        external = str(1_000_000_000 + random.randint(0, 899_999_999))
        made.append(_identifier("", "", "External Identifier", EXTERNAL_SYSTEM, external, period))
        made.append(_identifier("", "", "External Identifier", None, login, period))
        made.append(_identifier("U", "Unspecified identifier", "Messaging", None, practitioner.id, period))
        return made

    def _contacts(self, practitioner: Practitioner, random: Random, since: datetime) -> Resource:
        city = practitioner.location.organization.city
        work = [{"system": "phone", "value": f"{city.area_code}555{8000 + practitioner.number:04d}", "use": "work"}]
        if random.random() < 0.6:
            mailbox = folded(f"{practitioner.given[0]}.{practitioner.family}").replace(" ", "").replace("'", "")
            work.append({"system": "email", "value": f"{mailbox}@example.org", "use": "work"})
        street = practitioner.location.organization.row["street"]
        billing = _address(
            "billing", f"{random.randint(1, 9999)} Cornelia St", city.name, city.county, city.state, city.postal_code
        )
        made: Resource = {
            "telecom": work,
            "address": [billing, _address("work", street, city.name, "", city.state, city.postal_code)],
        }
        if practitioner.credential:
            earned = moments.milliseconds(since - timedelta(days=random.randint(400, 9000)))
            concept = self._coder.concept("qualification", practitioner.credential, mark_standard=False)
            made["qualification"] = [{"code": concept, "period": {"start": earned}}]
            if practitioner.physician and random.random() < 0.4:
                concept = self._coder.concept("qualification", "AMA", mark_standard=False)
                made["qualification"].append({"code": concept, "period": {"start": earned}})
        return made


def _name(practitioner: Practitioner, changed: datetime) -> Resource:
    made: Resource = {
        "use": "usual",
        "text": practitioner.display,
        "family": practitioner.family,
        "given": list(practitioner.given),
    }
    if practitioner.credential:
        made["suffix"] = [practitioner.credential]
    return made | {"period": {"start": moments.milliseconds(changed)}}


def _identifier(code: str, display: str, text: str, system: str | None, value: str, period: Resource) -> Resource:
    """An alias; without a known system it carries a mark of absence instead."""
    concept: Resource = {"coding": [coding(V2_IDENTIFIER, code, display)]} if code else {}
    made: Resource = {"use": "usual", "type": concept | {"text": text}}
    made |= {"system": system} if system else {"_system": absent()}
    return made | {"value": value, "period": dict(period)}


def _dea(family: str, number: int) -> str:
    """A registration number with its check digit. Source: DEA (sum of odd digits plus twice the even ones)."""
    digits = f"{number:06d}"
    check = sum(map(int, digits[::2])) + 2 * sum(map(int, digits[1::2]))
    return f"F{folded(family)[:1].upper()}{digits}{check % 10}"


def _address(use: str, street: str, city: str, county: str, state: str, postal_code: str) -> Resource:
    made: Resource = {"use": use, "text": f"{street}\n{city}, {state} {postal_code}\nUS", "line": [street], "city": city}
    if county:
        made["district"] = county
    return made | {"state": state, "postalCode": postal_code, "country": "US"}
