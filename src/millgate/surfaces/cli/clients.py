"""`millgate clients`: the applications that may call the gateway."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from millgate.surfaces.cli.options import AsJson, DatabaseUrl, DataDir, settings_of, with_app
from millgate.surfaces.cli.output import command, print_json, print_table, say

if TYPE_CHECKING:
    from millgate.access.parties import Client
    from millgate.app import App

GROUP = """The applications that may call the gateway: create, list, revoke.

Examples:

    millgate clients create "Portal" --tenant mercy --scope "system/*.rs"

    millgate clients list
"""
app = typer.Typer(no_args_is_help=True, help=GROUP)

CREATE = """Make an API client, and print its key: the only time that it is shown.

Examples:

    millgate clients create "Portal" --tenant mercy --scope system/Patient.rs --scope system/Appointment.crus

    millgate clients create "Warehouse" --tenant mercy --scope "system/*.rs" --json

    millgate clients create "Chart" --tenant mercy --scope "user/*.rs" --return-url https://…/signed-in

    millgate clients create "On call" --operator
"""


@app.command("create", help=CREATE)
@command
def create(
    name: Annotated[str, typer.Argument(help="What the application is called.", show_default=False)],
    tenant: Annotated[list[str] | None, typer.Option("--tenant", metavar="NAME", help="A tenant it may use; repeatable.")] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", metavar="SCOPE", help="A scope of its ceiling, SMART v1 or v2; repeatable; `*` allowed."),
    ] = None,
    return_url: Annotated[
        list[str] | None,
        typer.Option("--return-url", metavar="URL", help="Where browsers go back to after a sign-in, to the letter; repeatable."),
    ] = None,
    operator: Annotated[bool, typer.Option("--operator", help="May also see /tenants.")] = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Make a client."""
    from millgate.access.scopes import ScopeSet
    from millgate.errors import FieldProblem, FixRequest

    tenants, scopes = tuple(tenant or ()), (*(scope or ()), *(["operator"] if operator else []))
    ScopeSet.parse(scopes)
    urls = tuple(return_url or ())
    check_return_urls(urls)
    if not operator and not (tenants and scopes):
        missing = [
            FieldProblem(f"--{word}", "required", "name at least one")
            for word, given in (("tenant", tenants), ("scope", scopes))
            if not given
        ]
        raise FixRequest("invalid_request", "A client needs a tenant and a scope (or --operator).", errors=missing)

    async def work(app: App) -> tuple[Client, str]:
        for wanted in tenants:
            if await app.store.tenants.get(wanted) is None:
                raise FixRequest("not_found", f"There is no tenant {wanted!r}; `millgate tenants list` names them.")
        return await app.operate(
            "create", "client", lambda: app.store.clients.create(name, tenants=tenants, scopes=scopes, return_urls=urls)
        )

    made, key = with_app(settings_of(data_dir, database_url), work)
    if as_json:
        print_json({**_row(made), "key": key})
    else:
        say(f"client {made.id} ({made.name}); its key, shown this once:")
        typer.echo(key)


@app.command("list", help="List all API clients.\n\nExamples:\n\n    millgate clients list\n\n    millgate clients list --json")
@command
def list_clients(data_dir: DataDir = None, database_url: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """List the clients."""

    async def work(app: App) -> list[dict[str, Any]]:
        return [_row(one) for one in await app.store.clients.list()]

    rows = with_app(settings_of(data_dir, database_url), work)
    if as_json:
        print_json(rows)
    else:
        print_table(
            rows,
            ("id", "name", "tenants", "scopes", "created_at", "revoked_at"),
            empty="No clients yet; make one with `millgate clients create`.",
        )


@app.command(
    "revoke",
    help="End a client: its key and all its sessions stop working.\n\nExamples:\n\n    millgate clients revoke cl_1a2b3c",
)
@command
def revoke(
    client_id: Annotated[str, typer.Argument(help="The client's id, from `millgate clients list`.", show_default=False)],
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Revoke a client."""
    from millgate.errors import FixRequest

    async def work(app: App) -> bool:
        return await app.operate("revoke", "client", lambda: app.store.clients.revoke(client_id))

    if not with_app(settings_of(data_dir, database_url), work):
        raise FixRequest("not_found", f"There is no client {client_id!r} to revoke; `millgate clients list` names them.")
    if as_json:
        print_json({"id": client_id, "revoked": True})
    else:
        say(f"client {client_id} is revoked; its sessions end within two seconds")


def _row(client: Client) -> dict[str, Any]:
    from millgate.flow.read import instant

    return {
        "id": client.id,
        "name": client.name,
        "tenants": list(client.tenants),
        "scopes": list(client.scopes),
        "return_urls": list(client.return_urls),
        "created_at": instant(client.created_at),
        "revoked_at": instant(client.revoked_at) if client.revoked_at else None,
    }


def check_return_urls(urls: Sequence[str]) -> None:
    """Refuse return URLs that a session code should not be sent to: plain http is for this machine only."""
    from millgate.errors import FieldProblem, FixRequest

    problems = []
    for url in urls:
        parts = urlsplit(url)
        local = parts.hostname in ("localhost", "127.0.0.1", "::1")
        if parts.scheme not in ("http", "https") or not parts.hostname or (parts.scheme == "http" and not local):
            problems.append(
                FieldProblem("--return-url", "invalid", f"{url}: must be an https address (http on this machine only)")
            )
        elif parts.fragment or parts.username:
            problems.append(FieldProblem("--return-url", "invalid", f"{url}: must have no fragment and no user name"))
    if problems:
        raise FixRequest("invalid_request", "Some return URLs cannot be used.", errors=problems)
