"""Orders for laboratory work, studies and care. Source: published ServiceRequest examples, oracle-health fact sheet 3.2 and 4.7.

The order of a study has the number of the report that it led to, a thousand million further on: reports name it so in `basedOn`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from millgate.simulator.hospital import moments, numbers, series
from millgate.simulator.hospital.coding import SNOMED, Resource, coding
from millgate.simulator.hospital.house import House, encounter_reference, patient_reference
from millgate.simulator.hospital.measuring import FIRST_REPORT, LAST_REPORT, drawings
from millgate.simulator.hospital.narrative import narrative
from millgate.simulator.hospital.plan import Chart
from millgate.simulator.hospital.tables import by_key
from millgate.simulator.hospital.terms import term
from millgate.simulator.hospital.visits import Visit

_KINDS = {"care": ("2515", "Patient Care", ""), "imaging": ("2517", "Radiology", "363679005")}
_KINDS["laboratory"] = ("2513", "Laboratory", "108252007")
_ABDOMEN = (
    "818983003",
    "Structure of abdominopelvic cavity and/or content of abdominopelvic cavity and/or anterior abdominal wall (body structure)",
)


class Orders:
    """Renders the orders of one hospital's patients; those for medicines, meals and appointments are of other types."""

    def __init__(self, house: House) -> None:
        self._house = house

    def of_chart(self, chart: Chart) -> Iterator[Resource]:
        for visit in chart.charted:
            if visit.kind in ("inpatient", "observation", "emergency"):
                yield self._order(chart, visit, 0, "care", "Consult to Cardiology", "2780690")
                yield self._order(chart, visit, 1, "care", "Pain Assessment Adult", "2780687", of=0)
            drawn = drawings(self._house.seed, chart.body, visit, self._house.today)
            for place, drawing in enumerate(drawn[:8]):
                row = by_key("panels")[drawing.panel]
                yield self._order(
                    chart, visit, 2 + place, "laboratory", row["display"], str(2_922_000 + int(row["event_code"]) % 1000)
                )
            reported = sum(by_key("panels")[each.panel]["reported"] == "1" for each in drawn)
            for place, study in enumerate(visit.studies):
                ordinal = FIRST_REPORT + reported + place
                if ordinal <= LAST_REPORT:
                    row = by_key("studies")[study]
                    yield self._order(
                        chart, visit, ordinal, "imaging", row["display"], str(2_906_000 + int(row["event_code"]) % 1000)
                    )

    def _order(
        self, chart: Chart, visit: Visit, ordinal: int, kind: str, text: str, code: str, *, of: int | None = None
    ) -> Resource:
        person = chart.person
        random = self._house.dice("service-request", person.index, visit.ordinal, ordinal)
        ordered = visit.start + timedelta(minutes=random.randint(2, 25))
        noted = self._house.recorded(person, visit.end or visit.start, random)
        own, name, standard = _KINDS[kind]
        categories = [self._house.coder.own(6000, own, name)] + ([term("snomed", standard, selected=False)] if standard else [])
        chance = random.random()
        status = "entered-in-error" if chance < 0.02 else "revoked" if chance < 0.06 else "completed" if visit.end else "active"
        ended = moments.local(noted, self._house.zone)
        begun = moments.local(ordered, self._house.zone)
        made: Resource = {
            "resourceType": "ServiceRequest",
            "id": series.SERVICE.id(person.index, visit.ordinal * numbers.EVENTS_EACH_ENCOUNTER + ordinal),
            "meta": {"versionId": str(random.randint(1, 3)), "lastUpdated": moments.milliseconds(noted)},
            "text": {},
        }
        if of is not None:
            first = series.SERVICE.id(person.index, visit.ordinal * numbers.EVENTS_EACH_ENCOUNTER + of)
            made["basedOn"] = [{"reference": f"ServiceRequest/{first}"}]
        made |= {"status": status, "intent": "order" if of is None else "instance-order"}
        made |= {"category": [{"coding": categories, "text": name}], "priority": random.choice(("routine", "routine", "stat"))}
        made["code"] = {"coding": [self._house.coder.own(200, code)], "text": text}
        detail = f"{ordered:%m/%d/%y %H:%M:%S}, {made['priority'].title()}"
        made["orderDetail"] = [{"text": f"{detail}, Reason: {visit.reason}"}]
        made |= {"subject": patient_reference(person), "encounter": encounter_reference(person, visit)}
        if kind == "laboratory" and random.random() < 0.5:
            once = {"coding": [self._house.coder.own(4003, "696531", "Once")], "text": "Once"}
            made["occurrenceTiming"] = {"repeat": {"boundsPeriod": {"start": begun, "end": begun}}, "code": once}
        elif random.random() < 0.3:
            made["occurrenceDateTime"] = begun
        else:
            made["occurrencePeriod"] = {"start": begun, "end": ended}
        made |= {"authoredOn": begun, "requester": visit.practitioner.reference}
        if kind != "care":
            made["reasonCode"] = [{"text": visit.reason}]
        if "abdomen" in text.lower() or (kind == "laboratory" and random.random() < 0.02):
            place = [self._house.coder.own(1028, "309342", "Abdomen"), coding(SNOMED, *_ABDOMEN, selected=False)]
            made["bodySite"] = [{"coding": place, "text": "Abdomen"}]
        if of is not None:
            made["note"] = [{"text": "Additional assessments may be required if pain level unacceptable"}]
        made["text"] = narrative(
            "Service Request",
            ("Patient", made["subject"]["display"]),
            ("Status", status.replace("-", " ").title()),
            ("Intent", made["intent"].replace("-", " ").title()),
            ("Code", text),
            ("Authored On", moments.told(ordered)),
        )
        return made
