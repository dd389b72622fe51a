"""`GET /documents/{id}/content` and its like: the bytes, streamed; and `GET /patients/{id}/ccd`, a summary that the source makes.

Nothing that a browser would execute is ever shown by it: all goes out as an attachment, sandboxed and under its own media type, and only
what is on a short list may be inline where the caller asks for that.

Each access has its row in the audit chain before the first byte leaves (`content`), and another when the last one has, or when it broke
off (`content.sent`), with the number of bytes.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any, Final

import structlog
from litestar import Request, get, route
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from litestar.types import Message, Receive, Scope, Send

from millgate.access.parties import Session
from millgate.canonical.attachments import essence
from millgate.canonical.exchange import Call
from millgate.errors import GatewayError
from millgate.flow.content import Delivery
from millgate.objects import OBJECTS, Declaration
from millgate.surfaces.api.door import Asked, Door, Reply, Seen
from millgate.surfaces.api.openapi import content_operation, generated_operation, refusals
from millgate.surfaces.api.query import Ranged, parse_content, parse_generated
from millgate.surfaces.api.reading import matches

log = structlog.get_logger(__name__)

WITH_CONTENT: Final = ("document", "diagnostic_report", "communication")
REFUSALS: Final = (400, 401, 403, 404, 415, 416, 422, 424, 429, 500, 502, 503, 504)
MAY_BE_INLINE: Final = frozenset({"application/pdf", "image/png", "image/jpeg", "text/plain"})
STALL_S: Final = 60.0  # a caller who takes nothing for so long is taken for gone

_EXTENSIONS: Final = {
    "application/pdf": "pdf",
    "application/rtf": "rtf",
    "application/xhtml+xml": "xhtml",
    "application/xml": "xml",
    "application/hl7-v3+xml": "xml",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/tiff": "tif",
    "text/html": "html",
    "text/plain": "txt",
    "text/richtext": "rtf",
    "text/rtf": "rtf",
    "text/xml": "xml",
}
_NO_NAME: Final = re.compile(r"[^A-Za-z0-9._-]|^\.")
_SAFE: Final = (
    ("content-security-policy", "sandbox; default-src 'none'"),
    ("cross-origin-resource-policy", "same-origin"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "private, no-store"),
    ("vary", "authorization"),
)

# Opens what is delivered, in a session, with the exchanges to be noted; and says under which name, and whether inline.
Opened = tuple[Delivery, str, bool]
Open = Callable[[Session, AsyncExitStack, list[Call]], Any]


def routes(door: Door) -> list[HTTPRouteHandler]:
    """The routes of every object that has contents, and of the generated summary."""
    made = [one for name in WITH_CONTENT for one in _content_routes(door, OBJECTS[name])]
    return [*made, _generated_route(door)]


def _content_routes(door: Door, declaration: Declaration) -> list[HTTPRouteHandler]:
    name = declaration.name

    async def answer(request: Request[Any, Any, Any], object_id: str, index: str | None) -> ASGIResponse:
        async def opened(session: Session, stack: AsyncExitStack, calls: list[Call]) -> Opened:
            wanted, inline = parse_content(name, object_id, index, request.scope["query_string"], _ranged(request))
            made = await door.app.contents.open(session, wanted, stack, calls)
            return made, f"{object_id}-{index}" if index not in (None, "0") else object_id, inline

        return await _lead(door, request, Seen("content", name, ids=(object_id,)), opened)

    async def get_content(request: Request[Any, Any, Any], object_id: FromPath[str]) -> ASGIResponse:
        return await answer(request, object_id, None)

    async def get_content_at(request: Request[Any, Any, Any], object_id: FromPath[str], index: FromPath[str]) -> ASGIResponse:
        return await answer(request, object_id, index)

    path, told = f"/{declaration.plural}/{{object_id:str}}/content", name.replace("_", " ")
    return [
        get(
            path,
            name=f"get {name} content",
            operation_id=f"get_{name}_content",
            operation_class=content_operation(indexed=False),
            responses=_responses(),
            tags=["Reading"],
            summary=f"The bytes of a {told}",
        )(get_content),
        get(
            path + "/{index:str}",
            name=f"get {name} content at",
            operation_id=f"get_{name}_content_at",
            operation_class=content_operation(indexed=True),
            responses=_responses(),
            tags=["Reading"],
            summary=f"The bytes of one of the contents of a {told}",
        )(get_content_at),
        route(path, http_method=HttpMethod.HEAD, include_in_schema=False)(get_content),
        route(path + "/{index:str}", http_method=HttpMethod.HEAD, include_in_schema=False)(get_content_at),
    ]


def _generated_route(door: Door) -> HTTPRouteHandler:
    @get(
        "/patients/{object_id:str}/ccd",
        name="get patient ccd",
        operation_id="get_patient_ccd",
        operation_class=generated_operation(),
        responses=_responses(),
        tags=["Reading"],
        summary="A summary of a patient's chart as a C-CDA document, made by the source when it is asked for",
    )
    async def get_generated(request: Request[Any, Any, Any], object_id: FromPath[str]) -> ASGIResponse:
        async def opened(session: Session, stack: AsyncExitStack, calls: list[Call]) -> Opened:
            wanted, inline = parse_generated(object_id, request.scope["query_string"], _ranged(request))
            return await door.app.contents.generate(session, wanted, stack, calls), "ccd", inline

        return await _lead(door, request, Seen("content", "patient", ids=(object_id,), patients=(object_id,)), opened)

    return get_generated


def _responses() -> dict[int, ResponseSpec]:
    return {
        200: ResponseSpec(bytes, media_type="*/*", generate_examples=False, description="The bytes, under their own media type."),
        206: ResponseSpec(
            bytes, media_type="*/*", generate_examples=False, description="The part of them that `Range` asked for."
        ),
        304: ResponseSpec(None, description="Nothing has changed since the answer that `If-None-Match` names."),
        **refusals(REFUSALS),
    }


def _ranged(request: Request[Any, Any, Any]) -> Ranged:
    whole = request.method != "GET"  # Source: RFC 9110 §14.2
    return Ranged(None if whole else request.headers.get("range"), request.headers.get("if-range"))


@dataclass(slots=True)
class _Ready:
    """What is to be sent once its row is written."""

    asked: Asked
    delivery: Delivery
    headers: list[tuple[str, str]] = field(default_factory=list)


async def _lead(door: Door, request: Request[Any, Any, Any], seen: Seen, opened: Open) -> ASGIResponse:
    stack, ready = AsyncExitStack(), list[_Ready]()
    calls: list[Call] = []

    async def work(asked: Asked, seen: Seen) -> Reply:
        session = await door.session(asked, seen)
        seen.calls = calls
        delivery, name, inline = await opened(session, stack, calls)
        seen.patients, seen.origin = delivery.patients, "live"
        headers = _headers(delivery, name, inline=inline)
        if asked.if_none_match and delivery.etag and matches(asked.if_none_match, delivery.etag):
            kept = [one for one in headers if one[0] in ("etag", "cache-control", "vary")]
            return Reply(b"", 304, delivery.content_type, kept)
        ready.append(_Ready(asked, delivery, headers))
        return Reply(b"", 206 if delivery.part else 200, delivery.content_type, headers)

    try:
        answer = await door.lead(request, seen, work)
    except BaseException:
        await stack.aclose()
        raise
    return _Delivering(door, seen, answer, ready[0] if ready else None, stack)


def _headers(delivery: Delivery, name: str, *, inline: bool) -> list[tuple[str, str]]:
    kind = essence(delivery.content_type)
    shown = "inline" if inline and kind in MAY_BE_INLINE else "attachment"
    safe_name = _NO_NAME.sub("_", name)[:128]
    headers = [
        *_SAFE,
        ("content-type", delivery.content_type),
        ("content-disposition", f'{shown}; filename="{safe_name}.{_EXTENSIONS.get(kind, "bin")}"'),
        ("accept-ranges", "bytes" if delivery.ranges else "none"),
    ]
    if delivery.length is not None:
        headers.append(("content-length", str(delivery.length)))
    if delivery.part is not None:
        headers.append(("content-range", f"bytes {delivery.part.first}-{delivery.part.last}/{delivery.part.total}"))
    if delivery.etag is not None:
        headers.append(("etag", delivery.etag))
    if delivery.sha256 is not None:
        headers.append(("repr-digest", f"sha-256=:{base64.b64encode(delivery.sha256).decode()}:"))
    if delivery.warnings:
        headers.append(("warning", ", ".join(f'299 - "{told}"' for told in delivery.warnings)))
    return headers


class _Delivering(ASGIResponse):
    """What the door answered; if it let the caller in, its head with the bytes behind it, and how that ended for the audit chain."""

    __slots__ = ("_answer", "_door", "_ready", "_seen", "_sent", "_stack")

    def __init__(self, door: Door, seen: Seen, answer: ASGIResponse, ready: _Ready | None, stack: AsyncExitStack) -> None:
        self._door = door
        self._seen = seen
        self._answer = answer
        self._ready = ready
        self._stack = stack
        self._sent = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it until it ends, or either side is gone; the source is let go then."""
        try:
            messages: list[Any] = []

            async def keep(message: Message) -> None:
                messages.append(message)

            await self._answer(scope, receive, keep)
            if self._ready is None or messages[0]["status"] not in (200, 206):
                for message in messages:
                    await send(message)
                return
            given = {b"content-type", b"content-length"}
            headers = [one for one in messages[0]["headers"] if one[0] not in given]
            headers += [(name.encode(), value.encode("latin-1")) for name, value in self._ready.headers if name.encode() in given]
            await send({"type": "http.response.start", "status": messages[0]["status"], "headers": headers})
            if scope.get("method") == "HEAD":
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                return
            await self._deliver(self._ready, messages[0]["status"], receive, send)
        finally:
            await self._stack.aclose()

    async def _deliver(self, ready: _Ready, status: int, receive: Receive, send: Send) -> None:
        code: str | None = "caller_gone"
        sending = asyncio.ensure_future(self._send(ready.delivery, send))
        leaving = asyncio.ensure_future(_gone(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                code = sending.result()
        finally:
            sending.cancel()
            leaving.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)
            await self._stack.aclose()
            await self._door.seen_through(self._note(ready, status, code))

    async def _send(self, delivery: Delivery, send: Send) -> str | None:
        """Send all; None, or the code of why it broke off. An answer that is not ended is closed by the server, so all can tell."""
        try:
            async for piece in delivery.pieces:
                async with asyncio.timeout(STALL_S):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                self._sent += len(piece)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except GatewayError as error:
            log.warning("a document broke off", code=error.code, tenant=self._seen.tenant, bytes_sent=self._sent)
            return error.code
        except TimeoutError:
            return "caller_gone"
        return None

    async def _note(self, ready: _Ready, status: int, code: str | None) -> None:
        """The row of how it ended: after the bytes have left, so whoever has them is named already, come what may."""
        done = replace(self._seen, action="content.sent", ids=(*self._seen.ids, f"{self._sent} bytes"), calls=())
        try:
            await self._door.audit(ready.asked, done, status, code)
        except GatewayError as error:
            log.error("the end of a document is not audited", code=error.code, tenant=self._seen.tenant, bytes_sent=self._sent)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
