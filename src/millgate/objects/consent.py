"""What a patient agreed to or forbade: above all, who may see the record."""

from __future__ import annotations

from typing import Annotated, Any

from millgate.canonical.absent import extension_reason
from millgate.canonical.exchange import Resource
from millgate.objects.common import common_fields, opened, source_status
from millgate.objects.concepts import coding_as_code, concept_of, concepts
from millgate.objects.declaration import PATIENT_ID, UPDATED_SINCE, Context, Declaration, about
from millgate.objects.elements import attachment, identifier, listed, period, reference, reference_id_of, single
from millgate.objects.notes import Notes
from millgate.objects.pointers import pointing
from millgate.objects.primitives import flag, moment, text
from millgate.objects.shared import Attachment, Code, Identifier, Object, Period, Reference, Shared

_DEEPEST = 8  # rules within rules beyond this are named in a warning


class ConsentPolicy(Shared, frozen=True, kw_only=True):
    """A policy that the consent follows."""

    authority: Annotated[str | None, about("Consent.policy.authority", "Who made it (URI).")] = None
    uri: Annotated[str | None, about("Consent.policy.uri", "Which it is (URI).")] = None


class ConsentVerification(Shared, frozen=True, kw_only=True):
    """Whether somebody made sure of the consent."""

    verified: Annotated[bool | None, about("Consent.verification.verified", "Whether it was.")] = None
    verified_with: Annotated[Reference | None, about("Consent.verification.verifiedWith", "With whom.")] = None
    verified_at: Annotated[str | None, about("Consent.verification.verificationDate", "When.")] = None


class ConsentActor(Reference, frozen=True, kw_only=True):
    """Whom a rule is about, and in what role."""

    role: Annotated[Code | None, about("Consent.provision.actor.role", "In what role.")] = None


class ConsentData(Reference, frozen=True, kw_only=True):
    """What a rule is about."""

    meaning: Annotated[str | None, about("Consent.provision.data.meaning", "instance, related, dependents or authoredby.")] = None


class ConsentRule(Shared, frozen=True, kw_only=True):
    """One rule: who may do what with which data, or may not."""

    level: Annotated[int, about(None, "How deep it stands: 0 for the base rule, 1 for its exceptions, 2 for theirs, …")]
    type: Annotated[str | None, about("Consent.provision.type", "permit or deny; the base rule may leave it out.")] = None
    period: Annotated[Period | None, about("Consent.provision.period", "When it holds.")] = None
    actors: Annotated[tuple[ConsentActor, ...], about("Consent.provision.actor", "Whom it is about.")] = ()
    actions: Annotated[tuple[Code, ...], about("Consent.provision.action", "What they may do, or may not.")] = ()
    purposes: Annotated[tuple[Code, ...], about("Consent.provision.purpose", "For what use.")] = ()
    security_labels: Annotated[tuple[Code, ...], about("Consent.provision.securityLabel", "Data with which labels.")] = ()
    classes: Annotated[tuple[Code, ...], about("Consent.provision.class", "Data of which kind.")] = ()
    codes: Annotated[tuple[Code, ...], about("Consent.provision.code", "Data with which codes.")] = ()
    data_period: Annotated[Period | None, about("Consent.provision.dataPeriod", "Data of what time.")] = None
    data: Annotated[tuple[ConsentData, ...], about("Consent.provision.data", "Which data.")] = ()


class Consent(Object, frozen=True, kw_only=True):
    """What a patient agreed to or forbade: above all, who may see the record."""

    patient_id: Annotated[str | None, about("Consent.patient", "The patient whose consent it is.")] = None
    status: Annotated[str | None, about("Consent.status", "draft, proposed, active, rejected, inactive or entered-in-error.")] = (
        None
    )
    source_status: Annotated[str | None, about("Consent.status.extension", "The source's own, finer status.")] = None
    scope: Annotated[Code | None, about("Consent.scope", "What it is about: privacy, treatment, research, …")] = None
    categories: Annotated[tuple[Code, ...], about("Consent.category", "Kinds of consent.")] = ()
    consented_at: Annotated[str | None, about("Consent.dateTime", "When it was given.")] = None
    performers: Annotated[tuple[Reference, ...], about("Consent.performer", "Who agreed.")] = ()
    organizations: Annotated[tuple[Reference, ...], about("Consent.organization", "Who keeps it.")] = ()
    policies: Annotated[tuple[ConsentPolicy, ...], about("Consent.policy", "Policies that it follows.")] = ()
    policy_rule: Annotated[Code | None, about("Consent.policyRule", "The policy that it follows, as a concept.")] = None
    verifications: Annotated[tuple[ConsentVerification, ...], about("Consent.verification", "Who made sure of it.")] = ()
    rules: Annotated[
        tuple[ConsentRule, ...],
        about("Consent.provision", "The base rule, then each exception before the next of its level, with its own behind it."),
    ] = ()
    attachment: Annotated[Attachment | None, about("Consent.sourceAttachment", "The consent as it was signed.")] = None
    signed_document: Annotated[
        Reference | None, about("Consent.sourceReference", "The consent as it was signed, as a pointer.")
    ] = None
    identifiers: Annotated[tuple[Identifier, ...], about("Consent.identifier", "Its numbers.")] = ()


