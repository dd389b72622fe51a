"""`millgate doctor`: why a tenant does not work, one line for each thing that was looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from millgate.surfaces.cli.options import AsJson, DatabaseUrl, DataDir, settings_of, with_app
from millgate.surfaces.cli.output import command, print_json

if TYPE_CHECKING:
    from millgate.app import App
    from millgate.flow.findings import Finding

HELP = """Find out why a tenant does not work: discovery, clock, TLS, tokens, scopes, and one harmless call per granted resource.

Each line says what was seen, what it means and what to do. It may run beside a gateway on the same data directory. No secret and nothing
of a patient is shown: the calls ask for records that are not there. Exit status 0 if all is well, 1 otherwise.

Examples:

    millgate doctor mercy

    millgate doctor mercy --json
"""
_MARKS = {"ok": "ok     ", "warning": "WARNING", "failed": "FAILED ", "skipped": "skipped"}


@command
def doctor(
    name: Annotated[str, typer.Argument(metavar="TENANT", help="The tenant's short name.", show_default=False)],
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Examine one tenant."""

    async def work(app: App) -> list[Finding]:
        return await app.operate("diagnose", "tenant", lambda: _examine(app, name, aloud=not as_json), tenant=name)

    found = with_app(settings_of(data_dir, database_url), work)
    well = all(one.result in ("ok", "skipped") for one in found)
    if as_json:
        told: dict[str, Any] = {"tenant": name, "ok": well, "findings": [one.as_json() for one in found]}
        print_json(told)
    else:
        counts = {result: sum(one.result == result for one in found) for result in _MARKS}
        typer.echo(f"{name}: " + ", ".join(f"{number} {result}" for result, number in counts.items() if number))
    raise SystemExit(0 if well else 1)


async def _examine(app: App, name: str, *, aloud: bool) -> list[Finding]:
    from millgate.flow.diagnose import Doctor
    from millgate.pathways.fhir_dstu2.types import successors
    from millgate.pathways.tls import look_at_tls

    found = []
    examiner = Doctor(
        pathway=app.pathway,
        tenants=app.store.tenants,
        grants=app.store.grants,
        look_at_tls=look_at_tls,
        now=app.now,
        dstu2=app.dstu2,
        successors=successors(),
    )
    async for finding in examiner.examine(name):
        found.append(finding)
        if aloud:
            _tell(finding)
    return found


def _tell(finding: Finding) -> None:
    typer.echo(f"{_MARKS[finding.result]}  {finding.check}: {finding.saw}")
    if finding.means:
        typer.echo(f"           it means: {finding.means}")
    if finding.do:
        typer.echo(f"           do: {finding.do}")
