"""Data-absent reasons, wherever they stand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from millgate.canonical.absent import EXTENSION, SYSTEM, absent_reasons, coding_reason, concept_reason, extension_reason
from millgate.canonical.json import decode

UNKNOWN: dict[str, Any] = {"extension": [{"url": EXTENSION, "valueCode": "unknown"}]}


def test_on_elements_primitives_codings_and_systems() -> None:
    resource = {
        "resourceType": "Observation",
        "_issued": {"extension": [{"url": "http://example.org/x"}, {"url": EXTENSION, "valueCode": "masked"}]},
        "subject": UNKNOWN,
        "category": [UNKNOWN],
        "code": {"coding": [UNKNOWN], "text": "words"},
        "dataAbsentReason": {"coding": [{"system": SYSTEM, "code": "error"}], "text": "Error"},
        "identifier": [{"value": "1"}, {"_system": UNKNOWN}],
    }
    assert absent_reasons(resource) == {
        "Observation.issued": "masked",
        "Observation.subject": "unknown",
        "Observation.category[0]": "unknown",
        "Observation.code.coding[0]": "unknown",
        "Observation.dataAbsentReason.coding[0]": "error",
        "Observation.identifier[1].system": "unknown",
    }


def test_only_fhirs_reasons_count() -> None:
    assert extension_reason({"extension": [{"url": EXTENSION, "valueCode": "because"}]}) is None
    assert coding_reason({"system": SYSTEM, "code": "because"}) is None
    assert coding_reason({"system": SYSTEM, "code": ["unknown"]} | {"code": "unknown"}) == "unknown"
    for odd in (None, 7, [], {}, {"extension": {}}, {"extension": [7, {"url": EXTENSION, "valueCode": 7}]}, {"coding": 7}):
        assert extension_reason(odd) is None
        assert concept_reason(odd) is None
        assert absent_reasons(odd) == {}


def test_published_reasons_are_all_shown_by_the_objects(corpus: Path) -> None:
    from millgate.objects import BY_RESOURCE_TYPE, Context

    context = Context(tenant=None, pathway="fhir-r4")
    seen = 0
    for path in sorted((corpus / "oracle-health-docs").glob("*r4/*.json")):
        for resource in _resources(decode(path.read_bytes())):
            stated = absent_reasons(resource)
            made = BY_RESOURCE_TYPE[resource["resourceType"]].normalize(resource, context)
            shown = [*made.absent.values(), *(r for part in getattr(made, "components", ()) for r in part.absent.values())]
            assert set(stated.values()) == set(shown), path.name
            seen += len(stated)
    assert seen > 20


def _resources(value: Any) -> list[dict[str, Any]]:
    from millgate.objects import BY_RESOURCE_TYPE

    if isinstance(value, list):
        return [found for member in value for found in _resources(member)]
    if not isinstance(value, dict):
        return []
    if value.get("resourceType") in BY_RESOURCE_TYPE:
        return [value] if "id" in value else []
    return [found for member in value.values() for found in _resources(member)]
