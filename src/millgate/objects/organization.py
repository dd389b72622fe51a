"""A group of people with a common purpose: a hospital, a department, a payer."""

from __future__ import annotations

from typing import Annotated, Any

from millgate.canonical.exchange import Resource
from millgate.objects.common import common_fields, opened
from millgate.objects.concepts import concept_of, concepts
from millgate.objects.declaration import IDENTIFIER, NAME, UPDATED_SINCE, Context, Declaration, about
from millgate.objects.elements import Telecoms, address, identifier, listed, name, reference, single
from millgate.objects.notes import Notes
from millgate.objects.practitioner import national_provider_identifier
from millgate.objects.primitives import flag, text, texts
from millgate.objects.shared import (
    Address,
    Code,
    ContactPoint,
    Identifier,
    Name,
    Object,
    OtherTelecom,
    Reference,
    Shared,
)
from millgate.objects.shelf_life import DIRECTORIES


class OrganizationContact(Shared, frozen=True, kw_only=True):
    """Whom to reach at an organization, and for what."""

    purpose: Annotated[Code | None, about("Organization.contact.purpose", "For what.")] = None
    name: Annotated[Name | None, about("Organization.contact.name", "Name of the contact.")] = None
    phones: Annotated[tuple[ContactPoint, ...], about("Organization.contact.telecom", "Telephone numbers.")] = ()
    emails: Annotated[tuple[ContactPoint, ...], about("Organization.contact.telecom", "E-mail addresses.")] = ()
    other_telecoms: Annotated[
        tuple[OtherTelecom, ...], about("Organization.contact.telecom", "Fax, pager, text and the like.")
    ] = ()
    address: Annotated[Address | None, about("Organization.contact.address", "Address.")] = None


class Organization(Object, frozen=True, kw_only=True):
    """A group of people with a common purpose: a hospital, a department, a payer."""

    active: Annotated[bool | None, about("Organization.active", "Whether the record is in use.")] = None
    name: Annotated[str | None, about("Organization.name", "Name.")] = None
    aliases: Annotated[tuple[str, ...], about("Organization.alias", "Other names.")] = ()
    types: Annotated[tuple[Code, ...], about("Organization.type", "Kinds of organization.")] = ()
    npi: Annotated[str | None, about("Organization.identifier(NPI)", "National Provider Identifier (US).")] = None
    identifiers: Annotated[tuple[Identifier, ...], about("Organization.identifier", "Numbers of the organization.")] = ()
    phones: Annotated[tuple[ContactPoint, ...], about("Organization.telecom", "Telephone numbers.")] = ()
    emails: Annotated[tuple[ContactPoint, ...], about("Organization.telecom", "E-mail addresses.")] = ()
    other_telecoms: Annotated[tuple[OtherTelecom, ...], about("Organization.telecom", "Fax, pager, text and the like.")] = ()
    addresses: Annotated[tuple[Address, ...], about("Organization.address", "Addresses.")] = ()
    part_of: Annotated[Reference | None, about("Organization.partOf", "The organization that it is part of.")] = None
    contacts: Annotated[tuple[OrganizationContact, ...], about("Organization.contact", "Whom to reach, and for what.")] = ()


def normalize(resource: Resource, context: Context) -> Organization:
    """The organization that this canonical Organization describes. Raises FixMessage where it is no Organization with an id."""
    notes = opened(resource, "Organization", context)
    identifiers = listed(resource, "identifier", "identifiers", notes, identifier)
    telecoms = Telecoms(resource, notes)
    return Organization(
        active=flag(resource, "active", "active", notes),
        name=text(resource, "name", "name", notes),
        aliases=texts(resource, "alias", "aliases", notes),
        types=concepts(resource, "type", "types", notes),
        npi=national_provider_identifier(identifiers, notes),
        identifiers=identifiers,
        phones=telecoms.phones,
        emails=telecoms.emails,
        other_telecoms=telecoms.others,
        addresses=listed(resource, "address", "addresses", notes, address),
        part_of=single(resource, "partOf", "part_of", notes, reference),
        contacts=listed(resource, "contact", "contacts", notes, _contact),
        **common_fields(notes),
    )


def _contact(element: dict[str, Any], field: str, notes: Notes) -> OrganizationContact | None:
    telecoms = Telecoms(element, notes, field + ".")
    found = OrganizationContact(
        purpose=concept_of(element, "purpose", field + ".purpose", notes),
        name=single(element, "name", field + ".name", notes, name),
        phones=telecoms.phones,
        emails=telecoms.emails,
        other_telecoms=telecoms.others,
        address=single(element, "address", field + ".address", notes, address),
    )
    return found if found != OrganizationContact() else None


DECLARATION = Declaration(
    name="organization",
    plural="organizations",
    resource_type="Organization",
    struct=Organization,
    normalize=normalize,
    filters=(IDENTIFIER, NAME, UPDATED_SINCE),
    patient_scoped=False,
    shelf_life=DIRECTORIES,
    columns=("id", "name", "types", "npi", "active"),
)
