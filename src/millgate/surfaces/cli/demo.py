"""`millgate demo`: a simulated hospital and a gateway in front of it, on an embedded database, in one process tree."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from millgate.surfaces.cli.output import command, print_json, say

if TYPE_CHECKING:
    from millgate.app import App

HELP = """Try all of it: a simulated Millennium hospital, and a gateway in front of it.

Prints the addresses, an API key and four curl lines that work as pasted; with --json, one line
`{gateway, simulator, api_key, tenant, data_dir, pid, chart, users, heavy_patient}`. Without --data-dir, everything is gone
when it stops (SIGTERM or Ctrl-C).

Examples:

    millgate demo

    millgate demo --patients 5000 --seed 7 --data-dir ./demo

    millgate demo --json --port 0 --simulator-port 0
"""

TENANT = "sandbox"
ENOUGH_PATIENTS = 40  # among so many, somebody has labs and a name to be found by
START_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Hospital:
    """The simulator's own report of itself."""

    url: str
    tenant: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What hospital is asked for, and at which port; 0 is any free one."""

    port: int
    patients: int
    seed: int
    heavy_patient: bool


@command
def demo(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The gateway's port; 0 takes any free one.")] = 8080,
    simulator_port: Annotated[
        int, typer.Option("--simulator-port", min=0, max=65535, help="The simulator's port; 0 takes any.")
    ] = 0,
    data_dir: Annotated[
        str | None, typer.Option("--data-dir", metavar="FOLDER", help="Keep the data here; else it is temporary.")
    ] = None,
    patients: Annotated[int, typer.Option("--patients", min=1, max=1_000_000, help="How many patients the hospital has.")] = 200,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Same seed, same hospital.")] = 1,
    heavy_patient: Annotated[
        bool, typer.Option("--heavy-patient", help="One patient has 20,000 observations and 1,600 conditions.")
    ] = False,
    return_url: Annotated[
        list[str] | None,
        typer.Option(
            "--return-url", metavar="URL", help="Where browsers may go back to after a sign-in; default the gateway's /docs."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line, for scripts.")] = False,
) -> None:
    """Run until a signal comes."""
    from millgate.surfaces.cli.serve import tune_process

    tune_process()
    with _folder(data_dir) as folder:
        asyncio.run(_run(port, _Wanted(simulator_port, patients, seed, heavy_patient), folder, return_url or [], as_json))
    say("stopped")


@contextlib.contextmanager
def _folder(data_dir: str | None) -> Any:
    """The data directory: the one given, or a temporary one that is removed at the end."""
    if data_dir is not None:
        yield Path(data_dir).expanduser().absolute()
        return
    folder = tempfile.mkdtemp(prefix="millgate-")
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _run(port: int, wanted: _Wanted, folder: Path, return_urls: Sequence[str], as_json: bool) -> None:
    from millgate.app import App
    from millgate.surfaces.api.server import Server, bind
    from millgate.surfaces.cli import logs
    from millgate.surfaces.cli.options import settings_of
    from millgate.surfaces.cli.serve import ended_by_itself, first_of, stop_signals
    from millgate.surfaces.worker.work import Worker

    stopping = stop_signals()
    settings = settings_of(str(folder), None, port=port, host="127.0.0.1")
    settings = msgspec.structs.replace(
        settings, database_url=None, master_key=None, master_key_command=None, master_key_file=None
    )
    logs.configure("warning")
    if not as_json:
        say(f"starting a hospital of {wanted.patients} patients and the gateway …")
    bound = bind("127.0.0.1", port)  # first of all: the hospital has to know where browsers come back to
    gateway = "http://{}:{}".format(*bound.getsockname()[:2])
    async with _simulator(wanted, gateway) as (process, hospital), App.opened(settings) as app:
        key = await _connect(app, hospital, return_urls or [f"{gateway}/docs"])
        server, worker = Server(app, bound), Worker(app)
        try:
            await server.start()
            worker.start()
            if as_json:
                print_json(_line(server.url, hospital, key, folder))
            else:
                await _introduce(app, server.url, hospital, key, folder)
            await first_of(stopping, server.wait(), process.wait())
            if not stopping.is_set():
                raise ended_by_itself("HTTP server" if process.returncode is None else "simulator")
        finally:
            await server.stop()
            await worker.stop()


def _line(gateway: str, hospital: Hospital, key: str, folder: Path) -> dict[str, Any]:
    return {
        "gateway": gateway,
        "simulator": hospital.url,
        "api_key": key,
        "tenant": TENANT,
        "data_dir": str(folder),
        "pid": os.getpid(),
        "chart": hospital.tenant["chart"],
        "users": hospital.tenant["users"],
        "heavy_patient": hospital.tenant["heavy_patient"],
    }


@asynccontextmanager
async def _simulator(wanted: _Wanted, gateway: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, Hospital]]:
    """The simulator in a process of its own, which ends when ours does, however ours ends."""
    from millgate.errors import CallOperator

    arguments = ["--port", str(wanted.port), "--patients", str(wanted.patients), "--seed", str(wanted.seed)]
    arguments += ["--json", "--until-stdin-closes", *(["--heavy-patient"] if wanted.heavy_patient else [])]
    arguments += ["--redirect-uri", f"{gateway}/authenticate/callback", "--launch-url", f"{gateway}/launch"]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "millgate.simulator",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is ours to hand on
        limit=4 * 1024 * 1024,
    )
    assert process.stdout is not None and process.stdin is not None  # noqa: S101, PT018 - both are pipes
    try:
        line = await asyncio.wait_for(process.stdout.readline(), START_SECONDS)
        if not line:
            raise CallOperator(
                "invalid_setting", "The simulator did not start; choose another --simulator-port (0 takes any free one)."
            )
        report = msgspec.json.decode(line)
        yield process, Hospital(report["simulator"], report["tenants"][0])
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _connect(app: App, hospital: Hospital, return_urls: Sequence[str]) -> str:
    """Register the hospital as a tenant for all personas, as an operator would, and make an API client; its key."""
    from millgate.access.parties import ServiceType
    from millgate.surfaces.cli.registration import Given

    told = hospital.tenant
    types = tuple(ServiceType(one["system"], one["code"], one.get("display"), "operator") for one in told["service_types"])
    for registered in told["clients"]:
        given = Given(
            name=TENANT,
            fhir_base=told["fhir_base"],
            time_zone=told["time_zone"],
            client_id=registered["client_id"],
            method="client_secret_basic",
            scope_form="v2",
            credential=registered["client_secret"].encode(),
            service_types=types,
            persona=registered["persona"],
            redirect_uri=next(iter(registered["redirect_uris"]), None),
            calls_base=told["patient_fhir_base"] if registered["persona"] == "patient" else None,
        )
        await app.operate("add", "tenant", lambda given=given: given.keep_moved(app), tenant=TENANT)  # type: ignore[misc]
    scopes = (*(f"{context}/*.cruds" for context in ("system", "user", "patient")), "offline_access", "operator")
    _, key = await app.operate(
        "create",
        "client",
        lambda: app.store.clients.create("demo", tenants=(TENANT,), scopes=scopes, return_urls=tuple(return_urls)),
    )
    return key


async def _introduce(app: App, url: str, hospital: Hospital, key: str, folder: Path) -> None:
    """The addresses, the key, and four curl lines with ids that are there. Raises FixRequest where there is nobody to show."""
    from millgate.errors import FixRequest

    patient, slot = await _someone(url, key, app)
    if not patient["id"] or not slot:
        missing = "patient with labs" if not patient["id"] else "free slot"
        raise FixRequest(
            "invalid_request",
            f"This hospital has no {missing} to show; choose another --seed, or --patients {ENOUGH_PATIENTS} or more.",
        )
    now = app.now()
    bearer, as_session = f"-H 'Authorization: Bearer {key}'", '-H "Authorization: Bearer $TOKEN"'
    as_json = "-H 'Content-Type: application/json'"
    pick = """sed -E 's/.*"session_token":"([^"]+)".*/\\1/'"""
    find = f"family={patient['family']}&birth_date={patient['birth_date']}"
    labs = f"patient_id={patient['id']}&category=laboratory&limit=5"
    booking = f'{{"slot_id": "{slot}", "patient_id": "{patient["id"]}", "reason": "Follow-up visit"}}'
    lines = [
        f"Millgate    {url}  (reference: {url}/docs)",
        f"simulator   {hospital.url}  ({hospital.tenant['name']}, {hospital.tenant['time_zone']})",
        f"data        {folder}",
        f"API key     {key}",
        "",
        "1. Authenticate",
        f"""   TOKEN=$(curl -s {url}/authenticate {bearer} {as_json} -d '{{"tenant": "{TENANT}"}}' | {pick})""",
        "2. Find a patient",
        f"""   curl -s "{url}/patients?{find}" {as_session}""",
        "3. List labs",
        f"""   curl -s "{url}/observations?{labs}" {as_session}""",
        "4. Book an appointment",
        f"""   curl -s {url}/create_appointment {as_session} {as_json} -H 'Idempotency-Key: demo-{now:%H%M%S}' -d '{booking}'""",
        "",
        f"People sign in with a session for the provider or patient persona, or from the chart: {hospital.tenant['chart']}",
        *(
            f"   {one['persona']:9} {one['username']} / {one['password']}  ({one['name']})"
            for one in _some(hospital.tenant["users"])
        ),
        "",
        "Ctrl-C stops it.",
    ]
    typer.echo("\n".join(lines))


def _some(users: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A clinician, a patient, and somebody who may see several records."""
    providers = [one for one in users if one["persona"] == "provider"][-1:]
    patients = [one for one in users if one["persona"] == "patient"]
    return providers + patients[:1] + [one for one in patients if len(one["patient_ids"]) > 1][:1]


