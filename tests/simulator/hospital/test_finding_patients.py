"""Searching patients as FHIR and Millennium have it."""

from __future__ import annotations

from typing import Any

import pytest

from millgate.simulator.hospital import Hospital, numbers
from millgate.simulator.hospital.naming import folded

from .conftest import make


@pytest.fixture(scope="module")
def crowd() -> Hospital:
    return make(3_000)


def _patient(hospital: Hospital, patient_id: str) -> dict[str, Any]:
    found = hospital.read("Patient", patient_id)
    assert found is not None
    return found


def _names(hospital: Hospital, patient_id: str) -> list[dict[str, Any]]:
    names: list[dict[str, Any]] = _patient(hospital, patient_id)["name"]
    return names


def test_names_are_compared_from_their_start(crowd: Hospital) -> None:
    found = crowd.find_patients(family="smi", limit=5_000)
    expected = [
        numbers.person_id(each)
        for each in range(3_000)
        if any(folded(name.family).startswith("smi") for name in crowd._person(each).names)
    ]
    assert found == expected
    assert len(found) > 10
    assert crowd.find_patients(family="mith") == []


@pytest.mark.parametrize("text", ["garcia", "GARCÍA", "García", "garcía"])
def test_case_and_accents_do_not_matter(crowd: Hospital, text: str) -> None:
    found = crowd.find_patients(family=text, limit=5_000)
    families = {name["family"] for each in found for name in _names(crowd, each)}
    assert {"García"} & families
    assert found == crowd.find_patients(family="garcia", limit=5_000)


@pytest.mark.parametrize(
    ("text", "plain"), [("Łukasz", "lukasz"), ("Nguyễn", "nguyen"), ("O'Brien", "o'brien"), ("Ò’BRIEN", "o'brien")]
)
def test_letters_that_unicode_does_not_take_apart(text: str, plain: str) -> None:
    assert folded(text) == plain


def test_exact_means_as_written_and_current(crowd: Hospital) -> None:
    patient = next(each for each in range(3_000) if not crowd._person(each).names.current.family.isascii())
    name = crowd._person(patient).names.current
    assert numbers.person_id(patient) in crowd.find_patients(family=name.family, exact={"family"})
    assert crowd.find_patients(family=folded(name.family), exact={"family"}) == []
    assert numbers.person_id(patient) not in crowd.find_patients(family=name.family[:-1], exact={"family"})
    former = next(
        person for each in range(3_000) if (person := crowd._person(each)).names.others and person.names.others[0].use == "maiden"
    )
    maiden = former.names.others[0].family
    assert numbers.person_id(former.index) in crowd.find_patients(family=maiden)
    assert numbers.person_id(former.index) not in crowd.find_patients(family=maiden, exact={"family"})


def test_name_looks_at_every_part(crowd: Hospital) -> None:
    person = next(each for number in range(3_000) if len((each := crowd._person(number)).names.current.given) == 2)
    patient_id = numbers.person_id(person.index)
    for part in (person.names.current.family, *person.names.current.given):
        assert patient_id in crowd.find_patients(name=part, limit=5_000)
    assert patient_id in crowd.find_patients(given=person.names.current.given[1], limit=5_000)


def test_identifiers_with_and_without_their_system(crowd: Hospital) -> None:
    patient_id = crowd.find_patients()[5]
    mrn = next(each for each in _patient(crowd, patient_id)["identifier"] if each["type"]["text"] == "MRN")
    assert crowd.find_patients(identifier=(mrn["system"], mrn["value"])) == [patient_id]
    assert patient_id in crowd.find_patients(identifier=(None, mrn["value"]))
    assert crowd.find_patients(identifier=("urn:oid:1.2.3", mrn["value"])) == []
    assert crowd.find_patients(identifier=(mrn["system"], mrn["value"][:-1])) != [patient_id]


