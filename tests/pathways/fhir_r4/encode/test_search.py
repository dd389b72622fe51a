"""Searches: refused with reasons, or within every rule that the source states; never with a filter lost on the way."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from millgate.canonical.exchange import Query
from millgate.errors import FixRequest
from millgate.pathways.fhir_r4.encode.search import encode_search

CHICAGO = "America/Chicago"
INSTANT = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z"


def encode(
    kind: str, limit: int = 50, time_zone: str | None = CHICAGO, **filters: str | tuple[str, ...]
) -> list[tuple[str, str]]:
    given_filters = {name.rstrip("_"): (value,) if isinstance(value, str) else value for name, value in filters.items()}
    return list(encode_search(Query(kind, given_filters, limit), time_zone=time_zone).parameters)


def problems(kind: str, time_zone: str | None = CHICAGO, **filters: str | tuple[str, ...]) -> dict[str, str]:
    with pytest.raises(FixRequest) as refused:
        encode(kind, time_zone=time_zone, **filters)
    assert refused.value.code == "search_not_supported"
    assert "It takes" in refused.value.detail
    return {problem.field: problem.code for problem in refused.value.errors}


def test_appointments_of_a_patient_get_an_open_period_that_holds_proposed_ones() -> None:
    beginning = "ge1900-01-01T00:00:00Z"
    assert encode("Appointment", patient_id="12") == [("patient", "12"), ("-date-or-req-period", beginning), ("_count", "50")]
    assert encode("Appointment", location_id="7", status=("booked", "arrived")) == [
        ("location", "7"),
        ("status", "booked,arrived"),
        ("date", beginning),
        ("_count", "50"),
    ]
    assert ("-date-or-req-period", beginning) in encode("Appointment", patient_id="12", status=("proposed", "booked"))


def test_bounds_are_sent_as_utc_instants_and_dates_mean_midnight_in_the_tenants_zone() -> None:
    assert encode("Encounter", patient_id="1", from_="2024-03-10", to="2024-03-11") == [
        ("patient", "1"),
        ("date", "ge2024-03-10T06:00:00Z"),
        ("date", "lt2024-03-11T05:00:00Z"),
        ("_count", "50"),
    ]
    assert ("date", "ge2024-03-10T05:30:15.250Z") in encode("Encounter", patient_id="1", from_="2024-03-10T00:30:15.250-05:00")


def test_a_date_is_refused_where_the_tenant_has_no_time_zone() -> None:
    assert problems("Observation", time_zone=None, patient_id="1", from_="2024-03-10") == {"from": "needs_time_zone"}
    assert encode("Observation", time_zone=None, patient_id="1", to="2024-03-10T00:00:00Z")[1] == (
        "date",
        "lt2024-03-10T00:00:00Z",
    )


def test_midnight_that_the_clocks_skip_is_the_first_instant_of_the_day() -> None:
    assert ("date", "ge2018-11-04T03:00:00Z") in encode(
        "Encounter", time_zone="America/Sao_Paulo", patient_id="1", from_="2018-11-04"
    )


def test_everything_wrong_is_named_at_once() -> None:
    found = problems(
        "Observation", patient_id=("1", "2"), code="glucose", from_="soon", updated_since="2024-01-01T00:00:00Z", status="final"
    )
    assert found == {
        "patient_id": "single_value",
        "code": "invalid",
        "from": "invalid",
        "updated_since": "excluded",
        "status": "not_searchable",
    }


def test_slots_need_types_of_one_system_and_both_bounds() -> None:
    own, standard = "https://fhir.cerner.com/t1/codeSet/14249|4047611", "http://snomed.info/sct|394576009"
    assert problems("Slot", service_type=own) == {"service_type": "incomplete"}
    assert problems("Slot", service_type=(own, standard), from_="2024-01-01", to="2024-01-08") == {
        "service_type": "mixed_systems"
    }
    assert problems("Slot", service_type="4047611", from_="2024-01-01", to="2024-01-08") == {"service_type": "invalid"}
    assert problems("Slot", service_type=own, from_="2024-01-01", to="2024-01-08", status="busy") == {"status": "not_searchable"}
    assert encode(
        "Slot", limit=2, service_type=own, from_="2024-01-01", to="2024-01-08", status="free", practitioner_id=("4", "5")
    ) == [
        ("service-type", own),
        ("start", "ge2024-01-01T06:00:00Z"),
        ("start", "lt2024-01-08T06:00:00Z"),
        ("schedule.actor", "Practitioner/4,Practitioner/5"),
        ("_count", "5"),
    ]


def test_an_empty_or_backward_period_is_refused() -> None:
    assert problems("Encounter", patient_id="1", from_="2024-01-02", to="2024-01-02") == {"to": "empty_period"}


@pytest.mark.parametrize(
    ("given_date", "expected"),
    [
        ("1980-05-17", ["1980-05-17"]),
        ("ge1980-05-17", ["ge1980-05-17"]),
        ("1980-02", ["ge1980-02-01", "le1980-02-29"]),
        ("1980", ["ge1980-01-01", "le1980-12-31"]),
        ("gt1980", ["gt1980-12-31"]),
        ("lt1980-03", ["lt1980-03-01"]),
        (("le1980-05-17", "ge1979-01-01"), ["le1980-05-17", "ge1979-01-01"]),
    ],
)
def test_birth_dates(given_date: str | tuple[str, ...], expected: list[str]) -> None:
    assert [value for name, value in encode("Patient", birth_date=given_date) if name == "birthdate"] == expected


@pytest.mark.parametrize(
    "bad", ["1980-13", "1980-02-30", "1980-05-17T00:00:00Z", "ne1980", "", ("1980-01-01", "1981-01-01"), ("ge1980", "lt1990")]
)
def test_birth_dates_that_the_source_would_not_take(bad: str | tuple[str, ...]) -> None:
    with pytest.raises(FixRequest):
        encode("Patient", birth_date=bad)


def test_identifiers_by_system_value_type_or_oid() -> None:
    assert encode("Patient", identifier="urn:oid:1.2.3|77") == [("identifier", "urn:oid:1.2.3|77")]
    assert encode("Patient", identifier="1.2.3|77") == [("identifier", "urn:oid:1.2.3|77")]
    assert encode("Patient", identifier="77") == [("identifier", "77")]
    found = encode_search(Query("Patient", {"identifier": ("MR|77",)}, 50), time_zone=None)
    assert found.parameters == (("identifier", "77"),)
    assert found.identifier_type is not None
    assert (found.identifier_type.code, found.identifier_type.value) == ("MR", "77")
    assert problems("Encounter", identifier="FIN NBR|77") == {"identifier": "invalid"}
    assert problems("Practitioner", identifier="77") == {"identifier": "invalid"}


def test_codes_with_system_or_bare_loinc() -> None:
    assert encode("Observation", patient_id="1", code=("2345-7", "http://snomed.info/sct|271649006"))[1] == (
        "code",
        "http://loinc.org|2345-7,http://snomed.info/sct|271649006",
    )


def test_page_sizes_are_clamped_and_left_out_where_they_are_not_honoured() -> None:
    assert encode("Observation", limit=500, patient_id="1")[-1] == ("_count", "200")
    assert encode("DiagnosticReport", limit=200, patient_id="1")[-1] == ("_count", "100")
    assert encode("Observation", ids=("L-1", "L-2")) == [("_id", "L-1,L-2")]
    assert encode("Encounter", identifier="urn:oid:1.2|5") == [("identifier", "urn:oid:1.2|5")]
    assert encode("Schedule", ids="a-b-c-0") == [("_id", "a-b-c-0")]
    assert encode("Location", type_="http://terminology.hl7.org/CodeSystem/v3-RoleCode|HOSP")[-1][0] == "type"


def test_organizations_may_be_listed_without_a_filter_and_locations_may_not() -> None:
    assert encode("Organization") == [("_count", "50")]
    assert problems("Location") == {"ids": "required"}
    assert problems("Location", name="North") == {"ids": "required", "name": "incomplete"}


def test_parameters_that_always_come_along() -> None:
    number = "https://fhir.cerner.com/t/statement-number|68002"
    assert encode("Account", encounter_id="9") == [("-encounter", "9"), ("type", "guarantor-balance"), ("_count", "50")]
    statement = [("patient", "1"), ("identifier", number), ("type", "statement")]
    assert encode("Account", patient_id="1", identifier=number)[:3] == statement
    assert problems("Account", patient_id="1") == {"patient_id": "incomplete"}
    assert encode("ChargeItem", encounter_id="9")[:2] == [("context", "9"), ("-status", "billable")]
    assert encode("RelatedPerson", patient_id="1") == [("patient", "1"), ("-relationship-level", "Patient")]
    assert encode("RelatedPerson", encounter_id="9") == [("-encounter", "9")]


def test_dispenses_take_one_lower_bound() -> None:
    assert encode("MedicationDispense", patient_id="1", from_="2024-03-10T00:00:00Z")[1] == ("date", "ge2024-03-10T00:00:00Z")
    assert problems("MedicationDispense", patient_id="1", to="2024-03-10T00:00:00Z") == {"to": "not_searchable"}


def test_the_chart_of_a_patient() -> None:
    assert encode("Condition", patient_id="1", encounter_id=("2", "3"), category="problem-list-item", status="active") == [
        ("patient", "1"),
        ("encounter", "2,3"),
        ("category", "problem-list-item"),
        ("clinical-status", "active"),
    ]
    assert problems("Condition", patient_id="1", status="final") == {"status": "not_searchable"}
    assert problems("AllergyIntolerance") == {"ids": "required"}
    assert encode("Procedure", patient_id="1", from_="2024-01-05")[1] == ("date", "ge2024-01-05T06:00:00Z")
    assert encode(
        "DocumentReference", limit=200, patient_id="1", type_=("http://loinc.org|11506-3", "http://loinc.org|18842-5")
    ) == [
        ("patient", "1"),
        ("type", "http://loinc.org|11506-3,http://loinc.org|18842-5"),
        ("_count", "100"),
    ]


def test_an_exclusive_bound_becomes_the_last_millisecond_where_the_source_takes_closed_periods_only() -> None:
    assert encode("Immunization", patient_id="1", from_="2024-01-05", to="2024-01-06") == [
        ("patient", "1"),
        ("date", "ge2024-01-05T06:00:00.000Z"),
        ("date", "le2024-01-06T05:59:59.999Z"),
    ]
    between = encode("Immunization", patient_id="1", from_="2024-01-05T00:00:00.0001Z", to="2024-01-06T00:00:00.123456Z")
    assert between[1:] == [("date", "ge2024-01-05T00:00:00.001Z"), ("date", "le2024-01-06T00:00:00.123Z")]
    assert problems("Immunization", patient_id="1", to="0001-01-01T00:00:00Z") == {"to": "invalid"}


def test_care_plans_need_a_patient_and_the_category_and_a_period_needs_both_ends() -> None:
    assert problems("CarePlan", patient_id="1") == {"patient_id": "incomplete"}
    assert problems("CarePlan", patient_id="1", category="assess-plan", from_="2024-01-05") == {"from": "incomplete"}
    assert encode("CarePlan", limit=20, patient_id="1", category="assess-plan") == [
        ("patient", "1"),
        ("category", "assess-plan"),
        ("_count", "20"),
    ]
    assert problems("CareTeam", encounter_id="1", category="longitudinal") == {"category": "incomplete"}


def test_orders_are_searched_by_codes_of_the_tenants_catalog_only() -> None:
    assert problems("ServiceRequest", patient_id="1", code="2345-7") == {"code": "invalid"}
    own = "https://fhir.cerner.com/t1/codeSet/200|2750"
    assert ("code", own) in encode("ServiceRequest", patient_id="1", code=own)


def test_provenances_are_searched_by_the_record_that_they_tell_of() -> None:
    assert encode("Provenance", target="Condition/p12") == [("target", "Condition/p12")]
    assert problems("Provenance", target="p12") == {"target": "invalid"}
    assert problems("Provenance") == {"ids": "required"}


def test_messages_need_all_four_filters() -> None:
    whole = {"practitioner_id": "5", "category": "reminder", "from_": "2024-01-05", "email_status": "completed"}
    assert encode("Communication", limit=20, **whole) == [
        ("category", "reminder"),
        ("recipient:Practitioner", "5"),
        ("received", "ge2024-01-05T06:00:00.000Z"),
        ("-email-status", "completed"),
        ("_count", "20"),
    ]
    for left_out in ("category", "from_", "email_status"):
        rest = {name: value for name, value in whole.items() if name != left_out}
        assert problems("Communication", **rest) == {"practitioner_id": "incomplete"}


def test_unknown_types_are_refused() -> None:
    with pytest.raises(FixRequest, match="search_not_supported"):
        encode("Basic", patient_id="1")


# An independent statement of the sheet's rules on parameters, against which every encoded search is held.
ONCE = {
    "Patient": "identifier name family given phone email address-postalcode gender _id _count",
    "Encounter": "_id patient identifier status _lastUpdated _count",
    "Observation": "_id patient code category _lastUpdated _count",
    "DiagnosticReport": "_id patient encounter category code _lastUpdated _count",
    "Appointment": "_id patient practitioner location status _count",
    "Schedule": "_id",
    "Slot": "_id service-type schedule.actor -location _count",
    "Practitioner": "_id identifier family given name active _count",
    "Location": "_id -physicalType type identifier address address-city address-state address-postalcode name organization",
    "Organization": "_id identifier type name address _count",
    "MedicationRequest": "_id patient status intent _lastUpdated _count",
    "MedicationAdministration": "_id patient status performer _count",
    "MedicationDispense": "_id patient date _lastUpdated _count",
    "Coverage": "_id patient -encounter",
    "RelatedPerson": "_id identifier patient -encounter -relationship-level",
    "Person": "_id identifier",
    "Device": "_id patient",
    "Account": "_id -encounter patient identifier -guarantor type _count",
    "ChargeItem": "_id context account -status _count",
    "InsurancePlan": "_id owned-by",
    "NutritionOrder": "_id patient status _lastUpdated _count",
    "Consent": "_id patient",
    "Condition": "_id patient encounter category clinical-status _lastUpdated",
    "AllergyIntolerance": "_id patient clinical-status _lastUpdated",
    "Procedure": "_id patient _lastUpdated",
    "Immunization": "_id patient _lastUpdated",
    "DocumentReference": "_id patient encounter type category _lastUpdated _count",
    "CarePlan": "_id patient category _count",
    "CareTeam": "_id patient encounter category status",
    "Goal": "_id patient",
    "ServiceRequest": "_id patient code _lastUpdated _count",
    "Specimen": "_id",
    "Provenance": "_id target",
    "Questionnaire": "_id",
    "QuestionnaireResponse": "_id patient",
    "FamilyMemberHistory": "_id patient status",
    "Communication": "_id category recipient:Practitioner -email-status _count",
}
# Of the types below every search is one of these ways, with nothing beside it but what narrows it.
WAYS = {
    "MedicationRequest": ({"_id"}, {"patient"}),
    "MedicationAdministration": ({"_id"}, {"patient"}),
    "MedicationDispense": ({"_id"}, {"patient"}),
    "Coverage": ({"_id"}, {"patient"}, {"-encounter"}),
    "RelatedPerson": ({"_id"}, {"patient", "-relationship-level"}, {"identifier", "-relationship-level"}, {"-encounter"}),
    "Person": ({"_id"}, {"identifier"}),
    "Device": ({"_id"}, {"patient"}),
    "Account": ({"_id"}, {"-encounter", "type"}, {"patient", "identifier", "type"}, {"-guarantor", "type"}),
    "ChargeItem": ({"_id"}, {"context", "-status"}, {"account", "-status"}),
    "InsurancePlan": ({"_id"}, {"owned-by"}),
    "NutritionOrder": ({"_id"}, {"patient"}),
    "Consent": ({"_id"}, {"patient"}),
    "Condition": ({"_id"}, {"patient"}),
    "AllergyIntolerance": ({"_id"}, {"patient"}),
    "Procedure": ({"_id"}, {"patient"}),
    "Immunization": ({"_id"}, {"patient"}),
    "DocumentReference": ({"_id"}, {"patient"}),
    "CarePlan": ({"_id"}, {"patient", "category"}),
    "CareTeam": ({"_id"}, {"patient"}, {"encounter"}),
    "Goal": ({"_id"}, {"patient"}),
    "ServiceRequest": ({"_id"}, {"patient"}),
    "Specimen": ({"_id"},),
    "Provenance": ({"_id"}, {"target"}),
    "Questionnaire": ({"_id"},),
    "QuestionnaireResponse": ({"_id"}, {"patient"}),
    "FamilyMemberHistory": ({"_id"}, {"patient"}),
    "Communication": ({"_id"}, {"category", "recipient:Practitioner", "received", "-email-status"}),
}
NARROWING = {"status", "intent", "performer", "effective-time", "date", "_lastUpdated", "_count"}
NARROWING_OF = {
    "Condition": {"encounter", "category", "clinical-status"},
    "AllergyIntolerance": {"clinical-status"},
    "DocumentReference": {"encounter", "type", "category"},
    "ServiceRequest": {"code"},
}
DATES = {
    "Patient": {"birthdate"},
    "Encounter": {"date"},
    "Observation": {"date"},
    "DiagnosticReport": {"date"},
    "Appointment": {"date", "-date-or-req-period"},
    "Slot": {"start"},
    "MedicationAdministration": {"effective-time"},
    "Procedure": {"date"},
    "Immunization": {"date"},
    "DocumentReference": {"date"},
    "CarePlan": {"date"},
    "Communication": {"received"},
}
# Periods that are closed above, in equal precision; which of them may lack a bound, and which bound has to be there then.
CLOSED = {"Immunization": ("ge", "le"), "CarePlan": (), "Communication": ("ge",)}
SINGLE = {"Patient": "*", "Encounter": "patient identifier status", "Observation": "patient", "DiagnosticReport": "patient"}
COUNT_MOST = {"Observation": 200, "DiagnosticReport": 100, "Slot": 200}


def broken_rules(kind: str, parameters: list[tuple[str, str]]) -> list[str]:
    """Which of the sheet's rules the parameters break. Written from sheet 3.1 and 3.2, not from the tables."""
    names = {name for name, _ in parameters}
    counts = Counter(name for name, _ in parameters)
    values: dict[str, list[str]] = {}
    for name, value in parameters:
        values.setdefault(name, []).append(value)
    dates = DATES.get(kind, set())
    broken = [f"unknown {name}" for name in names - set(ONCE[kind].split()) - dates]
    broken += [f"repeated {name}" for name in names - dates if counts[name] > 1]
    broken += [f"more than two {name}" for name in dates & names if counts[name] > 2]
    broken += [f"empty {name}" for name, value in parameters if not value]
    if "_id" in names and names != {"_id"}:
        broken.append("_id beside others")
    if {"date", "_lastUpdated"} <= names or {"date", "-date-or-req-period"} <= names:
        broken.append("two dates")
    broken += _broken_presence(kind, names)
    broken += _broken_dates(kind, {name: values[name] for name in dates & names})
    single = set(ONCE[kind].split()) - {"_id"} if SINGLE.get(kind) == "*" else set(SINGLE.get(kind, "").split())
    broken += [f"list in {name}" for name, value in parameters if name in single and "," in value]
    if "_count" in names and not (5 if kind == "Slot" else 1) <= int(values["_count"][0]) <= COUNT_MOST.get(kind, 10**6):
        broken.append("page size")
    return broken


