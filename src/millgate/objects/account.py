"""What is owed and paid for care: a financial account, a balance of a guarantor or insurer, a statement, a group of charges."""

from __future__ import annotations

from typing import Annotated, Any

from millgate.canonical.exchange import Resource
from millgate.canonical.extensions import (
    ACCOUNT_BALANCE,
    ACCOUNT_RELATED_PARTS,
    ACCOUNT_STATE,
    ASSOCIATED_ENCOUNTER,
    extension_of,
    extensions_of,
)
from millgate.objects.common import common_fields, opened, source_status
from millgate.objects.concepts import concept_of
from millgate.objects.declaration import ENCOUNTER_ID, IDENTIFIER, PATIENT_ID, UPDATED_SINCE, Context, Declaration, about
from millgate.objects.elements import identifier, listed, period, reference, reference_ids, single
from millgate.objects.money import Money, money
from millgate.objects.notes import Notes
from millgate.objects.pointers import pointing
from millgate.objects.primitives import flag, text, whole
from millgate.objects.shared import Code, Identifier, Object, Period, Reference


class AccountCoverage(Reference, frozen=True, kw_only=True):
    """A coverage that may be billed, and when its turn comes."""

    priority: Annotated[int | None, about("Account.coverage.priority", "Its turn; 1 goes first.")] = None


class Guarantor(Reference, frozen=True, kw_only=True):
    """Who pays in the end."""

    on_hold: Annotated[bool | None, about("Account.guarantor.onHold", "Whether this one is not billed for now.")] = None
    period: Annotated[Period | None, about("Account.guarantor.period", "When this one answers for it.")] = None


class Account(Object, frozen=True, kw_only=True):
    """What is owed and paid for care: a financial account, a balance of a guarantor or insurer, a statement, a group of charges."""

    status: Annotated[str | None, about("Account.status", "active, inactive, entered-in-error, on-hold or unknown.")] = None
    source_status: Annotated[str | None, about("Account.status.extension", "The source's own, finer status.")] = None
    state: Annotated[
        Code | None, about("Account.extension(account-state)", "How far the billing is, in the source's own terms.")
    ] = None
    type: Annotated[
        Code | None,
        about(
            "Account.type", "financial-account, guarantor-balance, insurance-balance, statement or charge-group, among others."
        ),
    ] = None
    name: Annotated[str | None, about("Account.name", "What people call it.")] = None
    description: Annotated[str | None, about("Account.description", "What it is for.")] = None
    subjects: Annotated[tuple[Reference, ...], about("Account.subject", "Whose care it is about.")] = ()
    encounter_ids: Annotated[
        tuple[str, ...], about("Account.extension(associated-encounter)", "Ids of the encounters whose care it is about.")
    ] = ()
    balance: Annotated[Money | None, about("Account.extension(account-balance)", "What is owed.")] = None
    service_period: Annotated[Period | None, about("Account.servicePeriod", "When the care was given.")] = None
    coverages: Annotated[tuple[AccountCoverage, ...], about("Account.coverage", "The coverages that may be billed.")] = ()
    guarantors: Annotated[tuple[Guarantor, ...], about("Account.guarantor", "Who pays in the end.")] = ()
    owner: Annotated[Reference | None, about("Account.owner", "Who keeps it, and is paid.")] = None
    part_of: Annotated[Reference | None, about("Account.partOf", "The account that it is a part of.")] = None
    related_parts: Annotated[
        tuple[Reference, ...], about("Account.extension(account-related-parts)", "The balances that a statement is about.")
    ] = ()
    identifiers: Annotated[tuple[Identifier, ...], about("Account.identifier", "Account or statement number.")] = ()


def normalize(resource: Resource, context: Context) -> Account:
    """The account that this canonical Account describes. Raises FixMessage where it is no Account with an id."""
    notes = opened(resource, "Account", context)
    stays = _values(resource, ASSOCIATED_ENCOUNTER)
    return Account(
        status=text(resource, "status", "status", notes),
        source_status=source_status(notes),
        state=concept_of(extension_of(resource, ACCOUNT_STATE) or {}, "valueCodeableConcept", "state", notes),
        type=concept_of(resource, "type", "type", notes),
        name=text(resource, "name", "name", notes),
        description=text(resource, "description", "description", notes),
        subjects=listed(resource, "subject", "subjects", notes, reference),
        encounter_ids=reference_ids({"of": stays}, "of", "Encounter", "encounter_ids", notes),
        balance=single(extension_of(resource, ACCOUNT_BALANCE) or {}, "valueMoney", "balance", notes, money),
        service_period=single(resource, "servicePeriod", "service_period", notes, period),
        coverages=listed(resource, "coverage", "coverages", notes, _coverage),
        guarantors=listed(resource, "guarantor", "guarantors", notes, _guarantor),
        owner=single(resource, "owner", "owner", notes, reference),
        part_of=single(resource, "partOf", "part_of", notes, reference),
        related_parts=listed({"of": _values(resource, ACCOUNT_RELATED_PARTS)}, "of", "related_parts", notes, reference),
        identifiers=listed(resource, "identifier", "identifiers", notes, identifier),
        **common_fields(notes),
    )


def _values(resource: Resource, url: str) -> list[Any]:
    """The references in the extensions of this URL."""
    return [extension["valueReference"] for extension in extensions_of(resource, url) if "valueReference" in extension]


def _coverage(element: dict[str, Any], field: str, notes: Notes) -> AccountCoverage | None:
    priority = whole(element, "priority", field + ".priority", notes)
    return pointing(AccountCoverage, element, "coverage", field, notes, priority=priority)


def _guarantor(element: dict[str, Any], field: str, notes: Notes) -> Guarantor | None:
    on_hold = flag(element, "onHold", field + ".on_hold", notes)
    when = single(element, "period", field + ".period", notes, period)
    return pointing(Guarantor, element, "party", field, notes, on_hold=on_hold, period=when)


DECLARATION = Declaration(
    name="account",
    plural="accounts",
    resource_type="Account",
    struct=Account,
    normalize=normalize,
    filters=(PATIENT_ID, ENCOUNTER_ID, IDENTIFIER, UPDATED_SINCE),
    patient_scoped=True,
    columns=("id", "type", "balance", "state", "service_period", "status"),
)
