"""`millgate tenants find`: a health system in the endpoint lists that the vendor publishes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millgate.surfaces.cli.options import AsJson
from millgate.surfaces.cli.output import command, print_json, print_table

if TYPE_CHECKING:
    from millgate.canonical.endpoint_lists import Listed

FIND = """Find a health system by name or city in published endpoint lists, with the address and tenant id to connect it by.

Oracle Health publishes its lists as FHIR Bundles (github.com/oracle-samples/ignite-endpoints); --endpoints takes a file or an https
address, and may be repeated. Exit status 66 if nothing is found.

Examples:

    millgate tenants find "mercy springfield" --endpoints millennium_provider_r4_endpoints.json

    millgate tenants find "kansas city" --endpoints provider.json --endpoints patient.json --json
"""
_CHUNK = 64 * 1024
_NOTHING = 66


@command
def find(
    query: Annotated[str, typer.Argument(metavar="TEXT", help="Words of the name, city or state.", show_default=False)],
    endpoints: Annotated[
        list[str], typer.Option("--endpoints", metavar="FILE|URL", help="A published list; repeatable.", show_default=False)
    ],
    as_json: AsJson = False,
) -> None:
    """Look through the lists."""
    from millgate.canonical.endpoint_lists import listed, matching

    found: list[Listed] = []
    for place in endpoints:
        found += matching(listed(_chunks(place)), query)
    rows = [{**asdict(one), "personas": list(one.personas)} for one in found]
    if as_json:
        print_json(rows)
    else:
        print_table(rows, ("name", "city", "state", "url", "tenant_id", "personas"), empty=f"Nothing matches {query!r}.")
    raise SystemExit(0 if rows else _NOTHING)


def _chunks(place: str) -> Iterator[bytes]:
    if place.startswith(("https://", "http://")):
        body = asyncio.run(_fetched(place))
        return (body[begin : begin + _CHUNK] for begin in range(0, len(body), _CHUNK))
    return _file(place)


def _file(place: str) -> Iterator[bytes]:
    from millgate.errors import FixRequest

    try:
        with Path(place).expanduser().open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
    except OSError as error:
        raise FixRequest("not_found", f"{place} cannot be read: {error.strerror}.") from error


async def _fetched(url: str) -> bytes:
    from millgate.errors import CallOperator
    from millgate.pathways.http import Transport

    async with Transport() as transport:
        answer = await transport.request("GET", url, within=url.partition("?")[0], calls=[], resource_type="endpoints")
    if answer.status != 200:
        raise CallOperator("upstream_error", f"The list's address answered with status {answer.status}.")
    return answer.body
