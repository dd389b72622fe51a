"""Accepting where a tenant's server has credentials sent: at its connection, and when it has moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from millgate.app import App

FLAG = "Accept that the server names new places for credentials, after the vendor has confirmed the move."


async def accept_endpoints(app: App, name: str) -> dict[str, list[str]]:
    """Remember the origins that the tenant's servers name now, by base, with a row in the audit chain."""
    from millgate.flow.watch import Watch
    from millgate.pathways.fhir.statements import origins_of
    from millgate.surfaces.cli.limit import tenant_of

    watch = Watch(app.pathway, app.store.tenants, app.store.snapshots, app.now)
    bases = await watch.bases_of(await tenant_of(app, name))

    async def work() -> dict[str, list[str]]:
        found = {}
        with app.trust.accepting():
            for base in bases:
                origins = origins_of(await app.pathway.discover(base))
                await app.trust.check(base, origins)
                found[base] = list(origins)
        return found

    return await app.operate("accept_endpoints", "tenant", work, tenant=name)
