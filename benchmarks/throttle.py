"""The throttle against a token bucket that it knows nothing of, beside a client of fixed concurrency and one that simply retries.

`python -m benchmarks throttle`: the simulator runs in a process of its own with `--rate-limit`; each caller is a process, too, and always
wants more than the limit. Written to `results/throttle.json`; every figure is of this run, misses included.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import platform
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from millgate.access.connection import Connection
from millgate.access.parties import Registration, Tenant
from millgate.errors import GatewayError
from millgate.pathways.fhir_r4.transport import FhirR4
from millgate.pathways.http import DICE, Limits, Transport
from millgate.pathways.sources import Sources
from millgate.pathways.tokens import TokenBook

RESULTS = Path(__file__).parent / "results" / "throttle.json"
SCOPE = "system/Organization.rs"
WARM_UP_S = 20.0
WINDOW_S = 30.0
WANTED_AT_ONCE = 32


# --- the callers, each in a process of its own


@dataclass
class Seen:
    """When each call was answered, and when each was refused (seconds of the wall clock)."""

    passed: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)


def now() -> datetime:
    return datetime.now(UTC)


async def with_the_throttle(side: dict[str, Any], seen: Seen, until: float) -> None:
    """Millgate's own pathway: its transport, its tokens, its throttle."""
    sources = Sources(now=now, jitter=DICE.uniform)
    async with Transport(Limits(total_s=30, longest_wait_s=10), now=now, sources=sources) as transport:
        pathway = FhirR4(transport, TokenBook(transport, now), now)
        tenant = Tenant("bench", side["fhir_base"], None, now())
        registration = Registration(
            "bench", "system", side["client_id"], "client_secret_basic", "v2", side["client_secret"].encode()
        )
        connection = Connection(tenant, registration, (SCOPE,))

        async def call() -> None:
            calls: list[Any] = []
            try:
                calls = (await pathway.read(connection, "Organization", side["organization"])).calls
            except GatewayError as error:
                calls = list(error.calls)
            note(seen, [one.status for one in calls if one.resource_type == "Organization"])

        await asyncio.gather(*(again(call, until) for _ in range(WANTED_AT_ONCE)))


async def with_fixed_concurrency(side: dict[str, Any], seen: Seen, until: float) -> None:
    """Four calls at once, whatever is answered."""
    await plainly(side, seen, until, at_once=4, retry=False)


async def with_retries(side: dict[str, Any], seen: Seen, until: float) -> None:
    """As many calls at once as are wanted; after a 429 each waits as `Retry-After` says, and tries again."""
    await plainly(side, seen, until, at_once=WANTED_AT_ONCE, retry=True)


async def plainly(side: dict[str, Any], seen: Seen, until: float, *, at_once: int, retry: bool) -> None:
    """An ordinary aiohttp client."""
    basic = base64.b64encode(f"{side['client_id']}:{side['client_secret']}".encode()).decode()
    async with aiohttp.ClientSession() as http:
        form = {"grant_type": "client_credentials", "scope": SCOPE}
        async with http.post(side["token_url"], data=form, headers={"Authorization": f"Basic {basic}"}) as said:
            token = (await said.json(content_type=None))["access_token"]
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/fhir+json"}
        url = f"{side['fhir_base']}/Organization/{side['organization']}"

        async def call() -> None:
            async with http.get(url, headers=headers) as answer:
                await answer.read()
            note(seen, [answer.status])
            if retry and answer.status == 429:
                await asyncio.sleep(float(answer.headers.get("Retry-After", "1")))

        await asyncio.gather(*(again(call, until) for _ in range(at_once)))


async def again(call: Callable[[], Awaitable[None]], until: float) -> None:
    while time.time() < until:
        await call()


def note(seen: Seen, statuses: list[int | None]) -> None:
    now = time.time()
    for status in statuses:
        if status == 200:
            seen.passed.append(now)
        elif status == 429:
            seen.refused.append(now)


CALLERS = {"throttle": with_the_throttle, "fixed": with_fixed_concurrency, "retry": with_retries}


def caller(name: str, until: float) -> None:
    """One caller's process: what to call comes on stdin, what was seen goes to stdout."""
    seen = Seen()
    asyncio.run(CALLERS[name](json.load(sys.stdin), seen, until))
    json.dump({"passed": seen.passed, "refused": seen.refused}, sys.stdout)


# --- the bench


class Bench:
    """A simulator with its dial, and callers beside it."""

    def __init__(self, report: dict[str, Any]) -> None:
        self.url = report["simulator"]
        tenant = report["tenants"][0]
        self.side = {
            "fhir_base": tenant["fhir_base"],
            "client_id": tenant["client_id"],
            "client_secret": tenant["client_secret"],
            "token_url": f"{self.url}/tenants/{tenant['tenant']}/protocols/oauth2/profiles/smart-v1/token",
        }
        with urllib.request.urlopen(f"{tenant['open_base']}/Organization") as said:  # noqa: S310 - our own simulator
            self.side["organization"] = json.load(said)["entry"][0]["resource"]["id"]

    def limit(self, rate: float, burst: float) -> None:
        """Set the token bucket anew."""
        body = json.dumps({"rate": rate, "burst": burst}).encode()
        request = urllib.request.Request(f"{self.url}/_simulator/rate_limit", data=body, method="PUT")  # noqa: S310
        urllib.request.urlopen(request).close()  # noqa: S310

    def call(
        self, names: list[str], seconds: float, at: dict[float, tuple[float, float]] | None = None
    ) -> tuple[float, list[Seen]]:
        """Let these callers work for so long, changing the limit on the way; the beginning, and what each saw."""
        began = time.time()
        until = began + seconds
        command = [sys.executable, "-m", "benchmarks.throttle"]
        made = [subprocess.Popen([*command, name, str(until)], stdin=-1, stdout=-1, text=True) for name in names]
        for one in made:
            assert one.stdin is not None
            one.stdin.write(json.dumps(self.side))
            one.stdin.close()
        for moment, (rate, burst) in sorted((at or {}).items()):
            time.sleep(max(0.0, began + moment - time.time()))
            self.limit(rate, burst)
        seen = []
        for one in made:
            assert one.stdout is not None
            seen.append(Seen(**json.loads(one.stdout.read())))
            one.wait()
        return began, seen


