"""Which codes are units of UCUM."""

from __future__ import annotations

import sys
from subprocess import run
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millgate.objects import OBJECTS, Context
from millgate.terminology import UCUM, is_ucum
from millgate.terminology.tables import rows
from millgate.terminology.units import _parses


def test_every_common_unit_is_one_by_the_grammar_too() -> None:
    assert [row["code"] for row in rows("units.csv") if not _parses(row["code"])] == []


@pytest.mark.parametrize("code", ["ug/kg/min", "10*3/uL", "m[iU]/mL", "{tbl}", "mm[Hg]", "kg.m/s2", "nmol/min/mg{prot}", "daPa"])
def test_units(code: str) -> None:
    assert is_ucum(code)


@pytest.mark.parametrize("code", ["", "mcg", "mEq", "tab", "MMHG", "µg", "per day", "mg / dL", "(" * 60, "x" * 65, "m" * 10_000])
def test_what_is_no_unit(code: str) -> None:
    assert not is_ucum(code)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=70))
def test_any_text_is_answered(code: str) -> None:
    assert is_ucum(code) in (True, False)


def test_common_units_do_not_load_the_library() -> None:
    code = "import sys, millgate.terminology as t; assert t.is_ucum('mg/dL'); assert 'ucumvert' not in sys.modules"
    assert run([sys.executable, "-c", code], check=False).returncode == 0


def observation(**quantity: Any) -> Any:
    resource = {"resourceType": "Observation", "id": "1", "valueQuantity": quantity}
    return OBJECTS["observation"].normalize(resource, Context(tenant=None, pathway="fhir-r4"))


def test_an_unknown_unit_keeps_its_text_and_is_warned_of() -> None:
    made = observation(value=5, unit="mcg", system="urn:oid:2.16.840.1.113883.6.8", code="mcg")
    assert (made.value.quantity.unit, made.value.quantity.code, made.value.quantity.system) == ("mcg", "mcg", UCUM)
    assert [(warning.code, warning.field) for warning in made.warnings] == [("unknown_unit", "value.quantity.code")]


@pytest.mark.parametrize(
    "quantity",
    [{"unit": "mcg"}, {"unit": "mcg", "code": "mcg"}, {"code": "mg", "system": UCUM}, {"code": "9", "system": "urn:x"}],
)
def test_only_what_is_said_to_be_ucum_is_held_to_it(quantity: dict[str, str]) -> None:
    assert observation(value=5, **quantity).warnings == ()
