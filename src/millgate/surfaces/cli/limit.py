"""`millgate tenants limit`: what may be asked of a tenant's source at most."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from millgate.surfaces.cli.options import AsJson, DatabaseUrl, DataDir, settings_of, with_app
from millgate.surfaces.cli.output import command, print_json, say

if TYPE_CHECKING:
    from millgate.access.budget import Ceiling, Night
    from millgate.access.parties import Tenant
    from millgate.app import App
    from millgate.errors import FieldProblem

LIMIT = """Set what may be asked of a tenant's source at most: calls a second, calls at once, and when batch may run.

It holds for all gateways, workers and commands that share the store, together: each takes its share, within two seconds and without a
restart. What is not named stays as it was; --clear takes everything away first. Below the limit, what the source bears is still learned.

Examples:

    millgate tenants limit mercy --rate 20 --at-once 8

    millgate tenants limit mercy --night 22:00-05:00

    millgate tenants limit mercy --clear
"""
MOST = 10_000


@command
def limit(
    name: Annotated[str, typer.Argument(help="The tenant's short name.", show_default=False)],
    rate: Annotated[float | None, typer.Option("--rate", metavar="N", help="Calls within any second, at most.")] = None,
    at_once: Annotated[int | None, typer.Option("--at-once", metavar="N", help="Calls under way at once, at most.")] = None,
    night: Annotated[str | None, typer.Option("--night", metavar="HH:MM-HH:MM", help="Batch runs only then.")] = None,
    time_zone: Annotated[
        str | None, typer.Option("--time-zone", metavar="NAME", help="Whose clock the night goes by; by default the tenant's.")
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Take away all limits that were set before.")] = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Set a ceiling."""
    wanted = _read(rate, at_once, night, time_zone, clear)

    async def work(app: App) -> dict[str, Any]:
        return await app.operate("limit", "tenant", lambda: _set(app, name, wanted, time_zone, clear), tenant=name)

    found = with_app(settings_of(data_dir, database_url), work)
    if as_json:
        print_json(found)
    else:
        say(f"{name}: {told(found['limit'])}")


async def limit_of(app: App, name: str) -> dict[str, Any] | None:
    """A tenant's ceiling as JSON, or None where nothing is bounded."""
    from millgate.flow.read import instant

    kept = await app.store.budgets.ceiling(name)
    if kept is None:
        return None
    night = kept.ceiling.night
    return {
        "rate_per_s": kept.ceiling.rate_per_s,
        "at_once": kept.ceiling.concurrency,
        "night": f"{night.start:%H:%M}-{night.end:%H:%M}" if night else None,
        "time_zone": night.time_zone if night else None,
        "set_at": instant(kept.set_at),
    }


def told(limit: dict[str, Any] | None) -> str:
    """A ceiling in words."""
    if limit is None:
        return "no limit is set"
    bounds = [
        f"{limit['rate_per_s']:g} calls a second" if limit["rate_per_s"] is not None else "",
        f"{limit['at_once']} at once" if limit["at_once"] is not None else "",
    ]
    most = " and ".join(bound for bound in bounds if bound)
    night = f"batch runs from {limit['night'].replace('-', ' to ')} ({limit['time_zone']})" if limit["night"] else ""
    return "; ".join(part for part in (f"never more than {most}" if most else "", night) if part)


def _read(rate: float | None, at_once: int | None, night: str | None, time_zone: str | None, clear: bool) -> Ceiling:
    """What the options say. Raises FixRequest with all problems."""
    from millgate.access.budget import Ceiling
    from millgate.errors import FieldProblem, FixRequest

    problems: list[FieldProblem] = []
    if rate is not None and not 0 < rate <= MOST:
        problems.append(FieldProblem("--rate", "invalid", f"must be more than 0, and {MOST} at the most"))
    if at_once is not None and not 1 <= at_once <= MOST:
        problems.append(FieldProblem("--at-once", "invalid", f"must be from 1 to {MOST}"))
    if time_zone is not None and night is None:
        problems.append(FieldProblem("--time-zone", "invalid", "goes with --night"))
    window = _window(night, time_zone, problems) if night is not None else None
    if not clear and rate is None and at_once is None and night is None:
        problems.append(FieldProblem("--rate", "required", "say --rate, --at-once, --night or --clear"))
    if problems:
        raise FixRequest("invalid_request", "The limit cannot be set as given.", errors=problems)
    return Ceiling(rate, at_once, window)


def _window(night: str, time_zone: str | None, problems: list[FieldProblem]) -> Night:
    from millgate.access.budget import Night
    from millgate.canonical import dates
    from millgate.errors import FieldProblem, GatewayError

    found = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", night, re.ASCII)
    start, end = (time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4]))) if found else (time(), time())
    if start == end:
        problems.append(FieldProblem("--night", "invalid", "must be two different times such as 22:00-05:00"))
    if time_zone is not None:
        try:
            dates.zone(time_zone)
        except GatewayError:
            problems.append(FieldProblem("--time-zone", "invalid", "must be an IANA name such as America/Chicago"))
    return Night(start, end, time_zone or "")


async def _set(app: App, name: str, wanted: Ceiling, time_zone: str | None, clear: bool) -> dict[str, Any]:
    from millgate.access.budget import Ceiling
    from millgate.errors import FieldProblem, FixRequest

    tenant = await tenant_of(app, name)
    if wanted.night is not None and time_zone is None:
        if tenant.time_zone is None:
            problem = FieldProblem("--time-zone", "required", f"name one: {name} has no time zone, and none is assumed")
            raise FixRequest("invalid_request", "The limit cannot be set as given.", errors=[problem])
        wanted = replace(wanted, night=replace(wanted.night, time_zone=tenant.time_zone))
    kept = None if clear else await app.store.budgets.ceiling(name)
    before = kept.ceiling if kept else Ceiling()
    allowed = Ceiling(
        before.rate_per_s if wanted.rate_per_s is None else wanted.rate_per_s,
        before.concurrency if wanted.concurrency is None else wanted.concurrency,
        wanted.night or before.night,
    )
    await app.store.budgets.set_ceiling(name, allowed)
    return {"name": name, "limit": await limit_of(app, name)}


async def tenant_of(app: App, name: str) -> Tenant:
    """The tenant of that name. Raises FixRequest `not_found`."""
    from millgate.errors import FixRequest

    tenant = await app.store.tenants.get(name)
    if tenant is None:
        raise FixRequest("not_found", f"There is no tenant {name!r}; `millgate tenants list` names them.")
    return tenant
