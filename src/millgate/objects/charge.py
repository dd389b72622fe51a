"""One thing that is to be billed: a service, a product, a stay."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from millgate.canonical.exchange import Resource
from millgate.canonical.extensions import (
    CHARGE_DESCRIPTION,
    MODIFIER_CODE,
    NATIONAL_DRUG_PRODUCT,
    NET_PRICE,
    PERFORMING_LOCATION,
    PRIORITY,
    PROCEDURE_CODE,
    QUANTITY_CONVERSION_FACTOR,
    REPLACING,
    REVENUE_CODE,
    UNIT_PRICE,
    extension_of,
    extensions_of,
)
from millgate.objects.common import common_fields, opened, source_status
from millgate.objects.concepts import concept, concept_of, concepts, concepts_of
from millgate.objects.declaration import ENCOUNTER_ID, UPDATED_SINCE, Context, Declaration, about
from millgate.objects.elements import (
    identifier,
    listed,
    note,
    period,
    quantity,
    reference,
    reference_id_of,
    reference_ids,
    single,
)
from millgate.objects.money import Money, money
from millgate.objects.notes import Notes
from millgate.objects.performers import Actor, actor
from millgate.objects.pointers import pointing
from millgate.objects.primitives import decimal, moment, text, whole
from millgate.objects.shared import Code, Identifier, Note, Object, Period, Quantity, Reference, Shared, Timing
from millgate.objects.timings import timing


class BillCode(Code, frozen=True, kw_only=True):
    """A code that goes on the bill."""

    priority: Annotated[int | None, about("ChargeItem….extension(priority)", "Its place on the bill; 1 goes first.")] = None


class DrugProduct(Shared, frozen=True, kw_only=True):
    """The drug that was used, as the bill has to name it."""

    code: Annotated[Code | None, about("ChargeItem.extension(national-drug-product)", "Its national drug code.")] = None
    quantity: Annotated[Quantity | None, about("ChargeItem.extension(national-drug-product)", "How much was used.")] = None
    conversion_factor: Annotated[
        Decimal | None, about("ChargeItem.extension(national-drug-product)", "From the drug's units to the charge's.")
    ] = None


class ReplacedCharge(Reference, frozen=True, kw_only=True):
    """A charge that another takes the place of."""

    version: Annotated[str | None, about("ChargeItem.extension(replacing).item-version", "Which version of it.")] = None


class ChargedProduct(Code, frozen=True, kw_only=True):
    """The product that was used or dispensed."""

    reference: Annotated[Reference | None, about("ChargeItem.productReference", "The product as a pointer.")] = None


class Charge(Object, frozen=True, kw_only=True):
    """One thing that is to be billed: a service, a product, a stay."""

    patient_id: Annotated[str | None, about("ChargeItem.subject", "The patient.")] = None
    encounter_id: Annotated[str | None, about("ChargeItem.context", "The encounter that it comes from.")] = None
    status: Annotated[str | None, about("ChargeItem.status", "planned, billable, not-billable, aborted, billed, …")] = None
    source_status: Annotated[str | None, about("ChargeItem.status.extension", "The source's own, finer status.")] = None
    code: Annotated[Code | None, about("ChargeItem.code", "What is charged.")] = None
    description: Annotated[str | None, about("ChargeItem.extension(description)", "What is charged, in words.")] = None
    procedure_codes: Annotated[
        tuple[BillCode, ...], about("ChargeItem.extension(procedure-code)", "What was done, as the bill has to name it.")
    ] = ()
    modifier_codes: Annotated[
        tuple[BillCode, ...], about("ChargeItem.extension(modifier-code)", "What modifies the procedure codes.")
    ] = ()
    revenue_codes: Annotated[
        tuple[Code, ...], about("ChargeItem.extension(revenue-code)", "In which department's revenue it counts.")
    ] = ()
    drug_products: Annotated[
        tuple[DrugProduct, ...], about("ChargeItem.extension(national-drug-product)", "The drugs that were used.")
    ] = ()
    occurred_at: Annotated[str | None, about("ChargeItem.occurrenceDateTime", "When it was done.")] = None
    occurred_period: Annotated[Period | None, about("ChargeItem.occurrencePeriod", "Over what time it was done.")] = None
    occurred_timing: Annotated[Timing | None, about("ChargeItem.occurrenceTiming", "When, again and again, it was done.")] = None
    quantity: Annotated[Quantity | None, about("ChargeItem.quantity", "How many or how much.")] = None
    unit_price: Annotated[Money | None, about("ChargeItem.extension(unit-price)", "Price of one.")] = None
    net_price: Annotated[Money | None, about("ChargeItem.extension(net-price)", "Price of all.")] = None
    price_override: Annotated[Money | None, about("ChargeItem.priceOverride", "Price that somebody set by hand.")] = None
    factor_override: Annotated[Decimal | None, about("ChargeItem.factorOverride", "Factor that somebody set by hand.")] = None
    override_reason: Annotated[str | None, about("ChargeItem.overrideReason", "Why price or factor was set by hand.")] = None
    performers: Annotated[tuple[Actor, ...], about("ChargeItem.performer", "Who did it, and in what function.")] = ()
    performing_location: Annotated[Reference | None, about("ChargeItem.extension(performing-location)", "Where it was done.")] = (
        None
    )
    performing_organization: Annotated[Reference | None, about("ChargeItem.performingOrganization", "Who provided it.")] = None
    requesting_organization: Annotated[Reference | None, about("ChargeItem.requestingOrganization", "Who asked for it.")] = None
    cost_center: Annotated[Reference | None, about("ChargeItem.costCenter", "Which organization bears the cost.")] = None
    body_sites: Annotated[tuple[Code, ...], about("ChargeItem.bodysite", "Where on the body.")] = ()
    product: Annotated[ChargedProduct | None, about("ChargeItem.product[x]", "The product that was used or dispensed.")] = None
    reasons: Annotated[tuple[BillCode, ...], about("ChargeItem.reason", "Why it was done: the diagnoses for the bill.")] = ()
    entered_at: Annotated[str | None, about("ChargeItem.enteredDate", "When it was entered.")] = None
    enterer: Annotated[Reference | None, about("ChargeItem.enterer", "Who entered it.")] = None
    account_ids: Annotated[tuple[str, ...], about("ChargeItem.account", "Ids of the accounts that it is on.")] = ()
    services: Annotated[tuple[Reference, ...], about("ChargeItem.service", "What was done, as other objects.")] = ()
    replaces: Annotated[
        tuple[ReplacedCharge, ...], about("ChargeItem.extension(replacing)", "The charges that it takes the place of.")
    ] = ()
    part_of: Annotated[tuple[Reference, ...], about("ChargeItem.partOf", "The charges that it is a part of.")] = ()
    supporting_information: Annotated[
        tuple[Reference, ...], about("ChargeItem.supportingInformation", "What else matters to it, such as the order.")
    ] = ()
    identifiers: Annotated[tuple[Identifier, ...], about("ChargeItem.identifier", "Its numbers.")] = ()
    notes: Annotated[tuple[Note, ...], about("ChargeItem.note", "Comments.")] = ()


def normalize(resource: Resource, context: Context) -> Charge:
    """The charge that this canonical ChargeItem describes. Raises FixMessage where it is no ChargeItem with an id."""
    notes = opened(resource, "ChargeItem", context)
    return Charge(
        patient_id=reference_id_of(resource, "subject", "Patient", "patient_id", notes),
        encounter_id=reference_id_of(resource, "context", "Encounter", "encounter_id", notes),
        status=text(resource, "status", "status", notes),
        source_status=source_status(notes),
        code=concept_of(resource, "code", "code", notes),
        occurred_at=moment(resource, "occurrenceDateTime", "occurred_at", notes),
        occurred_period=single(resource, "occurrencePeriod", "occurred_period", notes, period),
        occurred_timing=single(resource, "occurrenceTiming", "occurred_timing", notes, timing),
        quantity=single(resource, "quantity", "quantity", notes, quantity),
        price_override=single(resource, "priceOverride", "price_override", notes, money),
        factor_override=decimal(resource, "factorOverride", "factor_override", notes),
        override_reason=text(resource, "overrideReason", "override_reason", notes),
        performers=listed(resource, "performer", "performers", notes, actor),
        performing_organization=single(resource, "performingOrganization", "performing_organization", notes, reference),
        requesting_organization=single(resource, "requestingOrganization", "requesting_organization", notes, reference),
        cost_center=single(resource, "costCenter", "cost_center", notes, reference),
        body_sites=concepts(resource, "bodysite", "body_sites", notes),
        product=_product(resource, notes),
        reasons=listed(resource, "reason", "reasons", notes, _bill_code),
        entered_at=moment(resource, "enteredDate", "entered_at", notes),
        enterer=single(resource, "enterer", "enterer", notes, reference),
        account_ids=reference_ids(resource, "account", "Account", "account_ids", notes),
        services=listed(resource, "service", "services", notes, reference),
        part_of=listed(resource, "partOf", "part_of", notes, reference),
        supporting_information=listed(resource, "supportingInformation", "supporting_information", notes, reference),
        identifiers=listed(resource, "identifier", "identifiers", notes, identifier),
        notes=listed(resource, "note", "notes", notes, note),
        **_millenniums_own(resource, notes),
        **common_fields(notes),
    )


def _millenniums_own(resource: Resource, notes: Notes) -> dict[str, Any]:
    """What Millennium keeps in extensions. Source: its pages on ChargeItem."""
    unit, net, place = (extension_of(resource, url) or {} for url in (UNIT_PRICE, NET_PRICE, PERFORMING_LOCATION))
    revenue = [each.get("valueCodeableConcept") for each in extensions_of(resource, REVENUE_CODE)]
    replaced = {"of": extensions_of(resource, REPLACING)}
    products = {"of": extensions_of(resource, NATIONAL_DRUG_PRODUCT)}
    return {
        "description": text(extension_of(resource, CHARGE_DESCRIPTION) or {}, "valueString", "description", notes),
        "procedure_codes": _bill_codes(resource, PROCEDURE_CODE, "procedure_codes", notes),
        "modifier_codes": _bill_codes(resource, MODIFIER_CODE, "modifier_codes", notes),
        "revenue_codes": concepts_of(revenue, "revenue_codes", notes),
        "drug_products": listed(products, "of", "drug_products", notes, _drug_product),
        "unit_price": single(unit, "valueMoney", "unit_price", notes, money),
        "net_price": single(net, "valueMoney", "net_price", notes, money),
        "performing_location": single(place, "valueReference", "performing_location", notes, reference),
        "replaces": listed(replaced, "of", "replaces", notes, _replaced),
    }


def _bill_codes(resource: Resource, url: str, field: str, notes: Notes) -> tuple[BillCode, ...]:
    """The codes of extensions that hold each a `code` and a priority."""
    return listed({"of": extensions_of(resource, url)}, "of", field, notes, _coded_extension)


def _coded_extension(element: dict[str, Any], field: str, notes: Notes) -> BillCode | None:
    stated = (extension_of(element, "code") or {}).get("valueCodeableConcept")
    return _prioritized(concept(stated, field, notes), element, field, notes)


def _bill_code(element: dict[str, Any], field: str, notes: Notes) -> BillCode | None:
    return _prioritized(concept(element, field, notes), element, field, notes)


def _prioritized(code: Code | None, element: dict[str, Any], field: str, notes: Notes) -> BillCode | None:
    code = code or Code()
    priority = whole(extension_of(element, PRIORITY) or {}, "valueUnsignedInt", field + ".priority", notes)
    found = BillCode(text=code.text, system=code.system, code=code.code, codings=code.codings, priority=priority)
    return found if found != BillCode() else None


def _replaced(element: dict[str, Any], field: str, notes: Notes) -> ReplacedCharge | None:
    version = text(extension_of(element, "item-version") or {}, "valueId", field + ".version", notes)
    return pointing(ReplacedCharge, element, "valueReference", field, notes, version=version)


def _drug_product(element: dict[str, Any], field: str, notes: Notes) -> DrugProduct | None:
    code, amount, factor = (
        extension_of(element, url) or {}
        for url in ("national-drug-product-code", "national-drug-product-quantity", QUANTITY_CONVERSION_FACTOR)
    )
    found = DrugProduct(
        code=concept_of(code, "valueCodeableConcept", field + ".code", notes),
        quantity=single(amount, "valueQuantity", field + ".quantity", notes, quantity),
        conversion_factor=decimal(factor, "valueDecimal", field + ".conversion_factor", notes),
    )
    return found if found != DrugProduct() else None


def _product(resource: Resource, notes: Notes) -> ChargedProduct | None:
    code = concept_of(resource, "productCodeableConcept", "product", notes) or Code()
    pointed = single(resource, "productReference", "product.reference", notes, reference)
    found = ChargedProduct(text=code.text, system=code.system, code=code.code, codings=code.codings, reference=pointed)
    return found if found != ChargedProduct() else None


DECLARATION = Declaration(
    name="charge",
    plural="charges",
    resource_type="ChargeItem",
    struct=Charge,
    normalize=normalize,
    filters=(ENCOUNTER_ID, UPDATED_SINCE),
    patient_scoped=True,
    columns=("id", "occurred_at", "description", "code", "quantity", "net_price", "status"),
)
