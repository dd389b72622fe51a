"""Bodies of Millennium's FHIR, as they really come: searchset bundles, resources, outcomes, and whatever stands in their place.

Pure: bytes in, structures out. Nothing here raises anything but GatewayError, and no text of a source reaches an error unless it
is made of known words, so that no patient's data can. Source: Millennium fact sheet §4.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from millgate.canonical.exchange import Resource
from millgate.canonical.json import decode
from millgate.errors import CallOperator, FixMessage, Upstream

LONGEST_TEXT: Final = 300  # characters
MOST_ISSUES: Final = 10

_URN = re.compile(r'code="urn:cerner:error:[^"]*:([a-z0-9_-]+)"')
_SUBCODE = re.compile(r'subcode="([a-z0-9_]+)"')
_CODE = re.compile(r"[a-z][a-z0-9-]{0,60}")
_WORD = re.compile(r"[A-Za-z][A-Za-z-]*")
_SAFE_TEXT = re.compile(r"[A-Za-z0-9 ,.;:'()/_|*-]*")
_LOCATED = re.compile(r"[\x21-\x7e]{1,255}")
_ETAG = re.compile(r'(?:W/)?"([^"]*)"')


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an error body says: FHIR issue codes (or the words of a gateway's own error), and its fixed texts."""

    codes: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()

    @property
    def summary(self) -> str | None:
        """The codes as one string for an error's `upstream.outcome`, or None."""
        return " ".join(self.codes) or None


@dataclass(slots=True)
class Searchset:
    """One page: the matches in the source's order, each id once, the rest apart, and the page links as given."""

    resources: list[Resource]
    included: list[Resource]
    next_link: str | None
    self_link: str | None
    warnings: list[str] = field(default_factory=list)


def read_searchset(body: bytes, resource_type: str) -> Searchset:
    """The page in `body`; CallOperator `upstream_error` if it is no searchset."""
    bundle = _json_object(body)
    if bundle.get("resourceType") != "Bundle":
        raise _not_fhir("The source answered a search with something that is not a Bundle.")
    page = Searchset([], [], _link(bundle, "next"), _link(bundle, "self"))
    entries = bundle.get("entry", [])
    if not isinstance(entries, list):
        raise _not_fhir("The source answered with a Bundle whose entries cannot be read.")
    for entry in entries:
        _sort_in(entry, resource_type, page)
    page.resources = _newest_once(page.resources)
    page.included = _newest_once(page.included)
    return page


def read_resource(body: bytes, resource_type: str, resource_id: str) -> Resource:
    """The one resource in `body`; CallOperator `upstream_error` if it is another, or none."""
    resource = _json_object(body)
    if resource.get("resourceType") != resource_type or resource.get("id") != resource_id:
        raise _not_fhir(f"The source answered with another record than the {resource_type} that was asked for.")
    return resource


def read_outcome(body: bytes) -> Outcome:
    """What an error body says, whatever it is: OperationOutcome, other JSON, text, HTML or nothing. Never raises."""
    try:
        decoded = decode(body[:1_000_000])
    except FixMessage:
        return _text_outcome(body)
    if not isinstance(decoded, dict):
        return Outcome()
    if isinstance(decoded.get("issue"), list):
        return _issues(decoded["issue"][:MOST_ISSUES])
    message = decoded.get("message")
    if isinstance(message, str):
        return Outcome(tuple(found[1] for found in (_URN.search(message), _SUBCODE.search(message)) if found), _texts(message))
    return Outcome()


def version_of(resource: Mapping[str, Any], headers: Mapping[str, str]) -> str | None:
    """The version to send back in If-Match: `meta.versionId` of the resource, else the ETag."""
    meta = resource.get("meta")
    version = meta.get("versionId") if isinstance(meta, dict) else None
    return version if isinstance(version, str) and version else etag_version(headers)


def etag_version(headers: Mapping[str, str]) -> str | None:
    """The version inside an ETag header, opaque and unchanged, or None. Source: Millennium fact sheet §4.2."""
    match = _ETAG.fullmatch(headers.get("etag", "").strip())
    return match[1] if match and match[1] else None


def located_id(headers: Mapping[str, str], resource_type: str) -> str | None:
    """The id that the Location header of a create names, or None. One that is no printable ASCII is none: it goes into addresses."""
    try:
        segments = urlsplit(headers.get("location", "")).path.split("/")
    except ValueError:
        return None
    for index, segment in enumerate(segments[:-1]):
        if segment == resource_type and _LOCATED.fullmatch(made := unquote(segments[index + 1])):
            return made
    return None


