"""`millgate tenants`: the health systems that the gateway is connected to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from millgate.surfaces.cli.accepting import FLAG, accept_endpoints
from millgate.surfaces.cli.budget import BUDGET, budget
from millgate.surfaces.cli.finding import FIND, find
from millgate.surfaces.cli.limit import LIMIT, limit, limit_of, tenant_of, told
from millgate.surfaces.cli.options import AsJson, DatabaseUrl, DataDir, settings_of, with_app
from millgate.surfaces.cli.output import command, print_json, print_table, say
from millgate.surfaces.cli.pathways import ORDER, add_beside, is_dstu2, order
from millgate.surfaces.cli.rotating import FOR_KEYS, FOR_SECRETS, rotate_key, rotate_secret
from millgate.surfaces.cli.watching import DIFF, diff, look, tell_looked

if TYPE_CHECKING:
    from millgate.access.parties import PathwayName
    from millgate.app import App

GROUP = """The health systems that the gateway is connected to: add, register, list, show, check, diff, find, rotate,
limit, budget, order, remove.

Examples:

    millgate tenants list

    millgate tenants check mercy
"""
app = typer.Typer(no_args_is_help=True, help=GROUP)

ADD = """Connect a tenant: its FHIR base, the gateway's registration there, and its time zone.

Reads the server's smart-configuration and CapabilityStatement first, and says what it found; --offline leaves that out. The secret
comes on standard input, so that it stands in no shell history.

A name stands for one address: where there is a tenant of that name at another one, nothing is changed, unless --replace says that this one
takes its place. The former one is then removed with its registrations, its sessions and all that is stored of it; the audit chain stays.

A base of DSTU2, told by its address or its Conformance, is kept beside the tenant's R4 base, with a registration of its own (for the system
persona); --scopes is the form of that one. The vendor has retired DSTU2: it is for what a tenant does not offer by R4.

Examples:

    millgate tenants add mercy --url https://fhir-ehr.cerner.com/r4/TENANT_ID --client-id 8a1c… --secret-stdin < secret.txt

    millgate tenants add mercy --url https://… --client-id 8a1c… --key private.pem --key-id 2026-11 --time-zone America/Chicago

    millgate tenants add mercy --url https://… --client-id 8a1c… --generate-key

    millgate tenants add mercy --url https://… --client-id 8a1c… --secret-stdin --service-type "https://fhir.cerner.com/TENANT_ID/codeSet/14249|4047611|Surgery"
"""
REGISTER = """Register the gateway for one more persona of a tenant; a registration of that persona is replaced.

At Millennium each registration serves one persona: provider and patient apps are registered apart, each with a client id of its own.

Examples:

    millgate tenants register mercy --persona provider --client-id 5d20… --generate-key --redirect-uri https://…/callback

    millgate tenants register mercy --persona patient --client-id 77f1… --generate-key --url https://fhir-myrecord.cerner.com/r4/TENANT_ID
"""
CHECK = """Ask a tenant's server for its documents and for a token, and say what came. Exit status 0 if both work.

Credentials go only where they went when the tenant was connected. If its server names another place, nothing is sent there until
--accept-endpoints says so.

Examples:

    millgate tenants check mercy

    millgate tenants check mercy --accept-endpoints

    millgate tenants check mercy --json
"""
REMOVE = """Disconnect a tenant: its registrations, what is stored of it, and its keys. The audit chain stays.

Examples:

    millgate tenants remove mercy --yes
