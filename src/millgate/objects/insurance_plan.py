"""A product of an insurer: what it covers, and at what cost."""

from __future__ import annotations

from typing import Annotated, Any

from millgate.canonical.exchange import Resource
from millgate.objects.common import common_fields, opened, source_status
from millgate.objects.concepts import concept_of, concepts
from millgate.objects.declaration import UPDATED_SINCE, Context, Declaration, about
from millgate.objects.elements import Telecoms, address, identifier, listed, name, period, quantity, reference, single
from millgate.objects.money import Money, money
from millgate.objects.notes import Notes
from millgate.objects.primitives import text, texts, whole
from millgate.objects.shared import (
    Address,
    Code,
    ContactPoint,
    Identifier,
    Name,
    Object,
    OtherTelecom,
    Period,
    Quantity,
    Reference,
    Shared,
)
from millgate.objects.shelf_life import DIRECTORIES


class PlanContact(Shared, frozen=True, kw_only=True):
    """Whom to ask about the product."""

    purpose: Annotated[Code | None, about("InsurancePlan.contact.purpose", "About what.")] = None
    name: Annotated[Name | None, about("InsurancePlan.contact.name", "Name of the contact.")] = None
    phones: Annotated[tuple[ContactPoint, ...], about("InsurancePlan.contact.telecom", "Telephone numbers.")] = ()
    emails: Annotated[tuple[ContactPoint, ...], about("InsurancePlan.contact.telecom", "E-mail addresses.")] = ()
    other_telecoms: Annotated[
        tuple[OtherTelecom, ...], about("InsurancePlan.contact.telecom", "Fax, pager, text and the like.")
    ] = ()
    address: Annotated[Address | None, about("InsurancePlan.contact.address", "Address of the contact.")] = None


class BenefitLimit(Shared, frozen=True, kw_only=True):
    """How far a benefit goes."""

    value: Annotated[Quantity | None, about("InsurancePlan.coverage.benefit.limit.value", "How much or how many.")] = None
    code: Annotated[Code | None, about("InsurancePlan.coverage.benefit.limit.code", "Of what, or in what time.")] = None


class Benefit(Shared, frozen=True, kw_only=True):
    """One thing that is covered."""

    type: Annotated[Code | None, about("InsurancePlan.coverage.benefit.type", "What.")] = None
    requirement: Annotated[str | None, about("InsurancePlan.coverage.benefit.requirement", "On what condition.")] = None
    limits: Annotated[tuple[BenefitLimit, ...], about("InsurancePlan.coverage.benefit.limit", "How far.")] = ()


class PlanCoverage(Shared, frozen=True, kw_only=True):
    """One kind of cover that the product has."""

    type: Annotated[Code | None, about("InsurancePlan.coverage.type", "Medical, dental, mental health, …")] = None
    networks: Annotated[tuple[Reference, ...], about("InsurancePlan.coverage.network", "Networks that provide it.")] = ()
    benefits: Annotated[tuple[Benefit, ...], about("InsurancePlan.coverage.benefit", "What is covered.")] = ()


class GeneralCost(Shared, frozen=True, kw_only=True):
    """What the product costs as a whole."""

    type: Annotated[Code | None, about("InsurancePlan.plan.generalCost.type", "Of what kind.")] = None
    group_size: Annotated[int | None, about("InsurancePlan.plan.generalCost.groupSize", "For how many people.")] = None
    cost: Annotated[Money | None, about("InsurancePlan.plan.generalCost.cost", "How much.")] = None
    comment: Annotated[str | None, about("InsurancePlan.plan.generalCost.comment", "What else there is to say.")] = None


class BenefitCost(Shared, frozen=True, kw_only=True):
    """What a benefit costs the insured."""

    type: Annotated[Code | None, about("InsurancePlan.plan.specificCost.benefit.cost.type", "Copay, deductible, …")] = None
    applicability: Annotated[
        Code | None, about("InsurancePlan.plan.specificCost.benefit.cost.applicability", "In network, out of network.")
    ] = None
    qualifiers: Annotated[
        tuple[Code, ...], about("InsurancePlan.plan.specificCost.benefit.cost.qualifiers", "What else it depends on.")
    ] = ()
    value: Annotated[Quantity | None, about("InsurancePlan.plan.specificCost.benefit.cost.value", "How much.")] = None


