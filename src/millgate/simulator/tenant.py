"""One tenant: its hospital, its records as they stand, its clients, users and tokens. Of these two tenants share nothing."""

from __future__ import annotations

import hashlib
import random
import re
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any

from millgate.simulator.authorization import AuthorizationServer, Shared
from millgate.simulator.authorize_request import AuthorizeRequest, Registry
from millgate.simulator.clients import Client
from millgate.simulator.launches import Launches
from millgate.simulator.records import Hospital, Records
from millgate.simulator.scheduling.calendar import Calendar
from millgate.simulator.search.engine import Search
from millgate.simulator.search.paging import PageMemory
from millgate.simulator.sign_in import SignIn
from millgate.simulator.users import seeded_users

_TENANT_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[A-Za-z0-9_-]{32}")
TIME_ZONES = ("America/Chicago", "America/New_York", "America/Denver", "America/Los_Angeles")


class Tenant:
    """Everything that the simulator keeps of one tenant."""

    def __init__(
        self,
        hospital: Hospital,
        *,
        name: str,
        clients: Sequence[Client],
        clock: Callable[[], float],
        today: date,
        fixed_today: bool,
        shared: Shared,
        elsewhere: Iterable[str] = (),
    ) -> None:
        self.hospital = hospital
        self.tenant_id = hospital.tenant
        self.name = name
        self.clients = tuple(clients)
        self._today = today if fixed_today else None
        self.records = Records(hospital, today)
        self.users = seeded_users(hospital, {client.persona for client in clients}, today)
        self.names_issuer = shared.names_issuer
        self.authorization = AuthorizationServer(self.tenant_id, clients, clock, shared)
        self.launches = Launches(clock)
        self.registry = Registry(self.tenant_id, self.clients, frozenset(elsewhere), self.launches, shared.demands)
        self.sign_in = SignIn(
            tenant=self.tenant_id,
            house=name,
            users=self.users,
            records=self.records,
            grants=self.authorization.grants,
            codes=shared.codes,
            spend_launch=self._spend_launch,
            clock=clock,
            names_issuer=shared.names_issuer,
        )
        self.search = Search(self.records, PageMemory())
        self.calendar = Calendar(self.records, lambda: datetime.fromtimestamp(clock(), UTC))

    def _spend_launch(self, request: AuthorizeRequest) -> bool:
        """Use up the launch of a request, if it came with one; whether it may go on."""
        return request.launch is None or self.launches.spend(request.launch)

    def today(self, now: datetime) -> date:
        return self._today or now.date()

    def shown(self) -> dict[str, Any]:
        """Counts for `/_simulator/state`."""
        issued = self.authorization.tokens_issued
        return {
            "tenant": self.tenant_id,
            "name": self.name,
            "counts": {
                "Patient": self.hospital.patient_count,
                **{kind: len(self.records.all(kind)) for kind in ("Practitioner", "Location", "Organization", "Schedule")},
            },
            "tokens_issued": sum(issued.values()),
            "tokens_by_client": dict(issued),
            "appointments_made": self.calendar.appointments_made,
            "appointments_changed": self.calendar.appointments_changed,
            "slots_changed": self.records.written("Slot"),
        }


def tenant_identity(given: str | None, seed: int) -> tuple[str, str | None]:
    """The id and the name that a `--tenant` value stands for: `ID`, `NAME` or `ID=NAME`. An id not given is a UUID from the seed.

    The id of a real tenant is a UUID or, for one in five, 32 characters of base64url, which may begin with `-`.
    """
    if given is None:
        return _seeded_uuid(f"tenant:{seed}"), None
    head, equals, name = given.partition("=")
    if _TENANT_ID.fullmatch(head):
        return head, name if equals and name else None
    return _seeded_uuid(f"tenant:{seed}:{given}"), given


def _seeded_uuid(text: str) -> str:
    dice = random.Random(hashlib.sha256(text.encode()).digest())
    return str(uuid.UUID(int=dice.getrandbits(128), version=4))
