"""`millgate tenants add` with a base of DSTU2, and `millgate tenants order`: another way to the same hospital, and when it is taken."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from millgate.surfaces.cli.limit import tenant_of
from millgate.surfaces.cli.options import AsJson, DatabaseUrl, DataDir, settings_of, with_app
from millgate.surfaces.cli.output import command, print_json, say

if TYPE_CHECKING:
    from millgate.access.parties import PathwayName, Tenant
    from millgate.app import App
    from millgate.surfaces.cli.registration import Given

ORDER = """Set which pathway is asked first for an object of a tenant: pathways with commas between, the first one first.

Without an order FHIR R4 comes first, and what only one pathway offers comes by that one. Whoever reads may ask for a pathway by name
(`pathway=`), whatever the order. `default` in place of the pathways takes the order away.

Examples:

    millgate tenants order mercy medication_statement fhir-dstu2,fhir-r4

    millgate tenants order mercy medication_statement default
"""


async def is_dstu2(app: App, base: str, offline: bool) -> bool:
    """Whether a base is one of DSTU2: by its address, or, where that does not say, by the Conformance that it answers with."""
    from millgate.errors import GatewayError

    segments = urlsplit(base).path.split("/")
    if "dstu2" in segments:
        return True
    if offline or "r4" in segments:
        return False
    for pathway, answer in ((app.pathway, False), (app.dstu2, True)):
        try:
            await pathway.discover(base)
        except GatewayError:
            continue
        return answer
    return False


async def add_beside(app: App, known: Tenant | None, given: Given, offline: bool) -> dict[str, Any]:
    """Keep a registration by DSTU2 beside that of R4, and say what its server offers. Raises FixRequest naming what is wrong."""
    from millgate.errors import FieldProblem, FixRequest
    from millgate.pathways.fhir.statements import origins_of
    from millgate.surfaces.cli.registration import same_tenant

    problems = []
    if known is None:
        told = f"is a base of DSTU2, which stands beside R4: add {given.name} by its R4 base first"
        problems.append(FieldProblem("--url", "needs_r4", told))
    elif not same_tenant(known.fhir_base, given.fhir_base):
        told = (
            f"must be another base of the same tenant, which ends as {known.fhir_base} does; add another hospital by its own name"
        )
        problems.append(FieldProblem("--url", "another_tenant", told))
    if given.persona != "system":
        problems.append(FieldProblem("--persona", "not_offered", "by DSTU2 the gateway has sessions of the system persona only"))
    if problems:
        raise FixRequest("invalid_request", "The registration cannot be taken as given.", errors=problems)
    beside = replace(given, calls_base=given.fhir_base, pathway="fhir-dstu2")
    found = None
    if not offline:
        with app.trust.accepting():
            found = await app.dstu2.discover(beside.fhir_base)
    await app.operate("register", "tenant", lambda: beside.register(app), tenant=given.name)
    if found is None:
        return {}
    with app.trust.accepting():
        await app.trust.check(beside.fhir_base, origins_of(found))
    return {
        "token_endpoint": found.token_endpoint,
        "scopes_supported": len(found.scopes_supported),
        "resources": {name: sorted(offered) for name, offered in sorted(found.interactions.items())},
    }


@command
def order(
    name: Annotated[str, typer.Argument(help="The tenant's short name.", show_default=False)],
    object_name: Annotated[str, typer.Argument(metavar="OBJECT", help="Such as medication_statement.", show_default=False)],
    pathways: Annotated[str, typer.Argument(help="Such as fhir-dstu2,fhir-r4; or default.", show_default=False)],
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Set the order of an object's pathways."""
    wanted = _read(object_name, pathways)

    async def work(app: App) -> dict[str, Any]:
        await tenant_of(app, name)
        await app.operate("order", "tenant", lambda: app.store.tenants.set_order(name, object_name, wanted), tenant=name)
        return {"name": name, "orders": {one: list(by) for one, by in (await app.store.tenants.orders(name)).items()}}

    found = with_app(settings_of(data_dir, database_url), work)
    if as_json:
        print_json(found)
    else:
        say(f"{name}: {object_name} comes by {', then '.join(found['orders'].get(object_name, ['the default order']))}")


def _read(object_name: str, pathways: str) -> list[PathwayName]:
    from typing import get_args

    from millgate.access.parties import PathwayName
    from millgate.errors import FieldProblem, FixRequest
    from millgate.objects import OBJECTS

    known: tuple[PathwayName, ...] = get_args(PathwayName)
    named = [] if pathways == "default" else pathways.split(",")
    problems = []
    if object_name not in OBJECTS:
        problems.append(FieldProblem("OBJECT", "unknown", f"must be one of {', '.join(OBJECTS)}"))
    if not set(named) <= set(known) or len(set(named)) < len(named):
        problems.append(FieldProblem("PATHWAYS", "invalid", f"must be default, or some of {','.join(known)}, each once"))
    if problems:
        raise FixRequest("invalid_request", "The order cannot be set as given.", errors=problems)
    return [one for name in named for one in known if one == name]
