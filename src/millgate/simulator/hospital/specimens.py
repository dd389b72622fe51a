"""What was drawn for the laboratory, as Specimen: one for each panel.

No example is published. Not known, chosen here: all of it but that a specimen is read and found by its id alone; one report in five
names its specimen. Source: oracle-health fact sheet 3.2; US Core 6.1 Specimen.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from millgate.simulator.hospital import moments, numbers, series
from millgate.simulator.hospital.coding import Resource
from millgate.simulator.hospital.house import House, patient_reference
from millgate.simulator.hospital.measuring import Drawing, drawings
from millgate.simulator.hospital.narrative import narrative
from millgate.simulator.hospital.people import Person
from millgate.simulator.hospital.plan import Chart
from millgate.simulator.hospital.terms import term
from millgate.simulator.hospital.visits import Visit

_BLOOD, _OTHERS = "122555007", {"urinalysis": "122575003", "urine_culture": "122575003", "covid": "258500001"}


def specimen_id(patient: int, visit: int, drawing: Drawing) -> str:
    """A specimen has the number of the first result that came of it, in a series of its own."""
    return series.SPECIMEN.id(patient, visit * numbers.EVENTS_EACH_ENCOUNTER + drawing.measurements[0].ordinal)


class Specimens:
    """Renders the specimens of one hospital's patients."""

    def __init__(self, house: House) -> None:
        self._house = house

    def of_chart(self, chart: Chart) -> Iterator[Resource]:
        for visit in chart.charted:
            for drawing in drawings(self._house.seed, chart.body, visit, self._house.today):
                yield self._specimen(chart.person, visit, drawing)

    def _specimen(self, person: Person, visit: Visit, drawing: Drawing) -> Resource:
        own = specimen_id(person.index, visit.ordinal, drawing)
        kind = term("snomed", _OTHERS.get(drawing.panel, _BLOOD))
        text = kind["display"].removesuffix(" (specimen)")
        received = min(drawing.moment + timedelta(minutes=21), max(person.known_until, drawing.moment))
        return {
            "resourceType": "Specimen",
            "id": own,
            "meta": {"versionId": "1", "lastUpdated": moments.milliseconds(received)},
            "text": narrative("Specimen", ("Patient", person.names.current.text), ("Type", text), ("Status", "Available")),
            "status": "available",
            "type": {"coding": [kind], "text": text},
            "subject": patient_reference(person),
            "receivedTime": moments.milliseconds(received),
            "collection": {
                "collector": self._house.staff.one_of("nurse", visit.ordinal).reference,
                "collectedDateTime": moments.milliseconds(drawing.moment),
            },
        }
