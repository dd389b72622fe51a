"""The framing of DSTU2 answers: resources, Bundles, and their media type.

Source: Millennium fact sheet §1.1 (DSTU2 answers as `application/json+fhir`); FHIR DSTU2 Bundle.
"""

from __future__ import annotations

from typing import Any

from millgate.canonical.exchange import Resource
from millgate.errors import FixMessage

MEDIA_TYPE = "application/json+fhir"


def entries(document: Any) -> list[Resource]:
    """The resources of a document: itself, or a Bundle's entries in their order. Raises FixMessage `invalid_document`."""
    if not isinstance(document, dict):
        raise FixMessage("invalid_document", "The document is no FHIR resource.")
    if document.get("resourceType") != "Bundle":
        return [_unwrapped(document)]
    listed = document.get("entry", [])
    if not isinstance(listed, list):
        raise FixMessage("invalid_document", "The Bundle's entries are no list.")
    return [_unwrapped(entry) for entry in listed]


def _unwrapped(entry: Any) -> Any:
    """The resource of an entry; published examples wrap it twice, or not at all."""
    while isinstance(entry, dict) and "resourceType" not in entry and "resource" in entry:
        entry = entry["resource"]
    return entry