class CostedBenefit(Shared, frozen=True, kw_only=True):
    """One benefit and its costs."""

    type: Annotated[Code | None, about("InsurancePlan.plan.specificCost.benefit.type", "Which benefit.")] = None
    costs: Annotated[tuple[BenefitCost, ...], about("InsurancePlan.plan.specificCost.benefit.cost", "Its costs.")] = ()


class SpecificCost(Shared, frozen=True, kw_only=True):
    """What one category of benefits costs."""

    category: Annotated[Code | None, about("InsurancePlan.plan.specificCost.category", "Which category.")] = None
    benefits: Annotated[tuple[CostedBenefit, ...], about("InsurancePlan.plan.specificCost.benefit", "Its benefits.")] = ()


class Plan(Shared, frozen=True, kw_only=True):
    """One variant of the product, such as gold or silver."""

    identifiers: Annotated[tuple[Identifier, ...], about("InsurancePlan.plan.identifier", "Its numbers.")] = ()
    type: Annotated[Code | None, about("InsurancePlan.plan.type", "Which variant.")] = None
    coverage_areas: Annotated[tuple[Reference, ...], about("InsurancePlan.plan.coverageArea", "Where it holds.")] = ()
    networks: Annotated[tuple[Reference, ...], about("InsurancePlan.plan.network", "Networks that provide it.")] = ()
    general_costs: Annotated[tuple[GeneralCost, ...], about("InsurancePlan.plan.generalCost", "What it costs as a whole.")] = ()
    specific_costs: Annotated[tuple[SpecificCost, ...], about("InsurancePlan.plan.specificCost", "What its benefits cost.")] = ()


class InsurancePlan(Object, frozen=True, kw_only=True):
    """A product of an insurer: what it covers, and at what cost."""

    status: Annotated[str | None, about("InsurancePlan.status", "draft, active, retired or unknown.")] = None
    source_status: Annotated[str | None, about("InsurancePlan.status.extension", "The source's own, finer status.")] = None
    types: Annotated[tuple[Code, ...], about("InsurancePlan.type", "Kinds of product.")] = ()
    name: Annotated[str | None, about("InsurancePlan.name", "Its official name.")] = None
    aliases: Annotated[tuple[str, ...], about("InsurancePlan.alias", "Other names.")] = ()
    period: Annotated[Period | None, about("InsurancePlan.period", "When it is sold.")] = None
    owned_by: Annotated[Reference | None, about("InsurancePlan.ownedBy", "The insurer.")] = None
    administered_by: Annotated[Reference | None, about("InsurancePlan.administeredBy", "Who runs it for the insurer.")] = None
    coverage_areas: Annotated[tuple[Reference, ...], about("InsurancePlan.coverageArea", "Where it holds.")] = ()
    networks: Annotated[tuple[Reference, ...], about("InsurancePlan.network", "Networks that provide it.")] = ()
    contacts: Annotated[tuple[PlanContact, ...], about("InsurancePlan.contact", "Whom to ask about it.")] = ()
    coverages: Annotated[tuple[PlanCoverage, ...], about("InsurancePlan.coverage", "What it covers.")] = ()
    plans: Annotated[tuple[Plan, ...], about("InsurancePlan.plan", "Its variants.")] = ()
    identifiers: Annotated[tuple[Identifier, ...], about("InsurancePlan.identifier", "Its numbers.")] = ()


def normalize(resource: Resource, context: Context) -> InsurancePlan:
    """The plan that this canonical InsurancePlan describes. Raises FixMessage where it is no InsurancePlan with an id."""
    notes = opened(resource, "InsurancePlan", context)
    return InsurancePlan(
        status=text(resource, "status", "status", notes),
        source_status=source_status(notes),
        types=concepts(resource, "type", "types", notes),
        name=text(resource, "name", "name", notes),
        aliases=texts(resource, "alias", "aliases", notes),
        period=single(resource, "period", "period", notes, period),
        owned_by=single(resource, "ownedBy", "owned_by", notes, reference),
        administered_by=single(resource, "administeredBy", "administered_by", notes, reference),
        coverage_areas=listed(resource, "coverageArea", "coverage_areas", notes, reference),
        networks=listed(resource, "network", "networks", notes, reference),
        contacts=listed(resource, "contact", "contacts", notes, _contact),
        coverages=listed(resource, "coverage", "coverages", notes, _coverage),
        plans=listed(resource, "plan", "plans", notes, _plan),
        identifiers=listed(resource, "identifier", "identifiers", notes, identifier),
        **common_fields(notes),
    )


