"""A running gateway, called over HTTP as any application does: where it is, with which key, and what its problems mean here."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

from millgate.canonical import json
from millgate.errors import CODES, CallOperator, FieldProblem, FixRequest, GatewayError, Upstream

if TYPE_CHECKING:
    import aiohttp

    from millgate.app import App
    from millgate.settings import Settings

KEY_VARIABLE: Final = "MILLGATE_API_KEY"
URL_VARIABLE: Final = "MILLGATE_URL"
WAIT_S: Final = 120.0  # the gateway's own deadlines end sooner
MOST_BYTES: Final = 256 * 1024 * 1024
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Where:
    """What the command line says of the gateway to call; each may be left out."""

    url: str | None
    key: str | None
    tenant: str | None


class Gateway:
    """A session with one gateway."""

    def __init__(self, http: aiohttp.ClientSession, url: str, token: str) -> None:
        self._http = http
        self._url = url
        self._token = token

    async def get(self, path: str, query: Mapping[str, str] | None = None, *, accept: str = "application/json") -> bytes:
        """The body of an answer. Raises the GatewayError that a problem tells of."""
        return await call(self._http, "GET", self._url + path, self._token, query=query, accept=accept)


def use(where: Where, settings: Settings, work: Callable[[Gateway], Awaitable[Result]]) -> Result:
    """Do a piece of work with a session of the gateway: with the key given, or, for whoever may read the data directory, with one
    that is made for this and revoked behind it."""
    import asyncio

    from millgate.surfaces.cli.options import with_app

    url, key = _address(where, settings), where.key or os.environ.get(KEY_VARIABLE)
    if key:
        return asyncio.run(_with_key(url, key, where.tenant, work))
    if not (settings.folder / "postgres").is_dir() and settings.database_url is None:
        told = f"Say with which key: --key or {KEY_VARIABLE}; or --data-dir, the folder of a gateway of this machine."
        raise FixRequest("invalid_key", told, errors=[FieldProblem("--key", "required", "is missing")])
    return with_app(settings, lambda app: _with_own_key(app, url, where.tenant, work))


def _address(where: Where, settings: Settings) -> str:
    """The gateway's address: as given, as a gateway of the data directory says, or as the settings would have it."""
    from millgate.surfaces.api.whereabouts import found

    url = where.url or os.environ.get(URL_VARIABLE) or found(settings.folder) or f"http://{settings.host}:{settings.port}"
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
        problem = FieldProblem("--url", "invalid", "must be an address such as https://millgate.example")
        raise FixRequest("invalid_request", "The gateway's address cannot be used.", errors=[problem])
    if parts.scheme == "http" and parts.hostname not in _LOCAL:
        problem = FieldProblem("--url", "invalid", "must be https: a key is sent in the clear on this machine only")
        raise FixRequest("invalid_request", "The gateway's address cannot be used.", errors=[problem])
    return url.rstrip("/")


async def _with_own_key(app: App, url: str, tenant: str | None, work: Callable[[Gateway], Awaitable[Result]]) -> Result:
    names = [one.name for one in await app.store.tenants.list()]
    if tenant is None and len(names) == 1:
        tenant = names[0]
    if tenant is not None and tenant not in names:
        raise FixRequest("not_found", f"There is no tenant {tenant!r}; `millgate tenants list` names them.")
    if tenant is None:
        raise _which_tenant(names)
    create = app.store.clients.create
    allowed = (tenant,)
    made, key = await app.operate("create", "client", lambda: create("command line", tenants=allowed, scopes=("system/*.rs",)))
    try:
        return await _with_key(url, key, tenant, work)
    finally:
        await app.operate("revoke", "client", lambda: app.store.clients.revoke(made.id))


async def _with_key(url: str, key: str, tenant: str | None, work: Callable[[Gateway], Awaitable[Result]]) -> Result:
    import aiohttp

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=WAIT_S)) as http:
        if tenant is None:
            tenant = await _only_tenant(http, url, key)
        async with _session(http, url, key, tenant) as token:
            return await work(Gateway(http, url, token))


@asynccontextmanager
async def _session(http: aiohttp.ClientSession, url: str, key: str, tenant: str) -> AsyncIterator[str]:
    opened = json.decode(await call(http, "POST", f"{url}/authenticate", key, body={"tenant": tenant}))
    token = str(opened.get("session_token"))
    try:
        yield token
    finally:
        await call(http, "DELETE", f"{url}/session", token)


async def _only_tenant(http: aiohttp.ClientSession, url: str, key: str) -> str:
    """The tenant where there is one only, which an operator's key may ask; any other key's holder has to say it."""
    try:
        found = json.decode(await call(http, "GET", f"{url}/tenants", key))
    except GatewayError as error:
        if error.code != "scope_missing":
            raise
        raise _which_tenant([]) from error
    names = [str(one.get("name")) for one in found.get("data", [])]
    if len(names) != 1:
        raise _which_tenant(names)
    return names[0]


def _which_tenant(names: list[str]) -> FixRequest:
    problem = FieldProblem("--tenant", "required", f"is one of {', '.join(names)}" if names else "is missing")
    return FixRequest("invalid_request", "Say of which tenant: --tenant.", errors=[problem])


async def call(
    http: aiohttp.ClientSession,
    method: str,
    url: str,
    bearer: str,
    *,
    query: Mapping[str, str] | None = None,
    body: object = None,
    accept: str = "application/json",
) -> bytes:
    """The body of a good answer. Raises the GatewayError that a problem tells of, or that says that no gateway answers."""
    import aiohttp

    headers = {"Authorization": f"Bearer {bearer}", "Accept": accept}
    try:
        async with http.request(method, url, params=query, json=body, headers=headers, allow_redirects=False) as answer:
            received = await _received(answer)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        where = f"{urlsplit(url).scheme}://{urlsplit(url).netloc}"
        told = (
            f"No gateway answers at {where} ({type(error).__name__}); start one with `millgate serve`, or say where with --url."
        )
        raise CallOperator("not_ready", told) from error
    if answer.status < 300:
        return received
    raise problem_of(answer.status, received)


async def _received(answer: aiohttp.ClientResponse) -> bytes:
    received = bytearray()
    async for chunk in answer.content.iter_any():
        received += chunk
        if len(received) > MOST_BYTES:
            raise CallOperator("upstream_error", f"The answer is longer than {MOST_BYTES} bytes.")
    return bytes(received)


def problem_of(status: int, body: bytes) -> GatewayError:
    """The error that a problem document tells of, with its fields named as the command line names them."""
    try:
        told = json.decode(body)
    except GatewayError:
        told = {}
    if not isinstance(told, Mapping) or told.get("code") not in CODES:
        return CallOperator("upstream_error", f"What answers there is no Millgate, or a newer one (HTTP status {status}).")
    meaning = CODES[told["code"]]
    said = told.get("upstream")
    upstream = Upstream(said.get("status"), said.get("request_id"), said.get("outcome")) if isinstance(said, Mapping) else None
    detail = str(told.get("detail") or meaning.title)
    return GatewayError(
        told["code"],
        detail if meaning.advice in detail else f"{detail} {meaning.advice}",
        errors=[_field(one) for one in told.get("errors", ()) if isinstance(one, Mapping)],
        upstream=upstream,
        retry_after=told.get("retry_after"),
    )


def _field(one: Mapping[str, Any]) -> FieldProblem:
    return FieldProblem(option(str(one.get("field"))), str(one.get("code")), str(one.get("detail")))


def option(name: str) -> str:
    """A parameter as an option: `patient_id` is `--patient-id`."""
    return "--" + name.replace("_", "-")
