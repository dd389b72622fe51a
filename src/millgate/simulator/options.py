"""What a simulator is started with, and how the command line says it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

from millgate.simulator.clients import Client, Persona, read_jwks
from millgate.simulator.rate_limit import Rate, read_rate

SECRET_VARIABLE = "MILLGATE_SIMULATOR_CLIENT_SECRET"  # noqa: S105 - the name of a variable
EXAMPLES = """Examples:

    millgate simulator --port 8090 --patients 1000 --seed 7

    millgate simulator --json --tenant mercy --tenant lakeside
"""


@dataclass(frozen=True, slots=True)
class Options:
    """Where to listen, which tenants to serve, who is registered.

    `tenants` holds `ID`, `NAME` or `ID=NAME` for each tenant; empty: one, with an id from the seed. `clients` without secret and keys
    get a secret of their own in each tenant; where none is for R4, or none for DSTU2, there is one a tenant with an id from the seed.
    `public_url` is the address that links and discovery show instead of the one that the caller used. `index_directory` keeps the
    patient indexes on disk. With `redirect_uris` and no client of users there is one for each persona of users, made after `user_client`.
    """

    host: str = "127.0.0.1"
    port: int = 0
    patients: int = 200
    seed: int = 1
    tenants: tuple[str, ...] = ()
    clients: tuple[Client, ...] = field(default=(), repr=False)
    today: date | None = None
    public_url: str | None = None
    index_directory: Path | None = None
    until_stdin_closes: bool = False
    json: bool = False
    rate_limit: Rate | None = None
    redirect_uris: tuple[str, ...] = ()
    user_client: Client = field(default=Client(""), repr=False)
    callback_issuer: bool = False
    heavy_patient: bool = False


def parser(prog: str = "python -m millgate.simulator") -> argparse.ArgumentParser:
    """The command line, for `--help` as well."""
    parse = argparse.ArgumentParser(
        prog=prog,
        description="A simulated Millennium tenant: FHIR R4 over HTTP, with OAuth, on this machine.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parse.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parse.add_argument("--port", type=int, default=0, help="port to listen on; 0 = any free one (default)")
    parse.add_argument("--patients", type=int, default=200, help="patients in each hospital (default: %(default)s)")
    parse.add_argument(
        "--heavy-patient",
        action="store_true",
        help="one patient with 20,000 observations and 1,600 conditions, named in the JSON line",
    )
    parse.add_argument("--seed", type=int, default=1, help="same seed, same hospital (default: %(default)s)")
    parse.add_argument(
        "--tenant", action="append", default=[], metavar="NAME|ID|ID=NAME", help="a tenant to serve; may be repeated"
    )
    parse.add_argument("--client", action="append", default=[], metavar="ID", help="a registered client; may be repeated")
    parse.add_argument(
        "--provider-client", action="append", default=[], metavar="ID", help="a client that staff sign in to; may be repeated"
    )
    parse.add_argument(
        "--patient-client", action="append", default=[], metavar="ID", help="a client that patients sign in to; may be repeated"
    )
    parse.add_argument(
        "--dstu2-client", action="append", default=[], metavar="ID", help="a client registered for DSTU2; may be repeated"
    )
    parse.add_argument(
        "--redirect-uri",
        action="append",
        default=[],
        metavar="URL",
        help="where clients of users take their answer; may be repeated. Without --provider-client and --patient-client: one of each",
    )
    parse.add_argument("--launch-url", metavar="URL", help="where clients of users are opened from the chart")
    parse.add_argument(
        "--client-access", choices=("online", "offline"), default="offline", help="type of access of clients of users"
    )
    parse.add_argument("--public-clients", action="store_true", help="clients of users have no secret")
    parse.add_argument(
        "--callback-issuer", action="store_true", help="answers to an app's callback say which server gives them (RFC 9207)"
    )
    parse.add_argument(
        "--client-secret-stdin",
        action="store_true",
        help=f"read the first client's secret from the first line of stdin (or set {SECRET_VARIABLE})",
    )
    parse.add_argument(
        "--client-jwks", action="append", default=[], metavar="FILE|ID=FILE", help="public keys of a client that signs assertions"
    )
    parse.add_argument(
        "--client-smart-version", choices=("v1", "v2"), default="v2", help="scopes that clients are registered for"
    )
    parse.add_argument("--client-resources", metavar="TYPE,…", help="resource types that clients are let at (default: all)")
    parse.add_argument(
        "--today", type=date.fromisoformat, metavar="DATE", help="the day around which the hospital's calendar lies"
    )
    parse.add_argument("--public-url", metavar="URL", help="address to show in links instead of the one called")
    parse.add_argument("--index-directory", type=Path, metavar="DIR", help="keep patient indexes there")
    parse.add_argument(
        "--rate-limit", metavar="RATE[:BURST]", help="calls a second that each client may make, and at once (default: no limit)"
    )
    parse.add_argument("--json", action="store_true", help="print one JSON line when ready (otherwise a few lines to read)")
    parse.add_argument("--until-stdin-closes", action="store_true", help="stop when stdin closes, as when a parent process dies")
    return parse


def read_options(arguments: Sequence[str]) -> Options:
    """The options of a command line; SystemExit with a message for a wrong one."""
    parse = parser()
    given = parse.parse_args(arguments)
    try:
        user_client = _user_client(given)
        clients = _clients(given, _user_clients(given, user_client))
        rate_limit = read_rate(given.rate_limit) if given.rate_limit is not None else None
    except ValueError as error:
        parse.error(str(error))
    if given.patients < 1:
        parse.error("--patients must be 1 or more")
    return Options(
        host=given.host,
        port=given.port,
        patients=given.patients,
        seed=given.seed,
        tenants=tuple(given.tenant),
        clients=clients,
        today=given.today,
        public_url=given.public_url.rstrip("/") if given.public_url else None,
        index_directory=given.index_directory,
        until_stdin_closes=given.until_stdin_closes,
        json=given.json,
        rate_limit=rate_limit,
        redirect_uris=tuple(given.redirect_uri),
        user_client=user_client,
        callback_issuer=given.callback_issuer,
        heavy_patient=given.heavy_patient,
    )


def _user_client(given: argparse.Namespace) -> Client:
    """What all clients of users that the options name have in common."""
    for address in (*given.redirect_uri, *([given.launch_url] if given.launch_url else [])):
        parts = urlsplit(address)
        if not parts.scheme or not (parts.netloc or parts.path) or parts.fragment:
            raise ValueError(f"{address} is not an absolute address")
    if not given.redirect_uri and (given.provider_client or given.patient_client or given.launch_url):
        raise ValueError("clients of users need a --redirect-uri")
    return Client(
        "",
        smart_version=given.client_smart_version,
        resources=frozenset(given.client_resources.split(",")) if given.client_resources else None,
        redirect_uris=tuple(dict.fromkeys(given.redirect_uri)),
        launch_url=given.launch_url,
        public=given.public_clients,
        offline=given.client_access == "offline",
    )


def _user_clients(given: argparse.Namespace, model: Client) -> list[Client]:
    named: dict[Persona, list[str]] = {"provider": given.provider_client, "patient": given.patient_client}
    ids = [client_id for persona_ids in named.values() for client_id in dict.fromkeys(persona_ids)]
    if len({*ids, *given.client}) < len(ids) + len(set(given.client)):
        raise ValueError("one registration serves one persona: a client id stands twice")
    return [replace(model, client_id=i, persona=persona) for persona, ids in named.items() for i in dict.fromkeys(ids)]


def _clients(given: argparse.Namespace, of_users: Sequence[Client]) -> tuple[Client, ...]:
    secret = sys.stdin.readline().rstrip("\r\n") if given.client_secret_stdin else os.environ.get(SECRET_VARIABLE)
    resources = frozenset(given.client_resources.split(",")) if given.client_resources else None
    ids = list(dict.fromkeys(given.client))
    of_dstu2 = [Client(i, smart_version="v1", release="dstu2") for i in dict.fromkeys(given.dstu2_client)]
    if (secret and not ids) or (given.client_jwks and not ids and not of_users and not of_dstu2):
        raise ValueError("a secret or keys need a --client")
    if {client.client_id for client in of_dstu2} & {*ids, *(client.client_id for client in of_users)}:
        raise ValueError("one registration is for one release: a client id stands twice")
    clients = {i: Client(i, smart_version=given.client_smart_version, resources=resources) for i in ids}
    clients |= {client.client_id: client for client in (*of_users, *of_dstu2)}
    if secret:
        clients[ids[0]] = replace(clients[ids[0]], secret=secret)
    for item in given.client_jwks:
        head, equals, path = item.partition("=")
        client_id = head if equals and head in clients else next(iter(clients))
        clients[client_id] = replace(clients[client_id], jwks=read_jwks(Path(path if equals and head in clients else item)))
    return tuple(clients.values())
