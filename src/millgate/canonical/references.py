"""References between resources: relative, absolute, contained, versioned, and URNs.

Source: FHIR R4 §2.3 (References between Resources).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_LITERAL = re.compile(
    r"(?:(?P<base>https?://[^\s?#]+)/)?(?P<type>[A-Z][A-Za-z]{1,63})/(?P<id>[^/\s?#|]{1,255})(?:/_history/(?P<version>[^/\s?#|]{1,255}))?"
)


@dataclass(frozen=True, slots=True)
class ParsedReference:
    """What a reference's text says.

    `resource_type`, `id`, `version` and `base` (without a trailing slash) of a literal reference; `contained` is the local id
    behind `#`; `urn` is the whole of a `urn:uuid:` or `urn:oid:` reference.
    """

    resource_type: str | None = None
    id: str | None = None
    version: str | None = None
    base: str | None = None
    contained: str | None = None
    urn: str | None = None


@lru_cache(maxsize=8192)
def parse_reference(reference: str, type_hint: str | None = None) -> ParsedReference | None:
    """The parts of a reference's text, or None where it is none of the forms that FHIR knows.

    `type_hint` is the element's own `type`, which counts where the text names no type.
    """
    match = _LITERAL.fullmatch(reference)
    if match is not None:
        return ParsedReference(match["type"], match["id"], match["version"], match["base"])
    if reference.startswith("#") and len(reference) > 1:
        return ParsedReference(type_hint, contained=reference[1:])
    if reference.startswith(("urn:uuid:", "urn:oid:")):
        return ParsedReference(type_hint, urn=reference)
    return None


def parse_element(element: Any) -> ParsedReference | None:
    """The parts of a Reference element (a dict with `reference`), or None where it has no literal reference that can be read."""
    if not isinstance(element, dict):
        return None
    reference = element.get("reference")
    if not isinstance(reference, str):
        return None
    hint = element.get("type")
    return parse_reference(reference, hint if isinstance(hint, str) else None)


def reference_id(reference: Any, expected_type: str) -> str | None:
    """The logical id, where the reference (element or text), or the resource itself, is of the expected type; else None.

    A URN counts as the id where its `type` is the expected one.
    """
    if isinstance(reference, dict) and "resourceType" in reference:
        own_id = reference.get("id")
        return own_id if reference["resourceType"] == expected_type and isinstance(own_id, str) else None
    parsed = parse_reference(reference) if isinstance(reference, str) else parse_element(reference)
    if parsed is None or parsed.resource_type != expected_type:
        return None
    return parsed.id or parsed.urn


def contained_resource(resource: Any, local_id: str) -> dict[str, Any] | None:
    """The contained resource with this local id (without `#`), or None."""
    contained = resource.get("contained") if isinstance(resource, dict) else None
    if not isinstance(contained, list):
        return None
    for candidate in contained:
        if isinstance(candidate, dict) and candidate.get("id") == local_id:
            return candidate
    return None


def relative_references(resource: dict[str, Any], base: str) -> dict[str, Any]:
    """The resource with each `reference` under `base` made relative; the same object if there was none."""
    changed: dict[str, Any] = _relative(resource, base.rstrip("/") + "/")
    return changed


def _relative(value: Any, prefix: str) -> Any:
    if isinstance(value, dict):
        walked = {name: _relative_member(name, member, prefix) for name, member in value.items()}
        return walked if any(walked[name] is not value[name] for name in value) else value
    if isinstance(value, list):
        items = [_relative(item, prefix) for item in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value


def _relative_member(name: str, member: Any, prefix: str) -> Any:
    if name == "reference" and isinstance(member, str):
        return member.removeprefix(prefix)
    return _relative(member, prefix)
