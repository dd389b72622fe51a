"""A place: a facility, a building, a unit, a room, a bed."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from millgate.canonical.exchange import Resource
from millgate.objects.common import common_fields, opened, source_status
from millgate.objects.concepts import coding_as_code, concept_of, concepts
from millgate.objects.declaration import IDENTIFIER, NAME, POSTAL_CODE, UPDATED_SINCE, Context, Declaration, about
from millgate.objects.elements import Telecoms, address, identifier, listed, reference, single
from millgate.objects.notes import Notes
from millgate.objects.primitives import decimal, text, texts
from millgate.objects.shared import Address, Code, ContactPoint, Identifier, Object, OtherTelecom, Reference, Shared
from millgate.objects.shelf_life import DIRECTORIES


class Position(Shared, frozen=True, kw_only=True):
    """A point on the globe (WGS84)."""

    longitude: Annotated[Decimal | None, about("Location.position.longitude", "Longitude.", "deg")] = None
    latitude: Annotated[Decimal | None, about("Location.position.latitude", "Latitude.", "deg")] = None
    altitude: Annotated[Decimal | None, about("Location.position.altitude", "Altitude.", "m")] = None


class Location(Object, frozen=True, kw_only=True):
    """A place: a facility, a building, a unit, a room, a bed."""

    status: Annotated[str | None, about("Location.status", "active, suspended or inactive.")] = None
    source_status: Annotated[str | None, about("Location.status.extension", "The source's own, finer status.")] = None
    operational_status: Annotated[Code | None, about("Location.operationalStatus", "Of a bed or room: free, occupied, …")] = None
    name: Annotated[str | None, about("Location.name", "Name.")] = None
    aliases: Annotated[tuple[str, ...], about("Location.alias", "Other names.")] = ()
    description: Annotated[str | None, about("Location.description", "What else helps to find it.")] = None
    mode: Annotated[str | None, about("Location.mode", "instance (a certain place) or kind (a sort of place).")] = None
    types: Annotated[tuple[Code, ...], about("Location.type", "What is done there.")] = ()
    physical_type: Annotated[Code | None, about("Location.physicalType", "Facility, building, ward, room, bed, …")] = None
    identifiers: Annotated[tuple[Identifier, ...], about("Location.identifier", "Numbers and codes of the place.")] = ()
    phones: Annotated[tuple[ContactPoint, ...], about("Location.telecom", "Telephone numbers.")] = ()
    emails: Annotated[tuple[ContactPoint, ...], about("Location.telecom", "E-mail addresses.")] = ()
    other_telecoms: Annotated[tuple[OtherTelecom, ...], about("Location.telecom", "Fax, pager, text and the like.")] = ()
    address: Annotated[Address | None, about("Location.address", "Where it is.")] = None
    position: Annotated[Position | None, about("Location.position", "Where it is on the globe.")] = None
    managing_organization: Annotated[
        Reference | None, about("Location.managingOrganization", "The organization that runs it.")
    ] = None
    part_of: Annotated[Reference | None, about("Location.partOf", "The place that it is part of.")] = None


def normalize(resource: Resource, context: Context) -> Location:
    """The place that this canonical Location describes. Raises FixMessage where it is no Location with an id."""
    notes = opened(resource, "Location", context)
    telecoms = Telecoms(resource, notes)
    return Location(
        status=text(resource, "status", "status", notes),
        source_status=source_status(notes),
        operational_status=coding_as_code(resource.get("operationalStatus"), "operational_status", notes),
        name=text(resource, "name", "name", notes),
        aliases=texts(resource, "alias", "aliases", notes),
        description=text(resource, "description", "description", notes),
        mode=text(resource, "mode", "mode", notes),
        types=concepts(resource, "type", "types", notes),
        physical_type=concept_of(resource, "physicalType", "physical_type", notes),
        identifiers=listed(resource, "identifier", "identifiers", notes, identifier),
        phones=telecoms.phones,
        emails=telecoms.emails,
        other_telecoms=telecoms.others,
        address=single(resource, "address", "address", notes, address),
        position=single(resource, "position", "position", notes, _position),
        managing_organization=single(resource, "managingOrganization", "managing_organization", notes, reference),
        part_of=single(resource, "partOf", "part_of", notes, reference),
        **common_fields(notes),
    )


def _position(element: dict[str, Any], field: str, notes: Notes) -> Position | None:
    found = Position(
        longitude=decimal(element, "longitude", field + ".longitude", notes),
        latitude=decimal(element, "latitude", field + ".latitude", notes),
        altitude=decimal(element, "altitude", field + ".altitude", notes),
    )
    return found if found != Position() else None


DECLARATION = Declaration(
    name="location",
    plural="locations",
    resource_type="Location",
    struct=Location,
    normalize=normalize,
    filters=(IDENTIFIER, NAME, POSTAL_CODE, UPDATED_SINCE),
    patient_scoped=False,
    shelf_life=DIRECTORIES,
    columns=("id", "name", "physical_type", "status", "managing_organization"),
)
