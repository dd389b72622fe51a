"""Who the patients are: names, births, addresses, telephones and numbers, drawn as a US census would find them.

A person depends on the seed and the patient's number alone, with two exceptions, both bound by `today`: children born in the
last three years (their birth date is counted back from today), and deaths (one that lies after today has not happened yet).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from random import Random

from millgate.simulator.hospital.dice import Urn, dice
from millgate.simulator.hospital.naming import Names, draw_names
from millgate.simulator.hospital.region import City, Region
from millgate.simulator.hospital.tables import rows

# Ages are counted at this day, whatever the day of the run, so that a patient's birth date stays what it is.
CENSUS = date(2024, 1, 1)
# (youngest, oldest, share): the patients of a hospital are somewhat older than the country.
_AGES = ((3, 17, 17.0), (18, 29, 13.0), (30, 44, 18.0), (45, 64, 26.0), (65, 79, 16.5), (80, 99, 6.5), (100, 105, 0.4))
_BABIES = 0.035


@dataclass(slots=True)
class Phone:
    digits: str
    use: str
    extension: str = ""
    ended: bool = False
    system: str = "phone"


@dataclass(slots=True)
class Address:
    line: list[str]
    city: City
    use: str
    postal_code: str
    ended: bool = False


@dataclass(slots=True)
class Person:
    """Everything about one patient that does not come from the clinic."""

    index: int
    origin: str
    race: str
    race_detail: str
    hispanic: bool
    sex: str
    gender: str
    born: date
    birth_date: str
    died: datetime | None
    died_unknown_when: bool
    names: Names
    phones: list[Phone]
    email: str
    addresses: list[Address]
    language: str
    marital_status: str
    registered: datetime
    known_until: datetime
    numbers: dict[str, str] = field(default_factory=dict)
    has_combined_record: bool = False
    hides_contact: bool = False

    def age(self, on: date) -> int:
        """Completed years."""
        return on.year - self.born.year - ((on.month, on.day) < (self.born.month, self.born.day))

    def after_registration(self, *, days: int = 0, seconds: int = 0) -> datetime:
        """So much later than the registration; never after the day of the run."""
        return min(self.registered + timedelta(days=days, seconds=seconds), self.known_until)


@cache
def _ages() -> Urn[tuple[int, int]]:
    return Urn([(low, high) for low, high, _ in _AGES], [share for *_, share in _AGES])


@cache
def _origins() -> Urn[dict[str, str]]:
    table = rows("origins")
    return Urn(table, [float(row["weight"]) for row in table])


def draw_person(seed: int, index: int, region: Region, today: date) -> Person:
    """Patient number `index` of the hospital."""
    random = dice(seed, "person", index)
    origin = _origins().draw(random)
    sex = "female" if random.random() < 0.517 else "male"
    born = _born(random, today)
    age = max(0, (CENSUS - born).days // 365)
    names = draw_names(random, origin, sex, born, age, newborn=(today - born).days <= 28)
    registered = _registered(random, born, today)
    died, died_unknown_when = _died(random, age, born, registered, today)
    addresses = _addresses(random, region)
    return Person(
        index=index,
        origin=origin["origin"],
        race=origin["race"],
        race_detail=origin["race_detail"] if random.random() < 0.5 else "",
        hispanic=origin["hispanic"] == "1",
        sex=sex,
        gender=_gender(random, sex),
        born=born,
        birth_date=_told_birth(random, born, age),
        died=died,
        died_unknown_when=died_unknown_when,
        names=names,
        phones=_phones(random, addresses[0].city.area_code, age),
        email=_email(random, names, index, age),
        addresses=addresses,
        language=_language(random, origin),
        marital_status=_marital_status(random, age),
        registered=registered,
        numbers=_numbers(seed, index),
        known_until=datetime(today.year, today.month, today.day, tzinfo=UTC),
        has_combined_record=random.random() < 0.015,
        hides_contact=random.random() < 0.007,
    )


def _born(random: Random, today: date) -> date:
    if random.random() < _BABIES:
        return today - timedelta(days=random.choice((random.randint(1, 28), random.randint(29, 1000))))
    low, high = _ages().draw(random)
    born = CENSUS - timedelta(days=int(365.2425 * (low + random.random() * (high + 1 - low))))
    return min(born, today - timedelta(days=1))


def _told_birth(random: Random, born: date, age: int) -> str:
    """The birth date as registered: for a few, only the year, or the year and the month, was known."""
    chance = random.random()
    if age > 30 and chance < 0.006:
        return f"{born.year:04d}"
    if age > 30 and chance < 0.014:
        return f"{born.year:04d}-{born.month:02d}"
    return born.isoformat()


def _registered(random: Random, born: date, today: date) -> datetime:
    """When the patient was first registered: for adults between 2012 and 2023."""
    first = max(date(2012, 1, 3), born)
    last = max(first, min(date(2023, 12, 28), today - timedelta(days=1)))
    day = first + timedelta(days=int(random.random() * ((last - first).days + 1)))
    return datetime(
        day.year, day.month, day.day, random.randint(13, 22), random.randint(0, 59), random.randint(0, 59), tzinfo=UTC
    )


def _died(random: Random, age: int, born: date, registered: datetime, today: date) -> tuple[datetime | None, bool]:
    """When the patient died, if before today, and whether only the fact is known."""
    chance, days, unknown_when = random.random(), int(random.random() * 2500), random.random() < 0.25
    risk = 0.001 if age < 40 else 0.008 if age < 65 else 0.05 if age < 80 else 0.16 if age < 100 else 0.3
    if chance >= risk:
        return None, False
    died = max(
        registered + timedelta(days=90), datetime(2018, 6, 1, 4, 12, tzinfo=UTC) + timedelta(days=days, minutes=days % 1300)
    )
    return (died, unknown_when) if died.date() < today else (None, False)


def _gender(random: Random, sex: str) -> str:
    chance = random.random()
    return "other" if chance < 0.006 else "unknown" if chance < 0.012 else sex


def _language(random: Random, origin: dict[str, str]) -> str:
    chance = random.random()
    if chance < float(origin["language_share"]):
        return origin["language"]
    return "sign" if chance > 0.998 else "" if chance > 0.965 else "english"


def _marital_status(random: Random, age: int) -> str:
    if age < 18:
        return "single" if random.random() < 0.4 else ""
    if random.random() < 0.05:
        return "unknown"
    shares = (1, 14, 1, 0, 0, 2) if age < 28 else (11, 6, 3, 1, 1, 1) if age < 70 else (9, 2, 2, 8, 0, 0)
    return random.choices(("married", "single", "divorced", "widowed", "separated", "partner"), shares)[0]


def _phones(random: Random, area_code: str, age: int) -> list[Phone]:
    """Numbers in exchange 555, which no subscriber has."""

    def number() -> str:
        return f"{area_code}555{random.randint(100, 9999):04d}"

    phones = [Phone(number(), "home")] if random.random() < 0.62 else []
    if age >= 15 and random.random() < 0.8:
        phones.append(Phone(number(), "mobile"))
    if 20 <= age < 68 and random.random() < 0.3:
        phones.append(Phone(number(), "work", extension=str(random.randint(100, 99999)) if random.random() < 0.5 else ""))
    if random.random() < 0.12:
        phones.append(Phone(number(), "home", ended=True))
    if random.random() < 0.02:
        phones.append(Phone(number()[3:], ""))
    if random.random() < 0.015:
        phones.append(Phone(number(), "work", system="fax"))
    return phones


def _email(random: Random, names: Names, index: int, age: int) -> str:
    chance, domain = random.random(), random.choice(("example.com", "example.org", "example.net"))
    if age < 16 or chance > 0.68:
        return ""
    return f"{names.mailbox()}{index % 97 + 3}@{domain}"


def _addresses(random: Random, region: Region) -> list[Address]:
    """The home address, and for some a former one and one for the post."""

    def draw(use: str, *, ended: bool = False) -> Address:
        city = region.cities.draw(random)
        line = [f"{random.randint(1, 9999)} {random.choice(region.streets)}"]
        if random.random() < 0.18:
            line.append(f"Apt {random.randint(1, 40)}{random.choice(('', 'A', 'B'))}")
        plus = f"-{random.randint(1, 9999):04d}" if random.random() < 0.08 else ""
        return Address(line, city, use, city.postal_code + plus, ended)

    addresses = [draw("home")]
    if random.random() < 0.2:
        addresses.append(draw("home", ended=True))
    if random.random() < 0.05:
        addresses.append(draw("billing"))
    if random.random() < 0.03:
        addresses.append(draw("temp"))
    return addresses


# Steps through all numbers below a prime without meeting one twice, so that numbers look scattered and are still unique.
_PRIME = 9_999_991


def _numbers(seed: int, index: int) -> dict[str, str]:
    """Medical record numbers and the social security number (from the range that is never issued)."""
    mixed = (index * 7919 + seed * 104_729 + 31_337) % _PRIME
    security = 900_000_000 + (index * 48_271 + seed * 613) % 99_999_989
    return {
        "mrn": str(mixed + 6_000),
        "community_mrn": str((index * 611_953 + seed * 15_485_863) % _PRIME + 200),
        "ssn": f"{security // 1_000_000:03d}{security // 10_000 % 100:02d}{security % 10_000:04d}",
    }
