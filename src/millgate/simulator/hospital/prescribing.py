"""What was ordered for whom, why and for how long: the thread from a problem or a visit to orders, doses given and packs handed out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from random import Random

from millgate.simulator.hospital import moments
from millgate.simulator.hospital.house import House
from millgate.simulator.hospital.plan import Chart
from millgate.simulator.hospital.problems import Medication
from millgate.simulator.hospital.tables import rows
from millgate.simulator.hospital.visits import Visit

MOST_ORDERS = 96
COMMUNITY, DISCHARGE, INPATIENT, INFUSION, REPORTED = "community", "discharge", "inpatient", "infusion", "reported"


@dataclass(frozen=True, slots=True)
class Order:
    """One order before it is written down. `end` is None while nothing says when it stops; `row` is a product's or an infusion's."""

    ordinal: int
    setting: str
    row: dict[str, str]
    visit: Visit
    route: str
    frequency: str
    start: datetime
    end: datetime | None
    status: str

    @property
    def is_at_home(self) -> bool:
        return self.setting in (COMMUNITY, DISCHARGE, REPORTED)


@cache
def _products() -> dict[str, dict[str, str]]:
    return {row["name"]: row for row in rows("products")}


def orders(house: House, chart: Chart) -> list[Order]:
    """All orders of a chart, those for what lasts first, then by visit."""
    made: list[Order] = []
    for order in _all(house, chart):
        if len(made) < MOST_ORDERS:
            made.append(order)
    return made


def _all(house: House, chart: Chart) -> Iterator[Order]:
    ordinal = 0
    for problem in chart.problems:
        for medication in problem.medications:
            for order in _lasting(house, chart, medication, ordinal):
                yield order
                ordinal += 1
    for visit in chart.charted:
        for order in _of_visit(house, chart, visit, ordinal):
            yield order
            ordinal += 1


def _lasting(house: House, chart: Chart, medication: Medication, ordinal: int) -> Iterator[Order]:
    """What is taken for years: the first prescription, and a renewal that took its place; or only what the patient told of."""
    since = moments.midnight(medication.since)
    visits = [each for each in chart.charted if each.start >= since] or chart.charted[-1:]
    if not visits:
        return
    random = house.dice("order", chart.person.index, ordinal, medication.name)
    first, chance = visits[0], random.random()
    renewed = visits[len(visits) // 2] if len(visits) > 2 and chance > 0.5 else None
    setting = REPORTED if chance < 0.18 else COMMUNITY
    status = "active" if chart.person.died is None else "stopped"
    chosen = (status if random.random() < 0.9 else random.choice(("on-hold", "stopped"))) if renewed is None else "completed"
    end = renewed.start if renewed else None
    yield _order(ordinal, setting, medication.name, first, medication.route, medication.frequency, end, chosen)
    if renewed:
        yield _order(ordinal + 1, COMMUNITY, medication.name, renewed, medication.route, medication.frequency, None, status)


def _order(
    ordinal: int, setting: str, name: str, visit: Visit, route: str, frequency: str, end: datetime | None, status: str
) -> Order:
    start = visit.start + timedelta(minutes=11)
    return Order(ordinal, setting, _products()[name], visit, route, frequency, start, end, status)


def _of_visit(house: House, chart: Chart, visit: Visit, ordinal: int) -> Iterator[Order]:
    """What was ordered against what brought the patient in."""
    random = house.dice("visit-orders", chart.person.index, visit.ordinal)
    for row in rows("treatments"):
        if row["reason"] == visit.reason and random.random() < float(row["share"]):
            begun = visit.start + timedelta(minutes=random.randint(20, 90))
            until = begun + timedelta(days=int(row["days"]))
            if row["setting"] == INPATIENT and visit.end:
                until = min(until, visit.end)
            status = _status(random, until, chart.person.known_until)
            product = _products()[row["name"]]
            yield Order(ordinal, row["setting"], product, visit, row["route"], row["frequency"], begun, until, status)
            ordinal += 1
    for row in rows("infusions"):
        if visit.reason in row["reasons"].split(";") and random.random() < float(row["share"]):
            begun = visit.start + timedelta(minutes=random.randint(40, 160))
            until = begun + timedelta(minutes=int(row["minutes"]))
            status = _status(random, until, chart.person.known_until)
            yield Order(ordinal, INFUSION, row, visit, "intravenous", "", begun, until, status)
            ordinal += 1


def _status(random: Random, until: datetime, now: datetime) -> str:
    chance = random.random()
    if chance < 0.03:
        return "entered-in-error"
    if chance < 0.06:
        return "cancelled"
    if chance < 0.08:
        return "unknown"
    return "completed" if until < now else "active"
