"""A patient's chart, from problems to resources: planned once, written down part by part as it is asked for."""

from __future__ import annotations

import pickle
from base64 import b64encode
from collections.abc import Callable, Iterator
from functools import lru_cache

from millgate.simulator.hospital import numbers, series
from millgate.simulator.hospital.booking import Bookings
from millgate.simulator.hospital.chapters import chapters
from millgate.simulator.hospital.coding import Resource
from millgate.simulator.hospital.documents import Documents, report_text
from millgate.simulator.hospital.encounters import Encounters
from millgate.simulator.hospital.flowsheet import Flowsheet
from millgate.simulator.hospital.house import House
from millgate.simulator.hospital.measuring import drawings, vital_rounds
from millgate.simulator.hospital.observations import Observations
from millgate.simulator.hospital.people import Person
from millgate.simulator.hospital.physiology import draw_body
from millgate.simulator.hospital.plan import Chart
from millgate.simulator.hospital.problems import draw_problems
from millgate.simulator.hospital.reports import Reports
from millgate.simulator.hospital.social_history import social_history
from millgate.simulator.hospital.stays import long_stays, with_stays
from millgate.simulator.hospital.visits import COMBINED, Visit, Visits

# How many charts are kept as plans, and how many lists of resources as bytes (up to a megabyte each, mostly a tenth of it).
_PLANNED, _WRITTEN = 128, 48


