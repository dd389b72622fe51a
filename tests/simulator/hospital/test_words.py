"""The hospital reads like a hospital: it never says that it is none."""

from __future__ import annotations

import re

import msgspec

from millgate.simulator.hospital import Hospital

from .conftest import Everything

# At the beginning of a word: gastrointestinal bleeding is no telltale.
_TELLTALES = re.compile(rb"\b(?:tests?\b|testing|fake|demo|simulat|dummy|mock|lorem|millgate)")
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def test_no_resource_says_that_it_is_made_up(everything: Everything) -> None:
    for kind, each in everything.items():
        for resource in each:
            text = _ENCODER.encode(resource).lower()
            assert not _TELLTALES.search(text), f"{kind}/{resource['id']}"


def test_no_name_in_the_tables_does_either(hospital: Hospital) -> None:
    """Names come up rarely: look at all of them, not only at those that were drawn."""
    from millgate.simulator.hospital.tables import rows

    names = [row["name"] for table in ("family_names", "given_names", "streets") for row in rows(table)]
    assert not [name for name in names if _TELLTALES.search(name.lower().encode())]


def test_names_are_hard_enough() -> None:
    from .conftest import make

    hospital = make(2_000)
    people = [hospital._person(each) for each in range(2_000)]
    families = [person.names.current.family for person in people]
    assert any(not each.isascii() for each in families)
    assert any("'" in each for each in families)
    assert any("-" in each for each in families)
    assert any(" " in each for each in families)
    assert any(each.isupper() for each in families)
    assert any(not person.names.current.given for person in people)
    assert {"maiden", "nickname", "old"} <= {name.use for person in people for name in person.names.others}
    assert {"Jr.", "III", "MD"} <= {person.names.current.suffix for person in people}
    assert {len(person.birth_date) for person in people} == {4, 7, 10}
    ages = [person.age(hospital._today) for person in people]
    assert min(ages) == 0
    assert max(ages) >= 100
    assert {person.gender for person in people} == {"female", "male", "other", "unknown"}
    assert len({person.numbers["mrn"] for person in people}) == len({person.numbers["ssn"] for person in people}) == 2_000
