"""Floods at the doors that take no session: whoever was refused often in a minute is refused at once, and audited in sums.

Each attempt up to the limit has its own row in the audit chain, and so has the first beyond it. Those after it are counted, and a row
with their number is written a minute later, or when the gateway stops. Each process counts on its own.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from time import monotonic
from typing import Final

import structlog

from millgate.errors import GatewayError

log = structlog.get_logger(__name__)

WINDOW_S: Final = 60.0
MOST_KNOWN: Final = 10_000  # of addresses and beginnings of keys; whoever was counted longest ago goes first
MOST_ROWS: Final = 100  # of sums a minute; what further addresses did is summed in one more
OTHERS: Final = "other addresses"

Name = tuple[str, str]  # what is counted, and of whom: ("key", "mg_a1b2c3d4")


@dataclass(frozen=True, slots=True)
class HeldBack:
    """So many attempts from an address were refused without a row of their own."""

    action: str
    address: str
    attempts: int


@dataclass(slots=True)
class _Window:
    ends_at: float
    count: int = 0
    told: bool = False


class Floods:
    """Counts attempts by whoever makes them, each for a minute from the first; memory is bounded."""

    def __init__(
        self, limits: dict[str, int], audited: Callable[[HeldBack], Awaitable[None]], *, clock: Callable[[], float] = monotonic
    ) -> None:
        self._limits = limits
        self._audited = audited
        self._clock = clock
        self._windows: OrderedDict[Name, _Window] = OrderedDict()
        self._held_back: Counter[tuple[str, str]] = Counter()
        self._writing: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"Floods({len(self._windows)} counted)"

    def count(self, names: Sequence[Name]) -> None:
        """One more attempt that counts against all of these."""
        now = self._clock()
        for name in names:
            window = self._windows.get(name)
            if window is None or window.ends_at <= now:
                window = self._windows[name] = _Window(now + WINDOW_S)
            window.count += 1
            self._windows.move_to_end(name)
        while len(self._windows) > MOST_KNOWN:
            self._windows.popitem(last=False)

    def wait_s(self, names: Sequence[Name]) -> float | None:
        """Seconds until none of these is over its limit any more; None where none is."""
        over = [window.ends_at - self._clock() for window in self._over(names)]
        return max(over) if over else None

    def hold_back(self, action: str, address: str, names: Sequence[Name]) -> bool:
        """Refuse one attempt over the limit: whether it is one of many, whose sum is audited; the first has a row of its own."""
        over = self._over(names)
        if any(not window.told for window in over):
            for window in over:
                window.told = True
            return False
        known = (action, address) in self._held_back or len(self._held_back) < MOST_ROWS
        self._held_back[action, address if known else OTHERS] += 1
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_later(), name="sums of refused attempts")
        return True

    async def close(self) -> None:
        """Audit what was counted and not yet written."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        await self._write()
        if self._held_back:
            log.error("refused attempts left unaudited", attempts=self._held_back.total())

    def _over(self, names: Sequence[Name]) -> list[_Window]:
        now = self._clock()
        found = [(self._windows.get(name), self._limits[name[0]]) for name in names]
        return [window for window, limit in found if window is not None and window.ends_at > now and window.count >= limit]

    async def _write_later(self) -> None:
        while self._held_back:
            await asyncio.sleep(WINDOW_S)
            await self._write()
        self._writing = None

    async def _write(self) -> None:
        """A row for each sum; what cannot be audited now stays counted."""
        for (action, address), attempts in list(self._held_back.items()):
            try:
                await self._audited(HeldBack(action, address, attempts))
            except GatewayError as error:
                log.warning("refused attempts not audited yet", code=error.code)
                return
            self._held_back[action, address] -= attempts
            if self._held_back[action, address] <= 0:
                del self._held_back[action, address]


def address_of(host: str | None) -> str:
    """Whom an address stands for: a whole /64 of IPv6, which one machine may have; `unknown` where there is none."""
    try:
        found = ip_address((host or "").partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or ip_network((found, 64), strict=False))
    return str(found)
