"""A person under care: who they are, and how to reach them."""

from __future__ import annotations

from typing import Annotated, Any

from millgate.canonical.absent import extension_reason
from millgate.canonical.exchange import Resource
from millgate.canonical.extensions import BIRTH_SEX, ETHNICITY, GENDER_IDENTITY, RACE, extension_of, extensions_of
from millgate.objects.common import common_fields, opened
from millgate.objects.concepts import coding, concept_of, concepts, lift
from millgate.objects.declaration import (
    BIRTH_DATE,
    EMAIL,
    FAMILY,
    GENDER,
    GIVEN,
    IDENTIFIER,
    NAME,
    PATIENT_ID,
    PHONE,
    POSTAL_CODE,
    UPDATED_SINCE,
    Context,
    Declaration,
    about,
)
from millgate.objects.elements import Telecoms, address, identifier, listed, name, period, reference, single
from millgate.objects.languages import spoken_languages
from millgate.objects.names_of_people import split_names
from millgate.objects.notes import Notes
from millgate.objects.primitives import date, flag, members, moment, text
from millgate.objects.shared import (
    Address,
    Code,
    Coding,
    ContactPoint,
    Identifier,
    Name,
    Object,
    OtherTelecom,
    Period,
    Reference,
    Shared,
)


class Contact(Shared, frozen=True, kw_only=True):
    """Someone to reach for the patient."""

    name: Annotated[Name | None, about("Patient.contact.name", "Name of the contact.")] = None
    relationships: Annotated[tuple[Code, ...], about("Patient.contact.relationship", "What the contact is to the patient.")] = ()
    sex: Annotated[str | None, about("Patient.contact.gender", "Administrative gender of the contact.")] = None
    phones: Annotated[tuple[ContactPoint, ...], about("Patient.contact.telecom", "Telephone numbers.")] = ()
    emails: Annotated[tuple[ContactPoint, ...], about("Patient.contact.telecom", "E-mail addresses.")] = ()
    other_telecoms: Annotated[tuple[OtherTelecom, ...], about("Patient.contact.telecom", "Fax, pager, text and the like.")] = ()
    address: Annotated[Address | None, about("Patient.contact.address", "Address of the contact.")] = None
    organization: Annotated[Reference | None, about("Patient.contact.organization", "Organization of the contact.")] = None
    period: Annotated[Period | None, about("Patient.contact.period", "When the contact may be reached.")] = None


class Link(Reference, frozen=True, kw_only=True):
    """Another record of the same person."""

    type: Annotated[str | None, about("Patient.link.type", "replaces, refer or seealso.")] = None


