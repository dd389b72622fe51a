"""One simulator: its tenants and the way from a call to an answer, still apart from sockets."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from millgate.simulator import oauth
from millgate.simulator.answers import JSON, Answer, Refused, encode, not_found, outcome, unknown_tenant
from millgate.simulator.authorization import Shared
from millgate.simulator.authorization_door import authorization_door
from millgate.simulator.call import FHIR_SURFACES, OPEN_SURFACES, Call
from millgate.simulator.chart_launch import chart_launch
from millgate.simulator.discovery import Surface
from millgate.simulator.dstu2 import surface as dstu2
from millgate.simulator.faults import FaultDial, Rule
from millgate.simulator.fhir import FhirSurface
from millgate.simulator.journal import Journal
from millgate.simulator.rate_limit import Rate, RateLimits
from millgate.simulator.search.table import RULES
from millgate.simulator.tenant import Tenant
from millgate.simulator.token_life import TokenLives

_CONTROL = "_simulator"
log = logging.getLogger(__name__)


class Simulator:
    """All tenants of one process, the fault dial, the rate limits and the journal."""

    def __init__(
        self,
        tenants: Sequence[Tenant],
        *,
        faults: FaultDial,
        rate_limits: RateLimits,
        token_lives: TokenLives,
        clock: Callable[[], float],
        shared: Shared,
    ) -> None:
        self.tenants: Mapping[str, Tenant] = {tenant.tenant_id: tenant for tenant in tenants}
        self.faults = faults
        self.rate_limits = rate_limits
        self.token_lives = token_lives
        self.clock = clock  # the time that the server believes it is
        self.journal = Journal()
        self.shared = shared
        self._dstu2: dict[str, dstu2.Dstu2] = {}

    def locate(self, call: Call) -> None:
        """Note on the call which surface, tenant and resource type it is for; nothing is checked."""
        segments = call.segments
        if segments[:1] == ("r4",):
            call.surface, rest, prefix = "ehr", segments[1:], "/r4"
        elif segments[:2] == ("open", "r4"):
            call.surface, rest, prefix = "open", segments[2:], "/open/r4"
        elif segments[:2] == ("patient", "r4"):
            call.surface, rest, prefix = "patient", segments[2:], "/patient/r4"
        elif segments[:1] == ("dstu2",):
            call.surface, rest, prefix = dstu2.SECURE, segments[1:], "/dstu2"
        elif segments[:2] == ("open", "dstu2"):
            call.surface, rest, prefix = dstu2.OPEN, segments[2:], "/open/dstu2"
        elif segments[:1] in (("tenants",), ("ehr",)):
            call.surface, call.tenant = "authorization", segments[1] if len(segments) > 1 else None
            call.template = f"/{segments[0]}/{{tenant}}/" + "/".join(_without_flow(segments[2:]))
            return
        else:
            call.surface = "control" if segments[:1] == (_CONTROL,) else "authorization"
            known = segments in (("jwk",), ("tokeninfo",)) or call.surface == "control"
            call.template = call.path if known else "/errors/{urn}" if segments[:1] == ("errors",) else "/{unknown}"
            return
        call.tenant = rest[0] if rest else None
        below = rest[1:]
        known_types = dstu2.OFFERED if call.surface in (dstu2.SECURE, dstu2.OPEN) else RULES
        call.resource_type = below[0] if below and below[0] in known_types else None
        named = (
            [call.resource_type or ("{unknown}" if below[0] not in ("", "metadata", ".well-known") else below[0])]
            if below
            else []
        )
        tail = [] if len(below) < 2 else ["smart-configuration"] if below[0] == ".well-known" else ["{id}"]
        call.template = "/".join([prefix, "{tenant}", *named, *tail])

    def answer(self, call: Call) -> Answer:
        """The answer to a call, refusals included."""
        try:
            return self._dispatch(call)
        except Refused as refused:
            return refused.answer
        except RecursionError:
            return outcome(400, "invalid", "the body is nested too deeply")
        except Exception:
            log.exception("%s %s failed", call.method, call.template)
            return outcome(500, "exception", severity="fatal")

    def _dispatch(self, call: Call) -> Answer:
        if call.surface in FHIR_SURFACES:
            return self._fhir(call)
        if call.surface == "control":
            return self.control(call)
        if call.segments[:1] == ("tenants",) and len(call.segments) > 2:
            tenant = self.tenants.get(call.segments[1])
            return oauth.tenant_answer(tenant, call.segments[1], call, call.segments[2:])
        if call.segments == ("jwk",) and call.method == "GET":
            return _json(200, {"keys": self.shared.keys.published()})
        if call.segments[:1] == ("ehr",) and call.segments[2:] == ("launch",):
            return chart_launch(self.tenants.get(call.segments[1]), call, oauth.form_of(call))
        if call.segments == ("tokeninfo",) and call.method == "POST":
            return oauth.introspect(self.tenants, call)
        if len(call.segments) == 4 and call.segments[::2] == ("errors", "instances") and call.method == "GET":
            return oauth.explained(call.segments[1], call.segments[3])
        raise not_found()

    def _fhir(self, call: Call) -> Answer:
        tenant = self.tenants.get(call.tenant or "")
        if tenant is None:
            raise unknown_tenant()
        if call.surface in (dstu2.SECURE, dstu2.OPEN):
            return dstu2.Dstu2Surface(self._side(tenant), call).answer(
                call.segments[2:] if call.surface == dstu2.SECURE else call.segments[3:]
            )
        surface: Surface = "ehr" if call.surface == "ehr" else "open" if call.surface == "open" else "patient"
        return FhirSurface(tenant, call, surface).answer(call.segments[2:] if surface == "ehr" else call.segments[3:])

    def _side(self, tenant: Tenant) -> dstu2.Dstu2:
        """A tenant's DSTU2 side, made when it is first called: the start costs nothing of it."""
        if tenant.tenant_id not in self._dstu2:
            self._dstu2[tenant.tenant_id] = dstu2.Dstu2(tenant)
        return self._dstu2[tenant.tenant_id]

    def refusal_at_edge(self, call: Call) -> Answer | None:
        """What the edge answers in the server's place: 429 if the client's bucket is empty, 401 if its token died early."""
        tenant = self.tenants.get(call.tenant or "")
        if tenant is None or call.surface not in FHIR_SURFACES:
            return None
        authorization = call.header("Authorization")
        token = tenant.authorization.find((authorization or "").partition(" ")[2].strip())
        if token is None and call.surface not in OPEN_SURFACES:
            return None  # a discovery document, or a call that is refused anyway
        if token is not None:
            call.client = token.client.client_id
        return self.rate_limits.refusal(tenant.tenant_id, call.client or "") or self.token_lives.refusal(authorization)

    # --- /_simulator

    def control(self, call: Call) -> Answer:
        """The test bench's own door: ready, state, faults, the rate limit."""
        match (call.method, *call.segments[1:]):
            case ("GET", "ready"):
                return _json(200, {"ready": True, "tenants": list(self.tenants)})
            case ("GET", "state"):
                return _json(200, self._state(call))
            case ("DELETE", "state"):
                self.journal.reset()
                return Answer(204)
            case ("GET", "faults"):
                return _json(200, {"faults": self.faults.shown()})
            case ("POST", "faults"):
                return self._set_faults(call)
            case ("DELETE", "faults"):
                self.faults.clear()
                return Answer(204)
            case ("DELETE", "faults", setting_id) if self.faults.remove(str(setting_id)):
                return Answer(204)
            case ("GET", "rate_limit"):
                return _json(200, self.rate_limits.shown())
            case ("PUT", "rate_limit"):
                return self._set_rate(call)
            case ("DELETE", "rate_limit"):
                self.rate_limits.set(None)
                return Answer(204)
        if call.segments[1:2] == ("authorization",):
            opened = authorization_door(self.shared, self.tenants, call.method, call.segments[2:], call.body)
            if opened is not None:
                return opened
        return _json(404, {"error": "no such door"})

    def _state(self, call: Call) -> dict[str, Any]:
        asked = next((part[6:] for part in call.raw_query.split("&") if part.startswith("limit=")), "100")
        limit = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 100
        return {
            "tenants": [tenant.shown() for tenant in self.tenants.values()],
            **self.journal.shown(limit),
            "faults": self.faults.shown(),
            "rate_limit": self.rate_limits.shown(),
        }

    def _set_faults(self, call: Call) -> Answer:
        """Set one rule or several (`{"faults": […]}`). A revocation that waits for no call acts at once and leaves no rule."""
        try:
            document = msgspec.json.decode(call.body)
            given = document["faults"] if isinstance(document, dict) and "faults" in document else [document]
            rules = [msgspec.convert(item, Rule) for item in given]
        except (msgspec.DecodeError, msgspec.ValidationError, TypeError, ValueError, RecursionError) as error:
            return _json(400, {"error": str(error)})
        shown, revoked = [], 0
        for rule in rules:
            if rule.kind == "revoke_tokens" and not rule.is_aimed():
                revoked += self.revoke(rule)
            else:
                shown.append(self.faults.add(rule).shown())
        return _json(200, {"faults": shown, "tokens_revoked": revoked})

    def _set_rate(self, call: Call) -> Answer:
        """`{"rate": 50, "burst": 100}`; the burst is one second's worth if left out."""
        try:
            document = msgspec.json.decode(call.body, type=dict[str, float])
            rate = Rate(document["rate"], document.get("burst", max(1.0, document["rate"])))
        except (msgspec.DecodeError, ValueError, KeyError, RecursionError) as error:
            return _json(400, {"error": f"expected rate and burst: {error}"})
        self.rate_limits.set(rate)
        return _json(200, self.rate_limits.shown())

    def revoke(self, rule: Rule) -> int:
        """Take back the tokens that a rule names; their number."""
        named = [tenant for tenant in self.tenants.values() if rule.tenant in (None, tenant.tenant_id)]
        return sum(tenant.authorization.forget_tokens(rule.client) for tenant in named)


def _without_flow(segments: Sequence[str]) -> list[str]:
    """The segments of an address without the id of a sign-in flow, which whoever knows it could go on with."""
    known = list(segments)
    if "authorize" in known[:-1]:
        known[known.index("authorize") + 1] = "{flow}"
    return known


def _json(status: int, value: Any) -> Answer:
    return Answer(status, encode(value), JSON)
