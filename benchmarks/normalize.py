"""Canonical bytes to objects, type by type on one core, beside `fhir.resources` building its own, and `orjson.loads` as the floor.

Aim: at least ten times as many a second as `fhir.resources`, at most four times as long as `orjson.loads`. Also: what filling the
same objects from their own JSON costs in C alone, and a page of 1,600 observations from its bytes to the answer's.
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

import msgspec
import orjson
from fhir.resources.R4B import get_fhir_model_class

from millgate.canonical.json import decode, encode
from millgate.objects import BY_RESOURCE_TYPE, Context, encode_list, encode_object
from millgate.simulator.hospital.hospital import Hospital

RESULTS = Path(__file__).parent / "results"
CONTEXT = Context(tenant="general", pathway="fhir-r4", time_zone="America/Chicago", received_at="2026-01-01T00:00:00.000Z")
MOST = 200
ROUNDS = 9
PAGE = 1600


def main() -> None:
    """Run everything once, print a table, and keep the figures."""
    bodies_of = population()
    figures: dict[str, Any] = {
        "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "machine": f"{platform.machine()}, {platform.system()}, one core, Python {platform.python_version()}",
        "types": {kind: measured(kind, bodies) for kind, bodies in sorted(bodies_of.items())},
        "page": page(bodies_of["Observation"]),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "normalize.json").write_text(json.dumps(figures, indent=2) + "\n")
    for kind, row in figures["types"].items():
        print(f"{kind:26} {told(row)}")
    print(f"a page of {PAGE:,}: {figures['page']}")


def told(row: dict[str, Any]) -> str:
    """One type's figures in a line."""
    if not row["bodies"]:
        return f"not measured: fhir.resources refuses all {row['refused_by_fhir_resources']}"
    return (
        f"{row['objects_per_s']:>8,}/s   {row['times_fhir_resources']:>6} x fhir.resources"
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
    if not bodies:
        return {"bodies": 0, "refused_by_fhir_resources": every}
    objects = msgspec.json.Decoder(declaration.struct)
    ours, sent, theirs, floor, filled = best(
        (lambda body: declaration.normalize(decode(body), CONTEXT), bodies),
        (lambda body: encode_object(declaration.normalize(decode(body), CONTEXT)), bodies),
        (model.model_validate_json, bodies),
        (orjson.loads, bodies),
        (objects.decode, [encode_object(declaration.normalize(decode(body), CONTEXT)) for body in bodies]),
    )
    return {
        "bodies": len(bodies),
        "refused_by_fhir_resources": every - len(bodies),
        "mean_bytes": sum(map(len, bodies)) // len(bodies),
        "objects_per_s": round(len(bodies) / ours),
        "with_encoding_per_s": round(len(bodies) / sent),
        "fhir_resources_per_s": round(len(bodies) / theirs),
        "orjson_loads_per_s": round(len(bodies) / floor),
        "filled_from_own_json_per_s": round(len(bodies) / filled),
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


def page(bodies: list[bytes]) -> dict[str, Any]:
    """Milliseconds that a searchset of many observations takes, from its bytes to the bytes of the list."""
    resources = (bodies * (PAGE // len(bodies) + 1))[:PAGE]
    data = b'{"resourceType":"Bundle","type":"searchset","entry":[%s]}' % b",".join(
        b'{"resource":%s}' % each for each in resources
    )
    normalize = BY_RESOURCE_TYPE["Observation"].normalize

    def answered(data: bytes) -> bytes:
        objects = [normalize(entry["resource"], CONTEXT) for entry in decode(data)["entry"]]
        return encode_list(objects, {"has_more": False})

    whole, decoded, floor = best((answered, [data]), (decode, [data]), (orjson.loads, [data]))
    return {
        "bytes": len(data),
        "decode_normalize_encode_ms": round(whole * 1000, 1),
        "decode_ms": round(decoded * 1000, 1),
        "orjson_loads_ms": round(floor * 1000, 1),
    }


def best(*works: tuple[Callable[[bytes], Any], list[bytes]]) -> list[float]:
    """Seconds of CPU that each work takes for all of its bodies: the best of some rounds, in which the works take turns."""
    taken = [float("inf")] * len(works)
    for _ in range(ROUNDS):
        for index, (work, bodies) in enumerate(works):
            started = time.process_time()
            for body in bodies:
                work(body)
            taken[index] = min(taken[index], time.process_time() - started)
    return taken