def _contact(element: dict[str, Any], field: str, notes: Notes) -> PlanContact | None:
    telecoms = Telecoms(element, notes, field + ".")
    found = PlanContact(
        purpose=concept_of(element, "purpose", field + ".purpose", notes),
        name=single(element, "name", field + ".name", notes, name),
        phones=telecoms.phones,
        emails=telecoms.emails,
        other_telecoms=telecoms.others,
        address=single(element, "address", field + ".address", notes, address),
    )
    return found if found != PlanContact() else None


def _coverage(element: dict[str, Any], field: str, notes: Notes) -> PlanCoverage | None:
    found = PlanCoverage(
        type=concept_of(element, "type", field + ".type", notes),
        networks=listed(element, "network", field + ".networks", notes, reference),
        benefits=listed(element, "benefit", field + ".benefits", notes, _benefit),
    )
    return found if found != PlanCoverage() else None


def _benefit(element: dict[str, Any], field: str, notes: Notes) -> Benefit | None:
    found = Benefit(
        type=concept_of(element, "type", field + ".type", notes),
        requirement=text(element, "requirement", field + ".requirement", notes),
        limits=listed(element, "limit", field + ".limits", notes, _limit),
    )
    return found if found != Benefit() else None


def _limit(element: dict[str, Any], field: str, notes: Notes) -> BenefitLimit | None:
    found = BenefitLimit(
        value=single(element, "value", field + ".value", notes, quantity),
        code=concept_of(element, "code", field + ".code", notes),
    )
    return found if found != BenefitLimit() else None


def _plan(element: dict[str, Any], field: str, notes: Notes) -> Plan | None:
    found = Plan(
        identifiers=listed(element, "identifier", field + ".identifiers", notes, identifier),
        type=concept_of(element, "type", field + ".type", notes),
        coverage_areas=listed(element, "coverageArea", field + ".coverage_areas", notes, reference),
        networks=listed(element, "network", field + ".networks", notes, reference),
        general_costs=listed(element, "generalCost", field + ".general_costs", notes, _general_cost),
        specific_costs=listed(element, "specificCost", field + ".specific_costs", notes, _specific_cost),
    )
    return found if found != Plan() else None


def _general_cost(element: dict[str, Any], field: str, notes: Notes) -> GeneralCost | None:
    found = GeneralCost(
        type=concept_of(element, "type", field + ".type", notes),
        group_size=whole(element, "groupSize", field + ".group_size", notes),
        cost=single(element, "cost", field + ".cost", notes, money),
        comment=text(element, "comment", field + ".comment", notes),
    )
    return found if found != GeneralCost() else None


def _specific_cost(element: dict[str, Any], field: str, notes: Notes) -> SpecificCost | None:
    found = SpecificCost(
        category=concept_of(element, "category", field + ".category", notes),
        benefits=listed(element, "benefit", field + ".benefits", notes, _costed_benefit),
    )
    return found if found != SpecificCost() else None


def _costed_benefit(element: dict[str, Any], field: str, notes: Notes) -> CostedBenefit | None:
    found = CostedBenefit(
        type=concept_of(element, "type", field + ".type", notes),
        costs=listed(element, "cost", field + ".costs", notes, _benefit_cost),
    )
    return found if found != CostedBenefit() else None


def _benefit_cost(element: dict[str, Any], field: str, notes: Notes) -> BenefitCost | None:
    found = BenefitCost(
        type=concept_of(element, "type", field + ".type", notes),
        applicability=concept_of(element, "applicability", field + ".applicability", notes),
        qualifiers=concepts(element, "qualifiers", field + ".qualifiers", notes),
        value=single(element, "value", field + ".value", notes, quantity),
    )
    return found if found != BenefitCost() else None


DECLARATION = Declaration(
    name="insurance_plan",
    plural="insurance_plans",
    resource_type="InsurancePlan",
    struct=InsurancePlan,
    normalize=normalize,
    filters=(UPDATED_SINCE,),
    patient_scoped=False,
    shelf_life=DIRECTORIES,
    columns=("id", "name", "types", "owned_by", "status"),
)
