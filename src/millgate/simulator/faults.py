"""The fault dial: rules that make chosen calls slow, refused, cut short or lost, for tests and demonstrations.

A rule stays until its `count` is used up, its `for_s` seconds are over, or it is deleted. All matching latencies add up; of the kinds
that strike a call the first rule that matches acts. See `README.md` for the format.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any, Literal

import msgspec

from millgate.simulator.answers import Answer, gateway, outcome

Kind = Literal[
    "latency",
    "status",
    "drop_before",
    "drop_after",
    "truncate",
    "plain_text",
    "html",
    "broken_record",
    "revoke_tokens",
    "drip",
    "outage",
    "token_life",
    "clock_skew",
    "capability",
]
# Kinds that do not strike a single call: they are asked for where they matter.
_STANDING = frozenset({"broken_record", "token_life", "clock_skew", "capability"})
Surface = Literal["ehr", "open", "patient", "dstu2", "dstu2_open", "authorization"]
_HTML = "text/html; charset=utf-8"


class Rule(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One setting of the dial. Everything but `kind` is optional; a call has to fit every criterion that is given."""

    kind: Kind
    method: str | None = None
    resource_type: str | None = None
    path: str | None = None
    tenant: str | None = None
    surface: Surface | None = None
    skip: int = 0
    share: float = 1.0
    count: int | None = None
    latency_ms: float = 0
    jitter_ms: float = 0
    status: int = 500
    retry_after_s: int | None = None
    retry_after_form: Literal["seconds", "date"] = "seconds"
    after_effect: bool = False
    resource_id: str | None = None
    client: str | None = None
    for_s: float | None = None
    bytes_per_s: float = 1000
    refuse: bool = False
    life_s: float | None = None
    calls: int | None = None
    announce: bool = True
    skew_s: float = 0
    change: Literal["add", "drop"] = "drop"
    search_parameter: str | None = None
    interaction: str | None = None
    scope: str | None = None

    def __post_init__(self) -> None:
        if self.path is not None:
            try:
                re.compile(self.path)
            except re.error as error:
                raise ValueError(f"path is no regular expression: {error}") from error
        if not 200 <= self.status <= 599 or self.skip < 0 or (self.count is not None and self.count < 1):
            raise ValueError("status must be 200 to 599, skip 0 or more, count 1 or more")
        if not 0 < self.share <= 1:
            raise ValueError("share must be above 0 and at most 1")
        if self.bytes_per_s <= 0 or (self.for_s is not None and self.for_s <= 0):
            raise ValueError("bytes_per_s and for_s must be above 0")
        if self.kind == "token_life" and self.life_s is None and self.calls is None:
            raise ValueError("token_life needs life_s or calls")
        if self.kind == "capability" and not (self.search_parameter or self.interaction or self.scope):
            raise ValueError("capability needs search_parameter, interaction or scope")

    def is_aimed(self) -> bool:
        """Whether the rule waits for a certain call instead of acting at once."""
        return any((self.method, self.resource_type, self.path, self.surface, self.skip, self.count)) or self.share < 1


class Setting:
    """A rule on the dial with what has come of it so far."""

    __slots__ = ("_clock", "_dice", "_path", "_until", "hits", "id", "rule", "seen")

    def __init__(self, setting_id: str, rule: Rule, clock: Callable[[], float], dice: random.Random) -> None:
        self.id, self.rule, self._clock, self._dice = setting_id, rule, clock, dice
        self._until = clock() + rule.for_s if rule.for_s is not None else None
        self.seen = self.hits = 0
        self._path = re.compile(rule.path) if rule.path is not None else None

    @property
    def spent(self) -> bool:
        over = self._until is not None and self._clock() >= self._until
        return over or (self.rule.count is not None and self.hits >= self.rule.count)

    def fits(self, target: Target) -> bool:
        rule = self.rule
        return (
            rule.method in (None, target.method)
            and rule.resource_type in (None, target.resource_type)
            and rule.tenant in (None, target.tenant)
            and rule.surface in (None, target.surface)
            and (self._path is None or self._path.search(target.path) is not None)
        )

    def strike(self) -> bool:
        """Count a call that fits; whether the rule acts on it."""
        self.seen += 1
        if self.seen <= self.rule.skip or self.spent or (self.rule.share < 1 and self._dice.random() >= self.rule.share):
            return False
        self.hits += 1
        return True

    def shown(self) -> dict[str, Any]:
        return {"id": self.id, **msgspec.to_builtins(self.rule), "hits": self.hits}


class Target(msgspec.Struct, frozen=True):
    """What of a call the rules look at."""

    method: str
    path: str
    surface: str
    tenant: str | None = None
    resource_type: str | None = None


