"""What two validators that are not ours say of the published bodies as canonical R4: `docs/reference/published-slips.csv`, no more.

Bodies of DSTU2 are decoded first; that they stay as valid as they were is what the decoding has to answer for.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import fhirkit
import pytest
from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError

from millgate.canonical import json
from tests.conftest import REPOSITORY
from tests.objects.published import published

TABLE = REPOSITORY / "docs" / "reference" / "published-slips.csv"


def written(folder: str) -> set[str]:
    """The places that the table names for a version of FHIR."""
    with TABLE.open(encoding="utf-8", newline="") as table:
        return {row["place"] for row in csv.DictReader(table) if row["version"] == folder}


def wrong_places(resource: dict[str, Any]) -> set[str]:
    """Where the validators find something wrong, as element paths without indices."""
    body = json.encode(resource)
    kind = resource["resourceType"]
    found = {
        re.sub(r"\[\d+\]", "", str(issue).removeprefix("error at ").partition(": ")[0])
        for issue in fhirkit.validate(body.decode())
    }
    try:
        get_fhir_model_class(kind).model_validate_json(body)
    except ValidationError as error:
        for each in error.errors():
            found.add(".".join([kind, *(str(part) for part in each["loc"] if not isinstance(part, int))]))
    return found


@pytest.mark.parametrize("version", ["r4", "dstu2"])
def test_published_bodies_are_valid_but_for_their_own_slips(corpus: Path, version: str) -> None:
    found: set[str] = set()
    checked = 0
    for name, resource in published(corpus):
        if ("dstu2" in name) == (version == "dstu2"):
            checked += 1
            found |= wrong_places(resource)
    assert checked > 100
    assert found == written(version)


def test_every_slip_is_told_in_words() -> None:
    with TABLE.open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    assert all(len(row["slip"].split()) > 2 for row in rows)
    assert len({(row["version"], row["place"]) for row in rows}) == len(rows)