async def _someone(url: str, key: str, app: App) -> tuple[dict[str, str], str]:
    """A patient with labs, and a free slot, found through the gateway's own door."""
    import aiohttp

    async with aiohttp.ClientSession(url) as http:

        async def ask(path: str, **query: str) -> Any:
            async with http.get(path, params=query, headers={"Authorization": f"Bearer {token}"}) as answer:
                return await answer.json(content_type=None)

        async with http.post("/authenticate", json={"tenant": TENANT}, headers={"Authorization": f"Bearer {key}"}) as answer:
            token = (await answer.json(content_type=None)).get("session_token", "")
        patient = await _with_labs(ask)
        now = app.now()
        window = {"from": f"{now:%Y-%m-%dT%H:%M:%SZ}", "to": f"{now + timedelta(days=14):%Y-%m-%dT%H:%M:%SZ}"}
        slots = await ask("/slots", **window)
    return patient, next((one["id"] for one in slots.get("data", [])), "")


async def _with_labs(ask: Callable[..., Awaitable[Any]]) -> dict[str, str]:
    """A patient who can be found by family name and birth date, and has labs; empty strings where there is none."""
    for beginning in ("Ma", "Jo", "Wi", "Sa", "Ha", "Be", "Ro", "Ca", "Lo", "Ch"):
        for one in (await ask("/patients", family=beginning)).get("data", []):
            family, born = one.get("name", {}).get("family", ""), one.get("birth_date", "")
            gone = one.get("deceased") or one.get("deceased_at")
            if gone or not family.isalpha() or not family.isascii() or len(born) != 10:
                continue
            if (await ask("/observations", patient_id=one["id"], category="laboratory", limit="5")).get("data"):
                return {"id": one["id"], "family": family, "birth_date": born}
    return {"id": "", "family": "", "birth_date": ""}
