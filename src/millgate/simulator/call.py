"""One HTTP call as the surfaces see it, apart from the web framework."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import parse_qsl

from millgate.simulator.answers import not_acceptable

# The surfaces on which FHIR is spoken; all others are the authorization server's and the test bench's.
FHIR_SURFACES = frozenset({"ehr", "open", "patient", "dstu2", "dstu2_open"})
OPEN_SURFACES = frozenset({"open", "dstu2_open"})
_ACCEPTED = frozenset({"application/fhir+json", "application/json", "application/*", "*/*", "json", "text/json"})


@dataclass(slots=True)
class Call:
    """A call: where it went (`segments` are the decoded parts of the path), what it brought, and what became of it so far."""

    method: str
    path: str
    segments: tuple[str, ...]
    raw_query: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    origin: str
    now: datetime
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    surface: str = "none"
    tenant: str | None = None
    resource_type: str | None = None
    template: str = "/"
    client: str | None = None

    def header(self, name: str) -> str | None:
        return self.headers.get(name)

    def media_type(self) -> str:
        """The media type of the body, without its parameters."""
        return (self.header("Content-Type") or "").partition(";")[0].strip().lower()

    def parameters(self) -> list[str]:
        """The names in the query string, without their values."""
        return sorted({part.partition("=")[0] for part in self.raw_query.split("&") if part})

    def check_acceptable(self, accepted: frozenset[str] = _ACCEPTED) -> None:
        """Refused with 406 if the caller wants another media type than JSON. `_format` wins over `Accept`."""
        wanted = next((value for name, value in parse_qsl(self.raw_query, max_num_fields=200) if name == "_format"), None)
        if wanted is None:
            wanted = self.header("Accept") or "*/*"
        types = [part.partition(";")[0].strip().lower() for part in wanted.split(",")]
        if not any(media_type.replace(" ", "+") in accepted for media_type in types):
            raise not_acceptable()


def overridden_method(method: str, raw_query: str, headers: Mapping[str, str]) -> str:
    """The method that a call means: a POST may say PATCH, PUT or DELETE by `_method` or by header."""
    if method != "POST":
        return method
    asked = headers.get("X-HTTP-Method-Override") or next(
        (part.partition("=")[2] for part in raw_query.split("&") if part.startswith("_method=")), ""
    )
    return asked.upper() if asked.upper() in ("PATCH", "PUT", "DELETE") else method
