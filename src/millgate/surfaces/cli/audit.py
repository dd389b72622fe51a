"""`millgate audit`: the chain of who looked at what."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from millgate.surfaces.cli.options import AsJson, DatabaseUrl, DataDir, settings_of, with_app
from millgate.surfaces.cli.output import command, print_json, print_table, say

if TYPE_CHECKING:
    from millgate.app import App
    from millgate.store.audit import Recorded, Verification

GROUP = """Who looked at what: list, verify, export.

Examples:

    millgate audit list --limit 20

    millgate audit verify
"""
app = typer.Typer(no_args_is_help=True, help=GROUP)

LIST = """List rows of the audit chain, newest first.

Examples:

    millgate audit list --limit 20

    millgate audit list --tenant mercy --patient 12724066 --json
"""
VERIFY = """Prove that no row was changed, moved or removed. Exit status 0 if the chain is whole, 1 if not.

Note the head that it prints (rows:hash) somewhere else: with --head, a later check also proves that the chain still goes through it.

Examples:

    millgate audit verify

    millgate audit verify --head 1200:5f0c…

    millgate audit verify --json
"""
EXPORT = """Write the whole chain as FHIR R4 AuditEvent resources, one JSON line each.

Examples:

    millgate audit export > audit.ndjson
"""


@app.command("list", help=LIST)
@command
def list_rows(
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many rows.")] = 50,
    tenant: Annotated[str | None, typer.Option("--tenant", metavar="NAME", help="Only of this tenant.")] = None,
    patient: Annotated[
        str | None, typer.Option("--patient", metavar="ID", help="Only about this patient (needs --tenant).")
    ] = None,
    client: Annotated[str | None, typer.Option("--client", metavar="ID", help="Only by this client.")] = None,
    request_id: Annotated[str | None, typer.Option("--request-id", metavar="ID", help="Only of this request.")] = None,
    before: Annotated[int | None, typer.Option("--before", metavar="SEQ", help="Go on before this row.")] = None,
    since: Annotated[datetime | None, typer.Option("--since", help="From this UTC time.")] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """List rows."""
    from datetime import UTC

    from millgate.errors import FieldProblem, FixRequest

    if patient is not None and tenant is None:
        raise FixRequest(
            "invalid_request",
            "A patient is known only within a tenant.",
            errors=[FieldProblem("--tenant", "required", "say of which tenant the patient is")],
        )

    async def work(app: App) -> list[Recorded]:
        return await app.operate(
            "list",
            "audit",
            lambda: app.store.audit.list(
                limit=limit,
                before=before,
                tenant=tenant,
                patient=patient,
                client_id=client,
                request_id=request_id,
                since=since.replace(tzinfo=UTC) if since else None,
            ),
            tenant=tenant,
        )

    rows = [_row(one) for one in with_app(settings_of(data_dir, database_url), work)]
    if as_json:
        print_json(rows)
    else:
        columns = ("seq", "at", "client_id", "tenant", "action", "object", "status", "code", "patients")
        print_table(rows, columns, empty="Nothing was looked at yet.")


@app.command("verify", help=VERIFY)
@command
def verify(
    head: Annotated[str | None, typer.Option("--head", metavar="ROWS:HASH", help="A head that was noted before.")] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Check the chain."""

    async def work(app: App) -> Verification:
        found = await app.store.audit.verify()
        return await _through(app, found, head) if head and found.ok else found

    found = with_app(settings_of(data_dir, database_url), work)
    if as_json:
        print_json(
            {"ok": found.ok, "rows": found.rows, "head": found.head, "first_bad_seq": found.first_bad_seq, "reason": found.reason}
        )
    elif found.ok:
        say(f"whole: {found.rows} rows; head {found.rows}:{found.head}")
    else:
        say(f"BROKEN at row {found.first_bad_seq}: {found.reason}. Keep the database as it is, and compare it with a backup.")
    raise SystemExit(0 if found.ok else 1)


@app.command("export", help=EXPORT)
@command
def export(data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Write AuditEvents."""
    import sys

    from millgate.canonical import json

    async def write(app: App) -> None:
        async for event in app.store.audit.export():
            sys.stdout.write(json.encode(event).decode() + "\n")

    with_app(settings_of(data_dir, database_url), lambda app: app.operate("export", "audit", lambda: write(app)))


async def _through(app: App, found: Verification, head: str) -> Verification:
    """The same finding, or that the chain does not go through a head that was noted before."""
    from dataclasses import replace

    rows, _, digest = head.partition(":")
    if not rows.isdecimal() or int(rows) < 1:
        return replace(found, ok=False, reason=f"{head!r} is not a head that `millgate audit verify` prints (rows:hash)")
    at = await app.store.audit.list(before=int(rows) + 1, limit=1)
    if at and at[0].seq == int(rows) and at[0].hash.hex() == digest:
        return found
    return replace(
        found,
        ok=False,
        first_bad_seq=min(int(rows), found.rows + 1),
        reason="the chain does not go through the head noted before",
    )


def _row(recorded: Recorded) -> dict[str, Any]:
    from millgate.flow.read import instant

    entry = recorded.entry
    return {
        "seq": recorded.seq,
        "at": instant(entry.at),
        "request_id": entry.request_id,
        "client_id": entry.client_id,
        "session_id": entry.session_id,
        "tenant": entry.tenant,
        "persona": entry.persona,
        "user": entry.user,
        "action": entry.action,
        "object": entry.object,
        "ids": list(entry.target_ids),
        "patients": list(entry.patients),
        "purpose": entry.purpose,
        "status": entry.status,
        "code": entry.code,
        "freshness": entry.freshness,
        "pathway": entry.pathway,
        "calls": [
            {
                "method": call.method,
                "resource_type": call.resource_type,
                "status": call.status,
                "request_id": call.request_id,
                "upstream_request_id": call.upstream_request_id,
            }
            for call in entry.calls
        ],
    }
