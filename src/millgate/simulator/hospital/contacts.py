"""Whom to call: the persons around a patient, as Patient.contact."""

from __future__ import annotations

from datetime import timedelta
from random import Random

from millgate.simulator.hospital import moments, numbers
from millgate.simulator.hospital.coding import HL7_STRUCTURE, Coder, Resource
from millgate.simulator.hospital.dice import dice
from millgate.simulator.hospital.naming import Name, draw_given, folded
from millgate.simulator.hospital.people import CENSUS, Person
from millgate.simulator.hospital.tables import rows


def contacts(seed: int, coder: Coder, person: Person) -> list[Resource]:
    """None for a third of the patients, one for most, two for a few; all children have one."""
    random = dice(seed, "contacts", person.index)
    child = person.age(CENSUS) < 18
    chance = random.random()
    count = 2 if chance < 0.12 else 1 if child or chance < 0.66 else 0
    return [_contact(random, coder, person, place, child=child) for place in range(count)]


def _contact(random: Random, coder: Coder, person: Person, place: int, *, child: bool) -> Resource:
    kin = "mother" if child and place == 0 else "father" if child else _kin(random, person)
    gender = {"mother": "female", "father": "male"}.get(kin) or random.choice(("female", "male"))
    since = person.after_registration(days=random.randint(0, 500), seconds=random.randint(0, 50_000))
    period = {"start": moments.milliseconds(since)}
    role = "authorized" if child or random.random() < 0.25 else random.choice(("emergency", "next_of_kin", "family"))
    made: Resource = {"relationship": [coder.concept("relationship", role)]}
    if random.random() < 0.7:
        made["relationship"].append(coder.concept("person_relationship", kin))
    made["name"] = _name(random, person, place, gender, period)
    if reach := _reach(random, person, made["name"], period):
        made["telecom"] = reach
    if random.random() < 0.6 and not person.hides_contact:
        made["address"] = _address(person, period)
    return made | {"gender": gender, "period": dict(period)}


def _kin(random: Random, person: Person) -> str:
    if person.marital_status == "married" and random.random() < 0.7:
        return "spouse"
    return random.choice(("child", "sibling", "friend") if person.age(CENSUS) > 55 else ("mother", "father", "sibling", "friend"))


def _name(random: Random, person: Person, place: int, gender: str, period: Resource) -> Resource:
    origin = next(row for row in rows("origins") if row["origin"] == person.origin)
    born = person.born - timedelta(days=365 * 28) if person.age(CENSUS) < 18 else person.born
    name = Name(person.names.current.family, [draw_given(random, origin["given_names"], gender, born)])
    row = numbers.person_id(person.index, 2 + place)
    made: Resource = {"id": f"CI-{row}-0", "use": "official", "text": name.text, "family": name.family, "given": name.given}
    return made | {"period": dict(period)}


def _reach(random: Random, person: Person, name: Resource, period: Resource) -> list[Resource]:
    made: list[Resource] = []
    if random.random() < 0.8:
        digits = f"{person.addresses[0].city.area_code}555{random.randint(100, 9999):04d}"
        written = f"({digits[:3]}){digits[3:6]}-{digits[6:]}"
        address = {"valueUrl": written, "url": HL7_STRUCTURE + "iso21090-TEL-address"}
        made.append(
            {"extension": [address], "system": "phone", "value": digits, "use": "home", "rank": 1, "period": dict(period)}
        )
    if random.random() < 0.25:
        letters = "".join(
            letter for letter in folded(f"{name['given'][0]}.{name['family']}") if letter.isascii() and letter not in " '"
        )
        made.append({"system": "email", "value": f"{letters}@example.com", "use": "home", "rank": 2, "period": dict(period)})
    return made


def _address(person: Person, period: Resource) -> Resource:
    home = person.addresses[0]
    city = home.city
    return {
        "use": "home",
        "text": "\n".join([*home.line, f"{city.name}, {city.state} {home.postal_code}", "US"]),
        "line": list(home.line),
        "city": city.name,
        "district": city.county,
        "state": city.state,
        "postalCode": home.postal_code,
        "country": "US",
        "period": dict(period),
    }
