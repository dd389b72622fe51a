"""The value sets of the objects' statuses: a code outside is shown as it came, and warned of."""

from __future__ import annotations

import pytest
from fhir.resources.R4B import get_fhir_model_class

from millgate.objects import BY_RESOURCE_TYPE, OBJECTS, Context
from millgate.terminology import value_sets

CONTEXT = Context(tenant=None, pathway="fhir-r4")
PLAIN = [(kind, one) for kind in BY_RESOURCE_TYPE for one in value_sets(kind) if one.system is None]


@pytest.mark.parametrize(("kind", "one"), PLAIN, ids=lambda value: value if isinstance(value, str) else value.element)
def test_the_codes_are_those_of_another_library(kind: str, one: object) -> None:
    fields = get_fhir_model_class(kind).model_fields.values()
    known = next(field.json_schema_extra["enum_values"] for field in fields if field.alias == one.element)
    if "+" in known:  # "and more": the library lists only the first
        assert set(known) - {"+"} < one.codes
    else:
        assert set(known) == one.codes


@pytest.mark.parametrize("kind", BY_RESOURCE_TYPE)
def test_a_code_outside_is_shown_and_warned_of(kind: str) -> None:
    for one in value_sets(kind):
        outside = {"coding": [{"system": one.system, "code": "unheard-of"}]} if one.system else "unheard-of"
        for value, warned in ((outside, 1), (sorted(one.codes)[0] if one.system is None else {"text": "words"}, 0)):
            many = one.element == "category"
            resource = {"resourceType": kind, "id": "1", one.element: [value] if many else value}
            made = BY_RESOURCE_TYPE[kind].normalize(resource, CONTEXT)
            warnings = [(each.code, each.field) for each in made.warnings]
            assert warnings.count(("unknown_code", one.field)) == warned
        shown = getattr(
            BY_RESOURCE_TYPE[kind].normalize({**resource, one.element: [outside] if many else outside}, CONTEXT), one.field
        )
        assert "unheard-of" in repr(shown)


def test_every_object_with_a_status_has_its_value_set() -> None:
    without = {
        name
        for name, each in OBJECTS.items()
        if {"status", "lifecycle_status", "clinical_status"} & set(each.struct.__struct_fields__)
        and not any(one.field.endswith("status") for one in value_sets(each.resource_type))
    }
    assert without == set()
