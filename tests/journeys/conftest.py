"""One simulated hospital group with two tenants and one gateway in front of it, set up by the commands that the docs name."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import tempfile
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import psycopg
import pytest
from psycopg import sql

from tests.journeys import processes
from tests.journeys.calling import Caller, OpenSurface
from tests.journeys.people import BACK, OTHER_BACK, Application, Hospital, People

PATIENTS = 40
TENANTS = ("mercy", "lakeside")


@dataclass
class Stack:
    """What runs: the addresses, the environment of the gateway's commands, and a key for each API client."""

    gateway: str
    simulator: str
    hospitals: Mapping[str, dict[str, Any]]
    environment: Mapping[str, str]
    data_dir: Path
    keys: dict[str, str] = field(default_factory=dict)
    clients: dict[str, str] = field(default_factory=dict)
    charts: dict[str, Any] = field(default_factory=dict)

    def command(self, *arguments: str, stdin: str | None = None, check: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run a command of the gateway's operator, beside the gateway that runs."""
        return processes.run(*arguments, stdin=stdin, environment=self.environment, check=check)

    def told(self, *arguments: str) -> Any:
        """What a command says with --json."""
        return json.loads(self.command(*arguments, "--json").stdout)

    def connect(self, name: str, hospital: str) -> None:
        """Connect a tenant, as the docs say."""
        told = self.hospitals[hospital]
        types = [f"--service-type={one['system']}|{one['code']}|{one['display']}" for one in told["service_types"]]
        named = ["--url", told["fhir_base"], "--client-id", told["client_id"], "--time-zone", told["time_zone"], *types]
        self.command("tenants", "add", name, *named, "--secret-stdin", stdin=told["client_secret"] + "\n")

    def client(self, name: str, *tenants: str, scopes: tuple[str, ...] = ("system/*.cruds",), operator: bool = False) -> str:
        """Make an API client; its key."""
        allowed = [part for tenant in tenants for part in ("--tenant", tenant)]
        ceiling = [part for scope in scopes for part in ("--scope", scope)]
        made = self.told("clients", "create", name, *allowed, *ceiling, *(["--operator"] if operator else []))
        self.keys[name], self.clients[name] = made["key"], made["id"]
        return str(made["key"])


@contextmanager
def database_settings(folder: Path) -> Iterator[dict[str, str]]:
    """The environment of a gateway with a data directory of its own, or with a database of its own on the server of
    `MILLGATE_TEST_DATABASE_URL`, gone afterwards."""
    settings = {"MILLGATE_DATA_DIR": str(folder)}
    admin = os.environ.get("MILLGATE_TEST_DATABASE_URL")
    if not admin:
        yield settings
        return
    name = f"millgate_journeys_{secrets.token_hex(6)}"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(name)))
    try:
        settings["MILLGATE_DATABASE_URL"] = urlunsplit(urlsplit(admin)._replace(path=f"/{name}"))
        settings["MILLGATE_MASTER_KEY"] = b64encode(secrets.token_bytes(32)).decode()
        yield settings
    finally:
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """A simulator with two tenants, a gateway, and two API clients: `portal` for both tenants, `operator`."""
    folder = Path(tempfile.mkdtemp(prefix="millgate-journeys-"))
    running: list[processes.Process] = []
    try:
        with database_settings(folder) as environment, ThreadPoolExecutor(2) as pool:
            names = [part for name in TENANTS for part in ("--tenant", name)]
            gateway = pool.submit(processes.serve, folder, environment=environment)
            simulator = pool.submit(processes.simulator, "--patients", str(PATIENTS), "--seed", "11", *names)
            try:
                running += [simulator.result(), gateway.result()]
                yield _set_up(running[1].report["gateway"], running[0].report, environment, folder, pool)
            finally:
                for process in reversed(running):
                    process.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _set_up(
    gateway: str, report: Mapping[str, Any], environment: Mapping[str, str], folder: Path, pool: ThreadPoolExecutor
) -> Stack:
    stack = Stack(gateway, report["simulator"], dict(zip(TENANTS, report["tenants"], strict=True)), environment, folder)
    list(pool.map(stack.connect, TENANTS, TENANTS))
    made = [pool.submit(stack.client, "portal", *TENANTS), pool.submit(stack.client, "operator", scopes=(), operator=True)]
    for one in made:
        one.result()
    return stack


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """Sockets of this test's own."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=200)) as session:
        yield session


@pytest.fixture
def stranger(stack: Stack, http: aiohttp.ClientSession) -> Caller:
    """A caller with nothing in hand."""
    return Caller(http, stack.gateway)


OpenSession = Callable[..., Awaitable[Caller]]


@pytest.fixture
def open_session(stack: Stack, http: aiohttp.ClientSession) -> OpenSession:
    """Open a session of a client (by default `portal`) on a tenant, with some scopes or all."""

    async def opened(tenant: str, scopes: list[str] | None = None, client: str = "portal") -> Caller:
        caller = Caller(http, stack.gateway)
        said = await caller.authenticate(stack.keys[client], tenant, scopes)
        assert said.status == 201, said.body
        return caller

    return opened


@pytest.fixture
async def mercy(open_session: OpenSession) -> Caller:
    """A session of `portal` on the first tenant, with all scopes."""
    return await open_session("mercy")


@pytest.fixture
async def lakeside(open_session: OpenSession) -> Caller:
    """A session of `portal` on the second tenant, with all scopes."""
    return await open_session("lakeside")


@dataclass(frozen=True)
class Chart:
    """What the open surface says of a patient with a long chart."""

    patient: dict[str, Any]
    resources: Mapping[str, list[dict[str, Any]]]

    @property
    def id(self) -> str:
        """The patient's id."""
        return str(self.patient["id"])

    def ids(self, resource_type: str) -> list[str]:
        """The ids of the patient's resources of a type, in the source's order."""
        return [resource["id"] for resource in self.resources[resource_type]]


