"""The people and organizations who look after a patient."""

from __future__ import annotations

from typing import Annotated, Any

from millgate.canonical.exchange import Resource
from millgate.objects.common import common_fields, opened, source_status
from millgate.objects.concepts import concepts
from millgate.objects.declaration import CATEGORY, ENCOUNTER_ID, PATIENT_ID, STATUS, UPDATED_SINCE, Context, Declaration, about
from millgate.objects.elements import (
    Telecoms,
    identifier,
    listed,
    note,
    period,
    reasons,
    reference,
    reference_id_of,
    single,
)
from millgate.objects.notes import Notes
from millgate.objects.pointers import pointing
from millgate.objects.primitives import text
from millgate.objects.shared import Code, ContactPoint, Identifier, Note, Object, OtherTelecom, Period, Reason, Reference


class Member(Reference, frozen=True, kw_only=True):
    """Somebody in the team, in what role, and when."""

    roles: Annotated[tuple[Code, ...], about("CareTeam.participant.role", "In what role.")] = ()
    on_behalf_of: Annotated[Reference | None, about("CareTeam.participant.onBehalfOf", "For which organization.")] = None
    period: Annotated[Period | None, about("CareTeam.participant.period", "When.")] = None


class CareTeam(Object, frozen=True, kw_only=True):
    """The people and organizations who look after a patient."""

    patient_id: Annotated[str | None, about("CareTeam.subject", "The patient.")] = None
    encounter_id: Annotated[str | None, about("CareTeam.encounter", "The encounter it was formed in.")] = None
    status: Annotated[str | None, about("CareTeam.status", "proposed, active, suspended, inactive or entered-in-error.")] = None
    source_status: Annotated[str | None, about("CareTeam.status.extension", "The source's own, finer status.")] = None
    categories: Annotated[tuple[Code, ...], about("CareTeam.category", "longitudinal, encounter and the like.")] = ()
    name: Annotated[str | None, about("CareTeam.name", "Name of the team.")] = None
    period: Annotated[Period | None, about("CareTeam.period", "When it looks after the patient.")] = None
    members: Annotated[tuple[Member, ...], about("CareTeam.participant", "Who is in it.")] = ()
    reasons: Annotated[
        tuple[Reason, ...], about("CareTeam.reasonCode | reasonReference", "Why: the coded ones, then the references.")
    ] = ()
    managing_organizations: Annotated[
        tuple[Reference, ...], about("CareTeam.managingOrganization", "Organizations in charge of it.")
    ] = ()
    phones: Annotated[tuple[ContactPoint, ...], about("CareTeam.telecom", "Telephones.")] = ()
    emails: Annotated[tuple[ContactPoint, ...], about("CareTeam.telecom", "E-mail addresses.")] = ()
    other_telecoms: Annotated[tuple[OtherTelecom, ...], about("CareTeam.telecom", "All other contact points.")] = ()
    notes: Annotated[tuple[Note, ...], about("CareTeam.note", "Comments.")] = ()
    identifiers: Annotated[tuple[Identifier, ...], about("CareTeam.identifier", "Its numbers elsewhere.")] = ()


def normalize(resource: Resource, context: Context) -> CareTeam:
    """The team that this canonical CareTeam describes. Raises FixMessage where it is no CareTeam with an id."""
    notes = opened(resource, "CareTeam", context)
    telecoms = Telecoms(resource, notes)
    return CareTeam(
        patient_id=reference_id_of(resource, "subject", "Patient", "patient_id", notes),
        encounter_id=reference_id_of(resource, "encounter", "Encounter", "encounter_id", notes),
        status=text(resource, "status", "status", notes),
        source_status=source_status(notes),
        categories=concepts(resource, "category", "categories", notes),
        name=text(resource, "name", "name", notes),
        period=single(resource, "period", "period", notes, period),
        members=listed(resource, "participant", "members", notes, _member),
        reasons=reasons(resource, notes),
        managing_organizations=listed(resource, "managingOrganization", "managing_organizations", notes, reference),
        phones=telecoms.phones,
        emails=telecoms.emails,
        other_telecoms=telecoms.others,
        notes=listed(resource, "note", "notes", notes, note),
        identifiers=listed(resource, "identifier", "identifiers", notes, identifier),
        **common_fields(notes),
    )


def _member(element: dict[str, Any], field: str, notes: Notes) -> Member | None:
    return pointing(
        Member,
        element,
        "member",
        field,
        notes,
        roles=concepts(element, "role", field + ".roles", notes),
        on_behalf_of=single(element, "onBehalfOf", field + ".on_behalf_of", notes, reference),
        period=single(element, "period", field + ".period", notes, period),
    )


DECLARATION = Declaration(
    name="care_team",
    plural="care_teams",
    resource_type="CareTeam",
    struct=CareTeam,
    normalize=normalize,
    filters=(PATIENT_ID, ENCOUNTER_ID, CATEGORY, STATUS, UPDATED_SINCE),
    patient_scoped=True,
    columns=("id", "name", "categories", "status", "members", "period"),
)
