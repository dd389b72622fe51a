"""`tenants rotate-secret` and `rotate-key`: another credential with a tenant, without a call that fails for it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from millgate.surfaces.cli.options import AsJson, DatabaseUrl, DataDir, settings_of, with_app
from millgate.surfaces.cli.output import command, print_json, say

if TYPE_CHECKING:
    from datetime import datetime

    from millgate.access.parties import Registration
    from millgate.app import App
    from millgate.surfaces.cli.registration import Credential

FOR_SECRETS = """Take a new client secret for a registration; the one before stays good until the overlap ends.

Where the authorization server refuses the new secret (at Millennium a change takes about 15 minutes to act), running gateways go on with
the previous one, and raise the event `tenant.credential_rejected`. No restart is needed.

Examples:

    millgate tenants rotate-secret mercy --secret-stdin < secret.txt

    millgate tenants rotate-secret mercy --persona provider --secret-stdin --overlap 72h < secret.txt
"""
FOR_KEYS = """Take a new key pair for a registration; old and new keys are published side by side until the overlap ends.

Without --key, an ES384 key is made. The public half is printed, and served at /.well-known/jwks.json of every running gateway within
seconds. A vendor that fetches that address learns of it by itself; elsewhere, register what is printed beside the old key.

Examples:

    millgate tenants rotate-key mercy

    millgate tenants rotate-key mercy --persona provider --key new.pem --key-id 2027-05 --overlap 7d
"""
LONGEST = timedelta(days=30)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

Name = Annotated[str, typer.Argument(help="The tenant's short name.", show_default=False)]
Persona = Annotated[str, typer.Option("--persona", metavar="system|provider|patient", help="Whose registration.")]
Overlap = Annotated[
    str, typer.Option("--overlap", metavar="TIME", help="How long the old one stays good: 90m, 24h, 7d; 30d at most.")
]


@command
def rotate_secret(
    name: Name,
    persona: Persona = "system",
    secret_stdin: Annotated[bool, typer.Option("--secret-stdin", help="Read the new secret from standard input.")] = False,
    overlap: Overlap = "24h",
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Take a new secret."""
    from millgate.errors import FieldProblem, FixRequest
    from millgate.surfaces.cli.registration import read_credential

    problems: list[FieldProblem] = []
    lasts = _overlap(overlap, problems)
    credential = read_credential(secret_stdin=secret_stdin, key=None, key_id=None, generate_key=False, problems=problems)
    if problems or credential is None:
        raise FixRequest("invalid_request", "The secret cannot be rotated as given.", errors=problems)
    _rotate(name, persona, credential, lasts, settings_of(data_dir, database_url), as_json)


@command
def rotate_key(
    name: Name,
    persona: Persona = "system",
    key: Annotated[str | None, typer.Option("--key", metavar="FILE", help="A private key (PEM) of your own.")] = None,
    key_id: Annotated[str | None, typer.Option("--key-id", metavar="KID", help="Its `kid` in the registered JWKS.")] = None,
    overlap: Overlap = "24h",
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Take a new key."""
    from millgate.errors import FieldProblem, FixRequest
    from millgate.surfaces.cli.registration import read_credential

    problems: list[FieldProblem] = []
    lasts = _overlap(overlap, problems)
    credential = read_credential(secret_stdin=False, key=key, key_id=key_id, generate_key=key is None, problems=problems)
    if problems or credential is None:
        raise FixRequest("invalid_request", "The key cannot be rotated as given.", errors=problems)
    _rotate(name, persona, credential, lasts, settings_of(data_dir, database_url), as_json)


def _rotate(name: str, persona: str, credential: Credential, lasts: timedelta, settings: Any, as_json: bool) -> None:
    async def work(app: App) -> dict[str, Any]:
        return await app.operate("rotate", "tenant", lambda: _rotated(app, name, persona, credential, lasts), tenant=name)

    found = with_app(settings, work)
    if as_json:
        print_json(found)
        return
    what = "key" if credential.public_key else "secret"
    say(f"{name}: the new {what} of the {persona} persona is kept; the previous one is good until {found['previous_good_until']}")
    if found["accepted"] is False:
        say(f"{name}: it is not accepted yet, so the previous one goes on serving: {found['detail']}")
    elif found["accepted"]:
        say(f"{name}: it is accepted")
    if found["jwks"]:
        typer.echo("register this public key with the vendor, beside the old one:")
        print_json(found["jwks"])


async def _rotated(app: App, name: str, persona: Any, credential: Credential, lasts: timedelta) -> dict[str, Any]:
    import msgspec

    from millgate.errors import FixRequest
    from millgate.flow.read import instant

    known = await app.store.tenants.registration(name, persona)
    if known is None:
        told = f"There is no registration of {name!r} for the {persona} persona; `millgate tenants show {name}` names them."
        raise FixRequest("not_found", told)
    renewed = replace(
        known,
        method=credential.method,
        credential=credential.secret,
        key_id=credential.key_id,
        algorithm=credential.algorithm,
        public_key=credential.public_key,
        previous=(),
    )
    until: datetime = app.now() + lasts
    if not await app.store.tenants.rotate(renewed, good_until=until):
        raise FixRequest("not_found", "The registration was changed meanwhile; look at it, and rotate again.")
    accepted, detail = await _accepted(app, renewed)
    return {
        "name": name,
        "persona": persona,
        "method": renewed.method,
        "key_id": renewed.key_id,
        "previous_good_until": instant(until),
        "accepted": accepted,
        "detail": detail,
        "jwks": {"keys": [msgspec.json.decode(renewed.public_key)]} if renewed.public_key else None,
    }


async def _accepted(app: App, renewed: Registration) -> tuple[bool | None, str | None]:
    """Whether the new credential brings a token now, and why not; None where nobody can say without a user."""
    from millgate.access.connection import Connection
    from millgate.access.scopes import ScopeSet, of_form, translate
    from millgate.errors import GatewayError

    tenant = await app.store.tenants.get(renewed.tenant)
    if tenant is None or renewed.persona != "system":
        return None, None
    try:
        advertised = of_form((await app.pathway.discover(tenant.fhir_base)).scopes_supported, renewed.scope_form)
        asked = translate(ScopeSet.parse(["system/*.cruds"]), renewed.scope_form, advertised).asked
        await app.pathway.authorize(Connection(tenant, renewed, asked))
    except GatewayError as error:
        refused = error.upstream is not None and (error.upstream.outcome or "").startswith("invalid_client")
        return (False if refused else None), error.detail
    return True, None


def _overlap(text: str, problems: list[Any]) -> timedelta:
    from millgate.errors import FieldProblem

    found = re.fullmatch(r"([0-9]{1,6})([smhd])", text)
    lasts = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None
    if lasts is None or not timedelta() <= lasts <= LONGEST:
        problems.append(FieldProblem("--overlap", "invalid", "must be a time such as 90m, 24h or 7d; 30d at most"))
        return timedelta()
    return lasts
