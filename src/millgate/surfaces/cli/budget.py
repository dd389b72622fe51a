"""`millgate tenants budget`: what was asked of a tenant's source, by the hour, and what is promised to its team."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from millgate.surfaces.cli.limit import limit_of, tenant_of, told
from millgate.surfaces.cli.options import AsJson, DatabaseUrl, DataDir, settings_of, with_app
from millgate.surfaces.cli.output import command, print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from millgate.access.budget import Peak, SharedHour
    from millgate.app import App

BUDGET = """Show what was asked of a tenant's source by the hour: calls, refusals, the most within one second, the most at once.

All gateways, workers and commands that share the store are counted together. Where several of them called in one hour, the most that
they did together is known only within bounds, which are shown: what one did by itself, and the sum of each one's most. Running
processes write their counts down every 15 seconds. Exit status 1 if the limit that is set was not kept.

Examples:

    millgate tenants budget mercy

    millgate tenants budget mercy --days 7 --json
"""
HOURS, MOST_DAYS = 24, 90
COLUMNS = ("hour", "calls", "refused", "within one second", "at once", "processes", "by endpoint")


@command
def budget(
    name: Annotated[str, typer.Argument(help="The tenant's short name.", show_default=False)],
    hours: Annotated[
        int | None,
        typer.Option("--hours", metavar="N", help="So many hours back, the one under way included.", show_default=str(HOURS)),
    ] = None,
    days: Annotated[int | None, typer.Option("--days", metavar="N", help=f"So many days back; {MOST_DAYS} are kept.")] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Show the hours."""
    back = _back(hours, days)

    async def work(app: App) -> dict[str, Any]:
        return await _asked(app, name, back)

    found = with_app(settings_of(data_dir, database_url), work)
    if as_json:
        print_json(found)
    else:
        _show(found)
    raise SystemExit(1 if found["kept"] is False else 0)


def _back(hours: int | None, days: int | None) -> int:
    """How many hours back. Raises FixRequest."""
    from millgate.errors import FieldProblem, FixRequest

    problems = []
    if hours is not None and days is not None:
        problems.append(FieldProblem("--days", "invalid", "say --hours or --days, not both"))
    if hours is not None and not 1 <= hours <= MOST_DAYS * 24:
        problems.append(FieldProblem("--hours", "invalid", f"must be from 1 to {MOST_DAYS * 24}"))
    if days is not None and not 1 <= days <= MOST_DAYS:
        problems.append(FieldProblem("--days", "invalid", f"must be from 1 to {MOST_DAYS}"))
    if problems:
        raise FixRequest("invalid_request", "The hours cannot be shown as asked for.", errors=problems)
    return days * 24 if days is not None else hours or HOURS


async def _asked(app: App, name: str, back: int) -> dict[str, Any]:
    from millgate.access.budget import together
    from millgate.flow.read import instant

    tenant = await tenant_of(app, name)
    this_hour = app.now().replace(minute=0, second=0, microsecond=0)
    since = this_hour - timedelta(hours=back - 1)
    hours = together(await app.store.budgets.hours(tenant.fhir_base, since))
    kept = await app.store.budgets.ceiling(name)
    under_it = [one for one in hours if kept is not None and one.begins_at >= kept.set_at]
    zone = ZoneInfo(tenant.time_zone or "UTC")
    rate, at_once = (kept.ceiling.rate_per_s, kept.ceiling.concurrency) if kept else (None, None)
    return {
        "name": name,
        "fhir_base": tenant.fhir_base,
        "time_zone": tenant.time_zone,
        "since": instant(since),
        "hours": [{"hour": f"{one.begins_at.astimezone(zone):%Y-%m-%d %H:%M %Z}", **_hour(one)} for one in hours],
        "highest": {"per_s": _highest([one.per_s for one in hours]), "at_once": _highest([one.at_once for one in hours])},
        "limit": await limit_of(app, name),
        "whole_hours": len(under_it),
        "kept": None
        if kept is None
        else _both(_held([one.per_s for one in under_it], rate), _held([one.at_once for one in under_it], at_once)),
    }


def _hour(one: SharedHour) -> dict[str, Any]:
    from millgate.flow.read import instant

    return {
        "begins_at": instant(one.begins_at),
        "calls": one.calls,
        "refused": one.throttled,
        "per_s": _peak(one.per_s),
        "at_once": _peak(one.at_once),
        "processes": one.processes,
        "endpoints": dict(one.endpoints),
    }


def _peak(peak: Peak) -> dict[str, int]:
    return {"at_least": peak.at_least, "at_most": peak.at_most}


def _highest(peaks: Sequence[Peak]) -> dict[str, int]:
    return {
        "at_least": max((one.at_least for one in peaks), default=0),
        "at_most": max((one.at_most for one in peaks), default=0),
    }


def _held(peaks: Sequence[Peak], bound: float | None) -> bool | None:
    """Whether a bound was kept in whole hours since it was set; None where that is not known."""
    if bound is None or all(one.at_most <= bound for one in peaks):
        return True
    bound = max(bound, 1)  # below one call a second, one call is one within a second
    return False if any(one.at_least > bound for one in peaks) else None


def _both(*held: bool | None) -> bool | None:
    return False if False in held else None if None in held else True


def _show(found: dict[str, Any]) -> None:
    zone = found["time_zone"] or "UTC, since the tenant has no time zone"
    rows = [
        {
            "hour": one["hour"],
            "calls": one["calls"],
            "refused": one["refused"],
            "within one second": _bounds(one["per_s"]),
            "at once": _bounds(one["at_once"]),
            "processes": one["processes"],
            "by endpoint": ", ".join(f"{endpoint} {calls}" for endpoint, calls in one["endpoints"].items()),
        }
        for one in found["hours"]
    ]
    print_table(rows, COLUMNS, empty=f"Nothing was asked of {found['name']} since {found['since']}.")
    if rows:
        highest = found["highest"]
        typer.echo(
            f"\nHours by the clock of {zone}. The highest: {_bounds(highest['per_s'])} calls within one second, "
            f"{_bounds(highest['at_once'])} at once."
        )
    typer.echo(_promise(found))


def _bounds(peak: dict[str, int]) -> str:
    low, high = peak["at_least"], peak["at_most"]
    return str(low) if low == high else f"{low} to {high}"


def _promise(found: dict[str, Any]) -> str:
    name, limit = found["name"], found["limit"]
    if limit is None:
        return f"{name}: no limit is set, so nothing is promised; `millgate tenants limit {name}` sets one."
    kept = {
        True: "It was kept in every hour that began since." if found["whole_hours"] else "No hour has begun since.",
        False: "It was NOT kept in the hours that began since.",
        None: "Each process by itself kept it in every hour that began since; whether all together did in each is not known.",
    }[found["kept"]]
    return f"{name}: {told(limit)}. The operator's limit of {limit['set_at']}. {kept}"
