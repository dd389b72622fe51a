"""The endpoint lists that vendors publish: Bundles of Endpoint and Organization, read a piece at a time, and searched by name or place.

Source: FHIR R4 Bundle, Endpoint, Organization; ONC's rule on service base URLs (45 CFR 170.404(b)(2)); Millennium fact sheet §1.1.
"""

from __future__ import annotations

import codecs
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from millgate.errors import FixMessage

LONGEST_ENTRY: Final = 1024 * 1024  # characters
LONGEST_HEAD: Final = 64 * 1024
_ENTRIES: Final = re.compile(r'"entry"\s*:\s*\[')
_BETWEEN: Final = re.compile(r"[\s,]*")
# Which registrations a Millennium host serves. Source: Millennium fact sheet §1.1.
_PERSONAS: Final = {
    "fhir-ehr.cerner.com": ("provider", "system"),
    "fhir-ehr-code.cerner.com": ("provider", "system"),
    "fhir-myrecord.cerner.com": ("patient",),
}


@dataclass(frozen=True, slots=True)
class Listed:
    """One endpoint of one organization: its base without a trailing slash, and the tenant id, which is the last part of that."""

    name: str
    city: str | None
    state: str | None
    url: str
    tenant_id: str
    personas: tuple[str, ...]
    status: str | None


@dataclass(frozen=True, slots=True)
class _Place:
    name: str
    city: str | None
    state: str | None


def listed(chunks: Iterable[bytes]) -> list[Listed]:
    """All endpoints of a published Bundle, by name. Raises FixMessage `invalid_document` where it is none, or breaks off."""
    endpoints: dict[str, tuple[str, str | None, str | None]] = {}
    places: dict[str, list[_Place | None]] = {}
    owners: dict[str, str] = {}  # endpoint → organization, where the endpoint is the one to say so
    organizations: dict[str, _Place] = {}
    for resource in resources(chunks):
        reference = f"{resource.get('resourceType')}/{resource.get('id')}"
        if resource.get("resourceType") == "Endpoint" and isinstance(resource.get("address"), str):
            endpoints[reference] = (resource["address"], _text(resource.get("name")), _text(resource.get("status")))
            owner = _reference(resource.get("managingOrganization"))
            if owner:
                owners[reference] = owner
        elif resource.get("resourceType") == "Organization":
            place = organizations[reference] = _place(resource)
            for held in _items(resource.get("endpoint")):
                places.setdefault(_reference(held) or "", []).append(place)
    found: list[Listed | None] = []
    for reference, (address, name, status) in endpoints.items():
        managing = organizations.get(owners.get(reference, ""))
        found += [_listed(address, place, name, status) for place in places.get(reference) or [managing]]
    return sorted((one for one in found if one is not None), key=lambda one: (one.name.casefold(), one.url))


def matching(found: Iterable[Listed], query: str) -> list[Listed]:
    """Those whose name, city and state hold every word of `query`, however it is written; or whose tenant id it is."""
    words = _folded(query).split()
    return [
        one
        for one in found
        if one.tenant_id == query.strip()
        or (words and all(word in _folded(f"{one.name} {one.city or ''} {one.state or ''}") for word in words))
    ]


def resources(chunks: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The resources of a Bundle's entries as they come, with at most one entry in memory."""
    decoder, text = json.JSONDecoder(), ""
    begun = False
    for piece in _decoded(chunks):
        text += piece
        if not begun:
            head = _ENTRIES.search(text)
            if head is None:
                if len(text) > LONGEST_HEAD:
                    raise _invalid("it is no Bundle with entries")
                continue
            if not text.lstrip("\ufeff \r\n\t").startswith("{"):
                raise _invalid("it is no Bundle")
            text, begun = text[head.end() :], True
        while True:
            text = text[_BETWEEN.match(text).end() :]  # type: ignore[union-attr] # it matches the empty text, too
            if text.startswith("]"):
                return
            try:
                entry, end = decoder.raw_decode(text)
            except RecursionError:
                raise _invalid("an entry is nested too deep") from None
            except ValueError:
                if len(text) > LONGEST_ENTRY:
                    raise _invalid("an entry is damaged, or longer than a million characters") from None
                break
            text = text[end:]
            if isinstance(entry, dict) and isinstance(entry.get("resource"), dict):
                yield entry["resource"]
    raise _invalid("it breaks off" if begun else "it is no Bundle with entries")


def _decoded(chunks: Iterable[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for chunk in chunks:
            yield decoder.decode(chunk)
        yield decoder.decode(b"", True)
    except UnicodeDecodeError:
        raise _invalid("it is not UTF-8") from None


def _listed(address: str, place: _Place | None, name: str | None, status: str | None) -> Listed | None:
    url = address.strip().rstrip("/")
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    tenant_id = parts.path.rpartition("/")[2]
    if parts.scheme not in ("http", "https") or not parts.hostname or not tenant_id:
        return None
    known = place or _Place(name or "", None, None)
    return Listed(known.name or name or "", known.city, known.state, url, tenant_id, _PERSONAS.get(parts.hostname, ()), status)


def _place(resource: Mapping[str, Any]) -> _Place:
    address = next(iter(_items(resource.get("address"))), {})
    return _Place(_text(resource.get("name")) or "", _text(address.get("city")), _text(address.get("state")))


def _reference(value: Any) -> str | None:
    """`Type/id` of a reference, relative or absolute."""
    reference = value.get("reference") if isinstance(value, dict) else None
    return "/".join(reference.rstrip("/").split("/")[-2:]) if isinstance(reference, str) else None


def _items(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _folded(text: str) -> str:
    """Without case, accents and punctuation, so that `St. Mary's` is found as `st marys`."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(character for character in plain if character.isalnum() or character == " ")


def _invalid(reason: str) -> FixMessage:
    return FixMessage("invalid_document", f"The endpoint list cannot be read: {reason}.")
