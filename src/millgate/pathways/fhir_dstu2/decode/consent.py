"""A contract, which Millennium's DSTU2 uses for consents to share a record: a consent in R4.

Source: FHIR DSTU2 Contract; FHIR R4 Consent; Millennium's published examples.
"""

from __future__ import annotations

from typing import Any

from millgate.pathways.fhir_dstu2.decode.rules import Element, Rule, Rules, first_of, into_list, kept, listed, merged, same

# DSTU2's contract has no status and no scope, which R4 asks for: they are said to be unknown, not made up.
_UNKNOWN = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]}
ALSO = {"_status": _UNKNOWN, "scope": _UNKNOWN}


def _actors(value: Any, _: Element) -> Element:
    """Who it speaks of, and as what; R4 has one role for each."""
    found = []
    for one in listed(value):
        if not isinstance(one, dict):
            continue
        role, *others = listed(one.get("role")) or [None]
        more = kept("Contract.actor", "role", others) if others else {}
        unknown = {key: member for key, member in one.items() if key not in ("entity", "role", "extension")}
        kept_too = merged(*(kept("Contract.actor", key, member) for key, member in unknown.items()))
        had = {"extension": one["extension"]} if "extension" in one else {}
        found.append(
            merged(had, more, kept_too, {"role": role} if role else {}, {"reference": one["entity"]} if "entity" in one else {})
        )
    return {"provision": {"actor": found}}


RULES: Rules = {
    **same("identifier"),
    "subject": first_of("patient", "Contract", "subject"),
    "issued": Rule("dateTime"),
    "type": into_list("category"),
    "subtype": Rule("category", lambda value, _: {"category": listed(value)}, primitive=False),
    "actionReason": first_of("policyRule", "Contract", "actionReason"),
    "applies": Rule("provision", lambda value, _: {"provision": {"period": value}}, primitive=False),
    "action": Rule("provision", lambda value, _: {"provision": {"action": listed(value)}}, primitive=False),
    "actor": Rule("provision", _actors, primitive=False),
}
