"""What the simulator has seen: the last calls without their values, and counters that tests can hold a client to."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

MOST_CALLS = 1000


class SeenCall(msgspec.Struct, frozen=True, omit_defaults=True):
    """One call. `path` is a template and `parameters` are names only: no value of a search is kept."""

    number: int
    at: str
    method: str
    path: str
    status: int
    request_id: str
    surface: str
    tenant: str | None = None
    resource_type: str | None = None
    client: str | None = None
    parameters: Sequence[str] = ()
    fault: str | None = None


class Journal:
    """The calls since the start or the last reset. A call that was cut off without an answer has status 0."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._calls: deque[SeenCall] = deque(maxlen=MOST_CALLS)
        self._counts: Counter[tuple[str, str | None, str, str | None, int]] = Counter()
        self._number = 0

    def add(
        self,
        *,
        at: datetime,
        method: str,
        path: str,
        status: int,
        request_id: str,
        surface: str,
        tenant: str | None,
        resource_type: str | None,
        client: str | None,
        parameters: Sequence[str],
        fault: str | None,
    ) -> None:
        self._number += 1
        self._counts[surface, tenant, method, resource_type, status] += 1
        moment = at.isoformat(timespec="milliseconds")
        self._calls.append(
            SeenCall(
                self._number, moment, method, path, status, request_id, surface, tenant, resource_type, client, parameters, fault
            )
        )

    def shown(self, limit: int) -> dict[str, Any]:
        """Number of calls, counters by surface, tenant, method, type and status, and the last calls, newest last."""
        names = ("surface", "tenant", "method", "resource_type", "status", "count")
        return {
            "requests_seen": self._number,
            "counts": [dict(zip(names, (*key, count), strict=True)) for key, count in sorted(self._counts.items(), key=str)],
            "requests": [msgspec.to_builtins(call) for call in list(self._calls)[-limit:]] if limit > 0 else [],
        }
