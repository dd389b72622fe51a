"""`millgate convert`: any file through the core, without a server or a database."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from millgate.surfaces.cli.output import command, say

HELP = """Turn files into objects, without a server or a database.

Prints one JSON line a file: `{file, pathway, objects, problems}`, and `fhir` with --fhir. Takes resources, Bundles and
NDJSON, of FHIR R4, or with --from fhir-dstu2 of the retired DSTU2.
Exit status: 0 if all of every file was converted, 3 if something was not or a file could not be read (its line says what).

Examples:

    millgate convert patient.json

    millgate convert --fhir --time-zone America/Chicago bundle.json export/*.ndjson

    millgate convert --from fhir-dstu2 --fhir old/*.json

    cat bundle.json | millgate convert -
"""

# Where each pathway's documents become canonical; FHIR R4 is canonical already.
DECODERS: dict[str, str | None] = {"fhir-r4": None, "fhir-dstu2": "millgate.pathways.fhir_dstu2.decode"}
LARGEST_BYTES = 512 * 1024 * 1024


@command
def convert(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE…", help="Files to convert; - reads standard input.", show_default=False)
    ],
    pathway: Annotated[
        str, typer.Option("--from", metavar="PATHWAY", help="What the files are: fhir-r4 or fhir-dstu2.")
    ] = "fhir-r4",
    fhir: Annotated[bool, typer.Option("--fhir", help="Add the canonical FHIR R4 resources.")] = False,
    time_zone: Annotated[
        str | None, typer.Option("--time-zone", metavar="NAME", help="IANA time zone of times that come without an offset.")
    ] = None,
) -> None:
    """Convert files and print a JSON line for each."""
    from millgate.canonical import dates
    from millgate.canonical.json import encode

    if pathway not in DECODERS:
        say(f"error: --from {pathway}: no such pathway; known are {', '.join(DECODERS)}")
        raise SystemExit(64)
    if time_zone is not None:
        dates.zone(time_zone)
    worst = 0
    for name in files:
        line, status = _convert_one(name, pathway, fhir, time_zone)
        sys.stdout.buffer.write(encode(line) + b"\n")
        worst = max(worst, status)
    raise SystemExit(worst)


def _convert_one(name: str, pathway: str, fhir: bool, time_zone: str | None) -> tuple[dict[str, Any], int]:
    from millgate.objects.convert import convert as run

    try:
        data = _read(name)
    except OSError as error:
        problem = {"code": "unreadable", "detail": f"the file cannot be read: {error.strerror}", "location": None}
        return {"file": name, "pathway": pathway, "objects": [], "problems": [problem]}, 3
    if len(data) > LARGEST_BYTES:
        problem = {"code": "too_large", "detail": f"the file is larger than {LARGEST_BYTES} bytes; split it", "location": None}
        return {"file": name, "pathway": pathway, "objects": [], "problems": [problem]}, 3
    decoder = DECODERS[pathway]
    canonical = importlib.import_module(decoder).decode_document if decoder is not None else None
    done = run(data, pathway=pathway, canonical=canonical, time_zone=time_zone, include_fhir=fhir)
    line: dict[str, Any] = {"file": name, "pathway": pathway, "objects": done.objects, "problems": done.problems}
    if fhir:
        line["fhir"] = done.fhir
    return line, 3 if done.problems else 0


def _read(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read(LARGEST_BYTES + 1)
    with Path(name).open("rb") as file:
        return file.read(LARGEST_BYTES + 1)
