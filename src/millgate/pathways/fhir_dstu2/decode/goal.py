"""A goal: the status is that of its lifecycle in R4, with what was achieved beside it.

Source: FHIR DSTU2 Goal; FHIR R4 Goal.
"""

from __future__ import annotations

from typing import Any

from millgate.pathways.fhir_dstu2.decode.codes import TERMINOLOGY, code, codes
from millgate.pathways.fhir_dstu2.decode.rules import Element, Rule, Rules, kept, listed, merged, renamed, same

_ACHIEVED = {"achieved": "achieved", "sustaining": "sustaining"}


def _status(value: Any, _: Element) -> Element:
    """The lifecycle, and what was achieved where the source's status says so. Source: HL7's maps DSTU2 to R4."""
    achieved = _ACHIEVED.get(value) if isinstance(value, str) else None
    if isinstance(value, str) and value not in codes("Goal.status"):
        return {"_lifecycleStatus": kept("Goal", "status", value)}
    lifecycle = code("Goal.status", "lifecycleStatus", value)
    coding = {"system": f"{TERMINOLOGY}goal-achievement", "code": achieved}
    return merged(lifecycle, {"achievementStatus": {"coding": [coding]}} if achieved else {})


def _status_reason(value: Any, _: Element) -> Element:
    """A text in R4; what the concept says besides is kept."""
    if not isinstance(value, dict):
        return {"statusReason": value}
    words = value.get("text")
    more = kept("Goal", "statusReason", value) if value.keys() - {"text"} or not words else {}
    return merged({"statusReason": words} if words else {}, more)


def _outcome(value: Any, _: Element) -> Element:
    parts = []
    for one in listed(value):
        names = {"resultCodeableConcept": "outcomeCode", "resultReference": "outcomeReference"}
        known = isinstance(one, dict) and len(one) == 1 and one.keys() <= names.keys()
        parts.append({names[key]: [member] for key, member in one.items()} if known else kept("Goal", "outcome", one))
    return merged(*parts)


RULES: Rules = {
    **same(
        "identifier", "subject", "startDate", "startCodeableConcept", "category", "statusDate", "priority", "addresses", "note"
    ),
    **renamed(author="expressedBy"),
    "description": Rule("description", lambda value, _: {"description": {"text": value}}, primitive=False),
    "status": Rule("lifecycleStatus", _status),
    "statusReason": Rule("statusReason", _status_reason),
    "targetDate": Rule("target", lambda value, _: {"target": [{"dueDate": value}]}, primitive=False),
    "targetQuantity": Rule("target", lambda value, _: {"target": [{"dueDuration": value}]}, primitive=False),
    "outcome": Rule("outcomeCode", _outcome, primitive=False),
}
