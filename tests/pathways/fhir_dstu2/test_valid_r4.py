"""What comes of DSTU2 is R4 to two validators that are not ours."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path
from typing import Any

import fhirkit
import pytest
from fhir.resources.R4B import get_fhir_model_class

from millgate.canonical import json
from millgate.objects import BY_RESOURCE_TYPE as OBJECT_TYPES
from millgate.pathways.fhir_dstu2.decode import decode

EXPECTED = sorted((Path(__file__).parent / "examples").glob("*/*.expected.json"))

THEIR_OWN = '"Healthcare Provider" is not a valid uri'  # what the generator writes as a system


def opinions(resource: dict[str, Any]) -> list[str]:
    """What the validators find wrong."""
    body = json.encode(resource)
    found = [f"fhirkit: {issue}" for issue in fhirkit.validate(body.decode())]
    try:
        get_fhir_model_class(resource["resourceType"]).model_validate_json(body)
    except ValueError as error:
        found.append(f"fhir.resources: {error}")
    return found


@pytest.mark.parametrize("example", EXPECTED, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_an_example_is_valid(example: Path) -> None:
    for resource in json.decode(example.read_bytes()):
        assert opinions(resource) == []


def test_the_same_persons_are_valid(corpus: Path) -> None:
    bodies = [gzip.decompress(file.read_bytes()) for file in sorted((corpus / "synthea" / "dstu2").glob("*.json.gz"))]
    checked = [resource for body in bodies for resource in decode(body) if resource["resourceType"] in OBJECT_TYPES]
    wrong = Counter(f"{one['resourceType']}: {said}" for one in checked for said in opinions(one))
    assert len(checked) > 1000
    assert not [said for said in wrong if THEIR_OWN not in said], wrong
