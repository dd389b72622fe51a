"""The published bodies of the folder of samples, as canonical resources: those of DSTU2 decoded, those without an id with one.

A body that is sent to create something has no id; one is given to it here, since an object has to have one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from millgate.canonical.json import decode
from millgate.objects import BY_RESOURCE_TYPE
from millgate.pathways.fhir_dstu2.decode import decode_resource

FOLDERS = ("r4", "dstu2", "soarian-r4", "soarian-dstu2", "captures-2026", "inline")
# Types of which no object is made: what a server says of itself or of a failure, and what content lies in.
NO_OBJECT = {
    "Binary", "CapabilityStatement", "Conformance", "OperationDefinition", "OperationOutcome", "Parameters", "StructureDefinition",
}  # fmt: skip


def published(corpus: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every resource that becomes an object, with the file it is from."""
    for name, resource in raw(corpus):
        canonical = decode_resource(resource) if "dstu2" in name else resource
        if canonical["resourceType"] in BY_RESOURCE_TYPE:
            yield name, {"id": "new", **canonical}


def raw(corpus: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every resource that is no Bundle, anywhere in a body and as it stands there, with the file it is from."""
    for folder in FOLDERS:
        for path in sorted((corpus / "oracle-health-docs" / folder).glob("*.json")):
            for resource in _resources(decode(path.read_bytes())):
                yield f"{folder}/{path.name}", resource


def _resources(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if isinstance(value.get("resourceType"), str) and value["resourceType"] != "Bundle":
            yield value
            return
        for child in value.values():
            yield from _resources(child)
    elif isinstance(value, list):
        for child in value:
            yield from _resources(child)
