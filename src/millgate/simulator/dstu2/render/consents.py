"""Consents, which are contracts in DSTU2: who may see a patient's record."""

from __future__ import annotations

from millgate.simulator.dstu2.render.datatypes import Json, picked

_SNOMED = "https://snomed.ct/sct"  # as published


def _concept(code: str, display: str) -> Json:
    return {"coding": [{"system": _SNOMED, "code": code, "display": display}], "text": display}


# What every contract says, whatever it is about. Source: the vendor's page on Contract, published bodies.
_ALWAYS: Json = {
    "type": _concept("371537001", "Consent report (record artifact)"),
    "subtype": [_concept("309370004", "Consent status (finding)")],
    "action": [_concept("441898007", "Consented (qualifier value)")],
    "actionReason": [_concept("425691002", "Consent given for electronic record sharing (finding)")],
}
_RECIPIENT = {"system": "http://snomed.info/sct", "code": "442681007", "display": "Recipient consented (qualifier value)"}


def contract(new: Json, r4: Json) -> Json:
    """A contract that lets somebody see a patient's record."""
    provision = new.get("provision", {})
    actors = [_actor(one) for one in provision.get("actor", ())]
    return {
        **picked(provision, period="applies"),
        **({"subject": [new["patient"]]} if "patient" in new else {}),
        **_ALWAYS,
        **({"actor": actors} if actors else {}),
    }


def _actor(new: Json) -> Json:
    words = new.get("role", {}).get("text")
    role = {"coding": [_RECIPIENT], **({"text": words} if words else {})}
    return {**picked(new, reference="entity"), "role": [role]}
