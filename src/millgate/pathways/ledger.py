"""What this process asked of one tenant, by the hour; counted in memory, and handed out to be kept."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from millgate.access.budget import Hour

HOURS_KEPT: Final = 7 * 24


@dataclass(slots=True)
class _Counting:
    """An hour that is still being added to; cheap, since every call does it."""

    begins_at: datetime
    calls: int = 0
    throttled: int = 0
    most_at_once: int = 0
    most_per_s: int = 0
    endpoints: dict[str, int] = field(default_factory=dict)
    taken: bool = False

    def hour(self) -> Hour:
        return Hour(self.begins_at, self.calls, self.throttled, self.most_at_once, self.most_per_s, dict(self.endpoints))


class Ledger:
    """The last hours in which something was asked, a week of them at the most."""

    def __init__(self) -> None:
        self._hours: deque[_Counting] = deque(maxlen=HOURS_KEPT)

    @property
    def hours(self) -> tuple[Hour, ...]:
        """By the hour, oldest first."""
        return tuple(one.hour() for one in self._hours)

    @property
    def changed(self) -> bool:
        """Whether there is something that was not taken."""
        return any(not one.taken for one in reversed(self._hours))

    def began(self, now: datetime, endpoint: str, *, at_once: int, in_second: int) -> None:
        """A call goes out, as the `at_once`th in flight, and as the `in_second`th within a second."""
        hour = self._hour(now)
        hour.calls += 1
        hour.endpoints[endpoint] = hour.endpoints.get(endpoint, 0) + 1
        hour.most_at_once = max(hour.most_at_once, at_once)
        hour.most_per_s = max(hour.most_per_s, in_second)

    def throttled(self, now: datetime) -> None:
        """A call was refused for being one too many."""
        self._hour(now).throttled += 1

    def take(self) -> list[Hour]:
        """The hours that were added to since the last time, each whole."""
        found = [one for one in self._hours if not one.taken]
        for one in found:
            one.taken = True
        return [one.hour() for one in found]

    def put_back(self, hours: list[Hour]) -> None:
        """These were not kept."""
        begins = {one.begins_at for one in hours}
        for one in self._hours:
            if one.begins_at in begins:
                one.taken = False

    def _hour(self, now: datetime) -> _Counting:
        begins_at = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        if not self._hours or self._hours[-1].begins_at < begins_at:
            self._hours.append(_Counting(begins_at))
        hour = self._hours[-1]
        hour.taken = False
        return hour
