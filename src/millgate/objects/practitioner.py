"""Someone who takes part in care by profession."""

from __future__ import annotations

from typing import Annotated, Any

from millgate.canonical.exchange import Resource
from millgate.canonical.extensions import IS_PHYSICIAN
from millgate.objects.common import common_fields, opened
from millgate.objects.concepts import concept_of, concepts
from millgate.objects.declaration import FAMILY, GIVEN, IDENTIFIER, NAME, UPDATED_SINCE, Context, Declaration, about
from millgate.objects.elements import Telecoms, address, extension_flag, identifier, listed, period, reference, single
from millgate.objects.names_of_people import split_names
from millgate.objects.notes import Notes
from millgate.objects.primitives import date, flag, text
from millgate.objects.shared import (
    Address,
    Code,
    ContactPoint,
    Identifier,
    Name,
    Object,
    OtherTelecom,
    Period,
    Reference,
    Shared,
)
from millgate.objects.shelf_life import DIRECTORIES


class Qualification(Shared, frozen=True, kw_only=True):
    """A degree, licence or certificate."""

    code: Annotated[Code | None, about("Practitioner.qualification.code", "What it is.")] = None
    identifiers: Annotated[tuple[Identifier, ...], about("Practitioner.qualification.identifier", "Its numbers.")] = ()
    issuer: Annotated[Reference | None, about("Practitioner.qualification.issuer", "Who gave it.")] = None
    period: Annotated[Period | None, about("Practitioner.qualification.period", "When it is valid.")] = None


class Practitioner(Object, frozen=True, kw_only=True):
    """Someone who takes part in care by profession."""

    active: Annotated[bool | None, about("Practitioner.active", "Whether the record is in use.")] = None
    name: Annotated[
        Name | None, about("Practitioner.name", "The name to use: official and current before usual before any other.")
    ] = None
    other_names: Annotated[tuple[Name, ...], about("Practitioner.name", "All other names, in source order.")] = ()
    npi: Annotated[str | None, about("Practitioner.identifier(NPI)", "National Provider Identifier (US).")] = None
    is_physician: Annotated[
        bool | None, about("Practitioner.extension(is-physician)", "Whether the source counts the person as a physician.")
    ] = None
    sex: Annotated[str | None, about("Practitioner.gender", "Administrative gender: male, female, other or unknown.")] = None
    birth_date: Annotated[str | None, about("Practitioner.birthDate", "Date of birth, at its precision.")] = None
    identifiers: Annotated[tuple[Identifier, ...], about("Practitioner.identifier", "Licence numbers and others.")] = ()
    phones: Annotated[tuple[ContactPoint, ...], about("Practitioner.telecom", "Telephone numbers.")] = ()
    emails: Annotated[tuple[ContactPoint, ...], about("Practitioner.telecom", "E-mail addresses.")] = ()
    other_telecoms: Annotated[tuple[OtherTelecom, ...], about("Practitioner.telecom", "Fax, pager, text and the like.")] = ()
    addresses: Annotated[tuple[Address, ...], about("Practitioner.address", "Addresses.")] = ()
    qualifications: Annotated[
        tuple[Qualification, ...], about("Practitioner.qualification", "Degrees, licences, certificates.")
    ] = ()
    languages: Annotated[tuple[Code, ...], about("Practitioner.communication", "Languages to talk with patients in.")] = ()


def normalize(resource: Resource, context: Context) -> Practitioner:
    """The practitioner that this canonical Practitioner describes. Raises FixMessage where it is no Practitioner with an id."""
    notes = opened(resource, "Practitioner", context)
    main_name, other_names = split_names(resource, notes)
    identifiers = listed(resource, "identifier", "identifiers", notes, identifier)
    telecoms = Telecoms(resource, notes)
    return Practitioner(
        active=flag(resource, "active", "active", notes),
        name=main_name,
        other_names=other_names,
        npi=national_provider_identifier(identifiers, notes),
        is_physician=extension_flag(resource, IS_PHYSICIAN, "is_physician", notes),
        sex=text(resource, "gender", "sex", notes),
        birth_date=date(resource, "birthDate", "birth_date", notes),
        identifiers=identifiers,
        phones=telecoms.phones,
        emails=telecoms.emails,
        other_telecoms=telecoms.others,
        addresses=listed(resource, "address", "addresses", notes, address),
        qualifications=listed(resource, "qualification", "qualifications", notes, _qualification),
        languages=concepts(resource, "communication", "languages", notes),
        **common_fields(notes),
    )


def national_provider_identifier(identifiers: tuple[Identifier, ...], notes: Notes) -> str | None:
    """The one NPI among the identifiers; several different ones are warned of, and none is lifted."""
    found = dict.fromkeys(each.value for each in identifiers if each.type == "NPI" and each.value is not None)
    if len(found) > 1:
        notes.warn("more_than_one", "npi", f"The source has {len(found)} NPIs; they are among the identifiers.")
        return None
    return next(iter(found), None)


def _qualification(element: dict[str, Any], field: str, notes: Notes) -> Qualification | None:
    found = Qualification(
        code=concept_of(element, "code", field + ".code", notes),
        identifiers=listed(element, "identifier", field + ".identifiers", notes, identifier),
        issuer=single(element, "issuer", field + ".issuer", notes, reference),
        period=single(element, "period", field + ".period", notes, period),
    )
    return found if found != Qualification() else None


DECLARATION = Declaration(
    name="practitioner",
    plural="practitioners",
    resource_type="Practitioner",
    struct=Practitioner,
    normalize=normalize,
    filters=(IDENTIFIER, NAME, FAMILY, GIVEN, UPDATED_SINCE),
    patient_scoped=False,
    shelf_life=DIRECTORIES,
    columns=("id", "name", "npi", "active"),
)
