"""Names of people: of many origins, with all that makes names hard (accents, particles, suffixes, former names, one name only)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from random import Random

from millgate.simulator.hospital.dice import Urn
from millgate.simulator.hospital.tables import rows


@dataclass(slots=True)
class Name:
    """One name; `text` is written as Millennium does: family and suffix first."""

    family: str
    given: list[str]
    use: str = "official"
    prefix: str = ""
    suffix: str = ""

    @property
    def text(self) -> str:
        last = f"{self.family} {self.suffix}".strip()
        first = " ".join(self.given)
        return f"{last}, {first}" if last and first else last or first


@dataclass(slots=True)
class Names:
    """The current name, and those that a person had before or is called by."""

    current: Name
    others: list[Name] = field(default_factory=list)

    def __iter__(self) -> Iterator[Name]:
        yield self.current
        yield from self.others

    def mailbox(self) -> str:
        """What stands before the `@`: letters and dots of the current name."""
        first = self.current.given[0] if self.current.given else "mail"
        return re.sub(r"[^a-z.]", "", folded(f"{first}.{self.current.family}").replace(" ", ""))


def folded(text: str) -> str:
    """Text for comparisons: no case, no accents. `Łódź` and `LODZ` are equal."""
    bare = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return bare.translate(_UNDECOMPOSED).casefold().strip()


# Letters that Unicode does not take apart into a base and an accent.
_UNDECOMPOSED = str.maketrans(
    {"ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "æ": "ae", "Æ": "AE", "ı": "i", "’": "'"}
)
_ERAS = ((1956, "old"), (1991, "middle"), (9999, "new"))
_NICKNAMES = {
    "william": "Bill", "robert": "Bob", "richard": "Rick", "james": "Jim", "john": "Jack", "michael": "Mike", "thomas": "Tom",
    "charles": "Chuck", "joseph": "Joe", "daniel": "Dan", "matthew": "Matt", "anthony": "Tony", "edward": "Ted", "elizabeth": "Beth",
    "margaret": "Peggy", "patricia": "Patty", "jennifer": "Jenny", "katherine": "Kate", "deborah": "Deb", "susan": "Sue",
    "barbara": "Barb", "christopher": "Chris", "francisco": "Paco", "jose": "Pepe", "guadalupe": "Lupe", "andrew": "Andy",
}  # fmt: skip


@cache
def _family_names(origin: str) -> Urn[str]:
    fitting = [row for row in rows("family_names") if row["origin"] == origin]
    return Urn([row["name"] for row in fitting], [float(row["weight"]) for row in fitting])


@cache
def _given_names(origin: str, sex: str, era: str) -> tuple[str, ...]:
    """Names of the era twice, so that they are heard more often than names of all times."""
    fitting = [row for row in rows("given_names") if row["origin"] == origin and row["sex"] == sex]
    ageless = [row["name"] for row in fitting if not row["era"]]
    of_era = [row["name"] for row in fitting if row["era"] == era]
    return tuple(ageless + of_era * 4)


def draw_given(random: Random, origins: str, sex: str, born: date) -> str:
    era = next(era for until, era in _ERAS if born.year < until)
    return random.choice(_given_names(random.choice(origins.split(";")), sex, era))


def draw_family(random: Random, origin: str) -> str:
    family = _family_names(origin).draw(random)
    if origin == "hispanic" and random.random() < 0.28:
        return f"{family} {_family_names(origin).draw(random)}"
    return family


def draw_names(random: Random, origin: dict[str, str], sex: str, born: date, age: int, *, newborn: bool) -> Names:
    """The names of one person of that origin; many of the newborn have none of their own yet."""
    family = draw_family(random, origin["family_names"])
    if origin["origin"] == "one_name" and random.random() < 0.6:
        return Names(Name(family, []))
    if newborn and random.random() < 0.6:
        return Names(Name(family, ["Baby Boy" if sex == "male" else "Baby Girl"]))
    given = _given(random, origin["given_names"], sex, born)
    current = Name(family, given, suffix=_suffix(random, sex, age), prefix=_prefix(random, sex, age))
    others = _former(random, origin, current, sex, age) + _nickname(random, current)
    names = Names(current, others)
    if random.random() < 0.14:
        _in_capitals(current)
    return names


def _given(random: Random, origins: str, sex: str, born: date) -> list[str]:
    first, chance = draw_given(random, origins, sex, born), random.random()
    if chance < 0.45:
        return [first, draw_given(random, origins, sex, born)]
    return [first, random.choice("ABCDEFGHJKLMNPRSTVW")] if chance < 0.72 else [first]


def _suffix(random: Random, sex: str, age: int) -> str:
    chance = random.random()
    if sex == "male" and chance < 0.05:
        return (
            "Jr."
            if chance < 0.028
            else "III"
            if chance < 0.036
            else "II"
            if chance < 0.042
            else "Sr."
            if chance < 0.048
            else "IV"
        )
    return (
        "MD"
        if age > 30 and chance > 0.994
        else "PhD"
        if age > 30 and chance > 0.99
        else "RN"
        if age > 30 and chance > 0.987
        else ""
    )


def _prefix(random: Random, sex: str, age: int) -> str:
    if age < 18 or random.random() > 0.07:
        return ""
    return random.choice(("Mr.", "Mr.", "Dr.", "Rev.") if sex == "male" else ("Mrs.", "Ms.", "Ms.", "Dr.", "Sister"))


def _former(random: Random, origin: dict[str, str], current: Name, sex: str, age: int) -> list[Name]:
    """The maiden name of many women, and the former name of a few people; some keep both names, with a hyphen."""
    chance = random.random()
    if sex == "female" and age > 24 and chance < 0.33:
        maiden = draw_family(random, origin["family_names"])
        if chance < 0.05 and " " not in maiden + current.family:
            current.family = f"{maiden}-{current.family}"
        return [Name(maiden, list(current.given), use="maiden")]
    if chance > 0.975:
        return [Name(draw_family(random, origin["family_names"]), list(current.given), use="old")]
    return []


def _nickname(random: Random, current: Name) -> list[Name]:
    short = _NICKNAMES.get(folded(current.given[0]))
    return [Name(current.family, [short], use="nickname")] if short and random.random() < 0.5 else []


def _in_capitals(name: Name) -> None:
    """Registration desks with the caps lock on."""
    name.family, name.given = name.family.upper(), [given.upper() for given in name.given]
