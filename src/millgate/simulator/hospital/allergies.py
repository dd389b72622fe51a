"""Allergies and intolerances. Source: published AllergyIntolerance examples, oracle-health fact sheet 3.2, 3.3, 4.5.

A patient who was never asked has none at all; who was asked and has none has the record that says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from random import Random

from millgate.simulator.hospital import moments, series
from millgate.simulator.hospital.coding import HL7_CODES, STRUCTURE, Resource, absent_concept, coding, hl7
from millgate.simulator.hospital.house import House, encounter_reference, patient_reference
from millgate.simulator.hospital.narrative import narrative
from millgate.simulator.hospital.people import Person
from millgate.simulator.hospital.plan import Chart
from millgate.simulator.hospital.tables import rows
from millgate.simulator.hospital.terms import term
from millgate.simulator.hospital.visits import Visit

_NONE_KNOWN = {"716186003": "No Known Allergies", "409137002": "No Known Medication Allergies"}
_PRECISIONS = (("639010", "About"), ("639011", "After"), ("639012", "Before"))


class Allergies:
    """Renders the allergies of one hospital's patients."""

    def __init__(self, house: House) -> None:
        self._house = house

    def of_chart(self, chart: Chart) -> Iterator[Resource]:
        random = self._house.dice("allergies", chart.person.index)
        if not chart.charted or random.random() < 0.06:
            return
        has = [row for row in rows("allergens") if random.random() < float(row["share"])]
        visit = chart.charted[0]
        if not has:
            code, text = list(_NONE_KNOWN.items())[random.random() < 0.4]
            yield self._none_known(chart.person, visit, code, text, random)
        for ordinal, row in enumerate(has):
            yield self._allergy(chart, random.choice(chart.charted), row, ordinal + 1, random)

    def _none_known(self, person: Person, visit: Visit, code: str, text: str, random: Random) -> Resource:
        made = self._begin(person, visit, series.ALLERGY.id(person.index, 0), random)
        made["code"] = {"coding": [term("snomed", code)], "text": text}
        if code == "409137002":
            made["category"] = ["medication"]
        return self._end(made, person, visit, random)

    def _allergy(self, chart: Chart, visit: Visit, row: dict[str, str], ordinal: int, random: Random) -> Resource:
        person = chart.person
        outside = random.random() < 0.1 and ordinal <= series.OUTSIDE_ALLERGY.each
        number = series.OUTSIDE_ALLERGY.id(person.index, ordinal - 1) if outside else series.ALLERGY.id(person.index, ordinal)
        made = self._begin(person, visit, number, random, outside=outside)
        if random.random() < 0.1:
            made.pop("clinicalStatus")
            made["verificationStatus"] = hl7("allergyintolerance-verification", "entered-in-error", "Entered in Error")
            made["verificationStatus"]["text"] = "Canceled"
        made["type"] = "intolerance" if row["key"] in ("codeine", "morphine") else "allergy"
        made["category"] = [row["category"]]
        made["criticality"] = random.choice(("low", "high", "high", "unable-to-assess"))
        made["code"] = (
            {"coding": [term("snomed", row["snomed"])], "text": row["text"]} if row["snomed"] else absent_concept(row["text"])
        )
        made = self._end(made, person, visit, random, outside=outside)
        if reaction := self._reaction(made["id"], row, random):
            made["reaction"] = [reaction]
        return self._told(made, row)

    # --- parts --------------------------------------------------------------------------------------------------------

    def _begin(self, person: Person, visit: Visit, number: str, random: Random, *, outside: bool = False) -> Resource:
        noted = self._house.recorded(person, visit.start, random, most_minutes=60)
        meta: Resource = {"versionId": "1" if outside else str(12_910_000 + person.index), "lastUpdated": moments.seconds(noted)}
        if outside:
            meta["security"] = [coding(HL7_CODES + "v3-ObservationValue", "UNCERTREL", "Uncertain Reliability")]
        made: Resource = {"resourceType": "AllergyIntolerance", "id": number, "meta": meta, "text": {}}
        verification = hl7("allergyintolerance-verification", "confirmed", "Confirmed")
        verification["text"] = "Active"
        return made | {
            "clinicalStatus": hl7("allergyintolerance-clinical", "active", "Active"),
            "verificationStatus": verification,
        }

    def _end(self, made: Resource, person: Person, visit: Visit, random: Random, *, outside: bool = False) -> Resource:
        made["patient"] = patient_reference(person)
        noted = datetime.fromisoformat(made["meta"]["lastUpdated"])
        if not outside and random.random() < 0.8:
            made["encounter"] = encounter_reference(person, visit)
        if "type" in made and random.random() < 0.7:
            made |= self._onset(person, random)
        if not outside:
            made["recordedDate"] = moments.seconds(noted)
        made["recorder"] = self._house.staff.system.reference if outside else visit.practitioner.reference
        self._asserter(made, person, random, outside=outside)
        if random.random() < 0.3:
            note = {"id": str(12_778_000 + person.index), "authorReference": visit.practitioner.reference}
            made["note"] = [
                note | {"time": moments.seconds(noted), "text": "Updated with additional details provided by patient."}
            ]
        return self._told(made, {"text": made["code"]["text"]}) if "type" not in made else made

    def _onset(self, person: Person, random: Random) -> Resource:
        """A day, with a mark where the patient knew it only about."""
        days = int((person.registered.date() - person.born).days * random.random())
        since = moments.midnight(person.born.fromordinal(person.born.toordinal() + days))
        made: Resource = {"onsetDateTime": moments.seconds(since)}
        if random.random() < 0.35:
            value = {"coding": [self._house.coder.own(25320, *random.choice(_PRECISIONS))]}
            value["text"] = value["coding"][0]["display"]
            made["_onsetDateTime"] = {"extension": [{"valueCodeableConcept": value, "url": STRUCTURE + "precision"}]}
        return made

    def _asserter(self, made: Resource, person: Person, random: Random, *, outside: bool) -> None:
        """Who said so: the patient, or somebody who is only known by a role and stands in the record itself."""
        chance = random.random()
        if outside:
            role = {"coding": [term("snomed", "106292003")], "text": "Professional nurse (occupation)"}
            made["contained"] = [{"resourceType": "PractitionerRole", "id": "638995", "code": [role]}]
            made["asserter"] = {"reference": "#638995"}
        elif chance < 0.12:
            kin = {"coding": [coding(HL7_CODES + "v3-RoleCode", "FAMMEMB", "family member")], "text": "Family"}
            contained = {"resourceType": "RelatedPerson", "id": "638994", "patient": patient_reference(person)}
            made["contained"] = [contained | {"relationship": [kin]}]
            made["asserter"] = {"reference": "#638994"}
        elif chance < 0.4:
            made["asserter"] = patient_reference(person)

    def _reaction(self, number: str, row: dict[str, str], random: Random) -> Resource | None:
        choices = [each.split("|") for each in row["manifestations"].split(";") if each]
        if not choices or random.random() < 0.15:
            return None
        text, code = random.choice(choices)
        made: Resource = {"id": str(int(number.rpartition("-")[2]) + 1)}
        made["manifestation"] = [{"coding": [term("snomed", code)], "text": text}]
        if random.random() < 0.5:
            made["severity"] = random.choice(("mild", "moderate", "severe"))
        return made

    def _told(self, made: Resource, row: dict[str, str]) -> Resource:
        reaction = made.get("reaction", [{}])[0].get("manifestation", [{}])[0].get("text")
        made["text"] = narrative(
            "Allergy Intolerance",
            ("Patient", made["patient"]["display"]),
            ("Meta Security", "Uncertain Reliability" if "security" in made["meta"] else None),
            ("Allergy", row["text"]),
            ("Verification Status", made["verificationStatus"]["coding"][0]["display"]),
            ("Clinical Status", made.get("clinicalStatus", {}).get("text")),
            ("Criticality", made.get("criticality", "").replace("-", " ").title() or None),
            ("Category", made.get("category", [""])[0].title() or None),
            ("Reactions", reaction),
            ("Onset", made.get("onsetDateTime")),
        )
        return made
