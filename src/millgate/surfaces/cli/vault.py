"""`millgate vault`: the keys that keep the store unreadable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from millgate.surfaces.cli.options import AsJson, DatabaseUrl, DataDir, settings_of, with_app
from millgate.surfaces.cli.output import command, print_json, say

if TYPE_CHECKING:
    from millgate.app import App

GROUP = """The keys that keep the store unreadable: status.

Examples:

    millgate vault status
"""
app = typer.Typer(no_args_is_help=True, help=GROUP)

STATUS = """Show where the master key came from, and how many keys and secrets the vault holds. Never shows a key.

Examples:

    millgate vault status

    millgate vault status --json
"""


@app.callback()
def group() -> None:
    """The keys that keep the store unreadable."""


@app.command("status", help=STATUS)
@command
def status(data_dir: DataDir = None, database_url: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """Show the vault."""

    async def work(app: App) -> dict[str, Any]:
        return await app.store.vault.status()

    found = with_app(settings_of(data_dir, database_url), work)
    if as_json:
        print_json(found)
        return
    for name, value in found.items():
        say(f"{name.replace('_', ' ')}: {value}")
