"""`millgate vault`: the keys that keep the store unreadable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from millgate.surfaces.cli.options import AsJson, DatabaseUrl, DataDir, settings_of, with_app
from millgate.surfaces.cli.output import command, print_json, say

if TYPE_CHECKING:
    from millgate.app import App

GROUP = """The keys that keep the store unreadable: status, rotate.

Examples:

    millgate vault status
"""
app = typer.Typer(no_args_is_help=True, help=GROUP)

STATUS = """Show where the master key came from, and how many keys and secrets the vault holds. Never shows a key.

Examples:

    millgate vault status

    millgate vault status --json
"""

ROTATE = """Wrap all data keys with another master key. What is stored stays as it is, and the old master key then opens nothing.

The new key comes from a file of 32 random bytes in base64 (where there is no such file, one is made, mode 0600), or from a command that
prints it, as `MILLGATE_MASTER_KEY_COMMAND` will have it. Running gateways and
workers go on with what they hold in memory; afterwards, each has to be restarted with the new key. Keep the old key as long as backups
from before are kept.

Examples:

    millgate vault rotate --new-key-file /etc/millgate/master-2027.key

    millgate vault rotate --new-key-file ./new.key --json
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


@app.command("rotate", help=ROTATE)
@command
def rotate(
    new_key_file: Annotated[
        str | None, typer.Option("--new-key-file", metavar="FILE", help="The new master key; made if there is none.")
    ] = None,
    new_key_command: Annotated[
        str | None, typer.Option("--new-key-command", metavar="COMMAND", help="Prints the new master key; run without a shell.")
    ] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Rotate the master key."""
    from pathlib import Path

    from millgate.errors import FieldProblem, FixRequest
    from millgate.store.master_key import key_of_command, key_of_file

    settings = settings_of(data_dir, database_url)
    if (new_key_file is None) == (new_key_command is None):
        problem = FieldProblem("--new-key-file", "required", "give either --new-key-file or --new-key-command")
        raise FixRequest("invalid_request", f"{problem.detail}.".capitalize(), errors=[problem])
    path = Path(new_key_file).expanduser().absolute() if new_key_file else None
    made = path is not None and not path.exists()

    async def work(app: App) -> dict[str, Any]:
        fresh = key_of_file(path, create=True) if path else key_of_command(new_key_command or "")
        if app.store.vault.is_master(fresh):
            option = "--new-key-file" if path else "--new-key-command"
            problem = FieldProblem(option, "same", "gives the key that is in force already")
            raise FixRequest("invalid_request", f"{option} {problem.detail}.", errors=[problem])
        before = (await app.store.vault.status())["source"]
        keys = await app.operate("rotate", "vault", lambda: app.store.vault.rotate(fresh))
        return {"keys": keys, "key_file": str(path) if path else None, "made": made, "before": before}

    found = with_app(settings, work)
    if as_json:
        print_json(found)
        return
    origin = f"the key of {path}" if path else "the key that the command prints"
    setting = f"MILLGATE_MASTER_KEY_FILE={path}" if path else "MILLGATE_MASTER_KEY_COMMAND to that command"
    say(f"{found['keys']} data keys are wrapped with {origin}{', which was made' if made else ''}")
    say(f"now: set {setting} in place of the key from {found['before']}, for every gateway, worker and command")
    say("then restart every gateway and worker of this database; until then they serve on, but connect no new tenant")