@contextmanager
def simulator(rate: float, burst: float) -> Iterator[Bench]:
    """A simulator with this limit; it ends when this process does."""
    command = [sys.executable, "-m", "millgate.simulator", "--json", "--patients", "20", "--until-stdin-closes"]
    with subprocess.Popen([*command, "--rate-limit", f"{rate}:{burst}"], stdin=-1, stdout=-1) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Bench(json.loads(process.stdout.readline()))
        finally:
            process.stdin.close()


def rate_of(seen: list[Seen], start: float, end: float) -> float:
    return sum(start <= at < end for one in seen for at in one.passed) / (end - start)


def refused_of(seen: list[Seen], start: float, end: float) -> float:
    refused = sum(start <= at < end for one in seen for at in one.refused)
    return refused / max(1.0, refused + rate_of(seen, start, end) * (end - start))


def steady(bench: Bench, rate: float, burst: float, names: list[str]) -> dict[str, Any]:
    """Throughput over limit, and the share of refused calls, after the warm-up."""
    bench.limit(rate, burst)
    began, seen = bench.call(names, WARM_UP_S + WINDOW_S)
    start, end = began + WARM_UP_S, began + WARM_UP_S + WINDOW_S
    return {
        "limit_per_s": rate,
        "burst": burst,
        "throughput_of_limit": round(rate_of(seen, start, end) / rate, 3),
        "refused_percent": round(100 * refused_of(seen, start, end), 2),
    }


def recovery(bench: Bench, rate: float) -> dict[str, Any]:
    """Seconds until throughput is within 10 % of a limit that was doubled, and of one that was halved: over the next four seconds, and
    over all that follow."""
    bench.limit(rate, rate)
    doubled_at, halved_at, end = 25.0, 55.0, 80.0
    began, seen = bench.call(["throttle"], end, {doubled_at: (2 * rate, 2 * rate), halved_at: (rate, rate)})

    def found(since: float, wanted: float, until: float) -> float | None:
        moment = since
        while moment + 4 <= until:
            spans = ((moment, moment + 4), (moment, until))
            if all(abs(rate_of(seen, began + start, began + stop) / wanted - 1) <= 0.1 for start, stop in spans):
                return round(moment - since, 2)
            moment += 0.25
        return None

    return {
        "limit_per_s": rate,
        "seconds_after_doubling": found(doubled_at, 2 * rate, halved_at),
        "seconds_after_halving": found(halved_at, rate, end),
        "throughput_of_limit_from_10_s_after_doubling": round(rate_of(seen, began + 35, began + 55) / (2 * rate), 3),
        "throughput_of_limit_from_10_s_after_halving": round(rate_of(seen, began + 65, began + 80) / rate, 3),
        "refused_percent_from_halving_on": round(100 * refused_of(seen, began + halved_at, began + end), 2),
    }


def fairness(bench: Bench, rate: float, processes: int, window_s: float) -> dict[str, Any]:
    """Each process's throughput over a fair share."""
    bench.limit(rate, rate)
    began, seen = bench.call(["throttle"] * processes, WARM_UP_S + window_s)
    start, end = began + WARM_UP_S, began + WARM_UP_S + window_s
    fair = rate_of(seen, start, end) / processes
    shares = sorted(round(rate_of([one], start, end) / fair, 3) for one in seen)
    return {
        "limit_per_s": rate,
        "processes": processes,
        "window_s": window_s,
        "shares_of_fair": shares,
        "throughput_of_limit": round(rate_of(seen, start, end) / rate, 3),
        "refused_percent": round(100 * refused_of(seen, start, end), 2),
    }


def main() -> None:
    """Run everything, say it, and write it down."""
    found: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cpus": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
        "warm_up_s": WARM_UP_S,
        "window_s": WINDOW_S,
        "steady": {},
    }
    with simulator(100, 100) as bench:
        for name in CALLERS:
            found["steady"][name] = steady(bench, 100, 100, [name])
            print(name, found["steady"][name], flush=True)
        found["steady"]["throttle, 300 a second"] = steady(bench, 300, 300, ["throttle"])
        found["steady"]["throttle, bucket of a tenth of a second"] = steady(bench, 100, 10, ["throttle"])
        print({name: row for name, row in found["steady"].items() if "," in name}, flush=True)
        found["recovery"] = [recovery(bench, rate) for rate in (50.0, 100.0)]
        print(found["recovery"], flush=True)
        found["fairness"] = fairness(bench, 200, 4, 120)
        print(found["fairness"], flush=True)
    found["median_recovery_s"] = statistics.median(
        row[key] or 99.0 for row in found["recovery"] for key in ("seconds_after_doubling", "seconds_after_halving")
    )
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        caller(sys.argv[1], float(sys.argv[2]))
    else:
        main()
