"""A FHIR server that keeps documents which no well-behaved hospital has, in the test's own process."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]
PIECE = bytes(range(256)) * 256


@dataclass
class Library:
    """Documents by id, the answers to reads of their Binaries, and what was asked. `open` counts the answers under way."""

    base: str = ""
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    binaries: dict[str, Answering] = field(default_factory=dict)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)  # Binary, Accept, Range
    open: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def keep(self, document_id: str, *attachments: dict[str, Any], patient: str = "1", **more: Any) -> None:
        """A document of a patient."""
        content = [{"attachment": one} for one in attachments]
        subject = {"reference": f"Patient/{patient}"}
        named = {"resourceType": "DocumentReference", "id": document_id, "status": "current", "subject": subject}
        self.documents[document_id] = {**named, "content": content, **more}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix("/r4/t/")
        if path == "metadata":
            return web.json_response(_statement(), content_type="application/fhir+json")
        if path == ".well-known/smart-configuration":
            return web.json_response({"token_endpoint": f"{self.base}/token", "scopes_supported": list(SCOPES)})
        if path == "token":
            await request.read()
            return web.json_response({"access_token": "t", "token_type": "Bearer", "expires_in": 570, "scope": " ".join(SCOPES)})
        kind, _, number = path.partition("/")
        if kind == "DocumentReference" and number in self.documents:
            return web.json_response(self.documents[number], content_type="application/fhir+json")
        if kind == "Binary" and number in self.binaries:
            self.asked.append((number, request.headers["Accept"], request.headers.get("Range")))
            self.open += 1
            self.ended.clear()
            try:
                return await self.binaries[number](request)
            finally:
                self.open -= 1
                self.ended.set()
        return web.json_response({"resourceType": "OperationOutcome", "issue": []}, status=404)


SCOPES = ("system/DocumentReference.rs", "system/Binary.r", "system/DiagnosticReport.rs")


def _statement() -> dict[str, Any]:
    kinds = [
        {"type": kind, "interaction": [{"code": "read"}, {"code": "search-type"}]} for kind in ("DocumentReference", "Binary")
    ]
    return {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": [{"mode": "server", "resource": kinds}]}


def whole(body: bytes, content_type: str, **headers: str) -> Answering:
    """An answer of these bytes, to whoever asks for their media type; 406 to all others."""

    async def respond(request: web.Request) -> web.StreamResponse:
        if content_type.partition(";")[0] not in request.headers["Accept"]:
            return web.Response(status=406)
        return web.Response(body=body, headers={"Content-Type": content_type, **headers})

    return respond


def packed(body: bytes, content_type: str) -> Answering:
    """The bytes in a Binary resource, which is all that this server gives."""

    async def respond(request: web.Request) -> web.StreamResponse:
        if "application/fhir+json" not in request.headers["Accept"]:
            return web.Response(status=406)
        data = base64.b64encode(body).decode()
        made = {"resourceType": "Binary", "id": "x", "contentType": content_type, "data": data}
        return web.json_response(made, content_type="application/fhir+json")

    return respond


def partial(body: bytes, content_type: str) -> Answering:
    """A server that gives parts."""

    async def respond(request: web.Request) -> web.StreamResponse:
        wanted = request.http_range
        if "Range" not in request.headers:
            return web.Response(body=body, headers={"Content-Type": content_type, "ETag": '"v1"'})
        first, stop = wanted.start or 0, min(wanted.stop or len(body), len(body))
        if first >= len(body):
            return web.Response(status=416, headers={"Content-Range": f"bytes */{len(body)}"})
        told = {"Content-Type": content_type, "Content-Range": f"bytes {first}-{stop - 1}/{len(body)}", "ETag": '"v1"'}
        return web.Response(status=206, body=body[first:stop], headers=told)

    return respond


def endless(pieces: int, *, says_length: bool = True, breaks_off: bool = False) -> Answering:
    """So many pieces of 64 KiB, as fast as they are taken."""

    async def respond(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/pdf"})
        if says_length:
            response.content_length = pieces * len(PIECE)
        await response.prepare(request)
        for number in range(pieces):
            if breaks_off and number == pieces - 1:
                assert request.transport is not None
                request.transport.abort()
                break
            await response.write(PIECE)
        return response

    return respond


@asynccontextmanager
async def library() -> AsyncIterator[Library]:
    """A running library."""
    made = Library()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.base = f"http://127.0.0.1:{runner.addresses[0][1]}/r4/t"
    try:
        yield made
    finally:
        await runner.cleanup()
