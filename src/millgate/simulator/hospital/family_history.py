"""What runs in the family: one record a relative, and one that says that the family was asked about at all.

Source: published FamilyMemberHistory examples, oracle-health fact sheet 3.2 (ids, the relation that the system itself makes).
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from millgate.simulator.hospital import moments, numbers
from millgate.simulator.hospital.coding import HL7_CODES, HL7_STRUCTURE, STRUCTURE, Resource, coding, hl7
from millgate.simulator.hospital.house import House, patient_reference
from millgate.simulator.hospital.narrative import narrative
from millgate.simulator.hospital.plan import Chart
from millgate.simulator.hospital.tables import rows
from millgate.simulator.hospital.terms import term
from millgate.simulator.hospital.visits import Visit

_INHERITED = ("diabetes", "hypertension", "heart_failure", "asthma", "depression", "migraine")
_CANCER = ("Cancer", "363346000", "7588338")


class FamilyHistory:
    """Renders the family histories of one hospital's patients."""

    def __init__(self, house: House) -> None:
        self._house = house

    def of_chart(self, chart: Chart) -> Iterator[Resource]:
        random = self._house.dice("family-history", chart.person.index)
        if not chart.charted or random.random() > 0.45:
            return
        visit = chart.charted[0]
        if random.random() < 0.4:
            yield self._asked(chart)
        for place, row in enumerate(rows("relatives")):
            if random.random() < 0.45:
                yield self._relative(chart, visit, row, place, random)

    def _asked(self, chart: Chart) -> Resource:
        """A record without a relative: the system makes it where the family as a whole was asked about."""
        relation = {"coding": [coding(HL7_CODES + "v3-RoleCode", "FAMMEMB", "family member")], "text": "family member"}
        return {
            "resourceType": "FamilyMemberHistory",
            "id": numbers.person_id(chart.person.index),
            "meta": {"versionId": "1", "lastUpdated": moments.seconds(chart.person.after_registration(days=1))},
            "text": narrative("Family Member History", ("Status", "Partial"), ("Relationship", "family member")),
            "status": "partial",
            "patient": patient_reference(chart.person, display=False),
            "relationship": relation,
        }

    def _relative(self, chart: Chart, visit: Visit, row: dict[str, str], place: int, random: Random) -> Resource:
        person = chart.person
        noted = self._house.recorded(person, visit.start, random, most_minutes=60)
        born = max(1900, person.born.year - int(row["years"]))
        number = f"{numbers.person_id(person.index)}-{12_764_000 + person.index * 4 + place}"
        chance = random.random()
        status = "entered-in-error" if chance < 0.04 else "partial" if chance < 0.2 else "completed"
        made: Resource = {
            "resourceType": "FamilyMemberHistory",
            "id": number,
            "meta": {"versionId": "1", "lastUpdated": moments.seconds(noted)},
            "text": narrative(
                "Family Member History", ("Status", status.replace("-", " ").title()), ("Relationship", row["text"])
            ),
            "status": status,
            "patient": patient_reference(person, display=False),
            "date": moments.local(noted, self._house.zone).replace(".000", ""),
        }
        if chance < 0.5:
            made["name"] = f"{person.names.current.family}, {row['text']}"
        role = coding(HL7_CODES + "v3-RoleCode", row["code"], row["display"])
        made["relationship"] = {"coding": [role], "text": row["text"]}
        gender = coding("http://hl7.org/fhir/administrative-gender", row["gender"], row["gender"].title())
        made["sex"] = {"coding": [gender], "text": row["gender"].title()}
        if chance > 0.3:
            made["bornDate"] = str(born) if chance < 0.6 else f"{born}-{1 + place * 2:02d}-{1 + person.index % 28:02d}"
        if born < 1945 and random.random() < 0.6:
            made["deceasedAge"] = _age("397669002", "Age", random.randint(55, 85))
        if status != "partial":
            made["condition"] = [self._condition(chart, visit, random)]
        return made

    def _condition(self, chart: Chart, visit: Visit, random: Random) -> Resource:
        inherited = [each for each in chart.problems if each.key in _INHERITED]
        shared = random.choice(inherited) if inherited else None
        text, snomed, own = (shared.name, shared.snomed, shared.nomenclature) if shared else _CANCER
        course = {"coding": [term("snomed", "58158008")], "text": "Stable"}
        severity = {"coding": [term("snomed", "6736007")], "text": "Moderate"}
        positive = {"coding": [term("snomed", "10828004")], "text": "POSITIVE"}
        codings = [term("snomed", snomed, selected=False), coding(f"{self._house.coder.base}/nomenclature", own, text)]
        made: Resource = {
            "id": str(73_196_000 + chart.person.index),
            "extension": [
                {"valueCodeableConcept": course, "url": STRUCTURE + "condition-course"},
                {"valueCodeableConcept": severity, "url": HL7_STRUCTURE + "familymemberhistory-severity"},
            ],
            "modifierExtension": [
                {"valueCodeableConcept": positive, "url": STRUCTURE + "condition-result"},
                {
                    "valueCodeableConcept": hl7("condition-clinical", "active", "Active"),
                    "url": STRUCTURE + "condition-lifecycle-status",
                },
            ],
            "code": {"coding": codings, "text": text},
        }
        if random.random() < 0.6:
            made["onsetAge"] = _age("26175008", "About", random.randint(20, 70))
        if random.random() < 0.4:
            note = {"authorReference": visit.practitioner.reference, "time": moments.seconds(visit.start)}
            made["note"] = [note | {"text": f"{text} is common in the family"}]
        return made


def _age(code: str, text: str, years: int) -> Resource:
    precision = {"coding": [term("snomed", code)], "text": text}
    extension = {"valueCodeableConcept": precision, "url": STRUCTURE + "precision"}
    return {"extension": [extension], "value": years, "unit": "years", "system": "http://unitsofmeasure.org", "code": "a"}
