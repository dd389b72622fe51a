"""The summary of a heavy patient (20,000 observations, 1,600 conditions), from a source that takes 20 ms for each call.

Aim: the first byte within a second, and memory that does not grow with the chart: the gateway's process keeps its answers in a cache of a
few MB here, so that what is left is what a summary takes. Baseline: a bare client that asks the source for the same observations, page by page.
"""

from __future__ import annotations

import json
import os
import platform
import tempfile
import threading
import time
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.processes import get, post, start

RESULTS = Path(__file__).parent / "results" / "summary.json"
SOURCE_MS = 20
CACHE_BYTES = 4 * 1024 * 1024
FORMS = {"JSON": "application/json", "FHIR document": "application/fhir+json", "page": "text/html"}
ROUNDS = 4
MB = 1024 * 1024


@dataclass
class Run:
    """One answer: when its first byte came, when its last, how long it was, and what the gateway's process held."""

    first_ms: float
    total_s: float
    megabytes: float
    rss_before: float
    rss_peak: float
    rss_after: float


def main() -> None:
    """Run everything once, print a table, and keep the figures."""
    os.environ["MILLGATE_CACHE_BYTES"] = str(CACHE_BYTES)
    with ExitStack() as stack:
        figures = _measure(stack)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n")
    _print(figures)


def _measure(stack: ExitStack) -> dict[str, Any]:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
    demo = start(stack, "-m", "millgate", "demo", "--json", "--port", "0", "--heavy-patient", "--data-dir", str(folder / "data"))
    report = json.loads(demo.stdout.readline() if demo.stdout else "")
    session = post(f"{report['gateway']}/authenticate", {"tenant": report["tenant"]}, report["api_key"])["session_token"]
    patient = report["heavy_patient"]
    post(f"{report['simulator']}/_simulator/faults", {"kind": "latency", "latency_ms": SOURCE_MS})
    tenant, _, _ = get(f"{report['gateway']}/tenants/{report['tenant']}", report["api_key"])
    open_base = str(tenant["fhir_base"]).replace("/r4/", "/open/r4/", 1)
    url = f"{report['gateway']}/patients/{patient}/summary?max_age=0"
    runs: dict[str, list[dict[str, float]]] = {}
    counts: dict[str, int] = {}
    for name, media_type in FORMS.items():
        for _ in range(ROUNDS if name == "JSON" else 2):
            body, run = _run(url, session, media_type, report["pid"])
            runs.setdefault(name, []).append({key: round(value, 2) for key, value in vars(run).items()})
        if name == "JSON":
            counts = {one["section"]: one["count"] for one in json.loads(body)["sections"]}
    return {
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "source_ms": SOURCE_MS,
        "cache_megabytes": CACHE_BYTES / MB,
        "objects": counts,
        "runs": runs,
        "bare client, the same observations one page after the other": _bare(open_base, patient),
    }


def _run(url: str, session: str, media_type: str, pid: int) -> tuple[bytes, Run]:
    """One summary, with the process looked at all the while. The body is kept here, in the process of the benchmark."""
    peaks = [_rss(pid)]
    done = threading.Event()
    watcher = threading.Thread(target=lambda: [peaks.append(_rss(pid)) for _ in iter(lambda: done.wait(0.02), True)])
    watcher.start()
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {session}", "Accept": media_type})  # noqa: S310
    begun = time.perf_counter()
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        first = answer.read(1)
        first_ms = 1000 * (time.perf_counter() - begun)
        body = first + answer.read()
    total_s = time.perf_counter() - begun
    done.set()
    watcher.join()
    return body, Run(first_ms, total_s, len(body) / MB, peaks[0], max(peaks), _rss(pid))


def _rss(pid: int) -> float:
    """What a process holds of memory, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def _bare(base: str, patient: str) -> dict[str, float]:
    """The baseline: the same searches for observations, without reading what comes."""
    begun, count, pages, first_ms = time.perf_counter(), 0, 0, 0.0
    for category in ("laboratory", "vital-signs", "social-history"):
        link: str | None = f"{base}/Observation?patient={patient}&category={category}&_count=200"
        while link:
            request = urllib.request.Request(link, headers={"Accept": "application/fhir+json"})  # noqa: S310
            with urllib.request.urlopen(request) as answer:  # noqa: S310
                bundle = json.loads(answer.read())
            first_ms = first_ms or 1000 * (time.perf_counter() - begun)
            count, pages = count + len(bundle.get("entry", ())), pages + 1
            link = next((one["url"] for one in bundle["link"] if one["relation"] == "next"), None)
    return {
        "first_ms": round(first_ms, 2),
        "total_s": round(time.perf_counter() - begun, 2),
        "observations": count,
        "pages": pages,
    }


def _print(figures: dict[str, Any]) -> None:
    print(f"{figures['machine']}; {figures['date']}; {figures['objects']}")
    for name, runs in figures["runs"].items():
        for run in runs:
            print(
                f"{name:14} first byte {run['first_ms']:7.0f} ms   all {run['total_s']:6.2f} s   {run['megabytes']:6.1f} MB   "
                f"RSS {run['rss_before']:.0f} → at most {run['rss_peak']:.0f} → {run['rss_after']:.0f} MB"
            )
    print(f"bare client: {figures['bare client, the same observations one page after the other']}")


if __name__ == "__main__":
    main()
