"""`/_simulator/authorization`: the test bench's hand on the authorization server: errors on demand, users signed out, keys turned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from millgate.simulator.answers import JSON, Answer, encode
from millgate.simulator.authorization import Shared
from millgate.simulator.demands import Demand
from millgate.simulator.tenant import Tenant


class SignOut(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Whose sessions end: one user's or everybody's, in one tenant or in all."""

    tenant: str | None = None
    username: str | None = None


class Throttle(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Refreshes of one refresh token that follow each other faster are 429; null: no matter how fast."""

    refresh_interval_s: float | None


def authorization_door(
    shared: Shared, tenants: Mapping[str, Tenant], method: str, below: Sequence[str], body: bytes
) -> Answer | None:
    """The answer to an address below `/_simulator/authorization`; None if there is no such door."""
    try:
        match (method, *below):
            case ("GET",):
                return _json(200, _shown(shared, tenants))
            case ("DELETE",):
                shared.demands.clear()
                return Answer(204)
            case ("POST", "errors"):
                shared.demands.add(msgspec.json.decode(body, type=Demand))
                return _json(200, shared.demands.shown())
            case ("POST", "sign_out"):
                asked = msgspec.json.decode(body or b"{}", type=SignOut)
                named = [tenant for tenant in tenants.values() if asked.tenant in (None, tenant.tenant_id)]
                return _json(200, {"sessions_ended": sum(t.authorization.grants.end_sessions(asked.username) for t in named)})
            case ("POST", "rotate_keys"):
                return _json(200, {"kid": shared.keys.rotate()})
            case ("PUT", "throttle"):
                shared.demands.refresh_interval_s = msgspec.json.decode(body, type=Throttle).refresh_interval_s
                return _json(200, shared.demands.shown())
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return _json(400, {"error": str(error)})
    return None


def _shown(shared: Shared, tenants: Mapping[str, Tenant]) -> dict[str, Any]:
    sessions = [
        {"tenant": tenant.tenant_id, "username": username}
        for tenant in tenants.values()
        for username in tenant.authorization.grants.sessions()
    ]
    return {**shared.demands.shown(), "sessions": sessions}


def _json(status: int, value: Any) -> Answer:
    return Answer(status, encode(value), JSON)
