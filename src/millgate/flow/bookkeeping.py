"""What all processes ask of a source together: each writes down its own hours, and takes its share of what the operator allows.

A call never waits for this: it is counted in memory, and what is counted is kept from time to time. While the database is away, nothing is
lost but what a process cannot write down before it ends; the ceilings go on as they were.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import monotonic
from typing import Final, Protocol
from uuid import UUID

import structlog

from millgate.access.budget import Ceiling, Hour, tightest
from millgate.errors import GatewayError

log = structlog.get_logger(__name__)

LOOK_EVERY_S: Final = 2.0  # a ceiling that was set, or a process that came or went, holds everywhere after this
KEEP_EVERY_S: Final = 15.0  # what a process that is killed loses of its hours, at the most


class SourceOf(Protocol):
    @property
    def tenant(self) -> str: ...

    @property
    def fhir_base(self) -> str: ...

    @property
    def more_bases(self) -> tuple[str, ...]: ...

    @property
    def ceiling(self) -> Ceiling: ...


class Budgets(Protocol):
    async def keep(self, process: UUID, hours: Sequence[tuple[str, Hour]]) -> None: ...
    async def leave(self, process: UUID) -> None: ...
    async def alive(self, but: UUID) -> Mapping[str, int]: ...
    async def sources(self) -> Iterable[SourceOf]: ...


class Sources(Protocol):
    def set_ceiling(self, base: str, ceiling: Ceiling) -> None: ...
    def ceilings(self) -> Mapping[str, Ceiling]: ...
    def belong(self, bases: Mapping[str, str]) -> None: ...
    def changed(self) -> list[str]: ...
    def take(self, base: str) -> list[Hour]: ...
    def put_back(self, base: str, hours: list[Hour]) -> None: ...


class Bookkeeper:
    """Keeps one process's hours, and divides the ceilings. `start` it in the running loop, and `close` it after the last call."""

    def __init__(self, sources: Sources, budgets: Budgets, process: UUID, *, clock: Callable[[], float] = monotonic) -> None:
        self._sources = sources
        self._budgets = budgets
        self._process = process
        self._clock = clock
        self._kept_at: dict[str, float] = {}
        self._tenants: dict[str, str] = {}
        self._others: Mapping[str, int] = {}
        self._failing = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Look once, so that the first call is already bounded; then go on by itself."""
        await self.look()
        self._task = asyncio.create_task(self._run(), name="bookkeeper")

    async def close(self) -> None:
        """Write down what is left, and say that this process has ended. A database that is away does not keep it from ending."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        with contextlib.suppress(GatewayError):
            await self.keep(everything=True)
            if self._kept_at:
                await self._budgets.leave(self._process)

    def tenant_of(self, base: str) -> str | None:
        """The name of the tenant that has this FHIR base, as of the last look; of several, the first."""
        return self._tenants.get(base)

    def processes(self, base: str) -> int:
        """Among how many processes this source's ceiling is divided, this one included."""
        return self._others.get(base, 0) + 1

    async def look(self) -> None:
        """Take this process's share of each ceiling, as they are set now and among those who call the source now."""
        known = list(await self._budgets.sources())
        others = await self._budgets.alive(self._process) if any(one.ceiling != Ceiling() for one in known) else {}
        ceilings: dict[str, list[Ceiling]] = {}
        for one in known:
            ceilings.setdefault(one.fhir_base, []).append(one.ceiling)
        self._tenants = {one.fhir_base: one.tenant for one in reversed(known)}
        self._others = others
        self._sources.belong({base: one.fhir_base for one in known for base in one.more_bases if base not in ceilings})
        for base in self._sources.ceilings().keys() - ceilings.keys():
            self._sources.set_ceiling(base, Ceiling())
        for base, allowed in ceilings.items():
            self._sources.set_ceiling(base, tightest(allowed).share(self.processes(base)))

    async def keep(self, *, everything: bool = False) -> None:
        """Write down the hours that were added to: of a source that was not called for a while at once, so that others make room."""
        now = self._clock()
        due = [
            base
            for base in self._sources.changed()
            if everything or base not in self._kept_at or now - self._kept_at[base] >= KEEP_EVERY_S
        ]
        taken = {base: self._sources.take(base) for base in due}
        if not taken:
            return
        try:
            await self._budgets.keep(self._process, [(base, hour) for base, hours in taken.items() for hour in hours])
        except BaseException:
            for base, hours in taken.items():
                self._sources.put_back(base, hours)
            raise
        self._kept_at.update(dict.fromkeys(taken, now))

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.keep()
                await self.look()
                self._failing = False
            except Exception as error:  # whatever it is, it must not end the watch over the ceilings
                if not self._failing:
                    code = error.code if isinstance(error, GatewayError) else type(error).__name__
                    log.warning("what was asked of sources is not written down for now", code=code)
                self._failing = True
