"""One simulator: its tenants and the way from a call to an answer, still apart from sockets."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from joserfc.jwk import ECKey

from millgate.simulator import oauth
from millgate.simulator.answers import JSON, Answer, Refused, encode, not_found, outcome, unknown_tenant
from millgate.simulator.call import Call
from millgate.simulator.faults import FaultDial, Rule
from millgate.simulator.fhir import FhirSurface
from millgate.simulator.journal import Journal
from millgate.simulator.search.table import RULES
from millgate.simulator.tenant import Tenant

_CONTROL = "_simulator"
log = logging.getLogger(__name__)


class Simulator:
    """All tenants of one process, the fault dial and the journal."""

    def __init__(self, tenants: Sequence[Tenant], seed: int) -> None:
        self.tenants: Mapping[str, Tenant] = {tenant.tenant_id: tenant for tenant in tenants}
        self.faults = FaultDial(seed)
        self.journal = Journal()
        self._keys: list[ECKey] = []

    def locate(self, call: Call) -> None:
        """Note on the call which surface, tenant and resource type it is for; nothing is checked."""
        segments = call.segments
        if segments[:1] == ("r4",):
            call.surface, rest, prefix = "ehr", segments[1:], "/r4"
        elif segments[:2] == ("open", "r4"):
            call.surface, rest, prefix = "open", segments[2:], "/open/r4"
        elif segments[:1] == ("tenants",):
            call.surface, call.tenant = "authorization", segments[1] if len(segments) > 1 else None
            call.template = "/tenants/{tenant}/" + "/".join(segments[2:])
            return
        else:
            call.surface = "control" if segments[:1] == (_CONTROL,) else "authorization"
            call.template = call.path if segments in (("jwk",), ("tokeninfo",)) or call.surface == "control" else "/{unknown}"
            return
        call.tenant = rest[0] if rest else None
        below = rest[1:]
        call.resource_type = below[0] if below and below[0] in RULES else None
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
        if call.surface in ("ehr", "open"):
            return self._fhir(call)
        if call.surface == "control":
            return self.control(call)
        if call.segments[:1] == ("tenants",) and len(call.segments) > 2:
            tenant = self.tenants.get(call.segments[1])
            return oauth.tenant_answer(tenant, call.segments[1], call, call.segments[2:])
        if call.segments == ("jwk",) and call.method == "GET":
            self._keys = self._keys or oauth.signing_keys(call.now)
            return oauth.key_set(self._keys)
        if call.segments == ("tokeninfo",) and call.method == "POST":
            return oauth.introspect(self.tenants, call)
        raise not_found()

    def _fhir(self, call: Call) -> Answer:
        tenant = self.tenants.get(call.tenant or "")
        if tenant is None:
            raise unknown_tenant()
        rest = call.segments[2:] if call.surface == "ehr" else call.segments[3:]
        return FhirSurface(tenant, call, secure=call.surface == "ehr").answer(rest)

    # --- /_simulator

    def control(self, call: Call) -> Answer:
        """The test bench's own door: ready, state, faults."""
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
        return _json(404, {"error": "no such door"})

    def _state(self, call: Call) -> dict[str, Any]:
        asked = next((part[6:] for part in call.raw_query.split("&") if part.startswith("limit=")), "100")
        limit = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 100
        return {
            "tenants": [tenant.shown() for tenant in self.tenants.values()],
            **self.journal.shown(limit),
            "faults": self.faults.shown(),
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

    def revoke(self, rule: Rule) -> int:
        """Take back the tokens that a rule names; their number."""
        named = [tenant for tenant in self.tenants.values() if rule.tenant in (None, tenant.tenant_id)]
        return sum(tenant.authorization.forget_tokens(rule.client) for tenant in named)


def _json(status: int, value: Any) -> Answer:
    return Answer(status, encode(value), JSON)