class FaultDial:
    """All settings, in the order in which they were made."""

    def __init__(self, seed: int, clock: Callable[[], float]) -> None:
        self._settings: dict[str, Setting] = {}
        self._made = 0
        self._clock = clock
        self._seed = seed
        self._dice = random.Random(seed)

    def add(self, rule: Rule) -> Setting:
        self._made += 1
        # Dice of its own, so that what else is on the dial does not change which of its calls a rule strikes.
        setting = Setting(f"fault-{self._made}", rule, self._clock, random.Random(f"{self._seed}:{self._made}"))
        self._settings[setting.id] = setting
        return setting

    def remove(self, setting_id: str) -> bool:
        return self._settings.pop(setting_id, None) is not None

    def clear(self) -> None:
        self._settings.clear()

    def shown(self) -> list[dict[str, Any]]:
        return [setting.shown() for setting in self._settings.values()]

    def strike(self, target: Target) -> Struck:
        """What happens to a call: how long it waits and which other rule acts on it."""
        latency_s, acting = 0.0, None
        for setting in self._settings.values() if self._settings else ():
            if setting.spent or not setting.fits(target):
                continue
            if setting.rule.kind == "latency":
                if setting.strike():
                    latency_s += max(0.0, setting.rule.latency_ms + self._dice.uniform(-1, 1) * setting.rule.jitter_ms) / 1000
            elif acting is None and setting.rule.kind not in _STANDING and setting.strike():
                acting = setting
        return Struck(latency_s, acting)

    def skew_s(self) -> float:
        """How far the server's clock is ahead of the true one, in seconds."""
        return sum(s.rule.skew_s for s in self._settings.values() if s.rule.kind == "clock_skew" and not s.spent)

    def token_life(self, target: Target) -> Rule | None:
        """The rule for a token that is being given out, if one fits."""
        for setting in self._settings.values() if self._settings else ():
            if setting.rule.kind == "token_life" and not setting.spent and setting.fits(target) and setting.strike():
                return setting.rule
        return None

    def statement_changes(self, tenant: str | None, surface: str) -> list[Rule]:
        """What the tenant's documents say otherwise."""
        rules = [s.rule for s in self._settings.values() if s.rule.kind == "capability" and not s.spent]
        return [rule for rule in rules if rule.tenant in (None, tenant) and rule.surface in (None, surface)]

    def broken(self, target: Target, records: Sequence[tuple[str, str]]) -> Answer | None:
        """The 500 that a record without a required field makes of a whole page, if the answer shows such a record."""
        for setting in self._settings.values() if self._settings else ():
            if setting.rule.kind != "broken_record" or setting.spent or not setting.fits(target) or not records:
                continue
            hit = next((key for key in records if setting.rule.resource_id in (None, key[1])), None)
            if hit is not None and setting.strike():
                return outcome(500, "required", severity="fatal", location=f"/f:{hit[0]}/f:status")
        return None


class Struck(msgspec.Struct, frozen=True):
    """What the dial does to one call."""

    latency_s: float
    setting: Setting | None

    def kind(self) -> str | None:
        return self.setting.rule.kind if self.setting is not None else None


def status_answer(rule: Rule, now: datetime) -> Answer:
    """The body that the edge or the server sends with a status: FHIR, HTML, JSON that is not FHIR, or nothing."""
    answer = _status_body(rule.status)
    if rule.retry_after_s is not None:
        when = format_datetime(now + timedelta(seconds=rule.retry_after_s), usegmt=True)
        answer.headers["Retry-After"] = when if rule.retry_after_form == "date" else str(rule.retry_after_s)
    return answer


def _status_body(status: int) -> Answer:
    if status == 504:
        return Answer(504)
    if status in (502, 503):
        title = {502: "502 Bad Gateway", 503: "503 Service Temporarily Unavailable"}[status]
        page = f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
        return Answer(status, page.encode(), _HTML)
    if status in (401, 403):
        name = "token-required" if status == 401 else "insufficient-scopes"
        return gateway(status, f"urn:cerner:error:oauth2:resource-access:{name}").answer
    known = {
        423: outcome(423, "lock-error", "the record is being edited"),
        424: outcome(424, "processing", "a dependent step failed"),
        429: outcome(429, "throttled", diagnostics="Too Many Requests"),
    }
    return known.get(status) or outcome(
        status, "exception" if status >= 500 else "invalid", severity="fatal" if status >= 500 else "error"
    )


def as_page() -> Answer:
    """What something between client and server answers in the server's place: a page for people, as if all were well."""
    page = "<html>\r\n<head><title>Sign in to the network</title></head>\r\n<body>Please sign in to go on.</body>\r\n</html>\r\n"
    return Answer(200, page.encode(), _HTML)


def as_plain_text(answer: Answer) -> Answer:
    """The same bytes under a media type that they are not."""
    return Answer(answer.status, answer.body, "text/plain", answer.headers, answer.records)
