"""Which searches the tenant takes, and what it says to the others. Pure: no socket, no hospital."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millgate.simulator.answers import Refused
from millgate.simulator.search.query import read_query
from millgate.simulator.search.table import RULES

FROM, TO = "ge2026-01-01T00:00:00Z", "lt2026-02-01T00:00:00Z"

TAKEN = [
    ("Patient", "family=smith&given=jo&gender=female"),
    ("Patient", "family:exact=Smith"),
    ("Patient", "_id=1,2,3"),
    ("Patient", "birthdate=1980-01-02"),
    ("Patient", "birthdate=ge1980&birthdate=le1981-06"),
    ("Patient", "identifier=urn:oid:2.16.840.1.113883.6.1000%7C123"),
    ("Patient", "identifier=123&unknown=x&_sort=birthdate"),
    ("Patient", "_id=1&_revinclude=Provenance:target"),
    ("Encounter", "patient=1&_count=5&status=finished,cancelled"),
    ("Encounter", f"patient=Patient/1&date={FROM}&date={TO}"),
    ("Encounter", f"subject:Patient=1&date={FROM}"),
    ("Encounter", "identifier=1"),
    ("Observation", "patient=1&category=laboratory&date=2026-01"),
    ("Observation", "subject=Patient/1&code=http://loinc.org%7C4548-4,8867-4&date=ge2026&date=lt2027"),
    ("Observation", "patient=1&_lastUpdated=ge2026-01-01T10:00:00Z&_revinclude=Provenance:target"),
    ("DiagnosticReport", f"patient=1&encounter=1,2&date={FROM}&date={TO}"),
    ("DiagnosticReport", "patient=1&date=ge2026-01-01"),
    ("Appointment", "patient=1,2&date=2026-01-01"),
    ("Appointment", f"practitioner=1&date={FROM}"),
    ("Appointment", "location=1&-date-or-req-period=ge2026-01-01&-date-or-req-period=lt2026-02-01&status=booked,proposed"),
    ("Appointment", "patient=1&date=le2026-02-01T00:00:00Z&date=gt2026-01-01T00:00:00Z"),
    ("Slot", f"service-type=1,2&start={FROM}&start={TO}&schedule.actor=Practitioner/1&-location=1"),
    ("Slot", f"service-type=1&start={FROM}&start={TO}&_include=Slot:schedule&_include=Schedule:actor:Practitioner"),
    ("Slot", "_id=1-2-3-4"),
    ("Schedule", "_id=1,2"),
    ("Practitioner", "name=sm"),
    ("Practitioner", "family=smith&given=al"),
    ("Practitioner", "active=true"),
    ("Practitioner", "identifier=http://hl7.org/fhir/sid/us-npi%7C1"),
    ("Location", "type=PHARM"),
    ("Location", "-physicalType=http://terminology.hl7.org/CodeSystem/location-physical-type%7Cwa&name=main"),
    ("Location", "address-city=Kansas&address-state=MO"),
    ("Location", "address=kansas&organization=1"),
    ("Organization", ""),
    ("Organization", "name=model&address=kansas"),
]

REFUSED = [
    (
        "Patient",
        "totally-bogus-param=foo",
        "at least one of _id, identifier, name, family, given, birthdate, phone, email, address-postalcode, or -pageContext must be provided",
    ),
    ("Patient", "family=", "at least one of _id, identifier,"),
    ("Patient", "gender=male", "at least one of _id, identifier,"),
    ("Patient", "_id=1&family=smith", "_id must not be provided with family"),
    ("Patient", "_id=1&gender=male", "_id must not be provided with gender"),
    ("Patient", "family=a&family=b", "family must be provided only once"),
    ("Patient", "identifier=1,2", "identifier must have a single value"),
    ("Patient", "birthdate=1980-01-01T00:00:00Z", "birthdate must not have a time component"),
    ("Patient", "birthdate=ge1980&birthdate=lt1990", "birthdate prefix pairs must create a closed range"),
    ("Patient", "birthdate=le1980&birthdate=ge1990", "birthdate prefix pairs must create a closed range"),
    ("Patient", "birthdate=1980&birthdate=1981&birthdate=1982", "birthdate must be provided only twice"),
    ("Patient", "birthdate=01/02/1980", "birthdate is not a valid date"),
    ("Patient", "birthdate=sa1980", "birthdate is not a valid date or has an unsupported prefix"),
    ("Patient", "birthdate=1980-02-30", "birthdate is not a valid date"),
    ("Patient", "family=a&gender=man", "gender must be one of female, male, other, unknown"),
    ("Patient", "family:contains=a", "at least one of _id, identifier,"),
    ("Patient", "family=a&_count=none", "_count must be a positive number"),
    ("Patient", "family=a&_count=0", "_count must be a positive number"),
    ("Patient", "family=a&_revinclude=Provenance:target", "_revinclude must be provided with one of _id, patient, or subject"),
    ("Patient", "_id=1&_revinclude=Observation:subject", "_revinclude Observation:subject is not supported"),
    (
        "Encounter",
        "status=finished",
        "at least one of _id, patient, subject, account, identifier, or -pageContext must be provided",
    ),
    ("Encounter", "patient=1&subject=1", "only one of patient, subject, account, or identifier must be provided"),
    ("Encounter", "patient=1&date=2026-01-01T00:00:00Z", "date must have one of the prefixes ge, gt, le, lt"),
    ("Encounter", "patient=1&date=ge2026-01-01", "date must have a time component"),
    ("Encounter", f"identifier=1&date={FROM}", "date must be provided with one of patient or subject"),
    ("Encounter", "subject=1&status=finished", "status must be provided with patient"),
    ("Encounter", "patient=1&status=arrived", "status must be one of cancelled, finished, in-progress, planned"),
    ("Encounter", f"patient=1&date={FROM}&_lastUpdated=2026", "date must not be provided with _lastUpdated"),
    ("Observation", "code=1", "at least one of _id, patient, subject, or -pageContext must be provided"),
    ("Observation", "_id=1&patient=1", "_id must not be provided with patient"),
    ("Observation", "patient=1&date=2026&_lastUpdated=2026", "date must not be provided with _lastUpdated"),
    ("Observation", "patient=1&date=ge2026&date=ge2027", "date prefix pairs must create a closed range"),
    ("Observation", "patient=1&date=2026-01-01T10:00:00", "date is not a valid date"),
    ("Observation", "patient=1&date=ge2026-01-01T10:00:00+01:00", "date is not a valid date"),
    ("Observation", "subject=Group/1", "subject must be a reference to Patient"),
    ("Observation", "patient=1,2", "patient must have a single value"),
    ("DiagnosticReport", "category=LAB", "at least one of _id, patient, or -pageContext must be provided"),
    ("DiagnosticReport", "patient=1&date=ge2026-01-01&date=lt2026-02-01", "date must have a time component"),
    ("Appointment", "patient=1", "patient must be provided with one of date or -date-or-req-period"),
    ("Appointment", "date=2026", "at least one of _id, patient, practitioner, location, or -pageContext must be provided"),
    ("Appointment", "patient=1&practitioner=1&date=2026", "only one of patient, practitioner, or location must be provided"),
    ("Appointment", "patient=1&date=ge2026-01-01", "date must have a time component"),
    ("Appointment", "patient=1&date=2026&-date-or-req-period=2026", "date must not be provided with -date-or-req-period"),
    ("Appointment", "patient=1&date=2026&status=done", "status must be one of"),
    ("Schedule", "", "_id must be provided"),
    ("Schedule", "actor=1", "_id must be provided"),
    ("Slot", f"start={FROM}&start={TO}", "at least one of _id, service-type, or -pageContext must be provided"),
    ("Slot", "service-type=1", "service-type must be provided with start"),
    ("Slot", f"service-type=1&start={FROM}", "start must be provided twice"),
    ("Slot", "service-type=1&start=ge2026-01-01&start=lt2026-02-01", "start must have a time component"),
    (
        "Slot",
        "service-type=1&start=gt2026-01-01T00:00:00Z&start=lt2026-02-01T00:00:00Z",
        "start prefix pairs must create a closed range",
    ),
    ("Slot", "service-type=1&service-type=2", "service-type must be provided only once"),
    ("Slot", "_id=1&_include=Slot:location", "_include Slot:location is not supported"),
    (
        "Slot",
        f"service-type=1&start={FROM}&start={TO}&schedule.actor=Location/1",
        "schedule.actor must be a reference to Practitioner",
    ),
    ("Practitioner", "given=al", "at least one of _id, identifier, family, name, active, or -pageContext must be provided"),
    ("Practitioner", "active=true&given=al", "given must be provided with family"),
    ("Practitioner", "name=s", "name must have at least 2 characters"),
    ("Practitioner", "identifier=1", "identifier must have a system and a code"),
    ("Practitioner", "active=yes", "active must be one of false, true"),
    ("Location", "name=main", "at least one of _id, -physicalType, type, identifier, address, address-state, address-postalcode"),
    ("Location", "type=PHARM&name=main", "name must be provided with one of"),
    (
        "Location",
        "type=PHARM&address-city=Kansas",
        "address-city must be provided with one of address-state or address-postalcode",
    ),
    ("Organization", "_id=1&name=a", "_id must not be provided with name"),
]


@pytest.mark.parametrize(("resource_type", "query"), TAKEN)
def test_a_search_that_is_taken(resource_type: str, query: str) -> None:
    assert read_query(RULES[resource_type], query).rule.resource_type == resource_type


@pytest.mark.parametrize(("resource_type", "query", "text"), REFUSED)
def test_a_search_that_is_refused(resource_type: str, query: str, text: str) -> None:
    with pytest.raises(Refused) as refused:
        read_query(RULES[resource_type], query)
    (issue,) = json.loads(refused.value.answer.body)["issue"]
    assert refused.value.answer.status == 400
    assert (issue["severity"], issue["code"]) == ("error", "invalid")
    assert issue["details"]["text"].startswith(text)


@pytest.mark.parametrize(
    ("resource_type", "query", "count"),
    [
        ("Observation", "patient=1&_count=7", 7),
        ("Observation", "patient=1&_count=5000", 200),
        ("Observation", "_id=1&_count=7", None),
        ("DiagnosticReport", "patient=1&_count=101", 100),
        ("Slot", f"service-type=1&start={FROM}&start={TO}&_count=1", 5),
        ("Slot", f"service-type=1&start={FROM}&start={TO}&_count=999", 200),
        ("Patient", "identifier=1&_count=5", None),
        ("Patient", "family=a&_count=5", 5),
        ("Encounter", "subject=1&_count=5", None),
        ("Encounter", "patient=1&_count=5", 5),
        ("Schedule", "_id=1&_count=5", None),
    ],
)
def test_which_count_is_honoured(resource_type: str, query: str, count: int | None) -> None:
    assert read_query(RULES[resource_type], query).count == count


def status(resource_type: str, query: str) -> int:
    try:
        read_query(RULES[resource_type], query)
    except Refused as refused:
        return refused.answer.status
    return 200


@given(st.sampled_from(sorted(RULES)), st.text(max_size=200))
def test_a_wild_query_is_taken_or_refused_with_400(resource_type: str, query: str) -> None:
    assert status(resource_type, query) in (200, 400)


_NAMES = sorted(
    {parameter.name for rule in RULES.values() for parameter in rule.parameters} | {"_include", "_revinclude", "-pageContext"}
)
_VALUES = st.one_of(
    st.text(max_size=30), st.sampled_from([FROM, TO, "1", "Patient/1", "a|b", "|", ",", "ge", "9999", "ge9999-12-31T23:59:59Z"])
)


@given(st.sampled_from(sorted(RULES)), st.lists(st.tuples(st.sampled_from(_NAMES), _VALUES), max_size=6))
def test_known_names_with_wild_values_are_taken_or_refused_with_400(resource_type: str, pairs: list[tuple[str, str]]) -> None:
    assert status(resource_type, "&".join(f"{name}={value}" for name, value in pairs)) in (200, 400)
