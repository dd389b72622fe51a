"""What an object declares of itself: from it come the API's schemas and filters, the command line's columns, the reference page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from millgate.canonical.exchange import Resource
from millgate.objects.shelf_life import CHARTS, ShelfLife

FilterKind = Literal["id", "token", "text", "code", "date", "moment", "instant"]


@dataclass(frozen=True, slots=True)
class Filter:
    """One search parameter of an object's list.

    `kind`: `id`; `token` (`system|code` or bare code); `text`; `code` (a bare code); `date`; `moment` (a date or an instant);
    `instant`.
    """

    name: str
    description: str
    kind: FilterKind


@dataclass(frozen=True, slots=True)
class Context:
    """What `normalize` has to know besides the resource: where it came from, and how to read it.

    `reference` says where exactly (default: `Type/id`), `received_at` is an instant as text, `time_zone` the tenant's IANA
    name. `base_url` is the tenant's FHIR base (references to another base keep their whole URL as id), `content_url` the
    gateway's own address for attachments (without it they have no `url`), and `included` holds resources that came beside
    this one, by `Type/id`; `urns` says which `Type/id` the URNs of the same Bundle stand for.
    """

    tenant: str | None
    pathway: str
    received_at: str | None = None
    time_zone: str | None = None
    include_fhir: bool = False
    reference: str | None = None
    base_url: str | None = None
    content_url: str | None = None
    included: Mapping[str, Resource] = field(default_factory=dict)
    urns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Declaration:
    """One object: its names, its canonical resource, its struct and mapper, and how it is searched and shown.

    `time_elements` are the canonical elements that `from` and `to` look at, first hit wins; `shelf_life` is how old an answer
    may be by default; `columns` are the fields that a table shows. `companion` names an element that refers to another
    resource which the fields look at too, and that resource's type.
    """

    name: str
    plural: str
    resource_type: str
    struct: type[msgspec.Struct]
    normalize: Callable[[Any, Context], Any]
    filters: tuple[Filter, ...]
    patient_scoped: bool
    columns: tuple[str, ...]
    shelf_life: ShelfLife = CHARTS
    time_elements: tuple[str, ...] = ()
    companion: tuple[str, str] | None = None


def about(path: str | None, description: str, unit: str | None = None) -> msgspec.Meta:
    """What a field says of itself: one sentence, its canonical FHIR path, and its unit where it has one."""
    extra: dict[str, Any] = {"path": path}
    if unit is not None:
        extra["unit"] = unit
    return msgspec.Meta(description=description, extra=extra)


UPDATED_SINCE = Filter("updated_since", "Changed since this instant.", "instant")
PATIENT_ID = Filter("patient_id", "Of this patient; a patient session may leave it out.", "id")
ENCOUNTER_ID = Filter("encounter_id", "Of this encounter.", "id")
FROM = Filter("from", "From this date or instant, inclusive.", "moment")
TO = Filter("to", "To this date or instant, exclusive.", "moment")
CATEGORY = Filter("category", "Of this category, as `system|code` or code.", "token")
CODE = Filter("code", "With this code, as `system|code` or a bare LOINC code.", "token")
STATUS = Filter("status", "With this status.", "code")
CLINICAL_STATUS = Filter("status", "With this clinical status: active, inactive, resolved, …", "code")
PRACTITIONER_ID = Filter("practitioner_id", "Of this practitioner.", "id")
LOCATION_ID = Filter("location_id", "At this location.", "id")
SERVICE_TYPE = Filter("service_type", "Of this bookable service type, as `system|code`.", "token")
TYPE = Filter("type", "Of this type, as `system|code` or code.", "token")
IDENTIFIER = Filter("identifier", "With this identifier, as `type|value`, `system|value` or value.", "token")
NAME = Filter("name", "A part of the name begins with this.", "text")
FAMILY = Filter("family", "The family name begins with this.", "text")
GIVEN = Filter("given", "A given name begins with this.", "text")
BIRTH_DATE = Filter("birth_date", "Born on this date.", "date")
GENDER = Filter("gender", "Of this administrative gender: male, female, other or unknown.", "code")
PHONE = Filter("phone", "With this telephone number.", "text")
EMAIL = Filter("email", "With this e-mail address.", "text")
POSTAL_CODE = Filter("postal_code", "With an address of this postal code.", "text")
