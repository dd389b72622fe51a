"""Why something is missing: FHIR's data-absent reasons, wherever they stand in a resource.

Source: FHIR R4 extension data-absent-reason and value set http://hl7.org/fhir/ValueSet/data-absent-reason.
"""

from __future__ import annotations

from typing import Any

EXTENSION = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
SYSTEM = "http://terminology.hl7.org/CodeSystem/data-absent-reason"

REASONS = frozenset(
    {
        "unknown",
        "asked-unknown",
        "temp-unknown",
        "not-asked",
        "asked-declined",
        "masked",
        "not-applicable",
        "unsupported",
        "as-text",
        "error",
        "not-a-number",
        "negative-infinity",
        "positive-infinity",
        "not-performed",
        "not-permitted",
    }
)


def extension_reason(element: Any) -> str | None:
    """The reason in the element's own data-absent-reason extension, or None. The element may be a primitive's `_name` sibling."""
    extensions = element.get("extension") if element.__class__ is dict else None
    if extensions.__class__ is not list:
        return None
    for extension in extensions:
        if extension.__class__ is dict and extension.get("url") == EXTENSION:
            reason = extension.get("valueCode")
            if reason.__class__ is str and reason in REASONS:
                return str(reason)
    return None


def coding_reason(coding: Any) -> str | None:
    """The reason that a coding states, by the extension or as a code of the data-absent-reason system, or None."""
    if coding.__class__ is not dict:
        return None
    if coding.get("system") == SYSTEM:
        code = coding.get("code")
        if code.__class__ is str and code in REASONS:
            return str(code)
    return extension_reason(coding)


def concept_reason(concept: Any) -> str | None:
    """The reason that a CodeableConcept states, on itself or on one of its codings, or None."""
    if concept.__class__ is not dict:
        return None
    reason = extension_reason(concept)
    codings = concept.get("coding")
    if reason is not None or codings.__class__ is not list:
        return reason
    return next((found for found in map(coding_reason, codings) if found is not None), None)


def absent_reasons(resource: Any) -> dict[str, str]:
    """Every stated reason in a resource by FHIR path (`Patient.identifier[2].system`), in document order.

    Found on whole elements, on primitives (`_birthDate`), on codings, as codings of the data-absent-reason system, and
    in `dataAbsentReason` (which stands under its own path).
    """
    found: dict[str, str] = {}
    root = resource.get("resourceType") if isinstance(resource, dict) else None
    _collect(resource, root if isinstance(root, str) else "", found)
    return found


def _collect(element: Any, path: str, found: dict[str, str]) -> None:
    if isinstance(element, list):
        for index, member in enumerate(element):
            _collect(member, f"{path}[{index}]", found)
    elif isinstance(element, dict):
        reason = coding_reason(element)
        if reason is not None:
            found[path] = reason
        for key, member in element.items():
            if key != "extension":
                _collect(member, f"{path}.{key.removeprefix('_')}", found)
