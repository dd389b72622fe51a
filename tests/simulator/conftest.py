"""A simulator that answers on a loopback socket in the test's own event loop, and a client that talks to it as an app would."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any

import aiohttp
import pytest

from millgate.simulator.clients import Client
from millgate.simulator.hospital import Hospital
from millgate.simulator.options import Options
from millgate.simulator.server import Running, serve

TODAY = date(2026, 3, 11)
NEVER = "11111111-1111-4111-8111-111111111111"
SCOPES = " ".join(
    f"system/{form}"
    for form in (
        "Patient.rs",
        "Encounter.rs",
        "Observation.rs",
        "DiagnosticReport.rs",
        "Appointment.crus",
        "Schedule.rs",
        "Slot.rus",
        "Practitioner.rs",
        "Location.rs",
        "Organization.rs",
        "Provenance.rs",
    )
)


@lru_cache(maxsize=8)
def _hospital(**arguments: Any) -> Hospital:
    return Hospital(**arguments)


class _Shared:
    """A hospital never changes, so tests share it; only the last one out may close it, and that is the end of the process."""

    def __init__(self, **arguments: Any) -> None:
        self._hospital = _hospital(**arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._hospital, name)

    def close(self) -> None:
        pass


@dataclass
class Said:
    """One answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        """The text of an OperationOutcome's one issue."""
        (issue,) = self.json["issue"]
        return str(issue["details"]["text"])

    @property
    def ids(self) -> list[str]:
        return [entry["resource"]["id"] for entry in self.json.get("entry", []) if entry["search"]["mode"] == "match"]

    def link(self, relation: str) -> str | None:
        return next((link["url"] for link in self.json["link"] if link["relation"] == relation), None)


@dataclass
class Bench:
    """A running simulator and one client of one of its tenants."""

    running: Running
    session: aiohttp.ClientSession
    number: int = 0
    bearer: str | None = None
    secret: str | None = None
    clock: list[float] = field(default_factory=list)

    @property
    def report(self) -> dict[str, Any]:
        tenant: dict[str, Any] = self.running.report["tenants"][self.number]
        return tenant

    @property
    def hospital(self) -> Hospital:
        return self.running.simulator.tenants[self.report["tenant"]].hospital  # type: ignore[return-value]

    @property
    def tenant(self) -> str:
        return str(self.report["tenant"])

    @property
    def fhir(self) -> str:
        return str(self.report["fhir_base"])

    @property
    def token_url(self) -> str:
        return f"{self.running.url}/tenants/{self.tenant}/protocols/oauth2/profiles/smart-v1/token"

    async def call(self, method: str, url: str, **arguments: Any) -> Said:
        """One call; a path is below the secure base, and carries the token if there is one."""
        headers = dict(arguments.pop("headers", {}))
        if not url.startswith("http"):
            url = f"{self.fhir}/{url}"
            if self.bearer is not None and "Authorization" not in headers:
                headers["Authorization"] = f"Bearer {self.bearer}"
        async with self.session.request(method, url, headers=headers, **arguments) as response:
            return Said(response.status, response.headers, await response.read())

    async def get(self, url: str, **arguments: Any) -> Said:
        return await self.call("GET", url, **arguments)

    async def search(self, resource_type: str, *parameters: tuple[str, str]) -> Said:
        return await self.call("GET", resource_type, params=list(parameters))

    async def post(self, resource_type: str, body: Any) -> Said:
        return await self.call("POST", resource_type, data=json.dumps(body), headers={"Content-Type": "application/fhir+json"})

    async def patch(self, path: str, version: str | None, *operations: tuple[Any, ...]) -> Said:
        """A JSON Patch of (op, path, value) with `If-Match`, unless the version is None."""
        body = [dict(zip(("op", "path", "value"), operation, strict=False)) for operation in operations]
        headers = {"Content-Type": "application/json-patch+json", **({"If-Match": version} if version is not None else {})}
        return await self.call("PATCH", path, data=json.dumps(body), headers=headers)

    async def ask_token(self, scope: str = SCOPES, **form: str) -> Said:
        basic = aiohttp.encode_basic_auth(self.report["client_id"], self.secret or self.report["client_secret"] or "")
        data = {"grant_type": "client_credentials", "scope": scope, **form}
        return await self.call("POST", self.token_url, data=data, headers={"Authorization": basic})

    async def sign_in(self, scope: str = SCOPES) -> None:
        self.bearer = (await self.ask_token(scope)).json["access_token"]

    async def set_fault(self, **rule: Any) -> Said:
        said = await self.call("POST", f"{self.running.url}/_simulator/faults", data=json.dumps(rule))
        assert said.status == 200, said.body
        return said

    async def state(self) -> Any:
        return (await self.get(f"{self.running.url}/_simulator/state")).json


Open = Callable[..., Awaitable[Bench]]


@pytest.fixture
async def open_bench() -> AsyncIterator[Open]:
    """Start a simulator with options; the bench's `clock` holds the one number that it takes for the time."""
    closing: list[Callable[[], Awaitable[None]]] = []

    async def start(*, signed_in: bool = True, scope: str = SCOPES, **options: Any) -> Bench:
        clock = [1_773_230_400.0]
        given: dict[str, Any] = {"patients": 120, "today": TODAY, **options}
        running = await serve(Options(**given), clock=lambda: clock[0], make_hospital=_Shared)
        session = aiohttp.ClientSession()
        closing.extend([session.close, running.close])
        clients = given.get("clients") or [Client("")]
        bench = Bench(running, session, clock=clock, secret=clients[0].secret)
        if signed_in:
            await bench.sign_in(scope)
        return bench

    yield start
    for close in closing:
        await close()


@pytest.fixture
async def user_bench(open_bench: Open) -> Bench:
    """One tenant with an app for each persona, nobody signed in."""
    from tests.simulator.person import LAUNCH_URL, REDIRECT

    return await open_bench(signed_in=False, redirect_uris=(REDIRECT,), user_client=Client("", launch_url=LAUNCH_URL))


@pytest.fixture
async def bench(open_bench: Open) -> Bench:
    """One tenant, signed in with every scope that the tests use."""
    return await open_bench()


@pytest.fixture
def bench_hospital() -> Hospital:
    """The hospital of `bench`, for what needs no server."""
    return _hospital(seed=1, patients=120, tenant="ec2458f2-1e24-41c8-b71b-0e701af7583d", today=TODAY)
