"""Observations, and reports of radiology, which are the only ones that DSTU2 has."""

from __future__ import annotations

from millgate.simulator.dstu2.render.codes import code
from millgate.simulator.dstu2.render.datatypes import Json, first, notes, picked

_VALUES = (
    "valueQuantity", "valueCodeableConcept", "valueString", "valueRange", "valueRatio", "valueSampledData", "valueTime",
    "valueDateTime", "valuePeriod",
)  # fmt: skip
_RELATED = {"hasMember": "has-member", "derivedFrom": "derived-from"}


def observation(new: Json, r4: Json) -> Json | None:
    """An observation, with one category and one interpretation."""
    status = code("Observation.status", r4.get("status"))
    if status is None:
        return None
    related = [{"type": kind, "target": one} for name, kind in _RELATED.items() for one in new.get(name, ())]
    return {
        "status": status,
        **first(new, "category"),
        **picked(new, "code", "subject", "encounter", "effectiveDateTime", "effectivePeriod", "issued", *_VALUES),
        **picked(new, "dataAbsentReason"),
        **first(new, "interpretation"),
        **notes(new, "comments"),
        **_ranges(new),
        **({"component": [_component(one) for one in new["component"]]} if "component" in new else {}),
        **({"related": related} if related else {}),
    }


def _component(new: Json) -> Json:
    return {**picked(new, "code", *_VALUES, "dataAbsentReason"), **_ranges(new)}


def _ranges(new: Json) -> Json:
    ranges = [
        {**picked(one, "low", "high", "age", type="meaning"), **({"text": words} if (words := _words(one)) else {})}
        for one in new.get("referenceRange", ())
    ]
    return {"referenceRange": ranges} if ranges else {}


def _words(new: Json) -> str | None:
    """The text of a range; one that has none and two ends is told by them, as in the published bodies."""
    if "text" in new:
        text: str = new["text"]
        return text
    low, high = new.get("low", {}), new.get("high", {})
    if "value" not in low or "value" not in high:
        return None
    return f"{low['value']}-{high['value']} {high.get('unit', '')}".strip()


def diagnostic_report(new: Json, r4: Json) -> Json | None:
    """A report of radiology; its documents are HTML and PDF. Other reports are not there."""
    kinds = [one for one in new.get("category", ()) if any(coding.get("code") == "RAD" for coding in one.get("coding", ()))]
    status = code("DiagnosticReport.status", r4.get("status"))
    if status is None or not kinds:
        return None
    forms = [picked(one, "contentType", "url", "title") for one in new.get("presentedForm", ())]
    shown = [one for one in forms if one.get("contentType") in ("text/html", "application/pdf")]
    return {
        "status": status,
        "category": kinds[0],
        **picked(new, "code", "subject", "encounter", "effectiveDateTime", "effectivePeriod", "issued", basedOn="request"),
        **first(new, "performer"),
        **({"presentedForm": shown} if shown else {}),
    }
