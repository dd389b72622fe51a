"""Each example is a hazard: the resource, and beside it the object that it has to become.

After a change that is meant, `python -m tests.objects.test_examples` writes the expected objects anew; read the difference.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from millgate.canonical.json import decode
from millgate.objects import BY_RESOURCE_TYPE, Context, encode_object

EXAMPLES = Path(__file__).parent / "examples"
CONTEXT = Context(
    tenant="general",
    pathway="fhir-r4",
    received_at="2025-08-01T12:00:00Z",
    time_zone="America/Chicago",
    base_url="https://fhir-ehr.cerner.com/r4/general-hospital/",
    content_url="",
)
INPUTS = sorted(path for path in EXAMPLES.glob("*.json") if not path.name.endswith(".expected.json"))


def expected_path(path: Path) -> Path:
    return path.with_suffix(".expected.json")


def made_of(path: Path) -> Any:
    resource = decode(path.read_bytes())
    return decode(encode_object(BY_RESOURCE_TYPE[resource["resourceType"]].normalize(resource, CONTEXT)))


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.stem)
def test_example(path: Path) -> None:
    assert made_of(path) == decode(expected_path(path).read_bytes())


def test_each_object_has_an_example() -> None:
    kinds = {decode(path.read_bytes())["resourceType"] for path in INPUTS}
    assert kinds == set(BY_RESOURCE_TYPE)


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.stem)
def test_twice_the_same_bytes(path: Path) -> None:
    resource = decode(path.read_bytes())
    normalize = BY_RESOURCE_TYPE[resource["resourceType"]].normalize
    first = encode_object(normalize(resource, CONTEXT))
    assert encode_object(normalize(decode(path.read_bytes()), CONTEXT)) == first
    assert decode(path.read_bytes()) == resource, "the mapper leaves the resource as it was"


def test_digits_stand_in_the_bytes_as_they_came() -> None:
    resource = decode((EXAMPLES / "observation-number-digits.json").read_bytes())
    made = encode_object(BY_RESOURCE_TYPE["Observation"].normalize(resource, CONTEXT))
    for digits in (b":7.10,", b":0.0000001}", b":1.0e3}", b":123456789012345678901234567890.10}", b":-0.00}"):
        assert digits in made


def test_include_fhir_adds_the_resource_as_it_came() -> None:
    for path in INPUTS:
        resource = decode(path.read_bytes())
        context = Context(tenant=None, pathway="fhir-r4", include_fhir=True)
        made = BY_RESOURCE_TYPE[resource["resourceType"]].normalize(resource, context)
        assert made.fhir is resource
        assert "tenant" not in decode(encode_object(made))


def _write_expected() -> None:
    import msgspec

    for path in INPUTS:
        resource = decode(path.read_bytes())
        made = encode_object(BY_RESOURCE_TYPE[resource["resourceType"]].normalize(resource, CONTEXT))
        expected_path(path).write_bytes(msgspec.json.format(made, indent=2) + b"\n")


if __name__ == "__main__":
    _write_expected()
