"""Who or what made or changed a record, and out of what."""

from __future__ import annotations

from typing import Annotated, Any

from millgate.canonical.exchange import Resource
from millgate.canonical.references import parse_element
from millgate.objects.common import common_fields, opened
from millgate.objects.concepts import concept_of, concepts
from millgate.objects.declaration import UPDATED_SINCE, Context, Declaration, Filter, about
from millgate.objects.elements import listed, period, reference, single
from millgate.objects.notes import Notes
from millgate.objects.pointers import pointing
from millgate.objects.primitives import moment, text, texts
from millgate.objects.shared import Code, Object, Period, Reference

TARGET = Filter("target", "Of this record, as `Type/id`, such as `Condition/p123`.", "id")


class ProvenanceTarget(Reference, frozen=True, kw_only=True):
    """A record that it tells of, and which version."""

    version: Annotated[str | None, about("Provenance.target.reference", "Which version, where only one is meant.")] = None


class Agent(Reference, frozen=True, kw_only=True):
    """Who or what took part, and how."""

    type: Annotated[Code | None, about("Provenance.agent.type", "How: author, transmitter, enterer, …")] = None
    roles: Annotated[tuple[Code, ...], about("Provenance.agent.role", "In what function.")] = ()
    on_behalf_of: Annotated[Reference | None, about("Provenance.agent.onBehalfOf", "For whom.")] = None


class Entity(Reference, frozen=True, kw_only=True):
    """A record or document that was used, and how."""

    role: Annotated[str | None, about("Provenance.entity.role", "derivation, revision, quotation, source or removal.")] = None
    agents: Annotated[tuple[Agent, ...], about("Provenance.entity.agent", "Who answers for it.")] = ()


class Provenance(Object, frozen=True, kw_only=True):
    """Who or what made or changed a record, and out of what."""

    targets: Annotated[tuple[ProvenanceTarget, ...], about("Provenance.target", "The records that it tells of.")] = ()
    occurred_at: Annotated[str | None, about("Provenance.occurredDateTime", "When it was done.")] = None
    occurred_period: Annotated[Period | None, about("Provenance.occurredPeriod", "Over what time it was done.")] = None
    recorded_at: Annotated[str | None, about("Provenance.recorded", "When this was recorded.")] = None
    activity: Annotated[Code | None, about("Provenance.activity", "What was done.")] = None
    reasons: Annotated[tuple[Code, ...], about("Provenance.reason", "Why.")] = ()
    location: Annotated[Reference | None, about("Provenance.location", "Where.")] = None
    agents: Annotated[tuple[Agent, ...], about("Provenance.agent", "Who or what took part.")] = ()
    entities: Annotated[tuple[Entity, ...], about("Provenance.entity", "What was used.")] = ()
    policies: Annotated[tuple[str, ...], about("Provenance.policy", "Addresses of the policies that were followed.")] = ()


def normalize(resource: Resource, context: Context) -> Provenance:
    """The provenance that this canonical Provenance describes. Raises FixMessage where it is no Provenance with an id."""
    notes = opened(resource, "Provenance", context)
    return Provenance(
        targets=listed(resource, "target", "targets", notes, _target),
        occurred_at=moment(resource, "occurredDateTime", "occurred_at", notes),
        occurred_period=single(resource, "occurredPeriod", "occurred_period", notes, period),
        recorded_at=moment(resource, "recorded", "recorded_at", notes),
        activity=concept_of(resource, "activity", "activity", notes),
        reasons=concepts(resource, "reason", "reasons", notes),
        location=single(resource, "location", "location", notes, reference),
        agents=listed(resource, "agent", "agents", notes, _agent),
        entities=listed(resource, "entity", "entities", notes, _entity),
        policies=texts(resource, "policy", "policies", notes),
        **common_fields(notes),
    )


def _target(element: dict[str, Any], field: str, notes: Notes) -> ProvenanceTarget | None:
    parsed = parse_element(element)
    version = parsed.version if parsed is not None else None
    return pointing(ProvenanceTarget, {"target": element}, "target", field, notes, version=version)


def _agent(element: dict[str, Any], field: str, notes: Notes) -> Agent | None:
    return pointing(
        Agent,
        element,
        "who",
        field,
        notes,
        type=concept_of(element, "type", field + ".type", notes),
        roles=concepts(element, "role", field + ".roles", notes),
        on_behalf_of=single(element, "onBehalfOf", field + ".on_behalf_of", notes, reference),
    )


def _entity(element: dict[str, Any], field: str, notes: Notes) -> Entity | None:
    role = text(element, "role", field + ".role", notes)
    agents = listed(element, "agent", field + ".agents", notes, _agent)
    return pointing(Entity, element, "what", field, notes, role=role, agents=agents)


DECLARATION = Declaration(
    name="provenance",
    plural="provenances",
    resource_type="Provenance",
    struct=Provenance,
    normalize=normalize,
    filters=(TARGET, UPDATED_SINCE),
    patient_scoped=True,
    columns=("id", "recorded_at", "targets", "activity", "agents"),
)
