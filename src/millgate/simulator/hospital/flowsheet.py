"""The flowsheet of long stays: vital signs every hour and blood every six, for days on end.

There are twenty thousand of them, so none is kept: one is made when it is read, with the rest of its hour. Searches look at outlines,
which have what a search may ask for (id, time, category, code, patient) and nothing else.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from millgate.simulator.hospital import measuring, moments, numbers, physiology
from millgate.simulator.hospital.coding import Resource
from millgate.simulator.hospital.dice import dice
from millgate.simulator.hospital.measuring import Drawing, Measurement
from millgate.simulator.hospital.observations import Observations
from millgate.simulator.hospital.plan import Chart
from millgate.simulator.hospital.stays import STAY_DAYS
from millgate.simulator.hospital.visits import Visit

HOURS = STAY_DAYS * 24
_EACH_HOUR, _FIRST_RESULT = 32, 8
_VITALS = ("temperature", "pulse", "respiration", "systolic", "diastolic", "saturation")
_PANELS = ("bmp", "cbc")
_FILED_AFTER = timedelta(minutes=9)
_HOURS_KEPT = 64


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of the flowsheet: its place in the hour, how often it is filled in, and what all its values have in common."""

    place: int
    every: int
    prefix: str
    common: Resource

    def id(self, first: int) -> str:
        """`first` is the number of the first event of the hour; a pressure has the numbers of both its values."""
        number = first + self.place
        return f"BP-{number}-{number + 1}" if self.prefix == "BP" else f"{self.prefix}-{number}"


class Flowsheet:
    """Flowsheets of one hospital. `chart` gives the plan of a patient's chart."""

    def __init__(self, seed: int, observations: Observations, chart: Callable[[int], Chart]) -> None:
        self._seed, self._observations, self._chart = seed, observations, chart
        self._rows: Callable[[int, int], tuple[_Row, ...]] = lru_cache(maxsize=numbers.STAYS_EACH)(self._first_hour)
        self._hour: Callable[[int, int, int], dict[str, bytes]] = lru_cache(maxsize=_HOURS_KEPT)(self._write_hour)

    def outlines(self, patient: int) -> list[Resource]:
        """What searches look at of each observation, oldest first."""
        chart = self._chart(patient)
        return [outline for stay in chart.stays for outline in self._of_stay(chart, stay)]

    def read(self, patient: int, observation_id: str) -> Resource | None:
        """One observation, if the flowsheet has it."""
        place = numbers.flow_place(observation_id)
        stay = self._chart(patient).visit(place.stay) if place else None
        if place is None or stay is None:
            return None
        written = self._hour(patient, stay.ordinal, place.ordinal // _EACH_HOUR).get(observation_id)
        return pickle.loads(written) if written else None  # noqa: S301 - written below, and only there

    def all(self, patient: int) -> Iterator[Resource]:
        """Every observation in full, oldest first: as many as there are hours and rows, so mind what you keep."""
        for stay in self._chart(patient).stays:
            for hour in range(HOURS):
                yield from map(pickle.loads, self._hour(patient, stay.ordinal, hour).values())

    # --- outlines -----------------------------------------------------------------------------------------------------

    def _of_stay(self, chart: Chart, stay: Visit) -> Iterator[Resource]:
        rows = self._rows(chart.person.index, stay.ordinal)
        for hour in range(HOURS):
            moment = _moment(stay, hour)
            times = {
                "effectiveDateTime": moments.milliseconds(moment),
                "meta": {"lastUpdated": moments.milliseconds(moment + _FILED_AFTER)},
            }
            first = _first_event(chart, stay, hour)
            for row in rows:
                if hour % row.every == 0:
                    yield {"id": row.id(first), **row.common, **times}

    def _first_hour(self, patient: int, stay_ordinal: int) -> tuple[_Row, ...]:
        """The rows of a stay, as its first hour has them: in it all are filled in."""
        chart, made = self._chart(patient), []
        stay = chart.visit(stay_ordinal)
        if stay is None:
            return ()
        for measured in self._taken(chart, stay, 0):
            if measured.key != "diastolic":
                common = self._observations.in_common(chart.person, stay, measured)
                prefix = "BP" if measured.key == "systolic" else "L" if measured.kind == "lab" else "VS"
                every = 6 if measured.kind == "lab" else 4 if measured.key == "pain" else 1
                made.append(_Row(measured.ordinal - numbers.EVENTS_EACH_ENCOUNTER, every, prefix, common))
        return tuple(made)

    # --- whole hours --------------------------------------------------------------------------------------------------

    def _write_hour(self, patient: int, stay_ordinal: int, hour: int) -> dict[str, bytes]:
        """All observations of an hour, as bytes by their ids."""
        chart = self._chart(patient)
        stay = chart.visit(stay_ordinal)
        if stay is None or not 0 <= hour < HOURS:
            return {}
        taken = self._taken(chart, stay, hour)
        vital, drawn = [each for each in taken if each.kind == "vital"], tuple(each for each in taken if each.kind == "lab")
        made = list(self._observations.of_round(chart.person, stay, vital, first=False))
        if drawn:
            made += self._observations.of_drawing(chart.person, stay, Drawing(drawn[0].panel, drawn[0].moment, drawn))
        filed = moments.milliseconds(_moment(stay, hour) + _FILED_AFTER)
        first = _first_event(chart, stay, hour)
        common = {row.id(first): row.common for row in self._rows(patient, stay_ordinal)}
        for each in made:
            each["meta"]["lastUpdated"] = filed
            each["code"] = common[each["id"]]["code"]
        return {each["id"]: pickle.dumps(each, protocol=5) for each in made}

    def _taken(self, chart: Chart, stay: Visit, hour: int) -> list[Measurement]:
        """What was measured in one hour of a stay."""
        moment = _moment(stay, hour)
        random = dice(self._seed, "flowsheet", chart.person.index, stay.ordinal, hour)
        ordinal = numbers.EVENTS_EACH_ENCOUNTER + hour * _EACH_HOUR
        keys = (*_VITALS, *(("pain",) if hour % 4 == 0 else ()))
        signs = physiology.vital_signs(chart.body, moment, stay.effects, random)
        made = measuring.measured_vitals(chart.body, moment, signs, keys, ordinal)
        if hour % 6 == 0:
            values = physiology.laboratory(chart.body, moment, stay.effects, random)
            place = ordinal + _FIRST_RESULT
            for panel in _PANELS:
                found = list(measuring.panel_results(chart.body, stay, panel, values, moment, place, random))
                made += found
                place += len(found)
        return made


def _moment(stay: Visit, hour: int) -> datetime:
    return stay.start.replace(minute=0, second=0) + timedelta(hours=hour + 1)


def _first_event(chart: Chart, stay: Visit, hour: int) -> int:
    return numbers.event_number(chart.person.index, stay.ordinal, numbers.EVENTS_EACH_ENCOUNTER + hour * _EACH_HOUR)
