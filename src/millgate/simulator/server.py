"""The simulator's process: sockets, the headers that every answer carries, start and stop.

options = read_options(["--patients", "200", "--json"])
raise SystemExit(run(options))            # until SIGTERM, SIGINT, or stdin closes
running = await serve(options)            # inside a loop of one's own; `await running.close()`
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import secrets
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from millgate.simulator.answers import encode
from millgate.simulator.app import Simulator
from millgate.simulator.authorization import Shared
from millgate.simulator.clients import USER_PERSONAS, Client, Persona
from millgate.simulator.faults import FaultDial
from millgate.simulator.options import Options, read_options
from millgate.simulator.rate_limit import RateLimits
from millgate.simulator.records import Hospital
from millgate.simulator.tenant import TIME_ZONES, Tenant, tenant_identity
from millgate.simulator.token_life import TokenLives
from millgate.simulator.wire import Wire

Clock = Callable[[], float]
MakeHospital = Callable[..., Hospital]
GRACE_S = 2.0


@dataclass(slots=True)
class Running:
    """A simulator that answers. `url` is where; `report` is what the JSON line says."""

    url: str
    simulator: Simulator
    report: dict[str, Any]
    _runner: web.ServerRunner

    async def close(self) -> None:
        """Stop answering and let the hospitals go."""
        await self._runner.cleanup()
        for tenant in self.simulator.tenants.values():
            tenant.hospital.close()


async def serve(options: Options, *, clock: Clock = time.time, make_hospital: MakeHospital | None = None) -> Running:
    """Start answering on the options' address; back when the socket listens. OSError if the address cannot be had."""
    simulator = build(options, clock, make_hospital or _seeded_hospital)
    wire = Wire(simulator, simulator.clock, options.public_url)
    runner = web.ServerRunner(web.Server(wire.handle, access_log=None), handle_signals=False, shutdown_timeout=GRACE_S)
    await runner.setup()
    try:
        site = web.TCPSite(runner, options.host, options.port)
        await site.start()
    except OSError:
        await runner.cleanup()
        raise
    url = _url(options.host, runner)
    return Running(url, simulator, _report(options.public_url or url, simulator), runner)


def build(options: Options, clock: Clock, make_hospital: MakeHospital) -> Simulator:
    """The tenants that the options name, each with a hospital and clients of its own."""
    today = options.today or datetime.fromtimestamp(clock(), UTC).date()
    faults = FaultDial(options.seed, clock)

    def shown_time() -> float:
        """The time that the server believes it is."""
        return clock() + faults.skew_s()

    tenants, shared = [], Shared.new(shown_time, names_issuer=options.callback_issuer)
    for number, given in enumerate(options.tenants or (None,)):
        seed = options.seed + number
        tenant_id, name = tenant_identity(given, seed)
        hospital = make_hospital(
            seed=seed,
            patients=options.patients,
            tenant=tenant_id,
            today=today,
            name=name,
            time_zone=TIME_ZONES[number % len(TIME_ZONES)],
            index_path=options.index_directory / f"{number + 1}.index" if options.index_directory is not None else None,
            heavy_patient=options.heavy_patient,
        )
        tenants.append(
            Tenant(
                hospital,
                name=hospital.name,
                clients=_clients(options, tenant_id, seed),
                clock=shown_time,
                today=today,
                fixed_today=options.today is not None,
                shared=shared,
                elsewhere=[client.client_id for client in options.clients],
            )
        )
    if len({tenant.tenant_id for tenant in tenants}) < len(tenants):
        raise ValueError("two tenants have the same id")
    limits = RateLimits(clock, options.rate_limit)
    return Simulator(tenants, faults=faults, rate_limits=limits, token_lives=TokenLives(clock), clock=shown_time, shared=shared)


def _seeded_hospital(**arguments: Any) -> Hospital:
    from millgate.simulator.hospital import Hospital as SeededHospital

    hospital: Hospital = SeededHospital(**arguments)
    return hospital


def _clients(options: Options, tenant_id: str, seed: int) -> list[Client]:
    """The clients enabled in a tenant, system apps first. One that has to prove itself and cannot gets a secret that only this tenant knows.

    Only such a secret is ever reported: whoever gave one knows it. Without a system app there is one with an id from the seed; with
    redirect addresses and no app of users there is one for each persona of theirs.
    """
    dice = random.Random(f"client:{tenant_id}:{seed}")
    default: dict[Persona, str] = {p: str(uuid.UUID(int=dice.getrandbits(128), version=4)) for p in ("system", *USER_PERSONAS)}
    own = [client for client in options.clients if client.release == "dstu2"]
    others = [client for client in options.clients if client.release != "dstu2"]
    registered = [client for client in others if client.persona == "system"] or [Client(default["system"])]
    of_users = [client for client in others if client.persona != "system"]
    if options.redirect_uris and not of_users:
        model = replace(options.user_client, redirect_uris=options.redirect_uris)
        of_users = [replace(model, client_id=default[persona], persona=persona) for persona in USER_PERSONAS]
    own = own or [Client(str(uuid.UUID(int=dice.getrandbits(128), version=4)), smart_version="v1", release="dstu2")]
    enabled = [c for c in (*registered, *of_users, *own) if c.tenants is None or tenant_id in c.tenants]
    return [c if c.secret or c.jwks or c.public else _with_secret(c) for c in enabled]


