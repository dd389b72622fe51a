"""Reads, audited: a cached page of 50 observations beside the same stack answering from memory, an uncached one beside a bare client; what
each object costs from memory, in full and as 304; and a page of 1,600 resources.

Aims: cached at half the baseline's throughput or more; uncached within 1.3 times the bare client's median latency, with a source that
takes 20 ms.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import uvloop

from benchmarks import giant
from benchmarks.load import Load, load
from benchmarks.processes import Processor, free_port, get, post, postmaster, start, wait_for
from millgate.objects import OBJECTS, Declaration

RESULTS: Final = Path(__file__).parent / "results" / "read.json"
SOURCE_MS: Final = 20
CONNECTIONS: Final = 32
SECONDS: Final = 5.0
SECONDS_BY_OBJECT: Final = 1.0
FIRST_TIMES: Final = 120
GIANT_STEP: Final = 200
GIANT_TIMES: Final = 5

Figures = dict[str, Any]


def main() -> None:
    """Run everything once, print a table, and keep the figures."""
    figures: Figures = {
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "source_ms": SOURCE_MS,
        "load_average": {"before": os.getloadavg()[0]},  # of all that ran on the machine, this included
    }
    with ExitStack() as stack:
        bench = Bench.opened(stack)
        figures |= bench.page_figures()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            figures["runs"] = runner.run(bench.runs())
            figures |= ratios(figures["runs"])
            figures["by_object"] = runner.run(bench.by_object())
        figures["giant"] = bench.giant()
    figures["load_average"]["after"] = os.getloadavg()[0]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    for line in table(figures):
        print(line)


@dataclass
class Bench:
    """The demo's gateway and hospital, the baseline's server, and a session."""

    folder: Path
    report: Mapping[str, Any]
    session: str
    patient: str
    seen: set[str]
    page: bytes
    baseline: str
    processor: Processor
    stack: ExitStack

    @classmethod
    def opened(cls, stack: ExitStack) -> Bench:
        """All started; ended with the stack."""
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        demo = start(stack, "-m", "millgate", "demo", "--json", "--port", "0", "--data-dir", str(folder / "data"))
        report = json.loads(demo.stdout.readline() if demo.stdout else "")
        session = _session(report["gateway"], report["api_key"], report["tenant"])
        patient, page, seen = _patient(report["gateway"], session)
        (folder / "body.json").write_bytes(page)
        port = free_port()
        same_stack = start(stack, "-m", "benchmarks.same_stack", str(folder / "body.json"), str(port))
        wait_for(port)
        roots = {"gateway": demo.pid, "postgres": postmaster(folder / "data"), "same stack": same_stack.pid, "load": os.getpid()}
        roots["simulator"] = _simulator_of(demo.pid)
        return cls(folder, report, session, patient, seen, page, f"http://127.0.0.1:{port}", Processor(roots), stack)

    @property
    def gateway(self) -> str:
        return str(self.report["gateway"])

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.session}"}

    @property
    def open_base(self) -> str:
        """The simulator's open surface of the same tenant: a bare client needs no token there."""
        tenant, _, _ = get(f"{self.gateway}/tenants/{self.report['tenant']}", self.report["api_key"])
        return str(tenant["fhir_base"]).replace("/r4/", "/open/r4/", 1)

    def page_figures(self) -> Figures:
        """What the page is that is asked for."""
        return {"page": {"observations": self.page.count(b'"object":"observation"'), "bytes": len(self.page)}}

    async def measured(
        self, url: str, headers: Mapping[str, str], *, connections: int, seconds: float = SECONDS, status: int = 200
    ) -> Figures:
        """Rate, latencies, and what a request took of the processors, by process, in microseconds."""
        await load(url, headers, connections=connections, seconds=seconds / 10, warm_up_s=0, status=status)
        before = self.processor.taken()
        found = await load(url, headers, connections=connections, seconds=seconds, warm_up_s=0, status=status)
        after = self.processor.taken()
        taken = {name: round((after[name] - before[name]) / max(1, found.requests) * 1e6) for name in after}
        return _rounded(found, taken)

    async def runs(self) -> dict[str, Figures]:
        """The page: from memory beside the same stack, as 304, and from the source beside a bare client."""
        query = f"patient_id={self.patient}&category=laboratory&limit=50"
        page = f"{self.gateway}/observations?{query}"
        found: dict[str, Figures] = {}
        found["same stack from memory"] = await self.measured(
            f"{self.baseline}/observations?{query}", self.headers, connections=CONNECTIONS
        )
        found["cached, audited"] = await self.measured(f"{page}&max_age=3600", self.headers, connections=CONNECTIONS)
        _, _, told = get(f"{page}&max_age=3600", self.session)
        known = self.headers | {"If-None-Match": told["etag"]}
        found["304, audited"] = await self.measured(f"{page}&max_age=3600", known, connections=CONNECTIONS, status=304)
        post(f"{self.report['simulator']}/_simulator/faults", {"kind": "latency", "latency_ms": SOURCE_MS})
        link = f"{self.open_base}/Observation?patient={self.patient}&category=laboratory&_count=50"
        for connections in (1, 8):
            found[f"bare client, {connections} at once"] = await self.measured(
                link, {"Accept": "application/fhir+json"}, connections=connections
            )
            found[f"uncached, audited, {connections} at once"] = await self.measured(
                f"{page}&max_age=0", self.headers, connections=connections
            )
        return found | await self.first_time()

    async def first_time(self) -> dict[str, Figures]:
        """The first such page of each of many patients, of which the gateway has seen nothing: all of it is normalized, and recorded.

        The simulator makes each chart when it is asked for it, which takes it longer than anything else here: so what counts is the
        gateway's own processor time, in which the recording is.
        """
        everybody, _, _ = get(f"{self.open_base}/Patient?birthdate=ge1900-01-01&_count=1000")
        ids = [entry["resource"]["id"] for entry in everybody["entry"] if entry["resource"]["resourceType"] == "Patient"]
        unseen = [one for one in ids if one not in self.seen][:FIRST_TIMES]
        links = [f"{self.open_base}/Observation?patient={one}&category=laboratory&_count=50" for one in unseen]
        pages = [f"{self.gateway}/observations?patient_id={one}&category=laboratory&limit=50&max_age=0" for one in unseen]
        bare = await load(links, {"Accept": "application/fhir+json"}, connections=1, seconds=60, warm_up_s=0)
        before = self.processor.taken()
        through = await load(pages, self.headers, connections=1, seconds=60, warm_up_s=0)
        after = self.processor.taken()
        taken = {name: round((after[name] - before[name]) / through.requests * 1e6) for name in after}
        return {"bare client, new pages": _rounded(bare, {}), "uncached, audited, new pages": _rounded(through, taken)}

    async def by_object(self) -> dict[str, Figures]:
        """Each object that the hospital has: a list of at most 50 of it, from memory in full and as 304."""
        found: dict[str, Figures] = {}
        for declaration in OBJECTS.values():
            url = f"{self.gateway}/{declaration.plural}?{_question(declaration, self.patient)}&max_age=3600&limit=50"
            try:
                shown, raw, told = get(url, self.session)
            except OSError:  # not offered, or not to be searched like this
                continue
            if not shown["data"]:
                continue
            full = await self.measured(url, self.headers, connections=CONNECTIONS, seconds=SECONDS_BY_OBJECT)
            known = self.headers | {"If-None-Match": told["etag"]}
            unchanged = await self.measured(url, known, connections=CONNECTIONS, seconds=SECONDS_BY_OBJECT, status=304)
            found[declaration.name] = {"items": len(shown["data"]), "bytes": len(raw), "cached": full, "unchanged": unchanged}
        return found

    def giant(self) -> Figures:
        """A page of 1,600 conditions, walked by 200 at a time: the first step asks the source, the others find it on the shelf."""
        port = free_port()
        base = f"http://127.0.0.1:{port}{giant.PATH}"
        conditions, _, _ = get(f"{self.open_base}/Condition?patient={self.patient}")
        samples = [entry["resource"] for entry in conditions["entry"]]
        statement, _, _ = get(f"{self.open_base}/metadata")
        (self.folder / "metadata.json").write_text(json.dumps(statement).replace(self.open_base, base), encoding="utf-8")
        page = json.dumps(giant.page_of(samples, base, self.patient)).encode()
        (self.folder / "page.json").write_bytes(page)
        start(self.stack, "-m", "benchmarks.giant", str(self.folder), str(port))
        wait_for(port)
        session = _session(self.gateway, self._connect(base), "giant")
        walks = [self._walk(session) for _ in range(GIANT_TIMES)]
        direct = [_timed(f"{base}/Condition?patient={self.patient}")[1] for _ in range(GIANT_TIMES)]
        best = min(walks, key=lambda walk: walk["first_step_ms"])
        return {"resources": giant.RESOURCES, "bytes": len(page), "source_alone_ms": round(min(direct), 1)} | best

    def _connect(self, base: str) -> str:
        """Connect the source as a tenant; the key of a client that may use it."""
        where = ["--data-dir", str(self.folder / "data")]
        add = ["tenants", "add", "giant", "--url", base, "--client-id", "c", "--secret-stdin", *where]
        subprocess.run([sys.executable, "-m", "millgate", *add], input="secret\n", text=True, check=True, capture_output=True)
        create = ["clients", "create", "giant", "--tenant", "giant", "--scope", "system/Condition.rs", "--json", *where]
        made = subprocess.run([sys.executable, "-m", "millgate", *create], text=True, check=True, capture_output=True)
        return str(json.loads(made.stdout)["key"])

    def _walk(self, session: str) -> Figures:
        before = self.processor.taken()
        url = f"{self.gateway}/conditions?patient_id={self.patient}&limit={GIANT_STEP}"
        shown, first = _timed(f"{url}&max_age=0", session)
        seen, steps = len(shown["data"]), []
        while shown["next_cursor"]:
            step = f"{self.gateway}/conditions?cursor={shown['next_cursor']}&limit={GIANT_STEP}&max_age=3600"
            shown, elapsed = _timed(step, session)
            seen += len(shown["data"])
            steps.append(elapsed)
        after = self.processor.taken()
        if seen != giant.RESOURCES:
            raise SystemExit(f"the walk showed {seen} of {giant.RESOURCES}")
        taken = {"processor_ms": round((after["gateway"] - before["gateway"]) * 1000)} if after else {}
        return {"first_step_ms": round(first, 1), "further_steps_ms": round(sum(steps) / len(steps), 1), **taken}


