"""The chart's resources against the R4 models of `fhir.resources`, which shares nothing with this project."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from millgate.simulator.hospital.chapters import CHAPTER_TYPES

from .conftest import Everything

models = pytest.importorskip("fhir.resources.R4B", reason="fhir.resources is not installed here")
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_EACH = 60


def _as_the_library_takes_it(resource: dict[str, Any]) -> dict[str, Any]:
    """Two things of the tenant's that the library refuses: underscores in the ids of teams, which FHIR does not allow either, and an
    occurrence that is nothing but a reason for its absence, which FHIR does allow."""
    taken = dict(resource)
    if resource["resourceType"] == "CareTeam":
        taken["id"] = str(resource["id"]).replace("_", ".")
    if resource["resourceType"] == "Immunization" and "_occurrenceDateTime" in resource:
        taken["occurrenceString"] = "absent"
        del taken["_occurrenceDateTime"]
    return taken


@pytest.mark.parametrize("kind", [*CHAPTER_TYPES, "Person", "InsurancePlan", "Questionnaire", "Communication"])
def test_a_sample_of_each_type_is_valid(everything: Everything, kind: str) -> None:
    held = everything[kind]
    model = models.get_fhir_model_class(kind)
    sample = held[:: max(1, len(held) // _EACH)]
    assert sample
    for resource in sample:
        assert model.model_validate_json(_ENCODER.encode(_as_the_library_takes_it(resource))).id