def instant_of(text: object) -> datetime | None:
    """The instant that a FHIR instant or dateTime with an offset states, else None."""
    if not isinstance(text, str) or len(text) < 16:
        return None
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo else None


def upstream(status: int | None, request_id: str | None, outcome: Outcome) -> Upstream:
    """What the source said, for an error."""
    return Upstream(status, request_id, outcome.summary)


def _json_object(body: bytes) -> Resource:
    try:
        decoded = decode(body)
    except FixMessage as error:
        raise _not_fhir("The source answered with something that is not FHIR in JSON.") from error
    if not isinstance(decoded, dict):
        raise _not_fhir("The source answered with JSON that is not FHIR.")
    return decoded


def _not_fhir(detail: str) -> CallOperator:
    return CallOperator("upstream_error", detail)


def _link(bundle: Resource, relation: str) -> str | None:
    links = bundle.get("link")
    for link in links if isinstance(links, list) else []:
        if isinstance(link, dict) and link.get("relation") == relation and isinstance(link.get("url"), str) and link["url"]:
            return str(link["url"])
    return None


def _sort_in(entry: object, resource_type: str, page: Searchset) -> None:
    """Put one entry where it belongs. Some come without the wrapper, the resource in the entry's own place, and some wrapped twice."""
    if not isinstance(entry, dict):
        page.warnings.append("entry-unreadable")
        return
    resource = entry.get("resource", entry if "resourceType" in entry else None)
    while isinstance(resource, dict) and "resourceType" not in resource and "resource" in resource:
        resource = resource["resource"]
    search = entry.get("search")
    mode = search.get("mode") if isinstance(search, dict) else None
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        page.warnings.append("entry-without-resource")
    elif resource["resourceType"] == "OperationOutcome":
        issues = resource.get("issue")
        page.warnings += _issues(issues[:MOST_ISSUES] if isinstance(issues, list) else []).codes or ("outcome",)
    elif not isinstance(resource.get("id"), str) or not resource["id"]:
        page.warnings.append("entry-without-id")
    elif mode == "include" or resource["resourceType"] != resource_type:
        page.included.append(resource)
    else:
        page.resources.append(resource)


def _newest_once(resources: list[Resource]) -> list[Resource]:
    """Each (type, id) once, at its first place, in its newest version by `meta.lastUpdated`."""
    kept: dict[tuple[str, str], Resource] = {}
    for resource in resources:
        key = (resource["resourceType"], resource["id"])
        if key not in kept or _updated(resource) > _updated(kept[key]):
            kept[key] = resource
    return list(kept.values())


def _updated(resource: Resource) -> datetime:
    meta = resource.get("meta")
    found = instant_of(meta.get("lastUpdated")) if isinstance(meta, dict) else None
    return found or datetime.min.replace(tzinfo=UTC)


def _issues(issues: list[Any]) -> Outcome:
    codes: list[str] = []
    texts: list[str] = []
    for issue in issues:
        if not isinstance(issue, dict):
            continue
        parts = [issue.get("severity"), issue.get("code")]
        codes.append("/".join(part for part in parts if isinstance(part, str) and _CODE.fullmatch(part)) or "issue")
        details = issue.get("details")
        text = details.get("text") if isinstance(details, dict) else issue.get("diagnostics")
        texts += _texts(text) if isinstance(text, str) else ()
    return Outcome(tuple(dict.fromkeys(codes)), tuple(dict.fromkeys(texts)))


def _text_outcome(body: bytes) -> Outcome:
    text = body[: LONGEST_TEXT * 2].decode("utf-8", errors="replace").strip()
    return Outcome((), _texts(text))


def _texts(text: str) -> tuple[str, ...]:
    """The text, if it can only be the server's own fixed wording: known words, and no figures but bounds such as 1,000."""
    text = " ".join(text.split())
    if (
        not text
        or len(text) > LONGEST_TEXT
        or not _SAFE_TEXT.fullmatch(text)
        or re.search(r"[0-9]", text.replace("1,000", "").replace("255", ""))
    ):
        return ()
    known = _known_words()
    words = [part for word in _WORD.findall(text) for part in ([word] if word.lower() in known else word.split("-"))]
    return (text,) if all(word.lower() in known for word in words if word) else ()


@cache
def _known_words() -> frozenset[str]:
    table = files("millgate.pathways.fhir").joinpath("tables/outcome_words.csv").read_text("utf-8")
    return frozenset(word.lower() for row in csv.DictReader(table.splitlines()) for word in row["words"].split())
