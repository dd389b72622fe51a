"""What was done to patients: here, and long ago as they tell of it. Source: published Procedure examples, oracle-health fact sheet 3.2."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from millgate.simulator.hospital import moments, series
from millgate.simulator.hospital.coding import Resource, absent
from millgate.simulator.hospital.house import House, encounter_reference, patient_reference
from millgate.simulator.hospital.narrative import narrative
from millgate.simulator.hospital.plan import Chart
from millgate.simulator.hospital.staff import Practitioner
from millgate.simulator.hospital.tables import rows
from millgate.simulator.hospital.terms import term
from millgate.simulator.hospital.visits import Visit

_OF_STUDY = {"colonoscopy": ("Colonoscopy", "73761001")}
_OF_REASON = {"Appendicitis": ("Appendectomy", "80146002"), "Labor": ("Vaginal delivery", "177184002")}
_NOTES = (
    "Correct patient verified using two patient identifiers. Patient positioned appropriately.",
    "No complications.",
    "Tolerated well, to recovery in stable condition.",
)


class Procedures:
    """Renders the procedures of one hospital's patients."""

    def __init__(self, house: House) -> None:
        self._house = house

    def of_chart(self, chart: Chart) -> Iterator[Resource]:
        """Those told of first, then those done here, oldest first."""
        ordinal = 0
        if chart.charted:
            for row in self._history(chart):
                yield self._told_of(chart, row, ordinal)
                ordinal += 1
        for visit in chart.charted:
            for text, snomed in _done(visit):
                if ordinal < series.PROCEDURE.each:
                    yield self._done_here(chart, visit, text, snomed, ordinal)
                    ordinal += 1

    def _history(self, chart: Chart) -> Iterator[dict[str, str]]:
        person = chart.person
        random = self._house.dice("operations", person.index)
        for row in rows("operations"):
            chance = random.random()
            if chance < float(row["share"]) * 1.6 and row["sex"] in ("", person.sex):
                if person.age(person.registered.date()) > int(row["age"]):
                    yield row

    def _told_of(self, chart: Chart, row: dict[str, str], ordinal: int) -> Resource:
        person, visit = chart.person, chart.charted[0]
        random = self._house.dice("procedure-told", person.index, ordinal)
        made = self._begin(chart, visit, ordinal, random)
        made["code"] = {"text": row["text"]}
        if row["code"]:
            made["code"] = {"coding": [term(row["system"], row["code"], selected=True)], "text": row["text"]}
        years = max(1, person.age(person.registered.date()) - int(row["age"]))
        year = person.registered.year - random.randint(1, years)
        when = {"performedDateTime": str(year)} if random.random() < 0.85 else {"_performedDateTime": absent()}
        return self._end(made, chart, visit, when, visit.practitioner, random, here=False)

    def _done_here(self, chart: Chart, visit: Visit, text: str, snomed: str, ordinal: int) -> Resource:
        random = self._house.dice("procedure", chart.person.index, visit.ordinal, ordinal)
        made = self._begin(chart, visit, ordinal, random)
        if random.random() < 0.04:
            made["status"] = "entered-in-error"
        made["code"] = {"coding": [term("snomed", snomed, selected=True)], "text": text}
        done = min(visit.start + timedelta(hours=random.randint(1, 3)), chart.person.known_until)
        surgeon = visit.practitioner if snomed == "177184002" else self._house.staff.one_of("surgery", visit.ordinal)
        return self._end(made, chart, visit, {"performedDateTime": moments.seconds(done)}, surgeon, random, here=True)

    def _begin(self, chart: Chart, visit: Visit, ordinal: int, random: Random) -> Resource:
        noted = self._house.recorded(chart.person, visit.end or visit.start, random)
        meta = {"versionId": "0", "lastUpdated": moments.seconds(noted)}
        number = series.PROCEDURE.id(chart.person.index, ordinal)
        return {"resourceType": "Procedure", "id": number, "meta": meta, "text": {}, "status": "completed"}

    def _end(
        self, made: Resource, chart: Chart, visit: Visit, when: Resource, who: Practitioner, random: Random, *, here: bool
    ) -> Resource:
        made["subject"] = patient_reference(chart.person)
        made["encounter"] = encounter_reference(chart.person, visit)
        made |= when | {"recorder": visit.practitioner.reference}
        if here:
            made["performer"] = [{"actor": who.reference}]
            if visit.location:
                made["location"] = {"display": visit.location.path}
            noted = datetime.fromisoformat(made["meta"]["lastUpdated"])
            made["note"] = [{"authorReference": who.reference, "time": moments.seconds(noted), "text": random.choice(_NOTES)}]
        made["text"] = narrative(
            "Procedure",
            ("Patient", made["subject"]["display"]),
            ("Procedure", made["code"]["text"]),
            ("Status", made["status"].replace("-", " ").title()),
            ("Performed", made.get("performedDateTime")),
        )
        return made


def _done(visit: Visit) -> Iterator[tuple[str, str]]:
    for study in visit.studies:
        if study in _OF_STUDY:
            yield _OF_STUDY[study]
    if visit.reason in _OF_REASON:
        yield _OF_REASON[visit.reason]
