"""The attachments of a resource that have content to be fetched, in the order in which the objects number them. Pure.

Source: FHIR R4 DocumentReference.content, DiagnosticReport.presentedForm, Communication.payload, Attachment; Millennium fact sheet §7.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from millgate.canonical.exchange import Resource
from millgate.canonical.references import reference_id

_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_PARAMETER: Final = r"""[ ]?;[ ]?[A-Za-z0-9_.-]{1,64}=(?:[A-Za-z0-9_.:+-]{1,128}|"[A-Za-z0-9_.:+/ -]{0,128}")"""
_MEDIA_TYPE: Final = re.compile(f"{_NAME}/{_NAME}(?:{_PARAMETER}){{0,8}}")


@dataclass(frozen=True, slots=True)
class Content:
    """Where the bytes of one attachment are: `data` (base64) in the record itself, or behind `url`; and what is said of them.

    `content_type` is a media type that is safe to be a header, or None. `sha1` is as the record has it.
    """

    content_type: str | None
    data: str | None = field(default=None, repr=False)
    url: str | None = field(default=None, repr=False)
    sha1: str | None = None

    @property
    def kind(self) -> str:
        """The media type without its parameters, in lower case; empty if there is none."""
        return essence(self.content_type)


def contents_of(resource: Resource) -> tuple[Content, ...]:
    """All attachments of the resource; of a type that has none, or that has none here, none."""
    read = _READERS.get(str(resource.get("resourceType")))
    return tuple(read(resource)) if read is not None else ()


def media_type(value: object) -> str | None:
    """The media type that a text is, or None: what cannot be one never gets into a header. Source: RFC 9110 §8.3.1."""
    text = value.strip() if isinstance(value, str) else ""
    return text if _MEDIA_TYPE.fullmatch(text) else None


def essence(content_type: str | None) -> str:
    """A media type without its parameters, in lower case."""
    return (content_type or "").partition(";")[0].strip().lower()


def parameter(content_type: str | None, name: str) -> str | None:
    """A parameter of a media type, without its quotes, or None."""
    for part in (content_type or "").split(";")[1:]:
        key, _, value = part.partition("=")
        if key.strip().lower() == name:
            return value.strip().strip('"') or None
    return None


def _document(resource: Resource) -> list[Content]:
    return [_content(element.get("attachment")) for element in _objects(resource, "content")]


def _report(resource: Resource) -> list[Content]:
    return [_content(element) for element in _objects(resource, "presentedForm")]


def _communication(resource: Resource) -> list[Content]:
    return [
        _content(element.get("contentAttachment")) if "contentAttachment" in element else _referred(element)
        for element in _objects(resource, "payload")
    ]


_READERS: Final[dict[str, Callable[[Resource], list[Content]]]] = {
    "DocumentReference": _document,
    "DiagnosticReport": _report,
    "Communication": _communication,
}


def _content(attachment: Any) -> Content:
    """What an Attachment element says, whatever stands in its place."""
    if not isinstance(attachment, dict):
        return Content(None)
    return Content(
        media_type(attachment.get("contentType")),
        data=_text(attachment, "data"),
        url=_text(attachment, "url"),
        sha1=_text(attachment, "hash"),
    )


def _referred(payload: dict[str, Any]) -> Content:
    """A payload that is kept as a Binary; one that is a text or another record has no content of its own."""
    pointed = payload.get("contentReference")
    binary = reference_id(pointed, "Binary")
    return Content(None, url=f"Binary/{binary}" if binary is not None else None)


def _text(element: dict[str, Any], name: str) -> str | None:
    value = element.get(name)
    return value if isinstance(value, str) and value else None


def _objects(resource: Resource, name: str) -> list[dict[str, Any]]:
    """The objects of a list, as `objects.primitives.members` counts them."""
    values = resource.get(name)
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
