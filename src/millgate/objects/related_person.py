"""Somebody who matters to a patient's care without being under care or in a profession there: kin, guarantor, guardian."""

from __future__ import annotations

from typing import Annotated, Any

from millgate.canonical.exchange import Resource
from millgate.canonical.extensions import (
    RELATED_PERSON_ENCOUNTER,
    RELATION,
    RELATIONSHIP_LEVEL,
    RELATIONSHIP_PERIOD,
    extension_of,
)
from millgate.objects.common import common_fields, opened
from millgate.objects.concepts import concept, concept_of
from millgate.objects.declaration import ENCOUNTER_ID, IDENTIFIER, PATIENT_ID, UPDATED_SINCE, Context, Declaration, about
from millgate.objects.elements import Telecoms, address, identifier, listed, period, reference_id_of, single
from millgate.objects.languages import spoken_languages
from millgate.objects.names_of_people import split_names
from millgate.objects.notes import Notes
from millgate.objects.primitives import date, flag, text
from millgate.objects.shared import Address, Code, ContactPoint, Identifier, Name, Object, OtherTelecom, Period


class Relationship(Code, frozen=True, kw_only=True):
    """What the person is to the patient."""

    relation: Annotated[
        Code | None,
        about("RelatedPerson.relationship.extension(relation)", "The kinship behind it: a guarantor who is the mother."),
    ] = None
    period: Annotated[Period | None, about("RelatedPerson.relationship.extension(period)", "When this relationship holds.")] = (
        None
    )


class RelatedPerson(Object, frozen=True, kw_only=True):
    """Somebody who matters to a patient's care without being under care or in a profession there: kin, guarantor, guardian."""

    patient_id: Annotated[str | None, about("RelatedPerson.patient", "The patient.")] = None
    encounter_id: Annotated[
        str | None, about("RelatedPerson.extension(related-person-encounter)", "The encounter that the relationship is for.")
    ] = None
    level: Annotated[
        Code | None,
        about("RelatedPerson.extension(relationship-level)", "Whether it is kept with the patient or with an encounter."),
    ] = None
    active: Annotated[bool | None, about("RelatedPerson.active", "Whether the record is in use.")] = None
    relationships: Annotated[
        tuple[Relationship, ...], about("RelatedPerson.relationship", "What the person is to the patient.")
    ] = ()
    name: Annotated[
        Name | None, about("RelatedPerson.name", "The name to use: official and current before usual before any other.")
    ] = None
    other_names: Annotated[tuple[Name, ...], about("RelatedPerson.name", "All other names, in source order.")] = ()
    sex: Annotated[str | None, about("RelatedPerson.gender", "Administrative gender: male, female, other or unknown.")] = None
    birth_date: Annotated[str | None, about("RelatedPerson.birthDate", "Date of birth, at its precision.")] = None
    language: Annotated[
        Code | None, about("RelatedPerson.communication.language", "The preferred language, or the only one.")
    ] = None
    other_languages: Annotated[
        tuple[Code, ...], about("RelatedPerson.communication.language", "All other languages, in source order.")
    ] = ()
    phones: Annotated[tuple[ContactPoint, ...], about("RelatedPerson.telecom", "Telephone numbers.")] = ()
    emails: Annotated[tuple[ContactPoint, ...], about("RelatedPerson.telecom", "E-mail addresses.")] = ()
    other_telecoms: Annotated[tuple[OtherTelecom, ...], about("RelatedPerson.telecom", "Fax, pager, text and the like.")] = ()
    addresses: Annotated[tuple[Address, ...], about("RelatedPerson.address", "Addresses.")] = ()
    period: Annotated[Period | None, about("RelatedPerson.period", "When the relationship holds.")] = None
    identifiers: Annotated[tuple[Identifier, ...], about("RelatedPerson.identifier", "The person's numbers.")] = ()


def normalize(resource: Resource, context: Context) -> RelatedPerson:
    """The person that this canonical RelatedPerson describes. Raises FixMessage where it is no RelatedPerson with an id."""
    notes = opened(resource, "RelatedPerson", context)
    main_name, other_names = split_names(resource, notes)
    language, other_languages = spoken_languages(resource, notes)
    telecoms = Telecoms(resource, notes)
    level = extension_of(resource, RELATIONSHIP_LEVEL) or {}
    stay = extension_of(resource, RELATED_PERSON_ENCOUNTER) or {}
    return RelatedPerson(
        patient_id=reference_id_of(resource, "patient", "Patient", "patient_id", notes),
        encounter_id=reference_id_of(stay, "valueReference", "Encounter", "encounter_id", notes),
        level=concept_of(level, "valueCodeableConcept", "level", notes),
        active=flag(resource, "active", "active", notes),
        relationships=listed(resource, "relationship", "relationships", notes, _relationship),
        name=main_name,
        other_names=other_names,
        sex=text(resource, "gender", "sex", notes),
        birth_date=date(resource, "birthDate", "birth_date", notes),
        language=language,
        other_languages=other_languages,
        phones=telecoms.phones,
        emails=telecoms.emails,
        other_telecoms=telecoms.others,
        addresses=listed(resource, "address", "addresses", notes, address),
        period=single(resource, "period", "period", notes, period),
        identifiers=listed(resource, "identifier", "identifiers", notes, identifier),
        **common_fields(notes),
    )


def _relationship(element: dict[str, Any], field: str, notes: Notes) -> Relationship | None:
    code = concept(element, field, notes) or Code()
    found = Relationship(
        text=code.text,
        system=code.system,
        code=code.code,
        codings=code.codings,
        relation=concept_of(extension_of(element, RELATION) or {}, "valueCodeableConcept", field + ".relation", notes),
        period=single(extension_of(element, RELATIONSHIP_PERIOD) or {}, "valuePeriod", field + ".period", notes, period),
    )
    return found if found != Relationship() else None


DECLARATION = Declaration(
    name="related_person",
    plural="related_persons",
    resource_type="RelatedPerson",
    struct=RelatedPerson,
    normalize=normalize,
    filters=(PATIENT_ID, ENCOUNTER_ID, IDENTIFIER, UPDATED_SINCE),
    patient_scoped=True,
    columns=("id", "name", "relationships", "level", "phones", "active"),
)