"""


Name = Annotated[str, typer.Argument(help="The tenant's short name.", show_default=False)]
ClientId = Annotated[
    str, typer.Option("--client-id", metavar="ID", help="Of the gateway's registration there.", show_default=False)
]
SecretStdin = Annotated[bool, typer.Option("--secret-stdin", help="Read the client secret from standard input.")]
Key = Annotated[str | None, typer.Option("--key", metavar="FILE", help="Private key (PEM), instead of a secret.")]
KeyId = Annotated[str | None, typer.Option("--key-id", metavar="KID", help="The key's `kid` in the registered JWKS.")]
GenerateKey = Annotated[
    bool, typer.Option("--generate-key", help="Make an ES384 key; its public half is printed, and served by the gateway.")
]
Scopes = Annotated[str, typer.Option("--scopes", metavar="v1|v2", help="The form of scopes that was registered.")]
RedirectUri = Annotated[
    str | None, typer.Option("--redirect-uri", metavar="URL", help="As registered, exactly; for personas whose users sign in.")
]


@app.command("add", help=ADD)
@command
def add(
    name: Annotated[str, typer.Argument(help="Short name of your choice.", show_default=False)],
    url: Annotated[
        str, typer.Option("--url", metavar="URL", help="FHIR base, with or without a trailing slash.", show_default=False)
    ],
    client_id: ClientId,
    persona: Annotated[
        str, typer.Option("--persona", metavar="system|provider|patient", help="For whom the gateway is registered.")
    ] = "system",
    secret_stdin: SecretStdin = False,
    key: Key = None,
    key_id: KeyId = None,
    generate_key: GenerateKey = False,
    scopes: Scopes = "v2",
    redirect_uri: RedirectUri = None,
    time_zone: Annotated[
        str | None, typer.Option("--time-zone", metavar="NAME", help="IANA name; nothing is assumed without.")
    ] = None,
    service_type: Annotated[
        list[str] | None,
        typer.Option("--service-type", metavar="SYSTEM|CODE[|DISPLAY]", help="A bookable appointment type; repeatable."),
    ] = None,
    allow_private_address: Annotated[
        bool,
        typer.Option("--allow-private-address", help="Let the base be a private address, or plain http beyond this machine."),
    ] = False,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Remove the tenant of that name, with all that is stored of it, if it has another URL."),
    ] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Don't speak to the server.")] = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Connect a tenant."""
    from millgate.surfaces.cli.registration import Words, read_tenant, taken

    words = Words(
        persona=persona,
        client_id=client_id,
        scopes=scopes,
        secret_stdin=secret_stdin,
        key=key,
        key_id=key_id,
        generate_key=generate_key,
        redirect_uri=redirect_uri,
        allow_private_address=allow_private_address,
    )
    given = read_tenant(name, url, words, time_zone=time_zone, service_types=service_type, offline=offline)

    async def work(app: App) -> dict[str, Any]:
        known = await app.store.tenants.get(name)
        app.store.tenants.note(known or given.tenant(app.now()))
        if await is_dstu2(app, given.fhir_base, offline):
            found = await add_beside(app, known, given, offline)
            return {**await _facts(app, name), **found, **_public_half(given.public_key)}
        elsewhere = known is not None and known.fhir_base.rstrip("/") != given.fhir_base
        if known is not None and elsewhere and not replace:
            raise taken(known)
        app.store.tenants.note(given.tenant(app.now()))
        with app.trust.accepting():  # who connects a tenant, anew too, accepts where it has credentials sent
            found = {} if offline else await _server(app, given.fhir_base)
        action = "replace" if elsewhere else "add"
        await app.operate(action, "tenant", lambda: given.keep(app, replace=replace), tenant=name)
        if not offline:
            await accept_endpoints(app, name)
            found["snapshots"] = await look(app, name)
        return {**await _facts(app, name), **found, **_public_half(given.public_key)}

    _show(with_app(settings_of(data_dir, database_url), work), as_json)


