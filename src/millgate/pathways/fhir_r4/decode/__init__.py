"""FHIR R4 into the canonical form, which is FHIR R4: only what Millennium writes otherwise than the standard is touched.

- A reference under the tenant's own base becomes relative, since canonical references are; all others stay as they came.
- A bundle's entry without its `resource` wrapper is taken as the resource itself (`wire`).
"""

from __future__ import annotations

import re
from typing import Any

from millgate.canonical import json
from millgate.canonical.exchange import Resource
from millgate.canonical.references import relative_references
from millgate.errors import FixMessage

_ADDRESS = re.compile(rb'"reference"\s*:\s*"http')


def decode(data: bytes, base: str | None = None) -> list[Resource]:
    """The canonical resources in one document: a resource, or a Bundle's entries in their order.

    `base` is the tenant's, whose absolute references become relative. Raises FixMessage `invalid_document`.
    """
    document = json.decode(data)
    resources = _entries(document) if isinstance(document, dict) and document.get("resourceType") == "Bundle" else [document]
    for resource in resources:
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            raise FixMessage("invalid_document", "The document is no FHIR resource, or an entry of it is none.")
    return [relative_references(resource, base) for resource in resources] if base else resources


def names_addresses(body: bytes) -> bool:
    """Whether any reference in the body is absolute, so that most bodies need no second walk."""
    return _ADDRESS.search(body) is not None


def _entries(bundle: Resource) -> list[Any]:
    entries = bundle.get("entry", [])
    if not isinstance(entries, list):
        raise FixMessage("invalid_document", "The Bundle's entries are no list.")
    return [entry.get("resource", entry) if isinstance(entry, dict) else entry for entry in entries]
