"""Choice elements: one field, its kind named, whichever type the source took."""

from __future__ import annotations

from typing import Any

import pytest

from millgate.objects import OBJECTS, Context

CONTEXT = Context(tenant="general", pathway="fhir-r4", time_zone="America/Chicago")
AGE = {"value": 40, "unit": "years"}


def condition(**elements: Any) -> Any:
    return OBJECTS["condition"].normalize({"resourceType": "Condition", "id": "1", **elements}, CONTEXT)


@pytest.mark.parametrize(
    ("element", "value", "kind"),
    [
        ("onsetDateTime", "2019", "instant"),
        ("onsetAge", AGE, "age"),
        ("onsetPeriod", {"start": "2019"}, "period"),
        ("onsetRange", {"low": AGE}, "range"),
        ("onsetString", "in youth", "text"),
    ],
)
def test_the_kind_is_named_and_only_its_field_is_there(element: str, value: Any, kind: str) -> None:
    onset = condition(**{element: value}).onset
    assert onset.kind == kind
    there = {name for name in ("instant", "age", "period", "range", "text") if getattr(onset, name) is not None}
    assert there == {kind}


def test_a_second_type_is_warned_of() -> None:
    made = condition(onsetDateTime="2019", onsetString="in youth")
    assert made.onset.instant == "2019"
    assert [(warning.code, warning.field) for warning in made.warnings] == [("more_than_one", "onset")]


def test_a_type_that_fhir_does_not_have_there_is_warned_of() -> None:
    made = condition(onsetBoolean=True)
    assert made.onset is None
    assert [(warning.code, warning.field) for warning in made.warnings] == [("unexpected_type", "onset")]


def test_a_value_that_is_none_leaves_no_kind() -> None:
    made = condition(onsetDateTime="not a date")
    assert made.onset is None
    assert [(warning.code, warning.field) for warning in made.warnings] == [("invalid_value", "onset")]


def test_the_first_category_that_says_what_kind_of_condition_it_is_stands_alone() -> None:
    def category(code: str) -> dict[str, Any]:
        return {"coding": [{"code": code}]}

    made = condition(category=[category("sdoh"), category("health-concern"), category("problem-list-item")])
    assert made.category.code == "health-concern"
    assert [each.code for each in made.other_categories] == ["sdoh", "problem-list-item"]
    assert condition(category=[category("sdoh")]).category.code == "sdoh"
    assert condition(category=[]).category is None


@pytest.mark.parametrize(
    ("elements", "deceased", "kind"),
    [
        ({}, None, None),
        ({"deceasedBoolean": False}, False, None),
        ({"deceasedBoolean": True}, True, None),
        ({"deceasedAge": AGE}, True, "age"),
        ({"deceasedDate": "1999"}, True, "instant"),
    ],
)
def test_whoever_died_at_some_time_is_dead(elements: dict[str, Any], deceased: bool | None, kind: str | None) -> None:
    resource = {"resourceType": "FamilyMemberHistory", "id": "1", **elements}
    made = OBJECTS["family_history"].normalize(resource, CONTEXT)
    assert made.deceased is deceased
    assert (made.deceased_when.kind if made.deceased_when else None) == kind


@pytest.mark.parametrize(("element", "value"), [("doseNumberPositiveInt", 2), ("doseNumberString", "2")])
def test_a_dose_number_is_text_whichever_type_the_source_took(element: str, value: Any) -> None:
    resource = {"resourceType": "Immunization", "id": "1", "protocolApplied": [{element: value}]}
    assert OBJECTS["immunization"].normalize(resource, CONTEXT).protocol[0].dose_number == "2"


def test_items_within_items_keep_their_order() -> None:
    item: dict[str, Any] = {"linkId": "9"}
    for number in range(8, 0, -1):
        item = {"linkId": str(number), "answer": [{"valueBoolean": True, "item": [item]}], "item": [{"linkId": f"{number}b"}]}
    resource = {"resourceType": "QuestionnaireResponse", "id": "1", "item": [item]}
    (found,) = OBJECTS["questionnaire_response"].normalize(resource, CONTEXT).items
    for number in range(1, 9):
        assert [found.link_id, found.items[0].link_id] == [str(number), f"{number}b"]
        (found,) = found.answers[0].items
    assert found.link_id == "9"
