"""What crosses between the journeys (`flow`) and the pathways: queries, pages, findings and sendings, in canonical terms."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

# A FHIR R4 resource as plain JSON: dicts, lists, str, bool, int, Decimal. Read it through the functions of `canonical`.
Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP exchange with the source, for the audit chain: method, resource type, status, and the ids on both sides."""

    method: str
    resource_type: str
    status: int | None
    request_id: str
    upstream_request_id: str | None


@dataclass(frozen=True, slots=True)
class Query:
    """A search in the gateway's own words.

    `filters` holds only what the caller gave: patient_id, encounter_id, practitioner_id, location_id, from, to, updated_since,
    category, code, status, service_type, identifier, name, family, given, birth_date, gender, phone, email, postal_code, ids …
    Each value is a tuple of strings (comma lists are already split). `limit` is how many resources a page should hold.
    """

    resource_type: str
    filters: Mapping[str, tuple[str, ...]]
    limit: int
    include: tuple[str, ...] = ()  # FHIR includes that should come beside the matches, such as Slot:schedule


@dataclass(slots=True)
class Page:
    """One page as the source gave it: resources in the source's order, and the source's own opaque next link."""

    resources: list[Resource]
    included: list[Resource]
    next_link: str | None
    self_link: str
    calls: list[Call]
    fetched_at: datetime
    warnings: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Found:
    """One resource read by id."""

    resource: Resource
    version: str | None
    calls: list[Call]
    fetched_at: datetime


@dataclass(frozen=True, slots=True)
class Wanted:
    """Bytes that are kept at a source: `link` as the source gave it, the media type that it said they have, and a `Range` to pass on.

    `head_s` is how long the source may take to begin, `total_s` for all of it; `most_bytes` how much is taken at the most.
    """

    link: str = field(repr=False)
    content_type: str | None
    part: str | None
    head_s: float
    total_s: float
    most_bytes: int


@dataclass(frozen=True, slots=True)
class Part:
    """Which bytes, first and last inclusive, of how many."""

    first: int
    last: int
    total: int


@dataclass(frozen=True, slots=True)
class Arriving:
    """Bytes on their way from a source: what they are, how many, if it says so, or which part, and the pieces as they come.

    `etag` is the source's own strong one.
    """

    content_type: str | None
    length: int | None
    part: Part | None
    etag: str | None
    pieces: AsyncIterator[bytes] = field(repr=False)


@dataclass(slots=True)
class Sent:
    """The outcome of one write: what was made or changed, and its version where the source names it."""

    resource_id: str
    version: str | None
    calls: list[Call]


@dataclass(frozen=True, slots=True)
class BookSlot:
    """Book one free slot for one patient. Time, place and provider come from the slot."""

    slot_id: str
    patient_id: str
    reason: str | None = None
    comment: str | None = None
    instead_of: str | None = None  # the appointment that it replaces, which is never taken for the booking itself


@dataclass(frozen=True, slots=True)
class ProposeAppointment:
    """Ask for an appointment without a slot: a period, one or more places, one service type."""

    patient_id: str
    location_ids: tuple[str, ...]
    service_type: Mapping[str, Any]  # a FHIR Coding: system, code, display
    start: str
    end: str
    reason: str | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class ChangeStatus:
    """Move an appointment to `arrived`, `checked-in`, `fulfilled`, `cancelled`, or `booked` (a proposed one, with its slot)."""

    appointment_id: str
    status: str
    version: str
    reason: Mapping[str, Any] | None = None  # a FHIR Coding of the tenant's cancel reasons, for `cancelled`
    slot_id: str | None = None


AppointmentWrite = BookSlot | ProposeAppointment | ChangeStatus
