"""Where a record came from, worked out from the record itself: an id names its target. Source: published Provenance examples.

Charted here: `INT.` and the kind, with the author and the organization. Told from outside: the transmitter. Not known, chosen here: the
short words for kinds that no example shows.
"""

from __future__ import annotations

from zlib import crc32

from millgate.simulator.hospital import moments
from millgate.simulator.hospital.coding import HL7_CODES, Resource, coding
from millgate.simulator.hospital.narrative import narrative
from millgate.simulator.hospital.places import Organization

KINDS = {
    "AllergyIntolerance": "all",
    "CarePlan": "cplan",
    "CareTeam": "cteam",
    "Condition": "cond",
    "Coverage": "cov",
    "DiagnosticReport": "rep",
    "DocumentReference": "doc",
    "Encounter": "enc",
    "Goal": "goal",
    "Immunization": "imm",
    "MedicationRequest": "med",
    "NutritionOrder": "nut",
    "Observation": "obs",
    "Patient": "pat",
    "Procedure": "proc",
    "RelatedPerson": "rel",
}
_TYPES = {word: kind for kind, word in KINDS.items()}
_TRANSMITTERS = "http://hl7.org/fhir/us/core/CodeSystem/us-core-provenance-participant-type"
_PEOPLE = ("recorder", "author", "requester")


def provenance_id(kind: str, target_id: str) -> str:
    """The id of the record of a target's origin."""
    return f"{'' if crc32(target_id.encode()) % 5 == 0 else 'INT.'}{KINDS[kind]}-{target_id}"


def target_of(text: str) -> tuple[str, str] | None:
    """Type and id of the target that an id names; None for an id of another look."""
    word, dash, target_id = text.removeprefix("INT.").partition("-")
    kind = _TYPES.get(word)
    return (kind, target_id) if kind and dash and provenance_id(kind, target_id) == text else None


def provenance(target: Resource, organization: Organization) -> Resource:
    """The origin of one resource."""
    kind, target_id = target["resourceType"], target["id"]
    number = provenance_id(kind, target_id)
    recorded = str(target.get("meta", {}).get("lastUpdated") or moments.seconds(moments.EPOCH))
    here = {"reference": f"Organization/{organization.id}", "display": organization.name}
    if number.startswith("INT."):
        agents = [_agent("author", "Author", who) for who in (_author(target), here) if who]
    else:
        agents = [_agent("transmitter", "Transmitter", here)]
    return {
        "resourceType": "Provenance",
        "id": number,
        "meta": {"versionId": target.get("meta", {}).get("versionId", "0"), "lastUpdated": recorded},
        "text": narrative(
            "Provenance",
            ("Target", f"{kind}/{target_id}"),
            ("Recorded", recorded),
            ("Agents", "; ".join(f"{each['who'].get('display')}, {each['type']['text']}" for each in agents)),
        ),
        "target": [{"reference": f"{kind}/{target_id}"}],
        "recorded": recorded,
        "agent": agents,
    }


def _author(target: Resource) -> Resource | None:
    """The one practitioner whom the record itself names."""
    for name in _PEOPLE:
        held = target.get(name)
        for each in held if isinstance(held, list) else [held]:
            if isinstance(each, dict) and str(each.get("reference", "")).startswith("Practitioner/"):
                return dict(each)
    return None


def _agent(code: str, display: str, who: Resource) -> Resource:
    system = HL7_CODES + "provenance-participant-type" if code == "author" else _TRANSMITTERS
    role = {"coding": [coding(HL7_CODES + "contractsignertypecodes", "SOURCE")], "text": "Source"}
    return {"type": {"coding": [coding(system, code)], "text": display}, "role": [role], "who": who}