class Patient(Object, frozen=True, kw_only=True):
    """A person under care: who they are, and how to reach them."""

    active: Annotated[bool | None, about("Patient.active", "Whether the record is in use.")] = None
    name: Annotated[
        Name | None, about("Patient.name", "The name to use: official and current before usual before any other.")
    ] = None
    other_names: Annotated[tuple[Name, ...], about("Patient.name", "All other names, in source order.")] = ()
    birth_date: Annotated[str | None, about("Patient.birthDate", "Date of birth, at its precision.")] = None
    deceased: Annotated[bool | None, about("Patient.deceased[x]", "Whether the patient has died.")] = None
    deceased_at: Annotated[str | None, about("Patient.deceasedDateTime", "When the patient died.")] = None
    sex: Annotated[str | None, about("Patient.gender", "Administrative gender: male, female, other or unknown.")] = None
    birth_sex: Annotated[str | None, about("Patient.extension(us-core-birthsex)", "Sex assigned at birth: F, M, UNK or OTH.")] = (
        None
    )
    gender_identity: Annotated[Code | None, about("Patient.extension(us-core-genderIdentity)", "Gender identity.")] = None
    race: Annotated[
        tuple[Code, ...],
        about("Patient.extension(us-core-race)", "Races: one for each coded category, then one for each detail, then text."),
    ] = ()
    ethnicity: Annotated[Code | None, about("Patient.extension(us-core-ethnicity)", "Ethnicity, with all its codings.")] = None
    language: Annotated[Code | None, about("Patient.communication.language", "The preferred language, or the only one.")] = None
    other_languages: Annotated[
        tuple[Code, ...], about("Patient.communication.language", "All other languages, in source order.")
    ] = ()
    marital_status: Annotated[Code | None, about("Patient.maritalStatus", "Marital status.")] = None
    identifiers: Annotated[tuple[Identifier, ...], about("Patient.identifier", "Record numbers and other identifiers.")] = ()
    phones: Annotated[tuple[ContactPoint, ...], about("Patient.telecom", "Telephone numbers.")] = ()
    emails: Annotated[tuple[ContactPoint, ...], about("Patient.telecom", "E-mail addresses.")] = ()
    other_telecoms: Annotated[tuple[OtherTelecom, ...], about("Patient.telecom", "Fax, pager, text and the like.")] = ()
    addresses: Annotated[tuple[Address, ...], about("Patient.address", "Addresses.")] = ()
    contacts: Annotated[tuple[Contact, ...], about("Patient.contact", "People to reach for the patient.")] = ()
    general_practitioners: Annotated[
        tuple[Reference, ...], about("Patient.generalPractitioner", "Primary care providers, as the patient or site named them.")
    ] = ()
    organization: Annotated[
        Reference | None, about("Patient.managingOrganization", "The organization that keeps the record.")
    ] = None
    merged_into: Annotated[Reference | None, about("Patient.link.other", "The patient that replaced this one in a merge.")] = None
    other_links: Annotated[tuple[Link, ...], about("Patient.link", "Other records of the same person, in source order.")] = ()
    person_id: Annotated[str | None, about(None, "Identity across tenants, where the gateway has linked one.")] = None


def normalize(resource: Resource, context: Context) -> Patient:
    """The patient that this canonical Patient describes. Raises FixMessage where it is no Patient with an id."""
    notes = opened(resource, "Patient", context)
    main_name, other_names = split_names(resource, notes)
    deceased_at = moment(resource, "deceasedDateTime", "deceased_at", notes)
    telecoms = Telecoms(resource, notes)
    merged_into, other_links = _links(resource, notes)
    language, other_languages = spoken_languages(resource, notes)
    fields: dict[str, Any] = {
        "active": flag(resource, "active", "active", notes),
        "name": main_name,
        "other_names": other_names,
        "birth_date": date(resource, "birthDate", "birth_date", notes),
        "deceased": True if deceased_at is not None else flag(resource, "deceasedBoolean", "deceased", notes),
        "deceased_at": deceased_at,
        "sex": text(resource, "gender", "sex", notes),
        "language": language,
        "other_languages": other_languages,
        "marital_status": concept_of(resource, "maritalStatus", "marital_status", notes),
        "identifiers": listed(resource, "identifier", "identifiers", notes, identifier),
        "phones": telecoms.phones,
        "emails": telecoms.emails,
        "other_telecoms": telecoms.others,
        "addresses": listed(resource, "address", "addresses", notes, address),
        "contacts": listed(resource, "contact", "contacts", notes, _contact),
        "general_practitioners": listed(resource, "generalPractitioner", "general_practitioners", notes, reference),
        "organization": single(resource, "managingOrganization", "organization", notes, reference),
        "merged_into": merged_into,
        "other_links": other_links,
    }
    if "extension" in resource:
        fields |= _us_core(resource, notes)
    return Patient(**fields, **common_fields(notes))


def _us_core(resource: Resource, notes: Notes) -> dict[str, Any]:
    """What US Core keeps in extensions. Source: US Core 6.1.0 patient profile."""
    birth_sex = extension_of(resource, BIRTH_SEX)
    identity = extension_of(resource, GENDER_IDENTITY)
    return {
        "birth_sex": text(birth_sex, "valueCode", "birth_sex", notes) if birth_sex is not None else None,
        "gender_identity": concept_of(identity, "valueCodeableConcept", "gender_identity", notes)
        if identity is not None
        else None,
        "race": _race(resource, notes),
        "ethnicity": _ethnicity(resource, notes),
    }


