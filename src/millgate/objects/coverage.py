"""Who pays for a patient's care, and under which plan."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from millgate.canonical.exchange import Resource
from millgate.canonical.extensions import COVERAGE_ENCOUNTER, extension_of
from millgate.objects.choices import Kinds, choice, kinds
from millgate.objects.common import common_fields, opened, source_status
from millgate.objects.concepts import concept_of
from millgate.objects.declaration import ENCOUNTER_ID, PATIENT_ID, UPDATED_SINCE, Context, Declaration, about
from millgate.objects.elements import identifier, listed, period, reference, reference_id_of, single
from millgate.objects.money import Money, money
from millgate.objects.notes import Notes
from millgate.objects.primitives import flag, text, whole
from millgate.objects.shared import Code, Identifier, Object, Period, Quantity, Reference, Shared


class CoverageClass(Shared, frozen=True, kw_only=True):
    """One rank of the underwriter's own order: group, plan, division, …"""

    type: Annotated[Code | None, about("Coverage.class.type", "What it is: group, plan, class, division, …")] = None
    value: Annotated[str | None, about("Coverage.class.value", "Its number or code.")] = None
    name: Annotated[str | None, about("Coverage.class.name", "Its name.")] = None


class CopayException(Shared, frozen=True, kw_only=True):
    """When a payment of the patient's own falls away or is less."""

    type: Annotated[Code | None, about("Coverage.costToBeneficiary.exception.type", "Retired, foster child, …")] = None
    period: Annotated[Period | None, about("Coverage.costToBeneficiary.exception.period", "When it holds.")] = None


class CopayCost(Shared, frozen=True, kw_only=True):
    """How much; exactly the field that `kind` names is there."""

    kind: Annotated[Literal["quantity", "money"], about("Coverage.costToBeneficiary.value[x]", "Which field is there.")]
    quantity: Annotated[Quantity | None, about("Coverage.costToBeneficiary.valueQuantity", "A share, such as 20 %.")] = None
    money: Annotated[Money | None, about("Coverage.costToBeneficiary.valueMoney", "An amount of money.")] = None


class Copay(Shared, frozen=True, kw_only=True):
    """What the patient pays."""

    type: Annotated[Code | None, about("Coverage.costToBeneficiary.type", "For what: visit, urgent, deductible, …")] = None
    cost: Annotated[CopayCost | None, about("Coverage.costToBeneficiary.value[x]", "How much.")] = None
    exceptions: Annotated[
        tuple[CopayException, ...], about("Coverage.costToBeneficiary.exception", "When it falls away or is less.")
    ] = ()


class Coverage(Object, frozen=True, kw_only=True):
    """Who pays for a patient's care, and under which plan."""

    patient_id: Annotated[str | None, about("Coverage.beneficiary", "The patient whose care is paid for.")] = None
    encounter_id: Annotated[
        str | None, about("Coverage.extension(coverage-encounter)", "The encounter it was chosen for, if for one only.")
    ] = None
    status: Annotated[str | None, about("Coverage.status", "active, cancelled, draft or entered-in-error.")] = None
    source_status: Annotated[str | None, about("Coverage.status.extension", "The source's own, finer status.")] = None
    type: Annotated[Code | None, about("Coverage.type", "Kind of plan, or that the patient pays.")] = None
    order: Annotated[int | None, about("Coverage.order", "Its place among the patient's coverages; 1 goes first.")] = None
    payor: Annotated[Reference | None, about("Coverage.payor", "Who pays; of several the first.")] = None
    other_payors: Annotated[tuple[Reference, ...], about("Coverage.payor", "All other payors, in source order.")] = ()
    plan_name: Annotated[str | None, about("Coverage.class(plan).name", "Name of the plan.")] = None
    plan_number: Annotated[str | None, about("Coverage.class(plan).value", "Number of the plan.")] = None
    group_name: Annotated[str | None, about("Coverage.class(group).name", "Name of the employer's or other group.")] = None
    group_number: Annotated[str | None, about("Coverage.class(group).value", "Number of the group.")] = None
    classes: Annotated[
        tuple[CoverageClass, ...], about("Coverage.class", "All ranks in source order, plan and group among them.")
    ] = ()
    member_id: Annotated[str | None, about("Coverage.identifier(MB)", "The patient's number as a member.")] = None
    subscriber_id: Annotated[str | None, about("Coverage.subscriberId", "The subscriber's number.")] = None
    subscriber: Annotated[Reference | None, about("Coverage.subscriber", "Who signed up.")] = None
    policy_holder: Annotated[Reference | None, about("Coverage.policyHolder", "Who owns the policy.")] = None
    dependent: Annotated[str | None, about("Coverage.dependent", "The patient's number under the subscriber's.")] = None
    relationship: Annotated[Code | None, about("Coverage.relationship", "What the patient is to the subscriber.")] = None
    period: Annotated[Period | None, about("Coverage.period", "When it holds.")] = None
    network: Annotated[str | None, about("Coverage.network", "Network of providers that it is for.")] = None
    copays: Annotated[tuple[Copay, ...], about("Coverage.costToBeneficiary", "What the patient pays.")] = ()
    subrogation: Annotated[bool | None, about("Coverage.subrogation", "Whether the payor may claim from a third party.")] = None
    contracts: Annotated[tuple[Reference, ...], about("Coverage.contract", "The policies behind it.")] = ()
    identifiers: Annotated[tuple[Identifier, ...], about("Coverage.identifier", "Member and other numbers.")] = ()