FindChart = Callable[[str], Awaitable[Chart]]
ALWAYS = ["ge1900-01-01T00:00:00Z", "le2100-01-01T00:00:00Z"]


@pytest.fixture
def source(stack: Stack, http: aiohttp.ClientSession) -> Callable[[str], OpenSurface]:
    """The open surface of a tenant."""
    return lambda tenant: OpenSurface(http, stack.hospitals[tenant]["open_base"])


@pytest.fixture
def chart_of(stack: Stack, source: Callable[[str], OpenSurface]) -> FindChart:
    """A long chart of a tenant, looked for once. Appointments may change meanwhile; ask for them anew."""

    async def find(tenant: str) -> Chart:
        if tenant not in stack.charts:
            stack.charts[tenant] = await _long_chart(source(tenant))
        found: Chart = stack.charts[tenant]
        return found

    return find


LONG = {"Observation": 120, "Encounter": 8, "DiagnosticReport": 8, "Appointment": 1}


async def _long_chart(surface: OpenSurface) -> Chart:
    """The first patient with a full name, a phone and an address whose lists go over several pages."""
    for patient in await surface.all("Patient", birthdate="ge1900-01-01", _count=1000):
        if not all(patient.get(element) for element in ("name", "telecom", "identifier", "address")):
            continue
        found = {"Patient": [patient]}
        for resource_type, least in LONG.items():
            more = {"date": ALWAYS} if resource_type == "Appointment" else {}
            found[resource_type] = await surface.all(resource_type, patient=patient["id"], _count=100, **more)
            if len(found[resource_type]) < least:
                break
        else:
            return Chart(patient, found)
    raise AssertionError("the hospital has no patient with a long chart")


@pytest.fixture(scope="session")
def signing_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    """The demo, as `millgate demo` starts it, for an application with two return URLs."""
    back = [part for url in (BACK, OTHER_BACK) for part in ("--return-url", url)]
    process = processes.demo(tmp_path_factory.mktemp("people"), patients=PATIENTS, more=back)
    try:
        yield Hospital(process.report)
    finally:
        process.stop()


@pytest.fixture
async def people(signing_demo: Hospital, http: aiohttp.ClientSession) -> AsyncIterator[People]:
    """Who signs in at the demo, and the application that they use."""
    found = People(signing_demo, http, Application(signing_demo, http, signing_demo.report["api_key"]))
    yield found
    await found.close()


@pytest.fixture(scope="session")
def other_key(signing_demo: Hospital) -> str:
    """The key of another client of the demo, which nobody can come back to."""
    environment = {"MILLGATE_DATA_DIR": signing_demo.report["data_dir"]}
    named = ["--tenant", signing_demo.report["tenant"], "--scope", "user/*.cruds", "--json"]
    return str(json.loads(processes.run("clients", "create", "other", *named, environment=environment).stdout)["key"])