def _with_secret(client: Client) -> Client:
    return replace(client, secret=secrets.token_urlsafe(32), secret_is_ours=True)


def _url(host: str, runner: web.ServerRunner) -> str:
    name, port = runner.addresses[0][:2]
    shown = "127.0.0.1" if name == "0.0.0.0" else "[::1]" if name == "::" else f"[{name}]" if ":" in name else name  # noqa: S104
    return f"http://{shown if host not in ('localhost',) else host}:{port}"


def _report(url: str, simulator: Simulator) -> dict[str, Any]:
    return {
        "simulator": url,
        "tenants": [
            {
                "tenant": tenant.tenant_id,
                "fhir_base": f"{url}/r4/{tenant.tenant_id}",
                "open_base": f"{url}/open/r4/{tenant.tenant_id}",
                "patient_fhir_base": f"{url}/patient/r4/{tenant.tenant_id}",
                "chart": f"{url}/ehr/{tenant.tenant_id}/launch",
                **_system_client(tenant),
                "clients": [_client_report(client) for client in tenant.clients if client.release == "r4"],
                "dstu2_base": f"{url}/dstu2/{tenant.tenant_id}",
                "dstu2_open_base": f"{url}/open/dstu2/{tenant.tenant_id}",
                "dstu2_clients": [_client_report(client) for client in tenant.clients if client.release == "dstu2"],
                "users": [user.shown() for user in tenant.users],
                "name": tenant.name,
                "time_zone": tenant.hospital.time_zone,
                "heavy_patient": tenant.hospital.heavy_patient,
                "service_types": tenant.hospital.service_types(),
            }
            for tenant in simulator.tenants.values()
        ],
        "pid": os.getpid(),
    }


def _system_client(tenant: Tenant) -> dict[str, str | None]:
    """The tenant's first system app, as `client_id` and `client_secret`."""
    client = next((client for client in tenant.clients if client.persona == "system" and client.release == "r4"), None)
    if client is None:
        return {"client_id": None, "client_secret": None}
    return {"client_id": client.client_id, "client_secret": _shown_secret(client)}


def _shown_secret(client: Client) -> str | None:
    return client.secret if client.secret_is_ours else None


def _client_report(client: Client) -> dict[str, Any]:
    of_users = {
        "redirect_uris": list(client.redirect_uris),
        "launch_url": client.launch_url,
        "public": client.public,
        "access": "offline" if client.offline else "online",
    }
    return {
        "persona": client.persona,
        "client_id": client.client_id,
        "client_secret": _shown_secret(client),
        **(of_users if client.persona != "system" else {"redirect_uris": []}),
        "smart_version": client.smart_version,
        "signs_assertions": client.jwks is not None,
    }


# --- a process of its own


def run(options: Options) -> int:
    """Serve until SIGTERM, SIGINT or, if the options say so, the end of stdin. The exit status: 0, or 69 if the address is taken."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_serve_until_stopped(options))


async def _serve_until_stopped(options: Options) -> int:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    try:
        running = await serve(options)
    except (OSError, ValueError) as error:
        _say(sys.stderr, f"simulator: {error}")
        return 69
    if options.until_stdin_closes:
        threading.Thread(target=_watch_stdin, args=(loop, stopped), daemon=True).start()
    try:
        _say(sys.stdout, encode(running.report).decode() if options.json else _readable(running.report))
        await stopped.wait()
    finally:
        await running.close()
    return 0


def _watch_stdin(loop: asyncio.AbstractEventLoop, stopped: asyncio.Event) -> None:
    with contextlib.suppress(OSError, ValueError):
        while os.read(sys.stdin.fileno(), 4096):  # not through the buffer, whose lock this thread would still hold at the end
            pass
    with contextlib.suppress(RuntimeError):  # the loop may be gone by then
        loop.call_soon_threadsafe(stopped.set)


def _readable(report: dict[str, Any]) -> str:
    lines = [f"Simulated Millennium at {report['simulator']} (pid {report['pid']})"]
    for tenant in report["tenants"]:
        lines += [
            f"  {tenant['name']} ({tenant['time_zone']})",
            f"    tenant  {tenant['tenant']}",
            f"    secure  {tenant['fhir_base']}",
            f"    open    {tenant['open_base']}",
            f"    dstu2   {tenant['dstu2_base']}",
            *(f"    client  {c['client_id']}  secret {c['client_secret']}  ({c['persona']})" for c in tenant["clients"]),
            *(f"    client  {c['client_id']}  secret {c['client_secret']}  (dstu2)" for c in tenant["dstu2_clients"]),
            *(f"    user    {u['username']}  password {u['password']}  {u['name']} ({u['persona']})" for u in tenant["users"]),
            *([f"    chart   {tenant['chart']}"] if tenant["users"] else []),
        ]
    return "\n".join(lines)


def _say(stream: Any, text: str) -> None:
    stream.write(text + "\n")
    stream.flush()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line: `python -m millgate.simulator`."""
    return run(read_options(sys.argv[1:] if arguments is None else arguments))
