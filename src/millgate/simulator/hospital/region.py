"""Where the hospital stands: the cities of its patients, their streets, and its own name."""

from __future__ import annotations

from dataclasses import dataclass

from millgate.simulator.hospital.dice import Urn, dice
from millgate.simulator.hospital.tables import rows


@dataclass(frozen=True, slots=True)
class City:
    name: str
    county: str
    state: str
    postal_code: str
    area_code: str


@dataclass(frozen=True, slots=True)
class Region:
    """The surroundings of one hospital."""

    health_system: str
    streets: tuple[str, ...]
    cities: Urn[City]


def draw_region(seed: int, time_zone: str, name: str | None) -> Region:
    """A region in that time zone (the first of the table if there is none), and the health system's name."""
    fitting = [row for row in rows("regions") if row["time_zone"] == time_zone] or [rows("regions")[0]]
    chosen = dice(seed, "region").choice(fitting)
    lines = [row for row in rows("cities") if row["region"] == chosen["region"]]
    cities = [City(row["city"], row["county"], row["state"], row["postal_code"], row["area_code"]) for row in lines]
    streets = tuple(row["name"] for row in rows("streets"))
    return Region(name or chosen["health_system"], streets, Urn(cities, [float(row["weight"]) for row in lines]))
