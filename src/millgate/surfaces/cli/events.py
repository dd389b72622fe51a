"""`millgate events`: the feed of what happened."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated

import typer

from millgate.surfaces.cli.options import AsJson, DatabaseUrl, DataDir, settings_of, with_app
from millgate.surfaces.cli.output import command, print_json, print_table

if TYPE_CHECKING:
    from millgate.access.event_types import Audience
    from millgate.app import App
    from millgate.flow.event_feed import Page

GROUP = """What happened: list, follow.

Examples:

    millgate events list --limit 20
"""
app = typer.Typer(no_args_is_help=True, help=GROUP)

LIST = """List the last events, oldest first; with --after, those behind a place that an earlier answer gave.

With --follow, go on with what happens, until Ctrl-C. With --json, the list as the API has it; with --follow too, a line for each event.

Examples:

    millgate events list --limit 20

    millgate events list --tenant mercy --type tenant.capability_changed --json

    millgate events list --tenant mercy --follow
"""
COLUMNS = ("created_at", "tenant", "type", "told")


@app.callback()
def group() -> None:
    """What happened."""


@app.command("list", help=LIST)
@command
def list_events(
    tenant: Annotated[str | None, typer.Option("--tenant", metavar="NAME", help="Only of this tenant.")] = None,
    types: Annotated[list[str] | None, typer.Option("--type", metavar="TYPE", help="Only of this type; may be repeated.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=200, help="How many events.")] = 50,
    after: Annotated[str | None, typer.Option("--after", metavar="PLACE", help="Only what comes behind this place.")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what happens, until Ctrl-C.")] = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """List events."""

    async def work(app: App) -> None:
        async def read() -> tuple[Audience, Page]:
            audience = await _audience(app, tenant, tuple(types or ()))
            if after:
                return audience, await app.feed.page(audience, after=after, limit=limit)
            return audience, await app.feed.latest(audience, limit=limit)

        audience, page = await app.operate("list", "event", read, tenant=tenant)
        _show(app, page, as_json, follow)
        if follow:
            await _follow(app, audience, page.after, as_json)

    with_app(settings_of(data_dir, database_url), work)


async def _audience(app: App, tenant: str | None, types: tuple[str, ...]) -> Audience:
    """What is asked for. Raises FixRequest for a tenant or a type that there is not."""
    from millgate.access.event_types import EVENT_TYPES, OPERATORS
    from millgate.errors import FieldProblem, FixRequest

    if tenant is not None and await app.store.tenants.get(tenant) is None:
        raise FixRequest("not_found", f"There is no tenant {tenant!r}; `millgate tenants list` names them.")
    strange = [one for one in types if one not in EVENT_TYPES]
    if strange:
        problem = FieldProblem("--type", "invalid", f"there is no {', '.join(strange)}; there are {', '.join(EVENT_TYPES)}")
        raise FixRequest("invalid_request", f"--type: {problem.detail}.", errors=[problem])
    return OPERATORS.narrowed(tenant=tenant, types=types)


def _show(app: App, page: Page, as_json: bool, follow: bool) -> None:
    from millgate.flow.event_feed import listed

    if not as_json:
        rows = [{name: getattr(one.event, name, None) or _told(one.event.data) for name in COLUMNS} for one in page.told]
        print_table(rows, COLUMNS, empty="Nothing happened yet.")
    elif follow:
        for one in page.told:
            print_json(one.event)
    else:
        print_json(listed(page, app.now()))


async def _follow(app: App, audience: Audience, after: str, as_json: bool) -> None:
    """Print events as they come, until a signal comes."""
    from millgate.surfaces.cli.serve import stop_signals

    stopping = stop_signals()
    async with aclosing(app.feed.follow(audience, after)) as told:
        async for one in told:
            if stopping.is_set():
                return
            if one is not None and as_json:
                print_json(one.event)
            elif one is not None:
                typer.echo("  ".join((one.event.created_at, one.event.tenant or "-", one.event.type, _told(one.event.data))))


def _told(data: object) -> str:
    """An event's data in a few words: its single values; how many of those that are many."""
    members = data.items() if isinstance(data, dict) else ()
    return ", ".join(f"{name} {len(value) if isinstance(value, list) else value}" for name, value in members if value is not None)
