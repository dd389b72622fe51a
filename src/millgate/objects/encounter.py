"""One contact of a patient with a provider: a visit, a stay, a telephone call."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from millgate.canonical.absent import extension_reason
from millgate.canonical.exchange import Resource
from millgate.objects.common import common_fields, opened, source_status
from millgate.objects.concepts import coding_as_code, concept_of, concepts
from millgate.objects.declaration import FROM, IDENTIFIER, PATIENT_ID, STATUS, TO, UPDATED_SINCE, Context, Declaration, about
from millgate.objects.elements import identifier, listed, period, reasons, reference, reference_id_of, reference_ids, single
from millgate.objects.notes import Notes
from millgate.objects.primitives import member, moment, text, whole
from millgate.objects.shared import Code, Identifier, Object, Period, Reason, Reference, Shared


class EncounterLocation(Reference, frozen=True, kw_only=True):
    """A place of the encounter, and when."""

    status: Annotated[str | None, about("Encounter.location.status", "planned, active, reserved or completed.")] = None
    period: Annotated[Period | None, about("Encounter.location.period", "When the patient was there.")] = None


class EncounterProvider(Reference, frozen=True, kw_only=True):
    """Someone who takes part in the encounter, in what role, and when."""

    roles: Annotated[tuple[Code, ...], about("Encounter.participant.type", "In what role.")] = ()
    period: Annotated[Period | None, about("Encounter.participant.period", "When.")] = None


class Diagnosis(Shared, frozen=True, kw_only=True):
    """A condition that matters to the encounter."""

    condition: Annotated[Reference | None, about("Encounter.diagnosis.condition", "The condition or procedure.")] = None
    use: Annotated[Code | None, about("Encounter.diagnosis.use", "Its part: admission, billing, discharge, …")] = None
    rank: Annotated[int | None, about("Encounter.diagnosis.rank", "Its rank among those of the same use; 1 goes first.")] = None


class Encounter(Object, frozen=True, kw_only=True):
    """One contact of a patient with a provider: a visit, a stay, a telephone call."""

    patient_id: Annotated[str | None, about("Encounter.subject", "The patient.")] = None
    status: Annotated[str | None, about("Encounter.status", "planned, arrived, in-progress, finished, cancelled, …")] = None
    source_status: Annotated[str | None, about("Encounter.status.extension", "The source's own, finer status.")] = None
    class_: Annotated[Code | None, about("Encounter.class", "ambulatory, emergency, inpatient, …")] = msgspec.field(
        name="class", default=None
    )
    types: Annotated[tuple[Code, ...], about("Encounter.type", "Kinds of encounter.")] = ()
    service_type: Annotated[Code | None, about("Encounter.serviceType", "The service that it belongs to.")] = None
    priority: Annotated[Code | None, about("Encounter.priority", "How urgent it was.")] = None
    reasons: Annotated[
        tuple[Reason, ...], about("Encounter.reasonCode | reasonReference", "Why: the coded ones, then the references.")
    ] = ()
    start: Annotated[str | None, about("Encounter.period.start", "When it began.")] = None
    end: Annotated[str | None, about("Encounter.period.end", "When it ended.")] = None
    locations: Annotated[tuple[EncounterLocation, ...], about("Encounter.location", "Where it took place.")] = ()
    providers: Annotated[tuple[EncounterProvider, ...], about("Encounter.participant", "Who took part.")] = ()
    admit_source: Annotated[Code | None, about("Encounter.hospitalization.admitSource", "From where the patient came.")] = None
    discharge_disposition: Annotated[
        Code | None, about("Encounter.hospitalization.dischargeDisposition", "Where the patient went.")
    ] = None
    identifiers: Annotated[tuple[Identifier, ...], about("Encounter.identifier", "Financial number (FIN) and others.")] = ()
    account_ids: Annotated[tuple[str, ...], about("Encounter.account", "Ids of the accounts that it is billed to.")] = ()
    diagnoses: Annotated[tuple[Diagnosis, ...], about("Encounter.diagnosis", "Conditions that matter to it.")] = ()
    service_provider: Annotated[Reference | None, about("Encounter.serviceProvider", "The organization in charge.")] = None
    part_of: Annotated[Reference | None, about("Encounter.partOf", "The encounter that it is part of or was combined into.")] = (
        None
    )


def normalize(resource: Resource, context: Context) -> Encounter:
    """The encounter that this canonical Encounter describes. Raises FixMessage where it is no Encounter with an id."""
    notes = opened(resource, "Encounter", context)
    when = member(resource, "period", "start", notes) or {}
    if "extension" in when:
        notes.reason("start", extension_reason(when))
    stay = member(resource, "hospitalization", "admit_source", notes) or {}
    return Encounter(
        patient_id=reference_id_of(resource, "subject", "Patient", "patient_id", notes),
        status=text(resource, "status", "status", notes),
        source_status=source_status(notes),
        class_=coding_as_code(resource.get("class"), "class", notes),
        types=concepts(resource, "type", "types", notes),
        service_type=concept_of(resource, "serviceType", "service_type", notes),
        priority=concept_of(resource, "priority", "priority", notes),
        reasons=reasons(resource, notes),
        start=moment(when, "start", "start", notes),
        end=moment(when, "end", "end", notes),
        locations=listed(resource, "location", "locations", notes, _location),
        providers=listed(resource, "participant", "providers", notes, _provider),
        admit_source=concept_of(stay, "admitSource", "admit_source", notes),
        discharge_disposition=concept_of(stay, "dischargeDisposition", "discharge_disposition", notes),
        identifiers=listed(resource, "identifier", "identifiers", notes, identifier),
        account_ids=reference_ids(resource, "account", "Account", "account_ids", notes),
        diagnoses=listed(resource, "diagnosis", "diagnoses", notes, _diagnosis),
        service_provider=single(resource, "serviceProvider", "service_provider", notes, reference),
        part_of=single(resource, "partOf", "part_of", notes, reference),
        **common_fields(notes),
    )


def _location(element: dict[str, Any], field: str, notes: Notes) -> EncounterLocation | None:
    place = single(element, "location", field, notes, reference) or Reference()
    found = EncounterLocation(
        object=place.object,
        id=place.id,
        display=place.display,
        status=text(element, "status", field + ".status", notes),
        period=single(element, "period", field + ".period", notes, period),
    )
    return found if found != EncounterLocation() else None


def _provider(element: dict[str, Any], field: str, notes: Notes) -> EncounterProvider | None:
    who = single(element, "individual", field, notes, reference) or Reference()
    found = EncounterProvider(
        object=who.object,
        id=who.id,
        display=who.display,
        roles=concepts(element, "type", field + ".roles", notes),
        period=single(element, "period", field + ".period", notes, period),
    )
    return found if found != EncounterProvider() else None


def _diagnosis(element: dict[str, Any], field: str, notes: Notes) -> Diagnosis | None:
    found = Diagnosis(
        condition=single(element, "condition", field + ".condition", notes, reference),
        use=concept_of(element, "use", field + ".use", notes),
        rank=whole(element, "rank", field + ".rank", notes),
    )
    return found if found != Diagnosis() else None


DECLARATION = Declaration(
    name="encounter",
    plural="encounters",
    resource_type="Encounter",
    struct=Encounter,
    normalize=normalize,
    filters=(PATIENT_ID, FROM, TO, STATUS, IDENTIFIER, UPDATED_SINCE),
    patient_scoped=True,
    columns=("id", "start", "end", "class", "types", "status", "locations"),
    time_elements=("period",),
)