def test_the_social_security_number_finds_and_is_never_shown(crowd: Hospital) -> None:
    person = crowd._person(5)
    number = person.numbers["ssn"]
    assert number.startswith("9")
    for system in (None, "http://hl7.org/fhir/sid/us-ssn", "urn:oid:2.16.840.1.113883.4.1"):
        assert crowd.find_patients(identifier=(system, number)) == [numbers.person_id(5)]
    assert number not in str(_patient(crowd, numbers.person_id(5)))


def test_telephone_by_digits_and_email_in_any_case(crowd: Hospital) -> None:
    person = next(
        each for number in range(3_000) if (each := crowd._person(number)).email and each.phones and not each.hides_contact
    )
    digits, patient_id = person.phones[0].digits, numbers.person_id(person.index)
    assert patient_id in crowd.find_patients(phone=f"({digits[:3]}) {digits[3:6]}-{digits[6:]}")
    assert patient_id in crowd.find_patients(email=person.email.upper())
    assert crowd.find_patients(email=person.email[:-1]) == []


def test_hidden_contacts_are_not_found(crowd: Hospital) -> None:
    person = next(each for number in range(3_000) if (each := crowd._person(number)).hides_contact and each.phones)
    assert numbers.person_id(person.index) not in crowd.find_patients(phone=person.phones[0].digits)
    assert person.phones[0].digits not in str(_patient(crowd, numbers.person_id(person.index)))


def test_birth_dates_with_prefixes_and_precisions(crowd: Hospital) -> None:
    day = crowd._person(4).birth_date
    patient_id = numbers.person_id(4)
    assert len(day) == 10
    assert patient_id in crowd.find_patients(birthdate=[("eq", day)])
    assert patient_id in crowd.find_patients(birthdate=[("eq", day[:4])])
    assert patient_id in crowd.find_patients(birthdate=[("ge", day), ("le", day)])
    assert patient_id not in crowd.find_patients(birthdate=[("gt", day)], limit=5_000)
    assert patient_id not in crowd.find_patients(birthdate=[("lt", day)], limit=5_000)
    vague = next(each for number in range(3_000) if len((each := crowd._person(number)).birth_date) == 4)
    assert numbers.person_id(vague.index) in crowd.find_patients(birthdate=[("eq", vague.birth_date)])
    assert numbers.person_id(vague.index) not in crowd.find_patients(birthdate=[("eq", f"{vague.birth_date}-06")])


@pytest.mark.parametrize("text", ["", "1990-13", "1990-02-30", "90", "1990-1-1", "1990-01-01T00:00:00Z", "١٩٩٠"])
def test_what_is_no_date_is_refused(crowd: Hospital, text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        crowd.find_patients(birthdate=[("eq", text)])


def test_criteria_are_joined_by_and(crowd: Hospital) -> None:
    women = crowd.find_patients(gender="female", limit=5_000)
    smiths = crowd.find_patients(family="smith", limit=5_000)
    assert crowd.find_patients(family="smith", gender="female", limit=5_000) == [each for each in women if each in smiths]


def test_ids_and_limits(crowd: Hospital) -> None:
    everyone = crowd.find_patients(limit=5_000)
    assert len(everyone) == 3_000
    assert crowd.find_patients() == everyone[:1_001]
    assert crowd.find_patients(ids=[everyone[9], "nobody", everyone[2]]) == [everyone[2], everyone[9]]
    assert crowd.find_patients(ids=[]) == []


def test_postal_codes_from_their_start(crowd: Hospital) -> None:
    code = crowd._person(1).addresses[0].postal_code
    assert numbers.person_id(1) in crowd.find_patients(postal_code=code[:3], limit=5_000)


@pytest.mark.parametrize("text", ["%", "_", "'; DROP TABLE term; --", "\U0010ffff", "\x00", "*"])
def test_odd_texts_find_nobody(crowd: Hospital, text: str) -> None:
    assert crowd.find_patients(family=text) == []
