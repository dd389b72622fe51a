"""Who pays: insurance plans, and which patients and stays they cover.

Ids of coverages: of a patient `<patient>-<row>-<row>`, of an encounter `<encounter>-<row>`; of public health insurance `PHP-<row>-<patient>`
and `PH-<row>-<encounter>`. Not known, chosen here: who is covered by what, and that a stay is covered as its patient is.
Source: published Coverage and InsurancePlan examples, oracle-health fact sheet 3.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from millgate.simulator.hospital import moments, numbers
from millgate.simulator.hospital.coding import HL7_CODES, STRUCTURE, Coder, Resource, coding, hl7
from millgate.simulator.hospital.house import House, encounter_reference, patient_reference
from millgate.simulator.hospital.narrative import narrative
from millgate.simulator.hospital.people import Person
from millgate.simulator.hospital.places import Places
from millgate.simulator.hospital.plan import Chart
from millgate.simulator.hospital.tables import rows
from millgate.simulator.hospital.visits import Visit

_CLASS = HL7_CODES + "coverage-class"
_CATEGORY, _CATEGORY_NAME = "2572499881", "Charging Category"
_STAYS = ("inpatient", "observation", "delivery", "emergency")


class InsurancePlans:
    """The plans that one hospital has dealings with."""

    def __init__(self, places: Places, coder: Coder) -> None:
        self._places, self._coder = places, coder
        self.ids = {row["key"]: numbers.plan_id(number) for number, row in enumerate(rows("insurance_plans"))}

    def resources(self) -> Iterator[Resource]:
        for number, row in enumerate(rows("insurance_plans")):
            owner = self._places.organizations[row["owner"]]
            since = datetime(2015 + number, 4, 3, 20, 37, 54, tzinfo=UTC)
            kind = self._coder.concept("insurance_plan_type", "medical")
            yield {
                "resourceType": "InsurancePlan",
                "id": self.ids[row["key"]],
                "text": narrative(
                    "Insurance Plan",
                    ("Name", row["name"]),
                    ("Type", kind["text"]),
                    ("Owned By", owner.name),
                    ("Period Start Date", moments.told(since)),
                ),
                "status": "active",
                "type": [kind],
                "name": row["name"],
                "period": {"start": moments.milliseconds(since)},
                "ownedBy": {"reference": f"Organization/{owner.id}", "display": owner.name},
            }

    def read(self, plan_id: str) -> Resource | None:
        return next((plan for plan in self.resources() if plan["id"] == plan_id), None)


class Coverages:
    """Renders what pays for one hospital's patients."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._plans = InsurancePlans(house.places, house.coder)

    def of_chart(self, chart: Chart) -> Iterator[Resource]:
        """The patient's own coverage, then those of stays; none for some."""
        person = chart.person
        random = self._house.dice("coverage", person.index)
        chance = random.random()
        if chance < 0.08:
            return
        public, plan = chance < 0.2, self._plan(person, random.random())
        start = person.after_registration(days=random.randint(0, 400))
        yield self._coverage(person, None, plan, start, public=public)
        for visit in chart.charted:
            if visit.kind in _STAYS:
                yield self._coverage(person, visit, plan, visit.start, public=public)

    def _plan(self, person: Person, chance: float) -> dict[str, str]:
        """Medicare for those of 65 and more, something else for all others; both by their shares."""
        aged = person.age(self._house.today) >= 65
        fitting = [row for row in rows("insurance_plans") if (row["owner"] == "medicare") is aged]
        step = chance * sum(int(row["share"]) for row in fitting)
        for row in fitting:
            step -= int(row["share"])
            if step < 0:
                return row
        return fitting[-1]

    def _coverage(self, person: Person, visit: Visit | None, plan: dict[str, str], start: datetime, *, public: bool) -> Resource:
        random = self._house.dice("coverage-row", person.index, visit.ordinal if visit else -1)
        noted = self._house.recorded(person, start, random)
        made: Resource = {
            "resourceType": "Coverage",
            "id": self._id(person, visit, public=public),
            "meta": {"versionId": f"{random.randint(0, 140)}-0", "lastUpdated": moments.milliseconds(noted)},
            "text": {},
        }
        if visit:
            url = STRUCTURE + "coverage-encounter"
            made["extension"] = [{"valueReference": encounter_reference(person, visit), "url": url}]
        made["status"] = "active"
        end = start + timedelta(days=365 * random.randint(1, 3)) if visit or random.random() < 0.4 else None
        period = {"start": moments.milliseconds(start)} | ({"end": moments.milliseconds(end)} if end else {})
        made |= self._public(person, period) if public else self._private(person, plan, period, random.randint(10_000, 99_999))
        return self._told(made, start, end)

    def _id(self, person: Person, visit: Visit | None, *, public: bool) -> str:
        patient, row = numbers.person_id(person.index), numbers.row_number(person.index, 31)
        if visit is None:
            return f"PHP-{row}-{patient}" if public else f"{patient}-{row}-{row}"
        encounter = numbers.encounter_id(person.index, visit.ordinal)
        return f"PH-{row}-{encounter}" if public else f"{encounter}-{row}"

    def _public(self, person: Person, period: Resource) -> Resource:
        """Public health insurance: by the category in which it is charged, without a plan."""
        kind = {"coding": [coding(_CLASS, "class")], "text": _CATEGORY_NAME}
        return {
            "type": hl7("v3-ActCode", "PUBLICPOL", "public healthcare"),
            "beneficiary": patient_reference(person),
            "period": period,
            "payor": [{"display": "Government"}],
            "class": [{"type": kind, "value": _CATEGORY, "name": _CATEGORY_NAME}],
        }

    def _private(self, person: Person, plan: dict[str, str], period: Resource, number: int) -> Resource:
        owner = self._house.places.organizations[plan["owner"]]
        return {
            "subscriber": patient_reference(person),
            "subscriberId": str(number),
            "beneficiary": patient_reference(person),
            "dependent": str(number),
            "relationship": hl7("subscriber-relationship", "self", "Self", selected=False),
            "period": period,
            "payor": [{"reference": f"Organization/{owner.id}", "display": owner.name}],
            "class": [
                {"type": {"coding": [coding(_CLASS, "plan")]}, "value": self._plans.ids[plan["key"]], "name": plan["name"]}
            ],
        }

    def _told(self, made: Resource, start: datetime, end: datetime | None) -> Resource:
        held = made["class"][0]
        made["text"] = narrative(
            "Coverage",
            ("Status", "Active"),
            ("Subscriber", made.get("subscriber", {}).get("display")),
            ("Subscriber Id", made.get("subscriberId")),
            ("Beneficiary", made["beneficiary"]["display"]),
            ("Dependent Number", made.get("dependent")),
            ("Coverage Start Date", moments.told(start)),
            ("Coverage End Date", moments.told(end) if end else None),
            ("Payor", made["payor"][0]["display"]),
            ("Class", f"{held['type']['coding'][0]['code']}: Value: {held['value']} Name: {held['name']}"),
            status="extensions" if "extension" in made else "generated",
        )
        return made