class Charts:
    """Plans charts and writes their resources."""

    def __init__(
        self,
        house: House,
        bookings: Bookings,
        person: Callable[[int], Person],
        heavy_patient: int | None = None,
    ) -> None:
        seed, places, staff, today, coder = house.seed, house.places, house.staff, house.today, house.coder
        self._seed, self._staff, self._today, self._person = seed, staff, today, person
        self._house, self._heavy_patient = house, heavy_patient
        self._chapters = chapters(house)
        self._documents = Documents(house)
        self._visits = Visits(seed, places, staff, bookings, today)
        self._encounters = Encounters(seed, coder, places, staff)
        self._observations = Observations(seed, coder, staff)
        self._reports = Reports(seed, coder, staff, self._observations)
        self._chart: Callable[[int], Chart] = lru_cache(maxsize=_PLANNED)(self._plan)
        self._flowsheet = Flowsheet(seed, self._observations, self._chart)
        self._written: Callable[[int, str], dict[str, bytes]] = lru_cache(maxsize=_WRITTEN)(self._write)

    def _plan(self, patient: int) -> Chart:
        person = self._person(patient)
        problems = draw_problems(self._seed, person)
        body = draw_body(self._seed, person, problems)
        stays = tuple(long_stays(self._house, person)) if patient == self._heavy_patient else ()
        return Chart(person, problems, body, tuple(with_stays(self._visits.of(person, problems), stays)), stays)

    def plan(self, patient: int) -> Chart:
        """What a patient's resources are made from."""
        return self._chart(patient)

    def flowsheet(self, patient: int) -> list[Resource]:
        """Outlines of the observations in the flowsheets of long stays, which are too many to be kept."""
        return self._flowsheet.outlines(patient) if patient == self._heavy_patient else []

    def of_flowsheet(self, patient: int) -> Iterator[Resource]:
        """The same in full, one after the other."""
        return self._flowsheet.all(patient) if patient == self._heavy_patient else iter(())

    def resources(self, patient: int, resource_type: str) -> list[Resource]:
        """All resources of one type in a patient's chart but for the flowsheet, oldest first where they have a time."""
        return [_unpacked(each) for each in self._written(patient, resource_type).values()]

    def _write(self, patient: int, resource_type: str) -> dict[str, bytes]:
        """A chart's resources by id, kept as bytes: reading them back is many times faster than writing them anew."""
        return {each["id"]: pickle.dumps(each, protocol=5) for each in self._resources(self._chart(patient), resource_type)}

    def _resources(self, chart: Chart, resource_type: str) -> list[Resource]:
        if chapter := self._chapters.get(resource_type):
            return list(chapter(chart))
        if resource_type == "Encounter":
            return [self._encounters.resource(chart.person, visit) for visit in chart.visits]
        made = [] if resource_type == "DiagnosticReport" else list(self._told(chart))
        for visit in chart.visits:
            made += self._of_visit(chart, visit, resource_type)
        return made

    def read(self, patient: int, resource_type: str, resource_id: str) -> Resource | None:
        """The one resource: of a chapter from its list, else from the visit that its id names."""
        if resource_type == "Binary":
            return self._binary(patient, resource_id)
        if resource_type in self._chapters:
            written = self._written(patient, resource_type).get(resource_id)
            return _unpacked(written) if written else None
        if resource_type == "Observation" and numbers.flow_place(resource_id):
            return self._flowsheet.read(patient, resource_id)
        chart = self._chart(patient)
        if resource_type == "Encounter":
            return self._encounter(chart, resource_id)
        place = numbers.observation_place(resource_id) if resource_type == "Observation" else numbers.event_place(resource_id)
        if place is None:
            return None
        ordinal = place.ordinal if resource_type == "Observation" else place.ordinal // numbers.EVENTS_EACH_ENCOUNTER
        visit = chart.visit(ordinal)
        found = self._of_visit(chart, visit, resource_type) if visit else self._told(chart) if ordinal == -1 else ()
        return next((each for each in found if each["id"] == resource_id), None)

    def _binary(self, patient: int, binary_id: str) -> Resource | None:
        """The document that a note or a report points to, with its bytes."""
        number = binary_id.partition("-")[2]
        of_note = series.DOCUMENT.place(number) is not None
        holder = self.read(patient, "DocumentReference" if of_note else "DiagnosticReport", number)
        if holder is None:
            return None
        held = [each["attachment"] for each in holder["content"]] if of_note else holder.get("presentedForm", [])
        found = next((each for each in held if each["url"] == f"Binary/{binary_id}"), None)
        words = self._documents.text_of(self._chart(patient), number) if of_note else report_text(holder)
        if found is None or words is None:
            return None
        data = b64encode(words.encoded(found["contentType"])).decode()
        meta = {"lastUpdated": holder["meta"]["lastUpdated"]}
        return {"resourceType": "Binary", "id": binary_id, "meta": meta, "contentType": found["contentType"], "data": data}

    def _encounter(self, chart: Chart, resource_id: str) -> Resource | None:
        place = numbers.encounter_place(resource_id)
        if place is None:
            return None
        if place.ordinal == COMBINED and chart.has_combined_encounter:
            return self._encounters.combined(chart.person, chart.visits[0])
        visit = chart.visit(place.ordinal)
        return self._encounters.resource(chart.person, visit) if visit else None

    def _of_visit(self, chart: Chart, visit: Visit, resource_type: str) -> Iterator[Resource]:
        drawn = drawings(self._seed, chart.body, visit, self._today)
        if resource_type == "DiagnosticReport":
            yield from self._reports.of_visit(chart.person, visit, drawn)
            return
        for number, taken in enumerate(vital_rounds(self._seed, chart.body, visit, self._today)):
            yield from self._observations.of_round(chart.person, visit, taken, first=number == 0)
        for drawing in drawn:
            yield from self._observations.of_drawing(chart.person, visit, drawing)

    def _told(self, chart: Chart) -> Iterator[Resource]:
        first = chart.visits[0] if chart.visits else None
        encounter = numbers.encounter_id(chart.person.index, first.ordinal) if first else None
        author = self._staff.one_of("nurse", chart.person.index)
        yield from social_history(self._seed, chart.person, chart.problems, self._today, author, encounter)


def _unpacked(written: bytes) -> Resource:
    made: Resource = pickle.loads(written)  # noqa: S301 - written above, and only there
    return made
