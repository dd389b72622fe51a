"""Fields in words: what is there and nothing else, whatever comes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millgate.canonical import json
from millgate.flow.wording import field_words, words

MMHG = {"unit": "mmHg", "code": "mm[Hg]"}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, ""),
        (True, "yes"),
        (["a", None, "b"], "a, b"),
        (
            {"text": "Essential hypertension", "system": "http://snomed.info/sct", "code": "59621000", "codings": []},
            "Essential hypertension",
        ),
        ({"code": "2", "codings": [{"code": "1", "display": "one"}, {"code": "2", "display": "two"}]}, "two"),
        ({"code": "4548-4", "codings": [{"system": "http://loinc.org", "code": "4548-4"}]}, "4548-4"),
        ({"kind": "quantity", "quantity": {"value": Decimal("7.10"), "unit": "%"}}, "7.10 %"),
        ({"value": Decimal("5"), "comparator": "<", "unit": "ng/mL"}, "<5 ng/mL"),
        ({"value": Decimal("5")}, "5"),
        ({"start": "2019-05", "end": "2020"}, "2019-05 to 2020"),
        ({"start": "2019", "end": "2019"}, "2019"),
        ({"start": "2019-05"}, "from 2019-05"),
        ({"low": {"value": Decimal("3.5"), "unit": "g"}, "type": {"text": "Normal", "codings": []}}, "3.5 g or more (Normal)"),
        ({"low": {"value": 1, **MMHG}, "high": {"value": 2, **MMHG}}, "1 mmHg to 2 mmHg"),
        ({"numerator": {"value": 1}, "denominator": {"value": 128}}, "1 : 128"),
        ({"object": "practitioner", "id": "7", "display": "Ito, Ana"}, "Ito, Ana"),
        ({"object": "practitioner", "id": "7"}, "practitioner 7"),
        ({"type": "MR", "system": "urn:oid:1", "value": "00017"}, "MR 00017"),
        ({"family": "Ito", "given": ["Ana", "B"], "prefix": ["Dr"]}, "Dr Ana B Ito"),
        ({"text": "ITO, ANA", "family": "Ito", "given": ["Ana"]}, "ITO, ANA"),
        ({"value": "4145552812", "use": "home"}, "4145552812"),
        ({"lines": ["1 Main St"], "city": "Milwaukee", "postal_code": "53202"}, "1 Main St, Milwaukee, 53202"),
        ({"manifestations": [{"text": "Hives", "codings": []}], "severity": "mild"}, "Hives (mild)"),
        ({"kind": "instant", "instant": "2019-05"}, "2019-05"),
    ],
)
def test_a_value_is_told_by_what_it_says(value: Any, told: str) -> None:
    assert words(value) == told


def test_a_blood_pressure_is_told_by_its_parts() -> None:
    systolic = {"code": {"text": "Systolic", "codings": []}, "value": {"kind": "quantity", "quantity": {"value": 120, **MMHG}}}
    diastolic = {"code": {"text": "Diastolic", "codings": []}, "absent": {"value": "not-performed"}}
    assert field_words({"components": [systolic, diastolic]}, "value") == "Systolic 120 mmHg; Diastolic (not-performed)"


def test_what_is_missing_is_told_with_its_reason_and_otherwise_not_at_all() -> None:
    assert field_words({"absent": {"value": "masked"}}, "value") == "(masked)"
    assert field_words({}, "value") == ""


LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.decimals(allow_nan=False, allow_infinity=False)
NAMES = st.sampled_from(
    "kind quantity code codings text value unit low high start end id object display given family lines measure absent components".split()
)
WILD = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12)


@given(WILD)
def test_any_value_is_told_without_a_failure(value: Any) -> None:
    assert isinstance(words(value), str)


@given(st.dictionaries(NAMES, WILD, max_size=4), NAMES)
def test_any_field_is_told_without_a_failure(found: dict[str, Any], field: str) -> None:
    assert isinstance(field_words(found, field), str)


def test_digits_are_kept_from_the_wire_to_the_words() -> None:
    assert words(json.decode(b'{"value": 7.100, "unit": "%"}')) == "7.100 %"
