"""The persons around a patient as RelatedPerson, and which of them may look into the record as Consent.

They are those whom Patient.contact names. Ids: `<person>-<patient>`, of one encounter `E-<person>-<encounter>`, consents
`AR-<patient>-<person>`. Not known, chosen here: a stay has the first of a patient's persons at its own level; the first one stands
surety for adults too, where there is one. Source: published RelatedPerson and Consent examples, oracle-health fact sheet 3.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from datetime import timedelta
from random import Random

from millgate.simulator.hospital import moments, numbers
from millgate.simulator.hospital.coding import HL7_CODES, LOINC, STRUCTURE, Resource, coding, hl7
from millgate.simulator.hospital.contacts import contacts
from millgate.simulator.hospital.house import House, encounter_reference, patient_reference
from millgate.simulator.hospital.identifiers import MRN_SYSTEM
from millgate.simulator.hospital.narrative import narrative
from millgate.simulator.hospital.people import Person
from millgate.simulator.hospital.plan import Chart
from millgate.simulator.hospital.terms import term
from millgate.simulator.hospital.visits import Visit

# How many years before (or after) the patient a person of that kind was born.
_BORN_BEFORE = {"Mother": 27, "Father": 29, "Child": -28, "Spouse": 1, "Sibling": -2, "Friend": 3}
_STAYS = ("inpatient", "observation", "delivery", "birth")
_AUTHORIZED = "Authorized Representative"


def guarantor(house: House, person: Person) -> Resource | None:
    """The reference to who pays for a patient; None where nobody else is known."""
    if not contacts(house.seed, house.coder, person):
        return None
    return {"reference": f"RelatedPerson/{numbers.person_id(person.index, 2)}-{numbers.person_id(person.index)}"}


class Relations:
    """Renders the persons around one hospital's patients."""

    def __init__(self, house: House) -> None:
        self._house = house

    def related_persons(self, chart: Chart) -> Iterator[Resource]:
        """Those of the patient, then those of stays."""
        found = contacts(self._house.seed, self._house.coder, chart.person)
        for place, contact in enumerate(found):
            yield self._related(chart.person, place, contact, None)
        for visit in chart.charted:
            if found and visit.kind in _STAYS:
                yield self._related(chart.person, 0, found[0], visit)

    def consents(self, chart: Chart) -> Iterator[Resource]:
        """One for everyone who may see the patient's record."""
        for place, contact in enumerate(contacts(self._house.seed, self._house.coder, chart.person)):
            if contact["relationship"][0]["text"] == _AUTHORIZED:
                yield self._consent(chart.person, place, contact)

    # --- persons ------------------------------------------------------------------------------------------------------

    def _related(self, person: Person, place: int, contact: Resource, visit: Visit | None) -> Resource:
        random = self._house.dice("related-person", person.index, place)
        own, level = numbers.person_id(person.index, 2 + place), "Encounter" if visit else "Patient"
        changed = person.after_registration(days=random.randint(0, 900))
        extensions: list[Resource] = [
            {
                "valueCodeableConcept": {"coding": [coding("http://hl7.org/fhir/resource-types", level, level)], "text": level},
                "url": STRUCTURE + "relationship-level",
            }
        ]
        encounter = encounter_reference(person, visit) if visit else None
        if encounter:
            extensions.insert(0, {"valueReference": encounter, "url": STRUCTURE + "related-person-encounter"})
        made: Resource = {
            "resourceType": "RelatedPerson",
            "id": f"E-{own}-{numbers.encounter_id(person.index, visit.ordinal)}"
            if visit
            else f"{own}-{numbers.person_id(person.index)}",
            "meta": {"versionId": str(random.randint(0, 150)), "lastUpdated": moments.milliseconds(changed)},
            "text": {},
            "extension": extensions,
        }
        if not visit and random.random() < 0.8:
            made["identifier"] = [self._identifier(person, place)]
        made |= {"active": True, "patient": patient_reference(person)}
        made["relationship"] = self._relationships(person, place, contact)
        made["name"] = [contact["name"]]
        made |= self._reach(person, place, contact)
        made["gender"] = contact["gender"]
        if born := _birth_date(person, contact, random):
            made["birthDate"] = born
        if "address" in contact:
            made["address"] = [{"id": f"CI-{numbers.row_number(person.index, 26 + place)}-0"} | contact["address"]]
        if person.language:
            made["communication"] = [{"language": self._house.coder.concept("language", person.language), "preferred": True}]
        return self._told(made, level, encounter)

    def _identifier(self, person: Person, place: int) -> Resource:
        return {
            "id": f"CI-{numbers.row_number(person.index, 28 + place)}-0",
            "use": "usual",
            "type": self._house.coder.concept("person_identifier", "mrn"),
            "system": MRN_SYSTEM,
            "value": numbers.relative_mrn(person.index, place),
            "period": {"start": moments.milliseconds(person.registered)},
        }

    def _relationships(self, person: Person, place: int, contact: Resource) -> list[Resource]:
        """In what roles, and as what kin if that is known."""
        role, *kin = contact["relationship"]
        roles = [role] + ([self._house.coder.concept("related_person", "guarantor")] if place == 0 else [])
        made = []
        for number, concept in enumerate(roles):
            extensions: list[Resource] = [{"valuePeriod": dict(contact["period"]), "url": STRUCTURE + "period"}]
            extensions += [{"valueCodeableConcept": deepcopy(each), "url": STRUCTURE + "relation"} for each in kin]
            row = numbers.row_number(person.index, 30 + place)
            made.append({"id": f"CI-{row}-0-{number}", "extension": extensions, **concept})
        return made

    def _reach(self, person: Person, place: int, contact: Resource) -> Resource:
        row = numbers.row_number(person.index, 24 + place)
        held = [
            {"id": f"CI-{'PH' if each['system'] == 'phone' else 'EM'}-{row}-{number}"} | each
            for number, each in enumerate(contact.get("telecom", ()))
        ]
        return {"telecom": held} if held else {}

    def _told(self, made: Resource, level: str, encounter: Resource | None) -> Resource:
        roles = [("Relationship", each["text"]) for each in made["relationship"]]
        made["text"] = narrative(
            "Related Person",
            ("Name", made["name"][0]["text"]),
            ("Gender", made["gender"]),
            ("Patient", made["patient"]["display"]),
            ("Status", "Active"),
            *roles,
            ("Relationship Level", level),
            ("Encounter", encounter["reference"].partition("/")[2] if encounter else None),
            status="extensions",
        )
        return made

    # --- consents -----------------------------------------------------------------------------------------------------

    def _consent(self, person: Person, place: int, contact: Resource) -> Resource:
        random = self._house.dice("consent", person.index, place)
        own, patient = numbers.person_id(person.index, 2 + place), numbers.person_id(person.index)
        since = person.after_registration(days=random.randint(1, 500))
        name = contact["name"]["text"]
        period = {"start": moments.milliseconds(since)}
        if random.random() < 0.4:
            period["end"] = moments.milliseconds(since + timedelta(days=3650))
        role = {"coding": [coding(HL7_CODES + "v3-ParticipationFunction", "AUCG", "caregiver information receiver")]}
        rule = term("snomed", "425691002")
        return {
            "resourceType": "Consent",
            "id": f"AR-{patient}-{own}",
            "meta": {"versionId": str(random.randint(0, 99)), "lastUpdated": moments.milliseconds(since)},
            "text": narrative(
                "Consent",
                ("Patient Name", person.names.current.text),
                ("Status", "Active"),
                ("Scope", "Privacy Consent"),
                ("Category", "Patient Consent"),
                ("Policy Rule", rule["display"]),
                ("Consent Start Date", moments.told(since)),
                ("Actor Name", name),
                ("Actor Role", _AUTHORIZED),
            ),
            "status": "active",
            "scope": hl7("consentscope", "patient-privacy", "Privacy Consent"),
            "category": [{"coding": [coding(LOINC, "59284-0", "Patient Consent")], "text": "Patient Consent"}],
            "patient": patient_reference(person),
            "policyRule": {"coding": [rule], "text": rule["display"]},
            "provision": {
                "type": "permit",
                "period": period,
                "actor": [
                    {
                        "id": own,
                        "role": role | {"text": _AUTHORIZED},
                        "reference": {"reference": f"RelatedPerson/{own}-{patient}", "display": name},
                    }
                ],
                "action": [hl7("consentaction", *random.choice((("correct", "Access and Correct"), ("access", "Access"))))],
                "purpose": [coding(HL7_CODES + "v3-ActReason", "PurposeOfUse", "purpose of use")],
            },
        }


def _birth_date(person: Person, contact: Resource, random: Random) -> str | None:
    """Known of most whose kinship is known."""
    _, *kin = contact["relationship"]
    years = _BORN_BEFORE.get(kin[0]["text"]) if kin else None
    if years is None or random.random() < 0.15:
        return None
    born = person.born - timedelta(days=int(years * 365.25) + random.randint(-1000, 300))
    return born.isoformat() if born < person.known_until.date() else None
