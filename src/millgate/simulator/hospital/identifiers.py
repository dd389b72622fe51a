"""The numbers by which a patient is known, and the alias pools that they come from.

Source: oracle-health fact sheet, 3.4 (identifier systems); published Patient examples.
"""

from __future__ import annotations

from dataclasses import dataclass

from millgate.simulator.hospital.dice import dice, digest
from millgate.simulator.hospital.people import Person

MRN_SYSTEM = "urn:oid:2.16.840.1.113883.6.1000"
COMMUNITY_MRN_SYSTEM = "urn:oid:2.16.840.1.113883.3.787.0.0"
FEDERATED_SYSTEM = "urn:oid:2.16.840.1.113883.3.13.6"
MESSAGING_SYSTEM = "urn:oid:2.16.840.1.113883.3.13.8"
MILITARY_SYSTEM = "urn:oid:2.16.840.1.113883.3.42.10001.100001.12"
SSN_SYSTEMS = ("http://hl7.org/fhir/sid/us-ssn", "urn:oid:2.16.840.1.113883.4.1")


@dataclass(frozen=True, slots=True)
class Identifier:
    """One number; `type` is its key in the table of codes, `rendered` how Millennium shows it."""

    type: str
    system: str | None
    value: str
    rendered: str
    assigned_here: bool = False
    former: bool = False


def draw_identifiers(seed: int, tenant: str, person: Person) -> list[Identifier]:
    """All numbers of a patient, in the order of the resource; none for a few."""
    random = dice(seed, "identifiers", person.index)
    if random.random() < 0.008:
        return []
    mrn, community = person.numbers["mrn"], person.numbers["community_mrn"]
    made = [
        Identifier("community_mrn", COMMUNITY_MRN_SYSTEM, community, community),
        Identifier("mrn", MRN_SYSTEM, mrn, mrn.zfill(11), assigned_here=random.random() < 0.25),
    ]
    token = digest(seed, "messaging", person.index).upper()
    if random.random() < 0.35:
        made.append(Identifier("messaging", MESSAGING_SYSTEM if random.random() < 0.6 else None, token[:32], token[:32]))
    if random.random() < 0.3:
        principal = f"URN:CERNER:IDENTITY-FEDERATION:REALM:{tenant.upper()}-CH:PRINCIPAL:{token[32:48]}"
        made.append(Identifier("federated", FEDERATED_SYSTEM if random.random() < 0.7 else None, principal, principal))
    own = str(15_000 + person.index)
    made.append(Identifier("person", None, own, own))
    if random.random() < 0.02:
        military = f"1005{person.index:07d}"
        made.append(Identifier("military", MILITARY_SYSTEM, military, military))
    if random.random() < 0.08:
        former = str(int(mrn) + 20_000_000)
        made.append(Identifier("mrn", MRN_SYSTEM, former, former.zfill(11), former=True))
    return made
