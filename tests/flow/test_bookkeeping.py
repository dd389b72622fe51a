"""The bookkeeper: when hours are written down, what becomes of them while the database is away, and how ceilings are divided."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import pytest

from millgate.access.budget import Ceiling, Hour
from millgate.errors import TryLater
from millgate.flow.bookkeeping import KEEP_EVERY_S, Bookkeeper
from millgate.pathways.sources import Sources

BASE, PATIENTS, TOKENS = "https://ehr.example/r4/t", "https://patients.example/r4/t", "https://auth.example/t/token"
NOW = datetime(2026, 3, 1, 7, 30, tzinfo=UTC)
ME = UUID(int=1)


@dataclass(frozen=True)
class Known:
    """A tenant's source."""

    tenant: str
    fhir_base: str
    more_bases: tuple[str, ...] = ()
    ceiling: Ceiling = field(default_factory=Ceiling)


@dataclass
class Shelf:
    """Where a store would be: rows in memory, that may be away."""

    known: list[Known] = field(default_factory=list)
    others: dict[str, int] = field(default_factory=dict)
    kept: list[tuple[UUID, str, Hour]] = field(default_factory=list)
    left: list[UUID] = field(default_factory=list)
    away: bool = False

    async def keep(self, process: UUID, hours: Sequence[tuple[str, Hour]]) -> None:
        if self.away:
            raise TryLater("store_unavailable", "away")
        self.kept += [(process, source, hour) for source, hour in hours]

    async def leave(self, process: UUID) -> None:
        self.left.append(process)

    async def alive(self, but: UUID) -> dict[str, int]:
        return self.others

    async def sources(self) -> list[Known]:
        return self.known


@dataclass
class Desk:
    """A bookkeeper over real sources."""

    sources: Sources
    shelf: Shelf
    keeper: Bookkeeper
    clock: list[float]

    async def call(self, source: str = BASE, endpoint: str = "fhir") -> None:
        turn = await self.sources.turn(source, endpoint, "interactive", float("inf"))
        turn.answered("GET Patient", 200, None)
        turn.end()


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    clock = [1000.0]
    sources, shelf = Sources(now=lambda: NOW, monotonic=lambda: clock[0]), Shelf()
    yield Desk(sources, shelf, Bookkeeper(sources, shelf, ME, clock=lambda: clock[0]), clock)
    sources.close()


async def test_the_first_call_is_written_down_at_once_and_the_next_ones_together(desk: Desk) -> None:
    await desk.call()
    await desk.keeper.keep()
    assert [(process, source, hour.calls) for process, source, hour in desk.shelf.kept] == [(ME, BASE, 1)]
    for _ in range(3):
        await desk.call()
        await desk.keeper.keep()
    assert len(desk.shelf.kept) == 1
    desk.clock[0] += KEEP_EVERY_S
    await desk.keeper.keep()
    await desk.keeper.keep()
    assert [hour.calls for _, _, hour in desk.shelf.kept] == [1, 4]


async def test_what_could_not_be_written_down_is_written_later_and_calls_go_on(desk: Desk) -> None:
    desk.shelf.away = True
    await desk.call()
    with pytest.raises(TryLater):
        await desk.keeper.keep()
    await desk.call()
    desk.shelf.away = False
    await desk.keeper.close()
    assert [(hour.begins_at, hour.calls) for _, _, hour in desk.shelf.kept] == [(NOW.replace(minute=0), 2)]
    assert desk.shelf.left == [ME]


async def test_a_process_that_called_nothing_ends_without_a_word_and_one_whose_database_is_away_ends_too(desk: Desk) -> None:
    await desk.keeper.close()
    assert (desk.shelf.kept, desk.shelf.left) == ([], [])
    desk.shelf.away = True
    await desk.call()
    await desk.keeper.close()
    assert desk.shelf.kept == []


async def test_a_ceiling_is_divided_among_the_living_and_follows_what_is_set(desk: Desk) -> None:
    desk.shelf.known = [Known("mercy", BASE, (PATIENTS,), Ceiling(20, 8))]
    await desk.keeper.look()
    assert desk.sources.ceilings() == {BASE: Ceiling(20, 8)}
    desk.shelf.others = {BASE: 2, "https://other.example": 5}
    await desk.keeper.look()
    assert desk.sources.ceilings() == {BASE: Ceiling(20 / 3, 2)}
    assert desk.keeper.processes(BASE) == 3
    desk.shelf.known = [Known("mercy", BASE)]
    await desk.keeper.look()
    assert desk.sources.ceilings() == {}
    desk.shelf.known = [Known("mercy", BASE, (), Ceiling(1))]
    await desk.keeper.look()
    desk.shelf.known = []
    await desk.keeper.look()
    assert desk.sources.ceilings() == {}


async def test_two_tenants_of_one_base_are_held_to_the_lower_bound(desk: Desk) -> None:
    desk.shelf.known = [Known("lakeside", BASE, (), Ceiling(20, 2)), Known("mercy", BASE, (), Ceiling(5))]
    await desk.keeper.look()
    assert desk.sources.ceilings() == {BASE: Ceiling(5, 2)}
    assert desk.keeper.tenant_of(BASE) == "lakeside"
    assert desk.keeper.tenant_of(PATIENTS) is None


async def test_all_addresses_of_a_tenant_are_one_account(desk: Desk) -> None:
    desk.shelf.known = [Known("mercy", BASE, (PATIENTS,))]
    await desk.keeper.look()
    desk.sources.belongs(TOKENS, PATIENTS)
    await desk.call()
    await desk.call(PATIENTS)
    await desk.call(TOKENS, "authorization")
    await desk.keeper.keep()
    ((_, source, hour),) = desk.shelf.kept
    assert (source, hour.calls, hour.endpoints) == (BASE, 3, {"fhir": 2, "authorization": 1})