def _broken_presence(kind: str, names: set[str]) -> list[str]:
    if kind == "Patient":
        fits = bool(names & {"_id", "identifier", "name", "family", "given", "birthdate", "phone", "email", "address-postalcode"})
    elif kind == "Encounter":
        main = names & {"_id", "patient", "identifier"}
        fits = bool(main) and ("patient" in names or not names & {"date", "status", "_count"})
    elif kind in ("Observation", "DiagnosticReport"):
        fits = bool(names & {"_id", "patient"})
    elif kind == "Appointment":
        main = names & {"patient", "practitioner", "location"}
        fits = "_id" in names or (len(main) == 1 and bool(names & {"date", "-date-or-req-period"}))
    elif kind == "Schedule":
        fits = names == {"_id"}
    elif kind == "Slot":
        fits = "_id" in names or {"service-type", "start"} <= names
    elif kind == "Practitioner":
        fits = bool(names & {"_id", "identifier", "family", "name", "active"}) and ("given" not in names or "family" in names)
    elif kind == "Location":
        addressed = names & {"address-state", "address-postalcode"}
        described = names & {"-physicalType", "identifier", "address", "address-city"} or addressed
        fits = bool(names & {"_id", "-physicalType", "type"} or described)
        fits = fits and ("address-city" not in names or bool(addressed))
        fits = fits and (not names & {"name", "organization"} or bool(described))
    elif kind in WAYS:
        narrowing = NARROWING | NARROWING_OF.get(kind, set())
        fits = any(way <= names and names - way <= narrowing for way in WAYS[kind])
        fits = fits and (kind != "CareTeam" or "patient" in names or not names & {"category", "status"})
    else:
        fits = True
    return [] if fits else ["required combination"]


