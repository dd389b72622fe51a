"""Canonical bytes to objects, type by type on one core, beside `fhir.resources` building its own, and `orjson.loads` as the floor.

Aim: at least ten times as many a second as `fhir.resources`, at most four times as long as `orjson.loads`.
"""

from __future__ import annotations

import json
import platform
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
from fhir.resources.R4B import get_fhir_model_class

from millgate.canonical.json import decode, encode
from millgate.objects import BY_RESOURCE_TYPE, Context, encode_object
from millgate.simulator.hospital.hospital import Hospital

RESULTS = Path(__file__).parent / "results"
CONTEXT = Context(tenant="general", pathway="fhir-r4", time_zone="America/Chicago", received_at="2026-01-01T00:00:00.000Z")
MOST = 400
ROUNDS = 5


def main() -> None:
    """Run everything once, print a table, and keep the figures."""
    figures = {
        "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "machine": f"{platform.machine()}, {platform.system()}, one core, Python {platform.python_version()}",
        "types": {kind: measured(kind, bodies) for kind, bodies in sorted(population().items())},
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "normalize.json").write_text(json.dumps(figures, indent=2) + "\n")
    for kind, row in figures["types"].items():  # type: ignore[attr-defined]
        print(
            f"{kind:26} {row['objects_per_s']:>8,}/s   {row['times_fhir_resources']:>6} x fhir.resources"
            f"   {row['times_orjson']:>5} x the time of orjson.loads"
        )


def population() -> dict[str, list[bytes]]:
    """Bodies of the simulated hospital, by type."""
    hospital = Hospital(seed=7, patients=40, tenant="bench", today=date(2026, 1, 5))
    found: dict[str, list[bytes]] = defaultdict(list)
    for each in (hospital.practitioners, hospital.locations, hospital.organizations, hospital.schedules):
        _keep(found, each())
    for patient in hospital.find_patients(limit=40):
        _keep(found, [body for body in [hospital.read("Patient", patient)] if body is not None])
        for kind in BY_RESOURCE_TYPE:
            _keep(found, hospital.chart(kind, patient))
    hospital.close()
    return found


def _keep(found: dict[str, list[bytes]], resources: Iterable[dict[str, Any]]) -> None:
    for resource in resources:
        kind = resource["resourceType"]
        if kind in BY_RESOURCE_TYPE and len(found[kind]) < MOST:
            found[kind].append(encode(resource))


def measured(kind: str, bodies: list[bytes]) -> dict[str, Any]:
    """One type's figures; bytes in, an object out, on every side."""
    declaration = BY_RESOURCE_TYPE[kind]
    model = get_fhir_model_class(kind)
    every = len(bodies)
    bodies = [body for body in bodies if takes(model, body)]
    ours = best(lambda body: declaration.normalize(decode(body), CONTEXT), bodies)
    sent = best(lambda body: encode_object(declaration.normalize(decode(body), CONTEXT)), bodies)
    theirs = best(model.model_validate_json, bodies)
    floor = best(orjson.loads, bodies)
    return {
        "bodies": len(bodies),
        "refused_by_fhir_resources": every - len(bodies),
        "mean_bytes": sum(map(len, bodies)) // len(bodies),
        "objects_per_s": round(len(bodies) / ours),
        "with_encoding_per_s": round(len(bodies) / sent),
        "fhir_resources_per_s": round(len(bodies) / theirs),
        "orjson_loads_per_s": round(len(bodies) / floor),
        "times_fhir_resources": round(theirs / ours, 1),
        "times_orjson": round(ours / floor, 2),
    }


def takes(model: Any, body: bytes) -> bool:
    """Whether `fhir.resources` builds the resource at all: what it refuses is left out on every side."""
    try:
        model.model_validate_json(body)
    except ValueError:
        return False
    return True


def best(work: Callable[[bytes], Any], bodies: list[bytes]) -> float:
    """Seconds of CPU that all bodies take, the best of some rounds."""
    taken = []
    for _ in range(ROUNDS):
        started = time.process_time()
        for body in bodies:
            work(body)
        taken.append(time.process_time() - started)
    return min(taken)
