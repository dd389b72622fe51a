"""What a tenant's server said of itself then and now: the snapshots that `tenants add`, `check` and the worker take, and `tenants diff`."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from millgate.surfaces.cli.options import AsJson, DatabaseUrl, DataDir, settings_of, with_app
from millgate.surfaces.cli.output import command, print_json, say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from millgate.app import App

DIFF = """Show what changed in what a tenant's server says of itself: breaking, additive or cosmetic.

The server is looked at daily by the worker, and by `tenants add` and `tenants check`. Without --since, the last 30 days.

Examples:

    millgate tenants diff mercy

    millgate tenants diff mercy --since 2026-11-01 --json
"""
DAYS = 30
_SIGNS = {"came": "+", "went": "-", "changed": "~"}


@command
def diff(
    name: Annotated[str, typer.Argument(help="The tenant's short name.", show_default=False)],
    since: Annotated[str | None, typer.Option("--since", metavar="DATE", help="The first day to show, as in 2026-11-01.")] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Show the differences that were stored."""
    begin = _begin(since)

    async def work(app: App) -> dict[str, Any]:
        return await _stored(app, name, begin or app.now() - timedelta(days=DAYS))

    found = with_app(settings_of(data_dir, database_url), work)
    if as_json:
        print_json(found)
        return
    for one in found["changes"]:
        typer.echo(f"{one['at']}  {one['fhir_base']}")
        show_changes(one["changes"])
    if not found["changes"]:
        seen = f"last looked at {found['looked_at']}" if found["looked_at"] else "its server was never looked at"
        typer.echo(f"{name}: nothing changed since {found['since'][:10]}; {seen}")


def show_changes(changes: Sequence[Mapping[str, Any]]) -> None:
    """A line for each change on standard output."""
    for one in changes:
        values = f": {one['before'] or '(none)'} → {one['after'] or '(none)'}" if one["change"] == "changed" else ""
        typer.echo(f"  {_SIGNS[one['change']]} {one['class']:<9} {one['kind'].replace('_', ' ')} {one['subject']}{values}")


async def look(app: App, name: str) -> list[dict[str, Any]]:
    """A snapshot of each base of the tenant, and what changed since the last."""
    from millgate.flow.watch import Watch

    looked = await Watch(app.pathway, app.store.tenants, app.store.snapshots, app.now).look(name)
    return [{"fhir_base": one.fhir_base, "first": one.first, "changes": list(one.changes)} for one in looked]


def tell_looked(name: str, looked: Sequence[Mapping[str, Any]]) -> None:
    """A line for each base, and its changes, for people."""
    for one in looked:
        if one["first"]:
            say(f"{name}: the first snapshot of {one['fhir_base']}")
        elif one["changes"]:
            say(f"{name}: {len(one['changes'])} changes since the last snapshot; `millgate tenants diff {name}` shows them")
        else:
            say(f"{name}: unchanged since the last snapshot")


async def _stored(app: App, name: str, since: datetime) -> dict[str, Any]:
    from millgate.errors import FixRequest
    from millgate.flow.read import instant

    tenant = await app.store.tenants.get(name)
    if tenant is None:
        raise FixRequest("not_found", f"There is no tenant {name!r}; `millgate tenants list` names them.")
    last = await app.store.snapshots.last(name, tenant.fhir_base)
    changes = await app.store.snapshots.changes(name, since)
    return {
        "name": name,
        "since": instant(since),
        "looked_at": instant(last.confirmed_at) if last else None,
        "changes": [{"at": instant(one.taken_at), "fhir_base": one.fhir_base, "changes": list(one.changes)} for one in changes],
    }


def _begin(since: str | None) -> datetime | None:
    from millgate.errors import FieldProblem, FixRequest

    if since is None:
        return None
    try:
        day = date.fromisoformat(since)
    except ValueError:
        problem = FieldProblem("--since", "invalid", "must be a day such as 2026-11-01")
        raise FixRequest("invalid_request", f"--since {problem.detail}", errors=[problem]) from None
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