def _rounded(found: Load, taken: Mapping[str, int]) -> Figures:
    rounded = {key: round(value, 2) for key, value in vars(found).items()}
    return rounded | {"processor_us": {name: us for name, us in taken.items() if us > 0}}


def ratios(runs: Mapping[str, Figures]) -> Figures:
    """What the aims are about."""
    return {
        "cached_share_of_baseline": round(runs["cached, audited"]["rate"] / runs["same stack from memory"]["rate"], 2),
        **{
            f"uncached_over_bare_{n}": round(
                runs[f"uncached, audited, {n} at once"]["p50_ms"] / runs[f"bare client, {n} at once"]["p50_ms"], 2
            )
            for n in (1, 8)
        },
    }


def table(figures: Figures) -> Iterator[str]:
    """The figures, for people."""
    yield f"{figures['machine']}; {figures['date']}; page of {figures['page']['observations']}, {figures['page']['bytes']} bytes"
    for name, one in figures["runs"].items():
        taken = "  ".join(f"{who} {us}" for who, us in one["processor_us"].items())
        latency = f"p50 {one['p50_ms']:7.2f} ms   p99 {one['p99_ms']:7.2f} ms"
        yield f"{name:30} {one['rate']:8.0f} requests/s   {latency}   failures {one['failures']}   processor µs: {taken}"
    yield f"cached / same stack: {figures['cached_share_of_baseline']} (aim 0.5 or more)"
    for n in (1, 8):
        yield f"uncached / bare, {n} at once: {figures[f'uncached_over_bare_{n}']} (aim 1.3 or less)"
    for name, one in figures["by_object"].items():
        rates = f"cached {one['cached']['rate']:6.0f}/s   304 {one['unchanged']['rate']:6.0f}/s"
        failures = one["cached"]["failures"] + one["unchanged"]["failures"]
        yield f"{name:26} {one['items']:3} items {one['bytes']:7} bytes   {rates}   failures {failures}"
    yield f"giant page: {figures['giant']}"