def normalize(resource: Resource, context: Context) -> Coverage:
    """The coverage that this canonical Coverage describes. Raises FixMessage where it is no Coverage with an id."""
    notes = opened(resource, "Coverage", context)
    payors = listed(resource, "payor", "payor", notes, reference)
    classes = listed(resource, "class", "classes", notes, _class)
    identifiers = listed(resource, "identifier", "identifiers", notes, identifier)
    plan, group = _class_of("plan", classes, notes), _class_of("group", classes, notes)
    return Coverage(
        patient_id=reference_id_of(resource, "beneficiary", "Patient", "patient_id", notes),
        encounter_id=reference_id_of(
            extension_of(resource, COVERAGE_ENCOUNTER) or {}, "valueReference", "Encounter", "encounter_id", notes
        ),
        status=text(resource, "status", "status", notes),
        source_status=source_status(notes),
        type=concept_of(resource, "type", "type", notes),
        order=whole(resource, "order", "order", notes),
        payor=payors[0] if payors else None,
        other_payors=payors[1:],
        plan_name=plan.name,
        plan_number=plan.value,
        group_name=group.name,
        group_number=group.value,
        classes=classes,
        member_id=_member_id(identifiers, notes),
        subscriber_id=text(resource, "subscriberId", "subscriber_id", notes),
        subscriber=single(resource, "subscriber", "subscriber", notes, reference),
        policy_holder=single(resource, "policyHolder", "policy_holder", notes, reference),
        dependent=text(resource, "dependent", "dependent", notes),
        relationship=concept_of(resource, "relationship", "relationship", notes),
        period=single(resource, "period", "period", notes, period),
        network=text(resource, "network", "network", notes),
        copays=listed(resource, "costToBeneficiary", "copays", notes, _copay),
        subrogation=flag(resource, "subrogation", "subrogation", notes),
        contracts=listed(resource, "contract", "contracts", notes, reference),
        identifiers=identifiers,
        **common_fields(notes),
    )


def _class(element: dict[str, Any], field: str, notes: Notes) -> CoverageClass | None:
    found = CoverageClass(
        type=concept_of(element, "type", field + ".type", notes),
        value=text(element, "value", field + ".value", notes),
        name=text(element, "name", field + ".name", notes),
    )
    return found if found != CoverageClass() else None


def _class_of(code: str, classes: tuple[CoverageClass, ...], notes: Notes) -> CoverageClass:
    """The only class of this kind; of several none is lifted. Source: FHIR R4 code system coverage-class."""
    found = [each for each in classes if each.type is not None and any(coding.code == code for coding in each.type.codings)]
    if len(found) > 1:
        notes.warn("more_than_one", f"{code}_number", f"The source has {len(found)}; they are among the classes.")
    return found[0] if len(found) == 1 else CoverageClass()


def _member_id(identifiers: tuple[Identifier, ...], notes: Notes) -> str | None:
    """The only member number among the identifiers. Source: US Core 6.1.0 coverage profile, slice memberid."""
    found = dict.fromkeys(each.value for each in identifiers if each.type == "MB" and each.value is not None)
    if len(found) > 1:
        notes.warn("more_than_one", "member_id", f"The source has {len(found)}; they are among the identifiers.")
        return None
    return next(iter(found), None)


def _money(source: dict[str, Any], key: str, field: str, notes: Notes) -> Money | None:
    return single(source, key, f"{field}.money", notes, money)


_COSTS: Kinds = {**kinds(Quantity="quantity"), "Money": ("money", _money)}


def _copay(element: dict[str, Any], field: str, notes: Notes) -> Copay | None:
    found = Copay(
        type=concept_of(element, "type", field + ".type", notes),
        cost=choice(element, "value", field + ".cost", notes, CopayCost, _COSTS),
        exceptions=listed(element, "exception", field + ".exceptions", notes, _exception),
    )
    return found if found != Copay() else None


def _exception(element: dict[str, Any], field: str, notes: Notes) -> CopayException | None:
    found = CopayException(
        type=concept_of(element, "type", field + ".type", notes),
        period=single(element, "period", field + ".period", notes, period),
    )
    return found if found != CopayException() else None


DECLARATION = Declaration(
    name="coverage",
    plural="coverages",
    resource_type="Coverage",
    struct=Coverage,
    normalize=normalize,
    filters=(PATIENT_ID, ENCOUNTER_ID, UPDATED_SINCE),
    patient_scoped=True,
    columns=("id", "order", "payor", "plan_name", "subscriber_id", "period", "status"),
)