def _broken_dates(kind: str, dates: Mapping[str, list[str]]) -> list[str]:
    broken: list[str] = []
    for name, values in dates.items():
        prefixes = sorted(re.match(r"[a-z]*", value)[0] for value in values)  # type: ignore[index]
        if name == "birthdate":
            fits = all(re.fullmatch(r"(ge|le|gt|lt|eq)?\d{4}-\d{2}-\d{2}", value) for value in values)
            fits = fits and (len(values) == 1 or prefixes == ["ge", "le"])
        elif kind in CLOSED:
            fits = all(re.fullmatch(r"(ge|le)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value) for value in values)
            fits = fits and (prefixes == ["ge", "le"] or (len(values) == 1 and prefixes[0] in CLOSED[kind]))
        else:
            fits = all(re.fullmatch(rf"(ge|lt){INSTANT}", value) for value in values)
            fits = fits and (prefixes == ["ge", "lt"] or (len(values) == 1 and kind != "Slot"))
            bare = sorted(value[2:] for value in values)
            fits = fits and (len(values) == 1 or next(v for v in values if v.startswith("ge"))[2:] == bare[0])
        broken += [] if fits else [f"dates {name} {values}"]
    return broken


FILTERS = (
    "ids patient_id encounter_id practitioner_id location_id from to updated_since category code status service_type identifier "
    "name family given birth_date gender phone email postal_code active physical_type type address city state organization_id "
    "intent account_id guarantor_id target email_status colour"
).split()
WORDS = (
    "12 L-5 2345-7 http://loinc.org|2345-7 https://fhir.cerner.com/t/codeSet/14249|9 2024-01-05 2024-02-01T10:00:00Z "
    "2024-03-01T10:00:00.123456-06:00 booked proposed free true male final laboratory Smith 1980 1980-05 ge1980-05-01 "
    "MR|77 urn:oid:1.2|3 Condition/p1 https://fhir.cerner.com/t/codeSet/200|9 assess-plan active"
).split()
VALUES = st.one_of(st.sampled_from(WORDS), st.text(max_size=8))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(sorted(ONCE)),
    st.dictionaries(st.sampled_from(FILTERS), st.lists(VALUES, min_size=1, max_size=3).map(tuple), max_size=5),
    st.integers(1, 200),
    st.sampled_from([None, CHICAGO, "Nowhere/Land"]),
)
def test_a_search_is_refused_with_reasons_or_keeps_every_rule(
    kind: str, filters: dict[str, Any], limit: int, zone: str | None
) -> None:
    try:
        found = encode_search(Query(kind, filters, limit), time_zone=zone)
    except FixRequest as error:
        reasons, parameters = {problem.field for problem in error.errors}, None
    else:
        reasons, parameters = set(), list(found.parameters)
    if parameters is None:
        assert reasons
    else:
        assert broken_rules(kind, parameters) == []
        assert carried(kind, filters) <= len([name for name, _ in parameters if name != "_count"])


def carried(kind: str, filters: Mapping[str, Any]) -> int:
    """How many parameters the filters need at least: one each, but for a slot's `free`, which every slot search means."""
    return len(filters) - (1 if kind == "Slot" and "status" in filters else 0)


def likely(kind: str) -> st.SearchStrategy[dict[str, tuple[str, ...]]]:
    """Filter sets that have a chance to be accepted."""
    text, one_id = st.sampled_from([("Smith",), ("Ångström",)]), st.sampled_from([("12",), ("A-1.b",)])
    times = {"from": st.just(("2024-01-05",)), "to": st.sampled_from([("2024-02-01T10:00:00Z",), ("2024-01-06",)])}
    optional = {
        "Patient": {
            "given": text,
            "birth_date": st.sampled_from([("1980",), ("1980-05-01",)]),
            "gender": st.just(("female",)),
            "postal_code": text,
            "identifier": st.sampled_from([("MR|7",), ("7",), ("urn:oid:1.2|7",)]),
        },
        "Encounter": {"patient_id": one_id, "status": st.just(("finished",)), **times},
        "Observation": {
            "patient_id": one_id,
            "code": st.just(("2345-7", "718-7")),
            "category": st.just(("laboratory",)),
            **times,
        },
        "Appointment": {
            "patient_id": one_id,
            "location_id": one_id,
            "status": st.sampled_from([("booked",), ("proposed",)]),
            **times,
        },
        "Slot": {
            "service_type": st.just(("http://snomed.info/sct|1",)),
            "location_id": st.just(("1", "2")),
            "status": st.just(("free",)),
            **times,
        },
        "Location": {"state": text, "city": text, "name": text, "organization_id": one_id, "type": st.just(("HOSP",))},
        "Practitioner": {"family": text, "given": text, "active": st.just(("true",))},
    }[kind]
    return st.fixed_dictionaries({}, optional=optional)


@given(st.sampled_from(["Patient", "Encounter", "Observation", "Appointment", "Slot", "Location", "Practitioner"]).flatmap(
    lambda kind: st.tuples(st.just(kind), likely(kind))
))  # fmt: skip
def test_a_likely_search_keeps_every_rule_too(asked: tuple[str, dict[str, tuple[str, ...]]]) -> None:
    test_a_search_is_refused_with_reasons_or_keeps_every_rule.hypothesis.inner_test(asked[0], asked[1], 50, CHICAGO)  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", sorted(ONCE))
def test_the_checker_itself_finds_broken_rules(kind: str) -> None:
    assert broken_rules(kind, [("_id", "1"), ("_id", "2"), ("_sort", "date")])
