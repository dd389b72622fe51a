"""How much of an ingredient a dose holds: exact, in the same unit, or not at all."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millgate.objects import OBJECTS, Context, encode_object
from millgate.objects.medications import Ingredient, Medication, ingredient_doses
from millgate.objects.shared import Code, Quantity, Ratio

UCUM = "http://unitsofmeasure.org"
CONTEXT = Context(tenant=None, pathway="fhir-r4")


def amount(value: str | None, code: str | None = None, unit: str | None = None, comparator: str | None = None) -> Quantity:
    return Quantity(
        value=Decimal(value) if value is not None else None,
        code=code,
        system=UCUM if code is not None else None,
        unit=unit,
        comparator=comparator,
    )


def made_of(part: Quantity | None, whole: Quantity | None) -> Medication:
    return Medication(ingredients=(Ingredient(item=Code(text="it"), strength=Ratio(numerator=part, denominator=whole)),))


@pytest.mark.parametrize(
    ("dose", "part", "whole", "holds"),
    [
        ("100", "40", "250", "16"),
        ("125.0", "40.00", "250", "20"),
        ("0.5", "1", "8", "0.0625"),
        ("1", "1", "3", None),  # no end as a decimal
        ("3", "1", "3", "1"),
        ("0", "40", "250", None),
        ("-1", "40", "250", None),
        ("1", "40", "0", None),
        ("1e300", "40", "250", None),
        ("1e-300", "40", "250", None),
    ],
)
def test_the_amount_is_exact_or_not_there(dose: str, part: str, whole: str, holds: str | None) -> None:
    found = ingredient_doses(amount(dose, "mL"), made_of(amount(part, "meq", "mEq"), amount(whole, "mL")))
    assert [(each.ingredient, each.text, each.quantity) for each in found] == (
        [(0, "it", amount(holds, "meq", "mEq"))] if holds is not None else []
    )


@pytest.mark.parametrize(
    ("dose", "whole"),
    [
        (amount("1", "mL"), amount("1", "L")),
        (amount("1", "mL"), amount("1", unit="mL")),
        (amount("1", unit="mL"), amount("1", unit="ml")),
        (amount("1"), amount("1")),
        (amount(None, "mL"), amount("1", "mL")),
        (amount("1", "mL", comparator=">"), amount("1", "mL")),
        (Quantity(value=Decimal(1), code="mL", system="http://example.org"), amount("1", "mL")),
    ],
)
def test_other_units_and_open_amounts_give_nothing(dose: Quantity, whole: Quantity) -> None:
    assert ingredient_doses(dose, made_of(amount("5", "mg"), whole)) == ()


def test_units_without_a_code_are_held_to_their_words() -> None:
    (found,) = ingredient_doses(amount("2", unit="tab"), made_of(amount("5", "mg"), amount("1", unit="tab")))
    assert found.quantity == amount("10", "mg")


NUMBERS = st.decimals(min_value=Decimal("0.0001"), max_value=Decimal(100_000), allow_nan=False, places=4)


@given(dose=NUMBERS, part=NUMBERS, whole=NUMBERS)
def test_what_is_told_is_true(dose: Decimal, part: Decimal, whole: Decimal) -> None:
    found = ingredient_doses(amount(str(dose), "mL"), made_of(amount(str(part), "mg"), amount(str(whole), "mL")))
    share = Fraction(dose) * Fraction(part) / Fraction(whole)
    if found:
        assert found[0].quantity.value is not None
        assert Fraction(found[0].quantity.value) == share
    else:
        rest = share.denominator
        for factor in (2, 5):
            while rest % factor == 0:
                rest //= factor
        assert rest != 1


def request(**more: Any) -> dict[str, Any]:
    return {"resourceType": "MedicationRequest", "id": "1", **more}


def test_a_medication_that_came_along_is_looked_into() -> None:
    there = {"resourceType": "Medication", "id": "7", "code": {"text": "it"}, "form": {"text": "tablet"}}
    context = Context(tenant=None, pathway="fhir-r4", included={"Medication/7": there}, urns={"urn:uuid:m": "Medication/7"})
    for literal in ("Medication/7", "urn:uuid:m"):
        made = OBJECTS["medication_request"].normalize(request(medicationReference={"reference": literal}), context)
        assert (made.medication.text, made.medication.form.text, made.medication.reference.id) == ("it", "tablet", "7")


def test_without_it_the_reference_is_what_is_known() -> None:
    made = OBJECTS["medication_request"].normalize(
        request(medicationReference={"reference": "Medication/7", "display": "lisinopril"}), CONTEXT
    )
    assert (made.medication.text, made.medication.reference.id, made.medication.ingredients) == ("lisinopril", "7", ())


def test_a_concept_beside_a_medication_with_a_code_is_warned_of() -> None:
    inside = {"resourceType": "Medication", "id": "m", "code": {"text": "that"}}
    made = OBJECTS["medication_request"].normalize(
        request(contained=[inside], medicationReference={"reference": "#m"}, medicationCodeableConcept={"text": "this"}), CONTEXT
    )
    assert made.medication.text == "this"
    assert [(warning.code, warning.field) for warning in made.warnings] == [("more_than_one", "medication")]


def test_money_as_text_keeps_its_digits_and_is_warned_of() -> None:
    balance = "https://fhir-ehr.cerner.com/r4/StructureDefinition/account-balance"

    def account(value: Any) -> Any:
        resource = {"resourceType": "Account", "id": "1", "extension": [{"url": balance, "valueMoney": {"value": value}}]}
        return OBJECTS["account"].normalize(resource, CONTEXT)

    made = account("1250.00")
    assert b'"balance":{"value":1250.00}' in encode_object(made)
    assert [warning.code for warning in made.warnings] == ["number_as_text"]
    for wild in ("1,250", "1e5", "NaN", "٣", "", " 1"):
        assert account(wild).balance is None
