"""Which patients a resource concerns, for audit and for the patient context of a session.

A patient of the source itself goes by its id. Every other goes by what can never be such an id: one of another server by the whole
address, though its id be the same, and one that is told without an id (contained, by an identifier alone, or by a text that nobody can
read) by `UNNAMED`. So a session that is held to a patient takes nobody else for that patient.
"""

from __future__ import annotations

from typing import Any, Final

from millgate.canonical.references import parse_reference

UNNAMED: Final = "(a patient without an id)"

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
    ("member", "entity"),
)


def patients_of(resource: Any) -> tuple[str, ...]:
    """The patients that a resource concerns, each once: of a Patient its own id, otherwise every patient pointed to or contained.

    References under the source's own base are relative by the time they come here: the pathway makes them so.
    """
    if not isinstance(resource, dict):
        return ()
    if resource.get("resourceType") == "Patient":
        own_id = resource.get("id")
        return (own_id,) if isinstance(own_id, str) else ()
    found: dict[str, None] = {}
    for key in (*_DIRECT, *_PEOPLE):
        _take(resource.get(key), found)
    for outer, inner in _NESTED:
        for element in _members(resource.get(outer)):
            _take(element.get(inner), found)
    for rule in _members(resource.get("provision")):
        _take_rule(rule, found)
    for contained in _members(resource.get("contained")):
        found.update(dict.fromkeys((UNNAMED,) if contained.get("resourceType") == "Patient" else patients_of(contained)))
    return tuple(found)


def is_patient_id(patient: str) -> bool:
    """Whether this, out of `patients_of`, is the id of a patient of the source itself."""
    parsed = parse_reference(f"Patient/{patient}")
    return parsed is not None and parsed.id == patient and not patient.startswith("urn:")


def _take_rule(rule: dict[str, Any], found: dict[str, None]) -> None:
    """The patients that a consent's rule, and its exceptions within it, are about or speak of. Source: FHIR R4 Consent.provision."""
    for key in ("actor", "data"):
        for element in _members(rule.get(key)):
            _take(element.get("reference"), found)
    for exception in _members(rule.get("provision")):
        _take_rule(exception, found)


def _take(value: Any, found: dict[str, None]) -> None:
    for element in _members(value):
        if element.get("resourceType") == "Patient":
            found[UNNAMED] = None
        elif (patient := _patient(element)) is not None:
            found[patient] = None


def _patient(element: dict[str, Any]) -> str | None:
    """Whom a Reference element points to, where that is a patient."""
    reference, hint = element.get("reference"), element.get("type")
    if not isinstance(reference, str):
        return UNNAMED if hint == "Patient" and ("identifier" in element or "display" in element) else None
    parsed = parse_reference(reference, hint if isinstance(hint, str) else None)
    if parsed is None or hint == "Patient" != parsed.resource_type:
        return UNNAMED if hint == "Patient" or "patient/" in reference.lower() else None
    if parsed.resource_type != "Patient":
        return None
    if parsed.base is not None:
        return f"{parsed.base}/Patient/{parsed.id}"
    return parsed.id or parsed.urn or UNNAMED


def _members(value: Any) -> list[dict[str, Any]]:
    listed = value if isinstance(value, list) else [value]
    return [element for element in listed if isinstance(element, dict)]
