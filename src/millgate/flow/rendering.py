"""A page of a source as the bytes of an answer: the objects' envelope, or a FHIR bundle; each stretch of it rendered once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import urlencode

import msgspec

from millgate.flow.cursor import LONGEST_KEPT, Cursors, Holder, Place
from millgate.flow.etags import etag, making, one_etag
from millgate.flow.read_request import Form, ListRequest, Origin
from millgate.flow.shelf import Body, Shelved
from millgate.flow.stretch import Stretch, stretch_of
from millgate.objects import Declaration

# How many renderings of a page are kept beside it: a caller may ask for any stretch of it, and each is as large as its items.
MOST_BODIES = 4
PAGE_CHANGED = {
    "code": "page_changed",
    "detail": "The source shows this page differently than when the one before was answered. Nothing of it is repeated here, and "
    "nothing that it shows now is left out; what it has ceased to show is not here.",
}


def instant(moment: datetime) -> str:
    """An instant as the API writes it: UTC, milliseconds, `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def list_body(page: Shelved, request: ListRequest, place: Place, holder: Holder, cursors: Cursors) -> Body:
    """The bytes of the page from a place on, rendered once and kept beside the page."""
    limit = request.limit or place.limit
    key = (place.offset, place.shown, limit, holder.client_id)
    if key not in page.bodies:
        body = _rendered(page, request, stretch_of(page, place, limit), holder, cursors)
        if len(page.bodies) >= MOST_BODIES:
            page.bodies.pop(next(iter(page.bodies)))
        page.bodies[key] = body
    return page.bodies[key]


def one_body(page: Shelved, form: Form) -> Body:
    """The bytes of one object, rendered once."""
    if "one" not in page.bodies:
        tag = one_etag(form, page.time_zone, *page.fingerprints, *page.beside)
        page.bodies["one"] = Body(page.items[0], page.items[0], tag, page.ids, page.patients[0])
    return page.bodies["one"]


def _rendered(page: Shelved, request: ListRequest, stretch: Stretch, holder: Holder, cursors: Cursors) -> Body:
    chosen = stretch.chosen
    cursor = cursors.seal(stretch.following, holder, page.as_of + LONGEST_KEPT) if stretch.following else None
    warnings = (*page.warnings, PAGE_CHANGED) if stretch.changed else page.warnings
    fingerprints = [page.fingerprints[at] for at in chosen]
    told = b"" if request.form == "fhir" else msgspec.json.encode(warnings)  # a bundle has no place for them
    tag = etag(
        request.form, making(request.form, page.time_zone), *fingerprints, *page.beside, told, b"more" if cursor else b"last"
    )
    if request.form == "fhir":
        live = cached = _bundle(page, request.declaration, chosen, cursor)
    else:
        items = b",".join([page.items[at] for at in chosen])
        live = _envelope(page, items, cursor, "live", warnings)
        cached = _envelope(page, items, cursor, "cache", warnings)
    return Body(live, cached, tag, tuple(page.ids[at] for at in chosen), _union([page.patients[at] for at in chosen]))


def _union(patients: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(sorted({patient for some in patients for patient in some}))


def _envelope(page: Shelved, items: bytes, cursor: str | None, origin: Origin, warnings: Sequence[Mapping[str, str]]) -> bytes:
    """`{"object": "list", "data": […], "has_more", "next_cursor", "freshness", "warnings"}`."""
    return b"".join(
        (
            b'{"object":"list","data":[',
            items,
            b'],"has_more":',
            b"true" if cursor else b"false",
            b',"next_cursor":',
            msgspec.json.encode(cursor),
            b',"freshness":',
            msgspec.json.encode({"from": origin, "as_of": instant(page.as_of)}),
            b',"warnings":',
            msgspec.json.encode(warnings),
            b"}",
        )
    )


def _bundle(page: Shelved, declaration: Declaration, chosen: Sequence[int], cursor: str | None) -> bytes:
    """The same page as a FHIR R4 searchset Bundle; each `fullUrl` is the source's own. Source: FHIR R4 Bundle."""
    entries = [
        b'{"fullUrl":%s,"resource":%s,"search":{"mode":"match"}}'
        % (msgspec.json.encode(f"{page.base}/{declaration.resource_type}/{resource_id}"), item)
        for resource_id, item in ((page.ids[at], page.items[at]) for at in chosen)
    ]
    links = [{"relation": "next", "url": f"/{declaration.plural}?{urlencode({'cursor': cursor})}"}] if cursor else []
    parts = [b'{"resourceType":"Bundle","type":"searchset"', b',"timestamp":', msgspec.json.encode(instant(page.as_of))]
    if links:
        parts += [b',"link":', msgspec.json.encode(links)]
    if entries:
        parts += [b',"entry":[', b",".join(entries), b"]"]
    return b"".join((*parts, b"}"))
