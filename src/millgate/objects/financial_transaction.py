"""A payment or an adjustment on what is owed for care.

FHIR R4 has no such resource. Millennium carries it in a Basic whose code is `FinancialTransaction`, with its facts in extensions, and so
does the canonical form: see docs/why/financial-transactions-as-basic.md.
"""

from __future__ import annotations

from typing import Annotated, Any

from millgate.canonical.exchange import Resource
from millgate.canonical.extensions import (
    APPLY_FIRST_IN_FIRST_OUT,
    TRANSACTION_ACCOUNT_NUMBER,
    TRANSACTION_ALIAS,
    TRANSACTION_ALLOCATION,
    TRANSACTION_AMOUNT,
    TRANSACTION_CARD_BRAND,
    TRANSACTION_DATE,
    TRANSACTION_LOCATION,
    TRANSACTION_METHOD,
    TRANSACTION_TENDERED_AMOUNT,
    TRANSACTION_TYPE,
    extension_of,
    extensions_of,
)
from millgate.objects.common import common_fields, opened
from millgate.objects.concepts import concept_of
from millgate.objects.declaration import Context, Declaration, about
from millgate.objects.elements import extension_flag, identifier, listed, reference, reference_id_of, single
from millgate.objects.money import Money, money
from millgate.objects.notes import Notes
from millgate.objects.primitives import date, text
from millgate.objects.shared import Code, Identifier, Object, Reference, Shared

KIND = "FinancialTransaction"


class Allocation(Shared, frozen=True, kw_only=True):
    """What a part of the amount goes to."""

    target: Annotated[
        Reference | None, about("Basic.extension(financial-transaction-allocation).target", "The encounter or account.")
    ] = None
    amount: Annotated[Money | None, about("Basic.extension(financial-transaction-allocation).amount", "How much.")] = None


class FinancialTransaction(Object, frozen=True, kw_only=True):
    """A payment or an adjustment on what is owed for care."""

    patient_id: Annotated[str | None, about("Basic.subject", "The patient, where the source names one.")] = None
    kind: Annotated[Code | None, about("Basic.code", "That it is a financial transaction.")] = None
    type: Annotated[Code | None, about("Basic.extension(financial-transaction-type)", "payment or adjustment.")] = None
    method: Annotated[Code | None, about("Basic.extension(financial-transaction-method)", "Cash, check, credit card, …")] = None
    amount: Annotated[Money | None, about("Basic.extension(financial-transaction-amount)", "How much.")] = None
    tendered_amount: Annotated[
        Money | None, about("Basic.extension(financial-transaction-tendered-amount)", "How much was handed over.")
    ] = None
    date: Annotated[
        str | None,
        about("Basic.extension(financial-transaction-date)", "Date of the check or expiry of the card, at its precision."),
    ] = None
    account_number: Annotated[
        str | None,
        about("Basic.extension(financial-transaction-account-number)", "Digits of the card or check, as the source keeps them."),
    ] = None
    card_brand: Annotated[str | None, about("Basic.extension(financial-transaction-card-brand)", "Brand of the card.")] = None
    alias: Annotated[
        str | None, about("Basic.extension(financial-transaction-alias)", "The site's own code for this kind of transaction.")
    ] = None
    location: Annotated[
        str | None, about("Basic.extension(financial-transaction-location)", "Id of the place where it was taken.")
    ] = None
    allocations: Annotated[
        tuple[Allocation, ...], about("Basic.extension(financial-transaction-allocation)", "What the amount goes to.")
    ] = ()
    applies_to_oldest_first: Annotated[
        bool | None, about("Basic.extension(apply-first-in-first-out)", "Whether it goes to what has been owed longest.")
    ] = None
    created_at: Annotated[str | None, about("Basic.created", "The date of the record.")] = None
    author: Annotated[Reference | None, about("Basic.author", "Who entered it.")] = None
    identifiers: Annotated[tuple[Identifier, ...], about("Basic.identifier", "Receipt and other numbers.")] = ()


def normalize(resource: Resource, context: Context) -> FinancialTransaction:
    """The transaction that this canonical Basic describes. Raises FixMessage where it is no Basic with an id.

    A Basic that does not say that it is a financial transaction is read all the same, with a warning.
    """
    notes = opened(resource, "Basic", context)
    kind = concept_of(resource, "code", "kind", notes)
    if kind is None or KIND not in {coding.code for coding in kind.codings}:
        notes.warn("unexpected_kind", "kind", f"A Basic with the code {KIND} was expected; this one has not that code.")
    return FinancialTransaction(
        patient_id=reference_id_of(resource, "subject", "Patient", "patient_id", notes),
        kind=kind,
        type=_concept(resource, TRANSACTION_TYPE, "type", notes),
        method=_concept(resource, TRANSACTION_METHOD, "method", notes),
        amount=_money(resource, TRANSACTION_AMOUNT, "amount", notes),
        tendered_amount=_money(resource, TRANSACTION_TENDERED_AMOUNT, "tendered_amount", notes),
        date=date(extension_of(resource, TRANSACTION_DATE) or {}, "valueDate", "date", notes),
        account_number=_text(resource, TRANSACTION_ACCOUNT_NUMBER, "account_number", notes),
        card_brand=_text(resource, TRANSACTION_CARD_BRAND, "card_brand", notes),
        alias=_text(resource, TRANSACTION_ALIAS, "alias", notes),
        location=_text(resource, TRANSACTION_LOCATION, "location", notes),
        allocations=listed({"of": extensions_of(resource, TRANSACTION_ALLOCATION)}, "of", "allocations", notes, _allocation),
        applies_to_oldest_first=extension_flag(resource, APPLY_FIRST_IN_FIRST_OUT, "applies_to_oldest_first", notes),
        created_at=date(resource, "created", "created_at", notes),
        author=single(resource, "author", "author", notes, reference),
        identifiers=listed(resource, "identifier", "identifiers", notes, identifier),
        **common_fields(notes),
    )


def _concept(resource: Resource, url: str, field: str, notes: Notes) -> Code | None:
    return concept_of(extension_of(resource, url) or {}, "valueCodeableConcept", field, notes)


def _money(resource: Resource, url: str, field: str, notes: Notes) -> Money | None:
    return single(extension_of(resource, url) or {}, "valueMoney", field, notes, money)


def _text(resource: Resource, url: str, field: str, notes: Notes) -> str | None:
    return text(extension_of(resource, url) or {}, "valueString", field, notes)


def _allocation(element: dict[str, Any], field: str, notes: Notes) -> Allocation | None:
    target = extension_of(element, "target") or {}
    found = Allocation(
        target=single(target, "valueReference", field + ".target", notes, reference),
        amount=single(extension_of(element, "amount") or {}, "valueMoney", field + ".amount", notes, money),
    )
    return found if found != Allocation() else None


# Millennium takes these and never gives them out: there is no read and no search, so there is no filter.
DECLARATION = Declaration(
    name="financial_transaction",
    plural="financial_transactions",
    resource_type="Basic",
    struct=FinancialTransaction,
    normalize=normalize,
    filters=(),
    patient_scoped=True,
    columns=("id", "date", "type", "method", "amount"),
)
