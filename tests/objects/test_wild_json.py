"""Whatever stands where, a mapper answers with an object or a GatewayError, the same way every time."""

from __future__ import annotations

import copy
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from millgate.canonical.json import decode, encode, number
from millgate.canonical.patients import patients_of
from millgate.canonical.terms import terms_of
from millgate.errors import GatewayError
from millgate.objects import BY_RESOURCE_TYPE, Context, encode_object
from tests.objects.r4 import DEFINITIONS, PRIMITIVES, RESOURCES

CONTEXT = Context(tenant="general", pathway="fhir-r4", time_zone="America/Chicago", base_url="https://a.example/r4/t")

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
    st.sampled_from(
        [
            "",
            "#",
            "#a",
            "Patient/1",
            "Patient/",
            "urn:uuid:1",
            "https://a.example/r4/t/Patient/1",
            "2019-02-30",
            "2019-05-04T10:00:00",
        ]
    ),
)
WILD = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["extension", "url", "coding", "system", "code", "value", "reference", "start", "id", "valueCode"]),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=6,
)
EXTENSION = st.fixed_dictionaries(
    {"url": st.sampled_from(["http://hl7.org/fhir/StructureDefinition/data-absent-reason", "http://example.org/x"])},
    optional={"valueCode": st.one_of(st.sampled_from(["unknown", "masked", "nonsense"]), WILD)},
)


@st.composite
def of_kind(draw: st.DrawFn, kind: str, depth: int) -> Any:
    """A value of a FHIR type, or once in a while something quite else."""
    if draw(st.integers(0, 7)) == 0:
        return draw(WILD)
    if kind in PRIMITIVES:
        return draw(st.one_of(st.just(PRIMITIVES[kind]), SCALARS))
    if kind == "Resource" or depth > 3:
        return draw(WILD)
    return draw(filled(kind, depth + 1))


@st.composite
def filled(draw: st.DrawFn, kind: str, depth: int = 0) -> dict[str, Any]:
    """An object with some of the type's elements."""
    definition = DEFINITIONS[kind]
    made: dict[str, Any] = {}
    for element in draw(st.lists(st.sampled_from(sorted(definition)), unique=True, max_size=6)):
        of, many = definition[element]
        made[element] = draw(st.lists(of_kind(of, depth), max_size=2)) if many else draw(of_kind(of, depth))
        if draw(st.integers(0, 5)) == 0:
            made["_" + element] = {"extension": [draw(EXTENSION)]}
    if draw(st.integers(0, 5)) == 0:
        made["extension"] = draw(st.one_of(st.lists(EXTENSION, max_size=2), WILD))
    return made


@pytest.mark.parametrize("kind", RESOURCES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_wild_resources(kind: str, data: st.DataObject) -> None:
    resource = decode(encode({"resourceType": kind, "id": "1", **data.draw(filled(kind))}))  # with numbers as a wire brings them
    before = copy.deepcopy(resource)
    made = BY_RESOURCE_TYPE[kind].normalize(resource, CONTEXT)
    encoded = encode_object(made)
    assert resource == before
    assert encode_object(BY_RESOURCE_TYPE[kind].normalize(copy.deepcopy(before), CONTEXT)) == encoded
    assert decode(encoded)["id"] == "1"
    shown = BY_RESOURCE_TYPE[kind].normalize(resource, replace(CONTEXT, include_fhir=True)).fhir
    assert encode_object(BY_RESOURCE_TYPE[kind].normalize(decode(encode(shown)), CONTEXT)) == encoded
    assert set(made.absent.values()) <= {"unknown", "masked", "not-asked"}
    assert all(isinstance(patient, str) for patient in patients_of(resource))
    assert all(isinstance(kind, str) and isinstance(value, str) for kind, value in terms_of(resource))


@pytest.mark.parametrize("kind", RESOURCES)
@given(resource=WILD)
@settings(max_examples=30, deadline=None)
def test_what_is_no_resource_is_refused(kind: str, resource: Any) -> None:
    with pytest.raises(GatewayError) as refused:
        BY_RESOURCE_TYPE[kind].normalize(resource, CONTEXT)
    assert refused.value.code == "invalid_document"


@given(text=st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?", fullmatch=True))
def test_digits_are_kept_through_the_mapper(text: str) -> None:
    body = b'{"resourceType":"Observation","id":"1","valueQuantity":{"value":' + text.encode() + b"}}"
    made = BY_RESOURCE_TYPE["Observation"].normalize(decode(body), CONTEXT)
    written = "0" if text == "-0" else text  # an integer, which has no negative zero
    assert encode_object(made.value) == b'{"kind":"quantity","quantity":{"value":' + written.encode() + b"}}"


@given(
    moment=st.datetimes(),
    offset=st.sampled_from(["Z", "+00:00", "-05:00", "+05:45"]),
    cut=st.sampled_from([4, 7, 10, 16, 19, 26]),
)
def test_dates_keep_their_precision(moment: Any, offset: str, cut: int) -> None:
    text = moment.isoformat(timespec="microseconds")[:cut] + (offset if cut > 10 else "")
    resource = {"resourceType": "Observation", "id": "1", "effectiveDateTime": text}
    made = BY_RESOURCE_TYPE["Observation"].normalize(resource, CONTEXT)
    assert made.effective_at == text
    assert made.warnings == ()


def test_a_number_that_python_would_write_otherwise_is_written_as_it_came() -> None:
    assert encode({"a": number("1e3"), "b": number("0.00000010"), "c": Decimal("7.10")}) == b'{"a":1e3,"b":0.00000010,"c":7.10}'
