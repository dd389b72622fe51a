"""What may be asked of tenants' sources, and what all processes of this store asked of them. No patient data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg.types.json import Jsonb

from millgate.access.budget import Ceiling, Hour, Night
from millgate.store.database import Database, Row
from millgate.store.queries import queries

_SQL = queries("budget")
ALIVE_S: Final = 40.0  # a process that has called a source and said nothing for so long does not count any more


@dataclass(frozen=True, slots=True)
class SetCeiling:
    """A tenant's ceiling, and since when it has been that."""

    ceiling: Ceiling
    set_at: datetime


@dataclass(frozen=True, slots=True)
class SourceOf:
    """A tenant with its FHIR base, further bases of its personas, and its ceiling (none: nothing is bounded)."""

    tenant: str
    fhir_base: str
    more_bases: tuple[str, ...]
    ceiling: Ceiling


class Budgets:
    """Ceilings by tenant; hours by FHIR base and process."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def keep(self, process: UUID, hours: Sequence[tuple[str, Hour]]) -> None:
        """What this process asked of which source, in place of what it said of these hours before. It is alive, that says too."""
        rows = [_hour_columns(process, source, hour) for source, hour in hours]
        async with self._database.transaction() as connection, connection.cursor() as cursor:
            await cursor.executemany(_SQL["keep_hour"], rows)

    async def leave(self, process: UUID) -> None:
        """This process ends, and takes no share of any ceiling any more."""
        await self._database.execute(_SQL["leave"], {"process": process})

    async def hours(self, fhir_base: str, since: datetime) -> list[Hour]:
        """What was asked of this source in each hour that begins at `since` or later, one for each process, oldest first."""
        rows = await self._database.fetch(_SQL["hours"], {"source": fhir_base, "since": since})
        return [Hour(*row) for row in rows]

    async def alive(self, but: UUID) -> dict[str, int]:
        """How many processes, `but` this one, call each source these days: they said so within `ALIVE_S`."""
        rows = await self._database.fetch(_SQL["alive"], {"process": but, "within_s": ALIVE_S})
        return {str(source): int(processes) for source, processes in rows}

    async def prune(self, *, older_than: datetime) -> int:
        """Delete older hours; how many."""
        return await self._database.execute(_SQL["prune"], {"older_than": older_than})

    async def set_ceiling(self, tenant: str, ceiling: Ceiling) -> bool:
        """Keep what the operator allows, in place of what was kept; one without any bound is none. Whether there is such a tenant."""
        if ceiling == Ceiling():
            await self._database.execute(_SQL["clear_ceiling"], {"tenant": tenant})
            return True
        night = ceiling.night
        parameters = {
            "tenant": tenant,
            "rate_per_s": ceiling.rate_per_s,
            "at_once": ceiling.concurrency,
            "night_start": night.start if night else None,
            "night_end": night.end if night else None,
            "time_zone": night.time_zone if night else None,
            "now": self._now(),
        }
        return await self._database.execute(_SQL["set_ceiling"], parameters) > 0

    async def ceiling(self, tenant: str) -> SetCeiling | None:
        """What the operator allows, or None where nothing is bounded."""
        row = await self._database.fetch_one(_SQL["ceiling"], {"tenant": tenant})
        return None if row is None else SetCeiling(_ceiling(row), row[5])

    async def sources(self) -> list[SourceOf]:
        """Every tenant's source and ceiling, by the tenant's name."""
        rows = await self._database.fetch(_SQL["sources"])
        return [SourceOf(row[0], row[1], tuple(row[2] or ()), _ceiling(row[3:])) for row in rows]


def _ceiling(row: Row) -> Ceiling:
    rate_per_s, at_once, start, end, time_zone = row[:5]
    return Ceiling(rate_per_s, at_once, None if start is None else Night(start, end, time_zone))


def _hour_columns(process: UUID, source: str, hour: Hour) -> dict[str, object]:
    return {
        "source": source,
        "begins_at": hour.begins_at,
        "process": process,
        "calls": hour.calls,
        "throttled": hour.throttled,
        "most_at_once": hour.most_at_once,
        "most_per_s": hour.most_per_s,
        "endpoints": Jsonb(dict(hour.endpoints)),
    }
