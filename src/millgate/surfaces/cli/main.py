"""The `millgate` command: each command in a module of its own, loaded when it is used."""

from __future__ import annotations

from typing import Annotated

import typer

from millgate import __version__
from millgate.surfaces.cli import audit, clients, convert, demo, doctor, events, reading, serve, simulator, tenants, vault, worker

HELP = """One clean API over an Oracle Health (Cerner) Millennium EHR.

Examples:

    millgate demo

    millgate tenants add mercy --url https://fhir-ehr.cerner.com/r4/TENANT_ID --client-id 8a1c… --secret-stdin < secret.txt

    millgate clients create "Portal" --tenant mercy --scope "system/*.rs"

    millgate serve
"""

app = typer.Typer(
    name="millgate",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help=HELP,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"millgate {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """One clean API over an Oracle Health (Cerner) Millennium EHR."""


app.command("demo", help=demo.HELP)(demo.demo)
app.command("serve", help=serve.HELP)(serve.serve)
app.command("worker", help=worker.HELP)(worker.worker)
app.command(
    "simulator",
    help=simulator.HELP,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)(simulator.simulator)
app.command("convert", help=convert.HELP)(convert.convert)
app.command("get", help=reading.GET, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(reading.get)
app.command("show", help=reading.SHOW)(reading.show)
app.command("doctor", help=doctor.HELP)(doctor.doctor)
app.add_typer(tenants.app, name="tenants")
app.add_typer(clients.app, name="clients")
app.add_typer(audit.app, name="audit")
app.add_typer(events.app, name="events")
app.add_typer(vault.app, name="vault")


def main() -> None:
    """Run the command line."""
    app()
