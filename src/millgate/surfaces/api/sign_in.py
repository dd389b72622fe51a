"""The two addresses to which a person's browser comes: the way back from the source, and a launch by an EHR."""

from __future__ import annotations

from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.response.base import ASGIResponse

from millgate.errors import FieldProblem, FixRequest
from millgate.flow.sign_in import CALLBACK
from millgate.surfaces.api import gate
from millgate.surfaces.api.door import NO_STORE, Asked, Door, Reply, Seen
from millgate.surfaces.api.openapi import callback_operation, refusals

BINDING = "millgate_sign_in"  # the cookie that binds a launch to the browser that began it; each launch has its own


def routes(door: Door) -> list[HTTPRouteHandler]:
    """The browser's routes."""

    @get(
        CALLBACK,
        operation_id="finish_sign_in",
        tags=["Session"],
        summary="Where the tenant's authorization server sends the browser back to",
        operation_class=callback_operation(("state", "code", "error", "error_uri", "iss")),
        responses={302: ResponseSpec(None, description="On to the client's return URL."), **refusals((400, 405, 429, 500, 503))},
    )
    async def finish_sign_in(request: Request[Any, Any, Any]) -> ASGIResponse:
        async def work(asked: Asked, seen: Seen) -> Reply:
            return await _finished(door, request, seen)

        async def honest() -> bool:
            return await door.app.sign_in.knows(_once(request.scope["query_string"]).get("state", ""))

        names = [("sign_in", gate.address(request))]
        return await gate.lead(door, request, Seen("sign_in", "session"), work, counted=names, every=False, honest=honest)

    @get(
        "/launch",
        operation_id="launch",
        tags=["Session"],
        summary="Where an EHR opens the application",
        operation_class=callback_operation(("iss", "launch", "client")),
        responses={
            302: ResponseSpec(None, description="On to the tenant's sign-in page."),
            **refusals((400, 403, 405, 429, 500, 502, 503, 504)),
        },
    )
    async def launch(request: Request[Any, Any, Any]) -> ASGIResponse:
        async def work(asked: Asked, seen: Seen) -> Reply:
            return await _launched(door, request, seen)

        names = [("launch", gate.address(request))]
        return await gate.lead(door, request, Seen("launch", "session"), work, counted=names, every=True, honest=gate.nobody)

    return [finish_sign_in, launch]


async def _finished(door: Door, request: Request[Any, Any, Any], seen: Seen) -> Reply:
    """On to the application, with a session code or an error; what the cookie of a launch was good for is over."""
    given = _once(request.scope["query_string"])
    bound = _cookie(given.get("state", ""))
    returned = await door.app.sign_in.callback(
        state=given.get("state", ""),
        code=given.get("code"),
        error=given.get("error"),
        error_uri=given.get("error_uri"),
        iss=given.get("iss"),
        binding=request.cookies.get(bound),
    )
    seen.session_id, seen.client_id, seen.tenant = returned.session_id, returned.client_id, returned.tenant
    seen.persona, seen.user, seen.code, seen.calls = returned.persona, returned.user, returned.code, returned.calls
    headers = [("location", returned.url), ("referrer-policy", "no-referrer"), NO_STORE]
    if bound in request.cookies:
        headers.append(("set-cookie", f"{bound}=; Path={CALLBACK}; Max-Age=0; HttpOnly; SameSite=Lax"))
    return Reply(b"", 302, headers=headers)


async def _launched(door: Door, request: Request[Any, Any, Any], seen: Seen) -> Reply:
    """On to the tenant's sign-in page, with a cookie that binds the sign-in to this browser."""
    given = _once(request.scope["query_string"])
    missing = [FieldProblem(name, "required", "the EHR sends it") for name in ("iss", "launch") if not given.get(name)]
    if missing:
        raise FixRequest("invalid_request", "This is no launch by an EHR.", errors=missing)
    begun = await door.app.sign_in.launch(given["iss"], given["launch"], given.get("client"))
    seen.session_id, seen.client_id, seen.tenant = begun.session_id, begun.client_id, begun.tenant
    secure = "; Secure" if door.app.address.url.startswith("https://") else ""
    name = _cookie(begun.state)
    cookie = f"{name}={begun.binding}; Path={CALLBACK}; Max-Age={begun.expires_in}; HttpOnly; SameSite=Lax{secure}"
    headers = [("location", begun.authorization_url), ("set-cookie", cookie), ("referrer-policy", "no-referrer"), NO_STORE]
    return Reply(b"", 302, headers=headers)


def _cookie(state: str) -> str:
    """The name of a launch's cookie: charts that are opened side by side in one browser don't take each other's place."""
    return f"{BINDING}_{sha256(state.encode('utf-8', 'replace')).hexdigest()[:16]}"


def _once(query: bytes) -> dict[str, str]:
    """The parameters of a browser's request; one that comes twice is refused: nobody can say which one is meant."""
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=50)
    except (ValueError, UnicodeDecodeError) as error:
        raise FixRequest("invalid_request", "The query string is not valid percent-encoded UTF-8.") from error
    found = dict(pairs)
    if len(found) < len(pairs) or any(len(value) > 8192 or "\0" in value for value in found.values()):
        raise FixRequest("invalid_request", "A parameter comes twice, or is too long.")
    return found
