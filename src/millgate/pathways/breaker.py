"""The circuit breaker of one tenant's source: after sustained failure calls fail at once, and single probes find out when it is over.

It opens after `FAILURES` failures in a row that span at least `SPAN_S` seconds without one answer, so that a source that fails every third
call under load is not taken for one that is gone. Failures are connections that fail, timeouts, and 502, 503, 504; every other answer,
also a 500 or a 429, comes from a source that is there. Pure; the clock is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

FAILURES: Final = 6
SPAN_S: Final = 2.0
FIRST_PAUSE_S: Final = 5.0
LONGEST_PAUSE_S: Final = 60.0

State = Literal["closed", "open", "half-open"]


@dataclass(slots=True)
class Breaker:
    """`refuses` before each call, `answered`, `failed` or `abandoned` after it. Times are seconds of one monotonic clock."""

    _failures: int = 0
    _failing_since: float | None = None
    _open_until: float | None = None
    _pause_s: float = FIRST_PAUSE_S
    _probing: bool = False
    opened: int = 0  # how often, since the process began

    def state(self, now: float) -> State:
        """`half-open` while a probe is due or under way."""
        if self._open_until is None:
            return "closed"
        return "open" if now < self._open_until else "half-open"

    def refuses(self, now: float) -> float | None:
        """Seconds after which to try again, or None if the call may go; the first call after the pause is the probe."""
        if self._open_until is None:
            return None
        if now < self._open_until:
            return self._open_until - now
        if self._probing:
            return 1.0
        self._probing = True
        return None

    def answered(self) -> None:
        """The source answered."""
        self._failures, self._failing_since = 0, None
        self._open_until, self._probing, self._pause_s = None, False, FIRST_PAUSE_S

    def failed(self, now: float, asked_s: float | None = None, *, jitter: float = 1.0) -> None:
        """The source did not answer, or said that it is gone, perhaps for `asked_s` seconds; `jitter` spreads processes apart."""
        self._failures += 1
        self._failing_since = now if self._failing_since is None else self._failing_since
        probe_failed = self._open_until is not None and now >= self._open_until
        sustained = self._failures >= FAILURES and now - self._failing_since >= SPAN_S
        if probe_failed:
            self._pause_s = min(LONGEST_PAUSE_S, self._pause_s * 2)
        if probe_failed or (sustained and self._open_until is None):
            self.opened += self._open_until is None
            self._open_until = now + max(self._pause_s * jitter, min(asked_s or 0.0, LONGEST_PAUSE_S))
        self._probing = False

    def abandoned(self) -> None:
        """The call ended without telling anything: another may probe."""
        self._probing = False
