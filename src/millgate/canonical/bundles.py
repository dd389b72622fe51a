"""Going through Bundles and NDJSON: every resource with where it stood, however untidily it was wrapped.

Source: FHIR R4 Bundle; FHIR Bulk Data Access 2.0 (NDJSON).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from millgate.canonical.exchange import Resource
from millgate.canonical.json import MAX_BYTES, MAX_DEPTH, decode
from millgate.canonical.references import parse_reference
from millgate.errors import FixMessage


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a Bundle: its resource (None where it holds none) and where it stood (`entry[3]`).

    `mode` is `match`, `include` or `outcome` (an outcome of a batch-response counts as such), `status` the HTTP status of
    a response entry.
    """

    resource: Resource | None
    location: str
    mode: str | None = None
    full_url: str | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an NDJSON file, counted from 1: its value, or why it cannot be read."""

    number: int
    value: Any
    error: FixMessage | None = None


def entries_of(bundle: Resource) -> Iterator[Entry]:
    """Every entry of a Bundle of any type, in order; the entries of a Bundle inside (batch-response) stand in its place.

    An entry that is itself a resource, or whose resource is wrapped twice, is taken all the same: published examples have both.
    """
    return _entries(bundle, "")


def _entries(bundle: Resource, prefix: str) -> Iterator[Entry]:
    listed = bundle.get("entry")
    for index, entry in enumerate(listed if isinstance(listed, list) else []):
        location = f"{prefix}entry[{index}]"
        if not isinstance(entry, dict):
            yield Entry(None, location)
            continue
        yield from _entry(entry, location)


def _entry(entry: dict[str, Any], location: str) -> Iterator[Entry]:
    resource = unwrapped(entry)
    search, response = entry.get("search"), entry.get("response")
    mode = _text(search.get("mode")) if isinstance(search, dict) else None
    status = _text(response.get("status")) if isinstance(response, dict) else None
    full_url = _text(entry.get("fullUrl"))
    if resource is not None and resource.get("resourceType") == "Bundle":
        yield from _entries(resource, f"{location}.resource.")
    else:
        yield Entry(resource, location, mode, full_url, status)
    outcome = response.get("outcome") if isinstance(response, dict) else None
    if isinstance(outcome, dict):
        yield Entry(outcome, f"{location}.response.outcome", "outcome", None, status)


def unwrapped(value: Any) -> Resource | None:
    """The resource in an entry, an entry's entry, or the value itself if it is a resource; None where there is none."""
    for _ in range(3):
        if not isinstance(value, dict):
            return None
        if isinstance(value.get("resourceType"), str):
            return value
        value = value.get("resource")
    return None


def urns_of(bundle: Resource) -> dict[str, str]:
    """What the `urn:uuid:` references in a Bundle point to: `Type/id` by full URL, for entries whose resource has an id."""
    found: dict[str, str] = {}
    for entry in entries_of(bundle):
        if entry.full_url is None or entry.resource is None or parse_reference(entry.full_url) is None:
            continue
        resource_id = entry.resource.get("id")
        if entry.full_url.startswith("urn:") and isinstance(resource_id, str):
            found[entry.full_url] = f"{entry.resource['resourceType']}/{resource_id}"
    return found


def lines_of(data: bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> Iterator[Line]:
    """Every line of an NDJSON file that is not blank; a damaged one comes with its error, and those behind it still come."""
    start, number = 0, 0
    while start < len(data):
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end
        number += 1
        line = data[start:end].strip()
        start = end + 1
        if not line:
            continue
        try:
            yield Line(number, decode(line, max_bytes=max_bytes, max_depth=max_depth))
        except FixMessage as error:
            yield Line(number, None, error)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