def _omb_codings(extension: dict[str, Any], field: str, notes: Notes) -> tuple[Coding, ...]:
    found = [
        coding(part["valueCoding"], field, notes)
        for url in ("ombCategory", "detailed")
        for part in extensions_of(extension, url)
        if part.get("valueCoding").__class__ is dict
    ]
    return tuple(each for each in found if each is not None)


def _words(extension: dict[str, Any], field: str, notes: Notes) -> str | None:
    part = extension_of(extension, "text")
    return text(part, "valueString", field, notes) if part is not None else None


def _race(resource: Resource, notes: Notes) -> tuple[Code, ...]:
    """One Code for each coding; the text stands with the coding that it repeats or with the only one, otherwise by itself."""
    extension = extension_of(resource, RACE)
    if extension is None:
        return ()
    codings = _omb_codings(extension, "race", notes)
    words = _words(extension, "race", notes)
    owner = 0 if len(codings) == 1 else next((i for i, each in enumerate(codings) if each.display == words), None)
    races = [
        Code(text=words if i == owner else None, system=each.system, code=each.code, codings=(each,))
        for i, each in enumerate(codings)
    ]
    if words is not None and owner is None:
        races.append(Code(text=words))
    return tuple(races)


def _ethnicity(resource: Resource, notes: Notes) -> Code | None:
    extension = extension_of(resource, ETHNICITY)
    if extension is None:
        return None
    codings = _omb_codings(extension, "ethnicity", notes)
    words = _words(extension, "ethnicity", notes)
    best = lift(codings)
    if words is None and not codings:
        return None
    return Code(
        text=words,
        system=best.system if best is not None else None,
        code=best.code if best is not None else None,
        codings=codings,
    )


def _links(resource: Resource, notes: Notes) -> tuple[Reference | None, tuple[Link, ...]]:
    """The first link of type `replaced-by`, and all others."""
    merged_into: Reference | None = None
    others: list[Link] = []
    for element in members(resource, "link", "other_links", notes) if "link" in resource else ():
        if merged_into is None and element.get("type") == "replaced-by":
            merged_into = single(element, "other", "merged_into", notes, reference)
            continue
        place = f"other_links[{len(others)}]"
        notes.reason("other_links", extension_reason(element))
        other = single(element, "other", place, notes, reference) or Reference()
        kind = text(element, "type", place + ".type", notes)
        others.append(Link(object=other.object, id=other.id, display=other.display, type=kind))
    return merged_into, tuple(others)


def _contact(element: dict[str, Any], field: str, notes: Notes) -> Contact | None:
    telecoms = Telecoms(element, notes, field + ".")
    return Contact(
        name=single(element, "name", field + ".name", notes, name),
        relationships=concepts(element, "relationship", field + ".relationships", notes),
        sex=text(element, "gender", field + ".sex", notes),
        phones=telecoms.phones,
        emails=telecoms.emails,
        other_telecoms=telecoms.others,
        address=single(element, "address", field + ".address", notes, address),
        organization=single(element, "organization", field + ".organization", notes, reference),
        period=single(element, "period", field + ".period", notes, period),
    )


DECLARATION = Declaration(
    name="patient",
    plural="patients",
    resource_type="Patient",
    struct=Patient,
    normalize=normalize,
    filters=(
        IDENTIFIER,
        NAME,
        FAMILY,
        GIVEN,
        BIRTH_DATE,
        GENDER,
        PHONE,
        EMAIL,
        POSTAL_CODE,
        PATIENT_ID,
        UPDATED_SINCE,
    ),
    patient_scoped=True,
    columns=("id", "name", "birth_date", "sex", "identifiers"),
)
