"""Patients as Person: the same human being under the same number, without what is clinical or of the hospital.

A record that was combined into another says only into which. Source: published Person examples, oracle-health fact sheet 3.2.
"""

from __future__ import annotations

from millgate.simulator.hospital.coding import Resource
from millgate.simulator.hospital.narrative import narrative

_SHARED = ("identifier", "active", "name", "telecom", "gender", "_gender", "birthDate", "address")
_WITHOUT = ("assigner", "_value")


def person_of(patient: Resource) -> Resource:
    """The Person that goes with a Patient."""
    number, meta = patient["id"], patient["meta"]
    replaced = [each["other"]["reference"] for each in patient.get("link", ()) if each["type"] == "replaced-by"]
    if replaced:
        into = f"Person/{replaced[0].partition('/')[2]}"
        told = narrative("Person", ("Status", "Inactive"), ("Link", into))
        made = {"resourceType": "Person", "id": number, "meta": dict(meta), "text": told, "active": False}
        return made | {"link": [{"target": {"reference": into}}]}
    made = {"resourceType": "Person", "id": number, "meta": dict(meta), "text": {}}
    made |= {name: patient[name] for name in _SHARED if name in patient}
    made["identifier"] = [{name: value for name, value in each.items() if name not in _WITHOUT} for each in patient["identifier"]]
    made["text"] = narrative(
        "Person",
        ("Status", "Active"),
        ("Name", patient["name"][0].get("text")),
        ("DOB", patient.get("birthDate")),
        ("Administrative Gender", patient.get("gender", "").title()),
    )
    return made
