"""The rules of the persons around patients, of patients as persons, of consents, and of messages.

Source: fact sheet 3.2; parameter documentation of the live CapabilityStatement, 2026-08. Not known, chosen here: Communication has no
`_count`, and pages of its known maximum of 1,000.
"""

from __future__ import annotations

from millgate.simulator.search.rules import DateRule, Include, Needs, Page, Parameter, SearchRule
from millgate.simulator.search.table.parts import PROVENANCE, R4, in_encounter, patient, resource_id, token

_LEVEL = "-relationship-level"

RELATED_PERSON = SearchRule(
    resource_type="RelatedPerson",
    any_of=("_id", "identifier", "patient", "-encounter"),
    one_of=("identifier", "patient", "-encounter"),
    needs=(Needs("identifier", (_LEVEL,)), Needs("patient", (_LEVEL,)), Needs(_LEVEL, ("identifier", "patient"))),
    total=True,
    revincludes=PROVENANCE,
    parameters=(
        resource_id("RelatedPerson"),
        token(
            "identifier",
            "A number of the person, with its system. Only with '-relationship-level'.",
            definition=R4 + "Patient-identifier",
            many=False,
            system_required=True,
        ),
        patient(R4 + "clinical-patient", "patient"),
        in_encounter("The encounter whose persons are shown."),
        token(
            _LEVEL,
            "Patient. Required with 'patient' and 'identifier', and taken with nothing else.",
            many=False,
            codes=frozenset({"Patient"}),
        ),
    ),
)

PERSON = SearchRule(
    resource_type="Person",
    any_of=("_id", "identifier"),
    parameters=(
        resource_id("Person"),
        token(
            "identifier",
            "A number of the person, with its system.",
            definition=R4 + "Person-identifier",
            many=False,
            system_required=True,
        ),
    ),
)

_BY = ("patient", "actor", "patient.identifier", "actor.identifier")
CONSENT = SearchRule(
    resource_type="Consent",
    any_of=("_id", *_BY),
    one_of=_BY,
    includes=(Include("Consent:actor", ("RelatedPerson",)), Include("Consent:patient", ("Patient",))),
    parameters=(
        resource_id("Consent"),
        patient(R4 + "clinical-patient", "patient"),
        Parameter(
            name="actor",
            kind="reference",
            targets=("RelatedPerson",),
            definition=R4 + "Consent-actor",
            about="The person who may look into the record.",
        ),
        token(
            "patient.identifier",
            "A number of the patient.",
            definition=R4 + "Consent-patient.identifier",
            many=False,
        ),
        token(
            "actor.identifier",
            "A number of the person who may look into the record.",
            definition=R4 + "Consent-actor.identifier",
            many=False,
        ),
    ),
)

_MESSAGE = ("category", "recipient", "received", "-email-status")
COMMUNICATION = SearchRule(
    resource_type="Communication",
    any_of=("_id", *_MESSAGE),
    needs=tuple(Needs(name, (other,)) for name in _MESSAGE for other in _MESSAGE if other != name),
    page=Page(default=1000, maximum=1000),
    parameters=(
        resource_id("Communication"),
        token("category", "The kind of message.", "category.coding", definition=R4 + "Communication-category", many=False),
        Parameter(
            name="received",
            kind="date",
            paths=("received",),
            dates=DateRule(single=frozenset({"ge"}), lower=frozenset({"ge"}), upper=frozenset({"le"}), time="always"),
            definition=R4 + "Communication-received",
            about="When it came, with 'ge' and a time, or 'ge' and 'le'.",
        ),
        Parameter(
            name="recipient",
            kind="reference",
            targets=("Practitioner", "Group"),
            modifiers=frozenset({"Practitioner", "Group"}),
            paths=("recipient",),
            definition=R4 + "Communication-recipient",
            about="Who has got it, as 'recipient:Practitioner' or 'recipient:Group'.",
        ),
        token("-email-status", "The status of the message.", "extension.valueCodeableConcept.coding", many=False),
    ),
)
