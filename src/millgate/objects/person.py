"""A person as such, whatever they are to whom: the same human as patient, related person or practitioner."""

from __future__ import annotations

from typing import Annotated, Any

from millgate.canonical.exchange import Resource
from millgate.objects.common import common_fields, opened
from millgate.objects.declaration import IDENTIFIER, UPDATED_SINCE, Context, Declaration, about
from millgate.objects.elements import Telecoms, address, identifier, listed, reference, single
from millgate.objects.names_of_people import split_names
from millgate.objects.notes import Notes
from millgate.objects.pointers import pointing
from millgate.objects.primitives import date, flag, text
from millgate.objects.shared import Address, ContactPoint, Identifier, Name, Object, OtherTelecom, Reference


class PersonLink(Reference, frozen=True, kw_only=True):
    """Another record of the same person."""

    assurance: Annotated[str | None, about("Person.link.assurance", "How sure the source is, from level1 (least) to level4.")] = (
        None
    )


class Person(Object, frozen=True, kw_only=True):
    """A person as such, whatever they are to whom: the same human as patient, related person or practitioner."""

    active: Annotated[bool | None, about("Person.active", "Whether the record is in use.")] = None
    name: Annotated[Name | None, about("Person.name", "The name to use: official and current before usual before any other.")] = (
        None
    )
    other_names: Annotated[tuple[Name, ...], about("Person.name", "All other names, in source order.")] = ()
    sex: Annotated[str | None, about("Person.gender", "Administrative gender: male, female, other or unknown.")] = None
    birth_date: Annotated[str | None, about("Person.birthDate", "Date of birth, at its precision.")] = None
    phones: Annotated[tuple[ContactPoint, ...], about("Person.telecom", "Telephone numbers.")] = ()
    emails: Annotated[tuple[ContactPoint, ...], about("Person.telecom", "E-mail addresses.")] = ()
    other_telecoms: Annotated[tuple[OtherTelecom, ...], about("Person.telecom", "Fax, pager, text and the like.")] = ()
    addresses: Annotated[tuple[Address, ...], about("Person.address", "Addresses.")] = ()
    organization: Annotated[Reference | None, about("Person.managingOrganization", "The organization that keeps the record.")] = (
        None
    )
    links: Annotated[
        tuple[PersonLink, ...],
        about("Person.link", "Other records of the same person; of one that was combined and is inactive, the one that stayed."),
    ] = ()
    identifiers: Annotated[tuple[Identifier, ...], about("Person.identifier", "The person's numbers.")] = ()


def normalize(resource: Resource, context: Context) -> Person:
    """The person that this canonical Person describes. Raises FixMessage where it is no Person with an id."""
    notes = opened(resource, "Person", context)
    main_name, other_names = split_names(resource, notes)
    telecoms = Telecoms(resource, notes)
    return Person(
        active=flag(resource, "active", "active", notes),
        name=main_name,
        other_names=other_names,
        sex=text(resource, "gender", "sex", notes),
        birth_date=date(resource, "birthDate", "birth_date", notes),
        phones=telecoms.phones,
        emails=telecoms.emails,
        other_telecoms=telecoms.others,
        addresses=listed(resource, "address", "addresses", notes, address),
        organization=single(resource, "managingOrganization", "organization", notes, reference),
        links=listed(resource, "link", "links", notes, _link),
        identifiers=listed(resource, "identifier", "identifiers", notes, identifier),
        **common_fields(notes),
    )


def _link(element: dict[str, Any], field: str, notes: Notes) -> PersonLink | None:
    assurance = text(element, "assurance", field + ".assurance", notes)
    return pointing(PersonLink, element, "target", field, notes, assurance=assurance)


DECLARATION = Declaration(
    name="person",
    plural="persons",
    resource_type="Person",
    struct=Person,
    normalize=normalize,
    filters=(IDENTIFIER, UPDATED_SINCE),
    patient_scoped=True,  # whoever is held to one patient sees no person who is not linked to that patient
    columns=("id", "name", "birth_date", "sex", "active"),
)
