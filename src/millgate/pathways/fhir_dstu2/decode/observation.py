"""An observation: the category is a list in R4, the interpretation too, and what it is made of is named by its own elements.

Source: FHIR DSTU2 Observation; FHIR R4 Observation.
"""

from __future__ import annotations

from typing import Any

from millgate.pathways.fhir_dstu2.decode.codes import status
from millgate.pathways.fhir_dstu2.decode.rules import (
    Element,
    Rule,
    Rules,
    each,
    into_list,
    kept,
    listed,
    merged,
    note,
    renamed,
    same,
)

VALUES = (
    "valueQuantity", "valueCodeableConcept", "valueString", "valueRange", "valueRatio", "valueSampledData", "valueAttachment",
    "valueTime", "valueDateTime", "valuePeriod",
)  # fmt: skip
RANGE: Rules = {**same("low", "high", "age", "text"), **renamed(meaning="type")}
COMPONENT: Rules = {
    **same("code", "dataAbsentReason", *VALUES),
    "referenceRange": each("referenceRange", RANGE, "Observation.referenceRange"),
}
_RELATED = {"has-member": "hasMember", "derived-from": "derivedFrom"}


def _related(value: Any, _: Element) -> Element:
    """Members and sources; a relation that R4 does not have is kept as it was."""
    parts = []
    for one in listed(value):
        to = _RELATED.get(str(one.get("type"))) if isinstance(one, dict) and one.keys() <= {"type", "target"} else None
        parts.append({to: [one.get("target")]} if to else kept("Observation", "related", one))
    return merged(*parts)


RULES: Rules = {
    **same("identifier", "code", "subject", "encounter", "effectiveDateTime", "effectivePeriod", "issued", "performer"),
    **same("dataAbsentReason", "bodySite", "method", "specimen", "device", *VALUES),
    "status": status("Observation.status"),
    "category": into_list("category"),
    "interpretation": into_list("interpretation"),
    "comments": note(),
    "related": Rule("hasMember", _related, primitive=False),
    "referenceRange": each("referenceRange", RANGE, "Observation.referenceRange"),
    "component": each("component", COMPONENT, "Observation.component"),
}
