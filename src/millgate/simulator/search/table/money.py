"""The rules of what is paid, by whom and under which plan.

Source: fact sheet 3.2; parameter documentation of the live CapabilityStatement, 2026-08. Not known, chosen here: the default page size
of ChargeItem (20) and the maxima (100).
"""

from __future__ import annotations

from millgate.simulator.search.rules import Needs, Page, Parameter, SearchRule
from millgate.simulator.search.table.parts import PROVENANCE, R4, count, in_encounter, patient, resource_id, token

COVERAGE = SearchRule(
    resource_type="Coverage",
    any_of=("_id", "patient", "-encounter"),
    one_of=("patient", "-encounter"),
    total=True,
    revincludes=PROVENANCE,
    parameters=(
        resource_id("Coverage"),
        patient(R4 + "Coverage-patient", "beneficiary"),
        in_encounter("The encounter that is paid for."),
    ),
)

INSURANCE_PLAN = SearchRule(
    resource_type="InsurancePlan",
    any_of=("_id", "owned-by"),
    total=True,
    parameters=(
        resource_id("InsurancePlan"),
        Parameter(
            name="owned-by",
            kind="reference",
            targets=("Organization",),
            paths=("ownedBy",),
            definition=R4 + "InsurancePlan-owned-by",
            about="The organization whose plans are shown.",
        ),
    ),
)

_ACCOUNTS_OF = ("-encounter", "patient", "-guarantor")
ACCOUNT = SearchRule(
    resource_type="Account",
    any_of=("_id", *_ACCOUNTS_OF),
    one_of=_ACCOUNTS_OF,
    needs=(
        *(Needs(name, ("type",)) for name in _ACCOUNTS_OF),
        Needs("patient", ("identifier",)),
        Needs("identifier", ("patient",)),
        Needs("type", _ACCOUNTS_OF),
    ),
    page=Page(default=10, maximum=100),
    total=True,
    parameters=(
        resource_id("Account"),
        patient(R4 + "Account-patient"),
        in_encounter("The encounter whose balances are shown."),
        Parameter(
            name="-guarantor",
            kind="reference",
            targets=("RelatedPerson",),
            about="The person who stands surety for the accounts.",
        ),
        token(
            "type",
            "guarantor-balance with '-encounter', statement with 'patient', financial-account with '-guarantor'.",
            "type.text",
            definition=R4 + "Account-type",
            many=False,
            codes=frozenset({"guarantor-balance", "statement", "financial-account"}),
        ),
        token(
            "identifier",
            "The number of a statement, with its system. Only with 'patient'.",
            "identifier",
            definition=R4 + "Account-identifier",
            many=False,
            system_required=True,
        ),
        count(),
    ),
)

CHARGE_ITEM = SearchRule(
    resource_type="ChargeItem",
    any_of=("_id", "context", "account"),
    one_of=("context", "account"),
    needs=(Needs("context", ("-status",)), Needs("account", ("-status",)), Needs("-status", ("context", "account"))),
    page=Page(default=20, maximum=100),
    total=True,
    parameters=(
        resource_id("ChargeItem", many=False),
        Parameter(
            name="context",
            kind="reference",
            targets=("Encounter",),
            paths=("context",),
            about="The encounter in which it was charged. Only with '-status'.",
        ),
        Parameter(
            name="account",
            kind="reference",
            targets=("Account",),
            paths=("account",),
            about="The account on which it was charged. Only with '-status'.",
        ),
        token("-status", "billable.", "status", many=False, codes=frozenset({"billable"})),
        count(),
    ),
)
