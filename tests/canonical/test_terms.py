"""What a resource may be found by, in normal form."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millgate.canonical.terms import (
    KINDS,
    normal_email,
    normal_identifiers,
    normal_phones,
    normal_postal_code,
    normal_words,
    terms_of,
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("O’Hara-Núñez", ("ohara", "nunez")),
        ("O'Hara", ("ohara",)),
        ("  García   LÓPEZ ", ("garcia", "lopez")),
        ("Straße", ("strasse",)),
        ("Łukasz Østergård Ðorđe", ("lukasz", "ostergard", "dorde")),
        ("Nguyễn Thị Hồng", ("nguyen", "thi", "hong")),
        ("Nguye\u0302\u0303n", ("nguyen",)),
        ("李 小龙", ("李", "小龙")),
        ("Ἀλέξανδρος", ("αλεξανδροσ",)),
        ("Smith, Jr.", ("smith", "jr")),
        ("ﬁsher", ("fisher",)),
        ("𝐀na", ("ana",)),
        ("ŉa", ("na",)),
        ("-.,", ()),
        ("", ()),
    ],
)
def test_words_of_names(text: str, words: tuple[str, ...]) -> None:
    assert normal_words(text) == words


@given(st.text())
def test_normal_words_are_normal(text: str) -> None:
    words = normal_words(text)
    assert all(word and not word.isspace() for word in words)
    assert normal_words(" ".join(words)) == words


def test_phones_emails_identifiers_postal_codes() -> None:
    assert normal_phones("(816) 888-8886") == ("8168888886",)
    assert normal_phones("+1 816 888 8886 x12") == ("18168888886", "8168888886")
    assert normal_phones("816.888.8886 ext. 7") == ("8168888886",)
    assert normal_phones("none") == ()
    assert normal_email(" Ana.Lee@Example.ORG ") == "ana.lee@example.org"
    assert normal_identifiers("urn:oid:1.2", " AB-1 ") == "urn:oid:1.2|ab-1"
    assert normal_identifiers(None, "AB-1") == "ab-1"
    assert normal_postal_code("64151-0001") == ("641510001", "64151")
    assert normal_postal_code("M4B 1B3") == ("m4b1b3",)


def test_terms_of_a_patient() -> None:
    patient = {
        "resourceType": "Patient",
        "id": "1",
        "identifier": [
            {
                "system": "urn:oid:1.2",
                "value": "A1",
                "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]},
            },
            {"_system": {}, "value": " "},
        ],
        "name": [{"family": "Núñez Díaz", "given": ["Inés"], "suffix": ["PhD"], "text": "NUNEZ DIAZ, INES"}],
        "birthDate": "1984-11",
        "gender": "female",
        "telecom": [
            {"system": "phone", "value": "1-312-555-0142"},
            {"system": "email", "value": "I@X.org"},
            {"system": "fax", "value": "3"},
        ],
        "address": [{"postalCode": "60804"}],
    }
    assert terms_of(patient) == (
        ("identifier", "urn:oid:1.2|a1"),
        ("identifier", "mr|a1"),
        ("identifier", "a1"),
        ("family", "nunez"),
        ("family", "diaz"),
        ("given", "ines"),
        ("name", "nunez"),
        ("name", "diaz"),
        ("name", "ines"),
        ("name", "phd"),
        ("birth_date", "1984-11"),
        ("phone", "13125550142"),
        ("phone", "3125550142"),
        ("email", "i@x.org"),
        ("postal_code", "60804"),
        ("gender", "female"),
    )
    assert {kind for kind, _ in terms_of(patient)} <= set(KINDS)


def test_only_people_and_things_with_numbers_are_found() -> None:
    identifier = [{"value": "16634", "type": {"text": "FIN NBR"}}]
    expected = (("identifier", "fin|16634"), ("identifier", "16634"))
    for kind in ("Encounter", "Appointment", "DiagnosticReport"):
        assert terms_of({"resourceType": kind, "identifier": identifier, "birthDate": "2019"}) == expected
    assert terms_of({"resourceType": "Observation", "identifier": identifier}) == ()
    assert terms_of({"resourceType": "RelatedPerson", "name": [{"given": ["Ana"]}]}) == (("given", "ana"), ("name", "ana"))


PART = st.dictionaries(
    st.sampled_from(["value", "system", "family", "given", "type", "text"]), st.one_of(st.text(), st.lists(st.integers()))
)
ODD = st.one_of(st.none(), st.text(), st.lists(st.one_of(st.none(), PART)))


@given(st.dictionaries(st.sampled_from(["identifier", "name", "telecom", "address", "birthDate", "gender"]), ODD))
def test_odd_people(fields: dict[str, Any]) -> None:
    found = terms_of({"resourceType": "Patient", **fields})
    assert all(kind in KINDS and value for kind, value in found)