@app.command("register", help=REGISTER)
@command
def register(
    name: Name,
    persona: Annotated[
        str,
        typer.Option(
            "--persona", metavar="system|provider|patient", help="For whom the gateway is registered.", show_default=False
        ),
    ],
    client_id: ClientId,
    secret_stdin: SecretStdin = False,
    key: Key = None,
    key_id: KeyId = None,
    generate_key: GenerateKey = False,
    scopes: Scopes = "v2",
    redirect_uri: RedirectUri = None,
    url: Annotated[
        str | None,
        typer.Option(
            "--url", metavar="URL", help="FHIR base of this persona, where it is another one (Millennium's patient host)."
        ),
    ] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Keep one more registration of a tenant."""
    from millgate.surfaces.cli.registration import Words, read_registration

    words = Words(
        persona=persona,
        client_id=client_id,
        scopes=scopes,
        secret_stdin=secret_stdin,
        key=key,
        key_id=key_id,
        generate_key=generate_key,
        redirect_uri=redirect_uri,
        url=url,
    )

    async def work(app: App) -> dict[str, Any]:
        given = read_registration(await tenant_of(app, name), words)
        await app.operate("register", "tenant", lambda: given.register(app), tenant=name)
        return {**await _facts(app, name), **_public_half(given.public_key)}

    _show(with_app(settings_of(data_dir, database_url), work), as_json)


app.command("diff", help=DIFF)(diff)
app.command("find", help=FIND)(find)
app.command("rotate-secret", help=FOR_SECRETS)(rotate_secret)
app.command("rotate-key", help=FOR_KEYS)(rotate_key)
app.command("limit", help=LIMIT)(limit)
app.command("budget", help=BUDGET)(budget)
app.command("order", help=ORDER)(order)


@app.command("list", help="List all tenants.\n\nExamples:\n\n    millgate tenants list\n\n    millgate tenants list --json")
@command
def list_tenants(data_dir: DataDir = None, database_url: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """List the tenants."""

    async def work(app: App) -> list[dict[str, Any]]:
        return [await _facts(app, one.name) for one in await app.store.tenants.list()]

    rows = with_app(settings_of(data_dir, database_url), work)
    if as_json:
        print_json(rows)
    else:
        print_table(
            rows, ("name", "fhir_base", "time_zone", "personas"), empty="No tenants yet; connect one with `millgate tenants add`."
        )


@app.command("show", help="Show one tenant.\n\nExamples:\n\n    millgate tenants show mercy --json")
@command
def show(
    name: Annotated[str, typer.Argument(help="The tenant's short name.", show_default=False)],
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Show a tenant."""
    _show(with_app(settings_of(data_dir, database_url), lambda app: _facts(app, name)), as_json)


@app.command("check", help=CHECK)
@command
def check(
    name: Annotated[str, typer.Argument(help="The tenant's short name.", show_default=False)],
    accept: Annotated[bool, typer.Option("--accept-endpoints", help=FLAG)] = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Check a tenant."""

    async def work(app: App) -> dict[str, Any]:
        facts = await _facts(app, name)
        if accept:
            await accept_endpoints(app, name)
        found = await app.operate("check", "tenant", lambda: _server(app, facts["fhir_base"]), tenant=name)
        snapshots = await look(app, name)
        personas = [await _token(app, name, persona) for persona in facts["personas"]]
        return {"name": name, **found, "snapshots": snapshots, "personas": personas}

    found = with_app(settings_of(data_dir, database_url), work)
    if as_json:
        print_json(found)
    else:
        say(f"{name}: discovery works: {len(found['resources'])} resource types, {found['scopes_supported']} scopes")
        tell_looked(name, found["snapshots"])
        for one in found["personas"]:
            told = f"granted {len(one['granted'])} of {len(one['asked'])} scopes" if one["ok"] else f"refused: {one['detail']}"
            told = one["detail"] if one["ok"] and one["detail"] else told
            say(f"{name}: token for the {one['persona']} persona: {told}")
    raise SystemExit(0 if found["personas"] and all(one["ok"] for one in found["personas"]) else 1)


@app.command("remove", help=REMOVE)
@command
def remove(
    name: Annotated[str, typer.Argument(help="The tenant's short name.", show_default=False)],
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Disconnect a tenant."""
    from millgate.errors import FixRequest

    if not yes and not typer.confirm(f"Remove {name} and all that is stored of it? This cannot be undone."):
        raise SystemExit(1)

    async def work(app: App) -> bool:
        return await app.operate("remove", "tenant", lambda: app.store.tenants.remove(name), tenant=name)

    if not with_app(settings_of(data_dir, database_url), work):
        raise FixRequest("not_found", f"There is no tenant {name!r}; `millgate tenants list` names them.")
    if as_json:
        print_json({"name": name, "removed": True})
    else:
        say(f"tenant {name} is removed, and its keys are destroyed")


async def _facts(app: App, name: str) -> dict[str, Any]:
    """What is kept of a tenant; no secrets among it."""
    from millgate.flow.read import instant

    tenant = await tenant_of(app, name)
    types = await app.bookable.of(name)
    personas: list[str] = [*await app.store.tenants.personas(name)]
    registrations = [await _registered(app, name, persona) for persona in personas]
    for persona in await app.store.tenants.personas(name, "fhir-dstu2"):
        registrations.append(await _registered(app, name, persona, "fhir-dstu2"))
    return {
        "name": tenant.name,
        "fhir_base": tenant.fhir_base,
        "time_zone": tenant.time_zone,
        "private_address": tenant.private_address,
        "created_at": instant(tenant.created_at),
        "personas": personas,
        "registrations": registrations,
        "pathway_orders": {one: list(by) for one, by in (await app.store.tenants.orders(name)).items()},
        "limit": await limit_of(app, name),
        "service_types": [
            {"system": one.system, "code": one.code, "display": one.display, "origin": one.origin} for one in types
        ],
    }


async def _registered(app: App, name: str, persona: Any, pathway: PathwayName = "fhir-r4") -> dict[str, Any]:
    """What is kept of a registration, but its credential; of those that it replaced, when they end."""
    from millgate.flow.read import instant

    found = await app.store.tenants.registration(name, persona, pathway)
    if found is None:
        return {"persona": persona}
    return {
        "persona": persona,
        "pathway": pathway,
        "client_id": found.client_id,
        "method": found.method,
        "scope_form": found.scope_form,
        "key_id": found.key_id,
        "redirect_uri": found.redirect_uri,
        "fhir_base": found.fhir_base,
        "previous": [
            {"method": one.method, "key_id": one.key_id, "good_until": instant(one.good_until)}
            for one in found.previous
            if one.good_until is not None
        ],
    }


def _public_half(public_key: str | None) -> dict[str, Any]:
    """The public key for the registration at the vendor, where the gateway proves itself with a key."""
    import msgspec

    return {} if public_key is None else {"jwks": {"keys": [msgspec.json.decode(public_key)]}}


async def _server(app: App, fhir_base: str) -> dict[str, Any]:
    """What the tenant's server says of itself."""
    found = await app.pathway.discover(fhir_base)
    return {
        "token_endpoint": found.token_endpoint,
        "scopes_supported": len(found.scopes_supported),
        "resources": {name: sorted(offered) for name, offered in sorted(found.interactions.items())},
    }


async def _token(app: App, name: str, persona: Any) -> dict[str, Any]:
    """One token request with all that the tenant advertises for the persona: what was asked for, what came.

    A user has to sign in for the other personas, so there is nothing to ask for without one.
    """
    from millgate.access.connection import Connection
    from millgate.access.scopes import ScopeSet, translate
    from millgate.errors import GatewayError

    if persona != "system":
        told = "a user has to sign in; `millgate doctor` looks at what can be seen without one"
        return {"persona": persona, "ok": True, "asked": [], "granted": [], "code": None, "detail": told}
    tenant = await app.store.tenants.get(name)
    registration = await app.store.tenants.registration(name, persona)
    assert tenant is not None and registration is not None  # noqa: S101, PT018 - `personas` named it
    advertised = (await app.pathway.discover(tenant.fhir_base)).scopes_supported
    asked = translate(ScopeSet.parse(["system/*.cruds"]), registration.scope_form, advertised).asked
    try:
        grant = await app.pathway.authorize(Connection(tenant, registration, asked))
    except GatewayError as error:
        return {"persona": persona, "ok": False, "asked": list(asked), "granted": [], "code": error.code, "detail": error.detail}
    return {"persona": persona, "ok": True, "asked": list(asked), "granted": list(grant.scopes), "code": None, "detail": None}


def _show(facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(facts)
        return
    for name, value in facts.items():
        if name == "resources":
            value = ", ".join(value)
        elif name == "service_types":
            value = ", ".join(one["display"] or one["code"] for one in value)
        elif name == "registrations":
            value = ", ".join(
                f"{one['persona']} ({one['client_id']}, {one['method']}, {one['pathway']})" for one in value if "client_id" in one
            )
        elif name == "limit":
            value = told(value)
        elif name == "pathway_orders":
            value = "; ".join(f"{one}: {', then '.join(by)}" for one, by in value.items()) or None
        elif name == "snapshots":
            value = f"{len(value)} taken, {sum(len(one['changes']) for one in value)} changes since the last"
        elif name == "jwks":
            typer.echo("register this public key with the vendor, or the address of the gateway's /.well-known/jwks.json:")
            print_json(value)
            continue
        elif isinstance(value, list):
            value = ", ".join(map(str, value))
        typer.echo(f"{name.replace('_', ' ')}: {value if value is not None else '(not set)'}")