def _question(declaration: Declaration, patient: str) -> str:
    """A list that the hospital has something for."""
    names = {one.name for one in declaration.filters}
    now = datetime.now(UTC)
    if declaration.name == "patient":
        return f"ids={patient}"
    if declaration.name == "slot":
        return f"from={now:%Y-%m-%d}&to={now + timedelta(days=21):%Y-%m-%d}"
    if "patient_id" not in names:
        return ""
    dates = "&from=1900-01-01&to=2100-01-01" if declaration.name == "appointment" else ""
    return f"patient_id={patient}{dates}"


def _session(gateway: str, key: str, tenant: str) -> str:
    return str(post(f"{gateway}/authenticate", {"tenant": tenant}, key)["session_token"])


def _timed(url: str, session: str | None = None) -> tuple[Any, float]:
    """A document, and how many milliseconds it took until it was here and read."""
    began = time.perf_counter()
    shown, _, _ = get(url, session)
    return shown, (time.perf_counter() - began) * 1000


def _patient(gateway: str, session: str) -> tuple[str, bytes, set[str]]:
    """A patient with at least 50 labs, the page of them as the gateway answers it, and all patients that were asked about."""
    seen = set()
    for beginning in ("Ma", "Jo", "Wi", "Sa", "Ha", "Be", "Ro", "Ca", "Lo", "Ch", "Sm", "Br"):
        for patient in get(f"{gateway}/patients?family={beginning}", session)[0]["data"]:
            seen.add(str(patient["id"]))
            shown, raw, _ = get(f"{gateway}/observations?patient_id={patient['id']}&category=laboratory&limit=50", session)
            if len(shown["data"]) == 50:
                return str(patient["id"]), raw, seen
    raise SystemExit("no patient with 50 labs")


def _simulator_of(demo: int) -> int:
    """The demo's child that is the simulator."""
    listed = subprocess.run(["pgrep", "-P", str(demo), "-f", "millgate.simulator"], text=True, capture_output=True, check=True)
    return int(listed.stdout.split()[0])


if __name__ == "__main__":
    main()
