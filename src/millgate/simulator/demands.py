"""Errors of the authorization server on demand: the next fitting calls are refused with a named URN, for tests of clients."""

from __future__ import annotations

from typing import Any

import msgspec

from millgate.simulator.oauth_errors import AT_TOKEN, ON_CALLBACK, ON_PAGE, URN


class Demand(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One error to give: its URN with or without the common prefix, how often (None: until removed), to whom (everybody if left out)."""

    urn: str
    count: int | None = 1
    tenant: str | None = None
    client: str | None = None

    def __post_init__(self) -> None:
        self.urn = self.urn.removeprefix(URN)
        if self.urn not in {**AT_TOKEN, **ON_CALLBACK, **ON_PAGE}:
            raise ValueError(f"unknown URN; known are {', '.join(sorted({**AT_TOKEN, **ON_CALLBACK, **ON_PAGE}))}")
        if self.count is not None and self.count < 1:
            raise ValueError("count must be 1 or more")

    @property
    def at_token(self) -> bool:
        return self.urn in AT_TOKEN


class Demands:
    """What is asked of the authorization server beside its own rules, for all tenants: errors, and how often one may refresh."""

    def __init__(self) -> None:
        self._demands: list[Demand] = []
        self.refresh_interval_s: float | None = None

    def add(self, demand: Demand) -> None:
        self._demands.append(demand)

    def clear(self) -> None:
        self._demands.clear()
        self.refresh_interval_s = None

    def shown(self) -> dict[str, Any]:
        return {"errors": msgspec.to_builtins(self._demands), "refresh_interval_s": self.refresh_interval_s}

    def take(self, tenant: str, client: str | None, *, at_token: bool) -> str | None:
        """The URN to refuse a call with, if one is asked for; it counts as given."""
        for demand in self._demands:
            if demand.at_token == at_token and demand.tenant in (None, tenant) and demand.client in (None, client):
                if demand.count is not None:
                    demand.count -= 1
                if demand.count == 0:
                    self._demands.remove(demand)
                return demand.urn
        return None
