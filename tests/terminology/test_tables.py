"""The tables: every row has a source, none says a thing twice, and the lookups do as the tables say."""

from __future__ import annotations

import pytest

from millgate.terminology import (
    CodeSet,
    canonical_system,
    identifier_type_of_code,
    identifier_type_of_system,
    identifier_type_of_text,
    is_public_system,
    lifting_order,
    parse_code_set,
    short_name,
    system_by_short_name,
)
from millgate.terminology.systems import SYSTEMS
from millgate.terminology.tables import rows

KEYS = {
    "systems.csv": ("uri",),
    "system_aliases.csv": ("alias",),
    "identifier_types.csv": ("kind", "key"),
    "lifting.csv": ("object", "field", "order"),
}


@pytest.mark.parametrize("table", KEYS)
def test_every_row_is_complete_and_single(table: str) -> None:
    listed = rows(table)
    assert listed
    assert all(all(row.values()) for row in listed)
    keys = [tuple(row[column] for column in KEYS[table]) for row in listed]
    assert len(set(keys)) == len(keys)


def test_short_names_are_single_and_known() -> None:
    assert len({system.short_name for system in SYSTEMS.values()}) == len(SYSTEMS)
    assert short_name("http://loinc.org") == "loinc"
    assert short_name("http://example.org") is None
    loinc = system_by_short_name("loinc")
    assert loinc is not None
    assert (loinc.uri, loinc.public) == ("http://loinc.org", True)
    assert system_by_short_name("nothing") is None


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("urn:oid:2.16.840.1.113883.6.1", "http://loinc.org"),
        ("https://snomed.info/sct", "http://snomed.info/sct"),
        ("http://terminology.hl7.org/CodeSystem/v2-0360%7C2.7", "http://terminology.hl7.org/CodeSystem/v2-0360"),
        ("http://terminology.hl7.org/CodeSystem/v2-0360|2.7", "http://terminology.hl7.org/CodeSystem/v2-0360"),
        ("urn:oid:2.16.840.1.113883.6.238", "urn:oid:2.16.840.1.113883.6.238"),
        ("https://fhir.cerner.com/t/codeSet/72", "https://fhir.cerner.com/t/codeSet/72"),
    ],
)
def test_systems_have_one_uri(written: str, canonical: str) -> None:
    assert canonical_system(written) == canonical
    assert canonical_system(canonical) == canonical


def test_public_systems() -> None:
    for uri in (
        "http://loinc.org",
        "urn:oid:2.16.840.1.113883.6.238",
        "http://terminology.hl7.org/CodeSystem/anything",
        "urn:ietf:bcp:47",
    ):
        assert is_public_system(uri)
    for uri in (
        None,
        "",
        "https://fhir.cerner.com/t/codeSet/72",
        "https://fhir.cerner.com/ceuuid",
        "http://e-imo.com/products/problem-it",
        "urn:oid:9.9",
    ):
        assert not is_public_system(uri)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        (
            "https://fhir.cerner.com/ec2458f2-1e24-41c8-b71b-0e701af7583d/codeSet/72",
            CodeSet("ec2458f2-1e24-41c8-b71b-0e701af7583d", "us", 72),
        ),
        ("https://fhir.ca.cerner.com/-KzIoYV6gk/codeSet/4", CodeSet("-KzIoYV6gk", "ca", 4)),
        ("https://fhir.au.cerner.com/t/codeSet/14249", CodeSet("t", "au", 14249)),
        ("https://fhir.uk.cerner.com/t/codeSet/4", None),
        ("https://fhir.cerner.com/t/nomenclature", None),
        ("https://fhir.cerner.com/t/codeSet/x", None),
        ("https://fhir.cerner.com/t/codeSet/4/5", None),
        ("https://fhir.cerner.com/t/codeSet/1234567890", None),
    ],
)
def test_code_sets(uri: str, expected: CodeSet | None) -> None:
    assert parse_code_set(uri) == expected


def test_identifier_types() -> None:
    assert identifier_type_of_code("http://terminology.hl7.org/CodeSystem/v2-0203", "MR") == "MR"
    assert identifier_type_of_code("https://fhir.cerner.com/t/codeSet/319", "1077") == "FIN"
    assert identifier_type_of_code("https://fhir.cerner.com/t/codeSet/4", "10") is None
    assert identifier_type_of_text(" FIN NBR ") == "FIN"
    assert identifier_type_of_text("whatever") is None
    assert identifier_type_of_system("http://hl7.org/fhir/sid/us-npi") == "NPI"
    assert identifier_type_of_system("urn:oid:1.2.3") is None


def test_lifting_orders() -> None:
    assert dict(lifting_order("observation", "code")) == {"http://loinc.org": 1}
    conditions = sorted(lifting_order("condition", "code").items(), key=lambda entry: entry[1])
    assert [short_name(uri) for uri, _ in conditions] == ["snomed", "icd-10-cm"]
    assert lifting_order("patient", "race") == {}