def normalize(resource: Resource, context: Context) -> Consent:
    """The consent that this canonical Consent describes. Raises FixMessage where it is no Consent with an id."""
    notes = opened(resource, "Consent", context)
    rules: list[ConsentRule] = []
    base = single(resource, "provision", "rules", notes, lambda element, _field, _notes: element)
    if base is not None:
        _take_rules(base, 0, rules, notes)
    return Consent(
        patient_id=reference_id_of(resource, "patient", "Patient", "patient_id", notes),
        status=text(resource, "status", "status", notes),
        source_status=source_status(notes),
        scope=concept_of(resource, "scope", "scope", notes),
        categories=concepts(resource, "category", "categories", notes),
        consented_at=moment(resource, "dateTime", "consented_at", notes),
        performers=listed(resource, "performer", "performers", notes, reference),
        organizations=listed(resource, "organization", "organizations", notes, reference),
        policies=listed(resource, "policy", "policies", notes, _policy),
        policy_rule=concept_of(resource, "policyRule", "policy_rule", notes),
        verifications=listed(resource, "verification", "verifications", notes, _verification),
        rules=tuple(rules),
        attachment=single(resource, "sourceAttachment", "attachment", notes, _attachment),
        signed_document=single(resource, "sourceReference", "signed_document", notes, reference),
        identifiers=listed(resource, "identifier", "identifiers", notes, identifier),
        **common_fields(notes),
    )


def _take_rules(element: dict[str, Any], level: int, rules: list[ConsentRule], notes: Notes) -> None:
    """Add the rule and, behind it, its exceptions, each with its own behind it."""
    if level > _DEEPEST:
        notes.warn("too_deep", "rules", f"Rules within rules are shown {_DEEPEST} deep; what is deeper is not shown.")
        return
    notes.reason("rules", extension_reason(element))
    rules.append(_rule(element, level, f"rules[{len(rules)}]", notes))
    for exception in listed(element, "provision", "rules", notes, lambda inner, _field, _notes: inner):
        _take_rules(exception, level + 1, rules, notes)


def _rule(element: dict[str, Any], level: int, field: str, notes: Notes) -> ConsentRule:
    return ConsentRule(
        level=level,
        type=text(element, "type", field + ".type", notes),
        period=single(element, "period", field + ".period", notes, period),
        actors=listed(element, "actor", field + ".actors", notes, _actor),
        actions=concepts(element, "action", field + ".actions", notes),
        purposes=listed(element, "purpose", field + ".purposes", notes, coding_as_code),
        security_labels=listed(element, "securityLabel", field + ".security_labels", notes, coding_as_code),
        classes=listed(element, "class", field + ".classes", notes, coding_as_code),
        codes=concepts(element, "code", field + ".codes", notes),
        data_period=single(element, "dataPeriod", field + ".data_period", notes, period),
        data=listed(element, "data", field + ".data", notes, _data),
    )


def _actor(element: dict[str, Any], field: str, notes: Notes) -> ConsentActor | None:
    role = concept_of(element, "role", field + ".role", notes)
    return pointing(ConsentActor, element, "reference", field, notes, role=role)


def _data(element: dict[str, Any], field: str, notes: Notes) -> ConsentData | None:
    meaning = text(element, "meaning", field + ".meaning", notes)
    return pointing(ConsentData, element, "reference", field, notes, meaning=meaning)


def _policy(element: dict[str, Any], field: str, notes: Notes) -> ConsentPolicy | None:
    found = ConsentPolicy(
        authority=text(element, "authority", field + ".authority", notes),
        uri=text(element, "uri", field + ".uri", notes),
    )
    return found if found != ConsentPolicy() else None


def _verification(element: dict[str, Any], field: str, notes: Notes) -> ConsentVerification | None:
    found = ConsentVerification(
        verified=flag(element, "verified", field + ".verified", notes),
        verified_with=single(element, "verifiedWith", field + ".verified_with", notes, reference),
        verified_at=moment(element, "verificationDate", field + ".verified_at", notes),
    )
    return found if found != ConsentVerification() else None


def _attachment(element: dict[str, Any], field: str, notes: Notes) -> Attachment | None:
    found = attachment(element, field, notes)
    return found if found != Attachment() else None


DECLARATION = Declaration(
    name="consent",
    plural="consents",
    resource_type="Consent",
    struct=Consent,
    normalize=normalize,
    filters=(PATIENT_ID, UPDATED_SINCE),
    patient_scoped=True,
    columns=("id", "scope", "policy_rule", "status"),
)
