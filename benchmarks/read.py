"""Reads of a 50-observation page, audited: cached beside the same stack answering from memory, uncached beside a bare client.

Aim: cached at half the baseline's throughput or more; uncached within 1.3 times the bare client's median latency, with a source
that takes 20 ms.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.load import Load, load

RESULTS = Path(__file__).parent / "results"
SOURCE_MS = 20
CONNECTIONS = 32
SECONDS = 5.0


def main() -> None:
    """Run everything once, print a table, and keep the figures."""
    with ExitStack() as stack:
        figures = _measure(stack)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "read.json").write_text(json.dumps(figures, indent=2) + "\n")
    _print(figures)


def _measure(stack: ExitStack) -> dict[str, Any]:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
    demo = _start(stack, "-m", "millgate", "demo", "--json", "--port", "0", "--data-dir", str(folder / "data"))
    report = json.loads(demo.stdout.readline() if demo.stdout else "")
    session = _ask(f"{report['gateway']}/authenticate", report["api_key"], {"tenant": report["tenant"]})["session_token"]
    patient, page = _page(report["gateway"], session)
    query = f"patient_id={patient}&category=laboratory&limit=50"
    body = folder / "page.json"
    body.write_bytes(page)
    port = _free_port()
    _start(stack, "-m", "benchmarks.same_stack", str(body), str(port))
    _await(port)
    headers = {"Authorization": f"Bearer {session}"}
    gateway = f"{report['gateway']}/observations?{query}"

    async def run() -> dict[str, Any]:
        found: dict[str, Any] = {}
        baseline = f"http://127.0.0.1:{port}/observations?{query}"
        found["same stack from memory"] = await load(baseline, headers, connections=CONNECTIONS, seconds=SECONDS)
        found["cached, audited"] = await load(f"{gateway}&max_age=3600", headers, connections=CONNECTIONS, seconds=SECONDS)
        _faults(report["simulator"], SOURCE_MS)
        link = f"{_open_base(report)}/Observation?patient={patient}&category=laboratory&_count=50"
        bare = {"Accept": "application/fhir+json"}
        for connections in (1, 8):
            direct = await load(link, bare, connections=connections, seconds=SECONDS)
            through = await load(f"{gateway}&max_age=0", headers, connections=connections, seconds=SECONDS)
            found[f"bare client, {connections} at once"] = direct
            found[f"uncached, audited, {connections} at once"] = through
        return found

    loads: dict[str, Load] = asyncio.run(run(), loop_factory=uvloop.new_event_loop) if sys.version_info >= (3, 12) else _run(run)
    return _figures(loads, page)


def _run(work: Any) -> Any:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work())


def _figures(loads: dict[str, Load], page: bytes) -> dict[str, Any]:
    rows = {name: {key: round(value, 2) for key, value in vars(one).items()} for name, one in loads.items()}
    return {
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "page": {"observations": page.count(b'"object":"observation"'), "bytes": len(page)},
        "source_ms": SOURCE_MS,
        "runs": rows,
        "cached_share_of_baseline": round(loads["cached, audited"].rate / loads["same stack from memory"].rate, 2),
        "uncached_over_bare_1": round(loads["uncached, audited, 1 at once"].p50_ms / loads["bare client, 1 at once"].p50_ms, 2),
        "uncached_over_bare_8": round(loads["uncached, audited, 8 at once"].p50_ms / loads["bare client, 8 at once"].p50_ms, 2),
    }


def _page(gateway: str, session: str) -> tuple[str, bytes]:
    """A patient with at least 50 labs, and the page of them as the gateway answers it."""
    for beginning in ("Ma", "Jo", "Wi", "Sa", "Ha", "Be", "Ro", "Ca", "Lo", "Ch", "Sm", "Br"):
        for patient in _get(f"{gateway}/patients?family={beginning}", session)["data"]:
            url = f"{gateway}/observations?patient_id={patient['id']}&category=laboratory&limit=50"
            if len(_get(url, session)["data"]) == 50:
                request = urllib.request.Request(url, headers={"Authorization": f"Bearer {session}"})  # noqa: S310
                return patient["id"], urllib.request.urlopen(request).read()  # noqa: S310
    raise SystemExit("no patient with 50 labs")


def _open_base(report: dict[str, Any]) -> str:
    """The simulator's open surface of the same tenant: a bare client needs no token there."""
    tenant = _get(f"{report['gateway']}/tenants/{report['tenant']}", report["api_key"])
    return str(tenant["fhir_base"]).replace("/r4/", "/open/r4/", 1)


def _faults(simulator: str, latency_ms: int) -> None:
    rule = json.dumps({"kind": "latency", "latency_ms": latency_ms}).encode()
    request = urllib.request.Request(  # noqa: S310
        f"{simulator}/_simulator/faults", data=rule, headers={"Content-Type": "application/json"}
    )
    urllib.request.urlopen(request).read()  # noqa: S310


def _ask(url: str, key: str, body: dict[str, Any]) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, data=json.dumps(body).encode(), headers=headers)  # noqa: S310
    return dict(json.loads(urllib.request.urlopen(request).read()))  # noqa: S310


def _get(url: str, session: str) -> dict[str, Any]:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {session}"})  # noqa: S310
    return dict(json.loads(urllib.request.urlopen(request).read()))  # noqa: S310


def _start(stack: ExitStack, *arguments: str) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, text=True)
    stack.callback(process.wait, 30)
    stack.callback(process.terminate)
    return process


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _await(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the baseline server did not start")


def _print(figures: dict[str, Any]) -> None:
    print(f"{figures['machine']}; {figures['date']}; page of {figures['page']['observations']}, {figures['page']['bytes']} bytes")
    for name, one in figures["runs"].items():
        latency = f"p50 {one['p50_ms']:7.2f} ms   p99 {one['p99_ms']:7.2f} ms"
        print(f"{name:34} {one['rate']:9.0f} requests/s   {latency}   failures {one['failures']}")
    print(f"cached / same stack: {figures['cached_share_of_baseline']} (aim 0.5 or more)")
    print(f"uncached / bare, 1 at once: {figures['uncached_over_bare_1']} (aim 1.3 or less)")
    print(f"uncached / bare, 8 at once: {figures['uncached_over_bare_8']} (aim 1.3 or less)")


if __name__ == "__main__":
    main()
