"""Which patients a resource concerns, for audit and for the patient context of a session."""

from __future__ import annotations

from typing import Any

from millgate.canonical.references import reference_id

# Elements that may point to a patient: at the top, one object deep, and two deep. Source: FHIR R4 patient compartment.
_DIRECT = ("subject", "patient", "beneficiary", "subscriber", "policyHolder", "individual", "actor", "for", "target")
_PEOPLE = ("recipient", "sender", "author", "performer", "source", "entity", "member", "focus", "candidate")
_NESTED = (
    ("participant", "actor"),
    ("participant", "individual"),
    ("participant", "member"),
    ("link", "target"),
    ("context", "sourcePatientInfo"),
    ("context", "related"),
    ("provision", "actor"),
    ("member", "entity"),
)


def patients_of(resource: Any) -> tuple[str, ...]:
    """The ids of the patients that a resource concerns, each once: of a Patient its own, otherwise of every patient pointed to."""
    if not isinstance(resource, dict):
        return ()
    if resource.get("resourceType") == "Patient":
        own_id = reference_id(resource, "Patient")
        return (own_id,) if own_id is not None else ()
    found: dict[str, None] = {}
    for key in (*_DIRECT, *_PEOPLE):
        _take(resource.get(key), found)
    for outer, inner in _NESTED:
        for element in _members(resource.get(outer)):
            _take(element.get(inner), found)
    return tuple(found)


def _take(value: Any, found: dict[str, None]) -> None:
    for element in _members(value):
        patient_id = reference_id(element, "Patient")
        if patient_id is not None:
            found[patient_id] = None


def _members(value: Any) -> list[dict[str, Any]]:
    listed = value if isinstance(value, list) else [value]
    return [element for element in listed if isinstance(element, dict)]
