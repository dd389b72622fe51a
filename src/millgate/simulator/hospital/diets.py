"""Meals of those who lie in, as NutritionOrder. Source: published NutritionOrder examples, oracle-health fact sheet 3.2.

Not known, chosen here: who is put on what diet, and that a second order of a stay is an instance of the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from millgate.simulator.hospital import moments, series
from millgate.simulator.hospital.coding import HL7_STRUCTURE, SNOMED, Resource, coding, keys_of
from millgate.simulator.hospital.house import House, encounter_reference, patient_reference
from millgate.simulator.hospital.narrative import narrative
from millgate.simulator.hospital.plan import Chart
from millgate.simulator.hospital.tables import rows
from millgate.simulator.hospital.visits import Visit

_STAYS = ("inpatient", "observation", "delivery")


class Diets:
    """Renders the orders for meals of one hospital's patients."""

    def __init__(self, house: House) -> None:
        self._house = house

    def of_chart(self, chart: Chart) -> Iterator[Resource]:
        """One order for most stays, two for some."""
        ordinal = 0
        for visit in chart.charted:
            random = self._house.dice("diet", chart.person.index, visit.ordinal)
            chance = random.random()
            if visit.kind not in _STAYS or chance > 0.8 or ordinal + 1 >= series.DIET.each:
                continue
            yield self._order(chart, visit, ordinal, random, None)
            ordinal += 1
            if chance < 0.25:
                yield self._order(chart, visit, ordinal, random, series.DIET.id(chart.person.index, ordinal - 1))
                ordinal += 1

    def _order(self, chart: Chart, visit: Visit, ordinal: int, random: Random, parent: str | None) -> Resource:
        person, zone = chart.person, self._house.zone
        ordered = visit.start + timedelta(minutes=random.randint(20, 300))
        noted = self._house.recorded(person, ordered, random)
        chance = random.random()
        status = "entered-in-error" if chance < 0.06 else "completed" if visit.end else "active"
        intent = "instance-order" if parent else "order"
        made: Resource = {
            "resourceType": "NutritionOrder",
            "id": series.DIET.id(person.index, ordinal),
            "meta": {"versionId": str(random.randint(1, 3)), "lastUpdated": moments.milliseconds(noted)},
            "text": {},
        }
        if parent:
            based = {"reference": f"NutritionOrder/{parent}"}
            made["extension"] = [{"valueReference": based, "url": HL7_STRUCTURE + "event-basedOn"}]
        made |= {"status": status, "intent": intent, "patient": patient_reference(person)}
        made |= {"encounter": encounter_reference(person, visit), "dateTime": moments.local(ordered, zone)}
        made["orderer"] = visit.practitioner.reference
        if random.random() < 0.6:
            made["foodPreferenceModifier"] = [self._concept("food", random)]
        made["oralDiet"] = self._diet(visit, ordered, random)
        if random.random() < 0.4:
            made["note"] = [{"text": "Order comments"}]
        made["text"] = narrative(
            "Nutrition Order",
            ("Patient", made["patient"]["display"]),
            ("Status", status.replace("-", " ").title()),
            ("Intent", intent.replace("-", " ").title()),
            ("Date", moments.told(ordered)),
            ("Orderer", visit.practitioner.display),
            ("Diet Type", made["oralDiet"]["type"][0]["text"]),
            ("Diet Instruction", made["oralDiet"].get("instruction")),
        )
        return made

    def _diet(self, visit: Visit, ordered: datetime, random: Random) -> Resource:
        row = random.choice(rows("diets"))
        codings = [coding(SNOMED, row["snomed"], row["display"], selected=False)] if row["snomed"] else []
        bounds = {"start": moments.local(ordered, self._house.zone)}
        if visit.end and random.random() < 0.7:
            bounds["end"] = moments.local(visit.end, self._house.zone)
        nutrients = [self._house.coder.concept("nutrient", key) for key in keys_of("nutrient") if random.random() < 0.5]
        made: Resource = {
            "type": [{**({"coding": codings} if codings else {}), "text": row["text"]}],
            "schedule": [{"repeat": {"boundsPeriod": bounds}}],
        }
        if nutrients:
            made["nutrient"] = [{"modifier": each} for each in nutrients]
        if random.random() < 0.4:
            made["texture"] = [{"modifier": self._concept("texture", random)}]
        if random.random() < 0.4:
            made["fluidConsistencyType"] = [self._concept("consistency", random)]
        if random.random() < 0.7:
            told = [
                f"{ordered.astimezone(self._house.zone):%m/%d/%y %H:%M:%S}",
                *(each["text"] for each in nutrients),
                visit.reason,
            ]
            made["instruction"] = ", ".join(told)
        return made

    def _concept(self, table: str, random: Random) -> Resource:
        return self._house.coder.concept(table, random.choice(keys_of(table)))
