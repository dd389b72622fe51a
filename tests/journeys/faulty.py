"""A simulated hospital with its fault dial at hand, gateways over a data directory of one's own, and callers who keep what they were told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from millgate.access.parties import ServiceType
from millgate.app import App
from millgate.settings import read_settings
from millgate.surfaces.cli.registration import Given
from tests.journeys.processes import Process, serve, simulator

EVERYTHING = ("system/*.cruds",)
TENANT = "mercy"
PATIENCE = aiohttp.ClientTimeout(total=60)


@dataclass
class Said:
    """One answer, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str | None:
        """The error code of a problem, None of anything else."""
        return self.json["code"] if self.headers.get("Content-Type") == "application/problem+json" else None

    @property
    def ids(self) -> list[str]:
        return [one["id"] for one in self.json["data"]]


@dataclass
class Caller:
    """Somebody who calls over HTTP, with the token that was opened for them."""

    http: aiohttp.ClientSession
    address: str
    token: str | None = None

    async def ask(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> Said:
        """One call; the session token goes along unless the headers say otherwise."""
        sent = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        sent |= headers or {}
        async with self.http.request(method, self.address + path, headers=sent, **more) as answer:
            return Said(answer.status, answer.headers, await answer.read())

    async def get(self, path: str, **more: Any) -> Said:
        return await self.ask("GET", path, **more)

    async def book(self, key: str, **body: Any) -> Said:
        """POST /create_appointment under an idempotency key."""
        return await self.ask("POST", "/create_appointment", json=body, headers={"Idempotency-Key": key})

    async def open(self, key: str, *, tenant: str = TENANT, scopes: Sequence[str] | None = None) -> Caller:
        """The same caller with a session of their own."""
        wanted = {"tenant": tenant} | ({"scopes": list(scopes)} if scopes is not None else {})
        said = await self.ask("POST", "/authenticate", json=wanted, headers={"Authorization": f"Bearer {key}"})
        assert said.status == 201, said.body
        return Caller(self.http, self.address, said.json["session_token"])


@dataclass
class Hospital:
    """A simulator in its own process."""

    process: Process

    @property
    def tenants(self) -> list[dict[str, Any]]:
        return list(self.process.report["tenants"])

    async def _control(self, http: aiohttp.ClientSession, method: str, path: str, **more: Any) -> Any:
        async with http.request(method, f"{self.process.report['simulator']}/_simulator/{path}", **more) as answer:
            body = await answer.read()
            assert answer.status in (200, 204), body
            return json.loads(body) if body else None

    async def fault(self, http: aiohttp.ClientSession, kind: str, **rule: Any) -> None:
        """Set a rule on the dial."""
        await self._control(http, "POST", "faults", json={"kind": kind, **rule})

    async def settle(self, http: aiohttp.ClientSession) -> None:
        """Clear the dial; what was seen stays."""
        await self._control(http, "DELETE", "faults")

    async def calm(self, http: aiohttp.ClientSession) -> None:
        """Clear the dial, and forget what was seen."""
        await self._control(http, "DELETE", "faults")
        await self._control(http, "DELETE", "state")

    async def state(self, http: aiohttp.ClientSession) -> dict[str, Any]:
        return dict(await self._control(http, "GET", "state?limit=1000"))

    async def seen(self, http: aiohttp.ClientSession, method: str | None = None, resource_type: str | None = None) -> int:
        """How many calls for records (so not for discovery) it has seen, those cut off among them."""
        return sum(
            one["count"]
            for one in (await self.state(http))["counts"]
            if one["surface"] == "ehr"
            and one["resource_type"] is not None
            and method in (None, one["method"])
            and resource_type in (None, one["resource_type"])
        )

    async def tokens_fetched(self, http: aiohttp.ClientSession) -> int:
        """How many calls the token endpoint has seen."""
        return sum(one["count"] for one in (await self.state(http))["counts"] if one["surface"] == "authorization")

    async def appointments_made(self, http: aiohttp.ClientSession, number: int = 0) -> int:
        return int((await self.state(http))["tenants"][number]["appointments_made"])

    async def population(self, http: aiohttp.ClientSession, number: int = 0) -> list[dict[str, Any]]:
        """Every patient, from the open surface, which asks for no token."""
        link: str | None = f"{self.tenants[number]['open_base']}/Patient?birthdate=ge1800-01-01&birthdate=le2100-01-01&_count=100"
        found: list[dict[str, Any]] = []
        while link:
            async with http.get(link, headers={"Accept": "application/fhir+json"}) as answer:
                bundle = await answer.json(content_type=None)
            found += [entry["resource"] for entry in bundle.get("entry", [])]
            link = next((one["url"] for one in bundle["link"] if one["relation"] == "next"), None)
        return found


@dataclass
class Bench:
    """A hospital, a data directory that knows it as a tenant, and the keys of its API clients by name."""

    hospital: Hospital
    folder: Path
    keys: dict[str, str]
    gateway: Process | None = None

    @property
    def address(self) -> str:
        assert self.gateway is not None
        return str(self.gateway.report["gateway"])

    def start(self, **environment: str) -> Process:
        """Start a gateway over the data directory; the first one becomes the bench's own."""
        made = serve(self.folder, environment=environment)
        if self.gateway is None or self.gateway.popen.poll() is not None:
            self.gateway = made
        return made

    @property
    def log(self) -> str:
        """All that the bench's own gateway has written to standard error."""
        assert self.gateway is not None
        return "".join(self.gateway.log)


@contextmanager
def hospital(*options: str) -> Iterator[Hospital]:
    """A simulator that stops at the end."""
    process = simulator(*options)
    try:
        yield Hospital(process)
    finally:
        process.stop()


def connect(
    folder: Path,
    tenants: Mapping[str, Mapping[str, Any]],
    clients: Mapping[str, tuple[Sequence[str], Sequence[str]]],
    *,
    scope_forms: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Register tenants (as a simulator reports them) and make API clients (tenants, scopes) over a data directory; the keys."""

    async def work() -> dict[str, str]:
        async with App.opened(read_settings({"data_dir": str(folder)}, environment={})) as app:
            for name, told in tenants.items():
                await _given(name, told, (scope_forms or {}).get(name, "v2")).keep(app)
            made = {
                name: await app.store.clients.create(name, tenants=tuple(of), scopes=tuple(scopes))
                for name, (of, scopes) in clients.items()
            }
            return {name: key for name, (_, key) in made.items()}

    return asyncio.run(work())


def _given(name: str, told: Mapping[str, Any], scope_form: Any) -> Given:
    return Given(
        name=name,
        fhir_base=told["fhir_base"],
        time_zone=told["time_zone"],
        client_id=told["client_id"],
        method="client_secret_basic",
        scope_form=scope_form,
        credential=told["client_secret"].encode(),
        key_id=None,
        algorithm=None,
        service_types=tuple(
            ServiceType(one["system"], one["code"], one.get("display"), "operator") for one in told["service_types"]
        ),
    )


def from_now(days: int) -> dict[str, str]:
    """`from` and `to` around the next days."""
    now = datetime.now(UTC)
    return {"from": f"{now:%Y-%m-%dT%H:%M:%SZ}", "to": f"{now + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}"}


async def free_slots(caller: Caller, number: int) -> list[str]:
    """Ids of so many free slots of the next days, no two of which begin at the same time in the same schedule."""
    types = (await caller.get("/service_types")).json["data"]
    query = {**from_now(5), "limit": "200", "max_age": "0", "service_type": f"{types[0]['system']}|{types[0]['code']}"}
    found: dict[tuple[str, str], str] = {}
    while len(found) < number:
        said = await caller.get("/slots", params=query)
        assert said.status == 200, said.body
        found |= {(one["start"], one["schedule_id"]): one["id"] for one in said.json["data"]}
        if not said.json["has_more"]:
            break
        query = {"cursor": said.json["next_cursor"]}
    assert len(found) >= number, f"the hospital has only {len(found)} free slots"
    return list(found.values())[:number]


async def reachable(caller: Caller, patient_id: str, *, patience_s: float = 30) -> None:
    """Wait until the caller's gateway reads from the source again: after many failures its breaker is open, which a slow run brings about."""
    async with asyncio.timeout(patience_s):
        while (said := await caller.get(f"/patients/{patient_id}?max_age=0")).status != 200:
            assert said.code in ("upstream_unavailable", "upstream_throttled"), said.body
            await asyncio.sleep(0.2)


async def settled(caller: Caller, key: str, body: Mapping[str, Any], *, patience_s: float = 30) -> Said:
    """The answer under a key, once whoever is at it is done."""
    pause_s = 0.1
    async with asyncio.timeout(patience_s):
        while True:
            said = await caller.book(key, **body)
            if said.code is None or not said.json["retryable"]:
                return said
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, 1)
