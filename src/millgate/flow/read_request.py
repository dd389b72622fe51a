"""What a read asks for, and what answers it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from millgate.canonical.exchange import Call
from millgate.objects import Declaration

# What an answer is rendered as: objects, objects with their canonical resource, or FHIR itself.
Form = Literal["objects", "objects+fhir", "fhir"]
Origin = Literal["live", "cache"]


@dataclass(frozen=True, slots=True)
class ListRequest:
    """A list as the caller asked for it; `max_age` None takes the object's own default."""

    declaration: Declaration
    filters: Mapping[str, tuple[str, ...]]
    limit: int | None
    cursor: str | None
    max_age: float | None
    form: Form
    pathway: str | None = None  # one pathway's name; without, the tenant's order says


@dataclass(frozen=True, slots=True)
class GetRequest:
    """One object by its id."""

    declaration: Declaration
    id: str
    max_age: float | None
    form: Form
    pathway: str | None = None


@dataclass(slots=True)
class Answer:
    """Bytes ready to be sent, and what the audit chain has to know of them."""

    body: bytes
    etag: str
    origin: Origin
    as_of: datetime
    ids: tuple[str, ...]
    patients: tuple[str, ...]
    calls: Sequence[Call]
    pathway: str | None = None  # by which it came
    stale: bool = False  # older than was asked for, since the source cannot be reached
