"""A small HTTP source on loopback whose answers a test writes out, for what no well-behaved server does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

Responder = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Source:
    """Answers each path with the responders set for it, one after the other; the last one stays."""

    base: str = ""
    requests: list[web.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    answers: dict[str, list[Responder]] = field(default_factory=dict)

    def on(self, path: str, *responders: Responder) -> None:
        """Set the answers of one path (without query)."""
        self.answers[path] = list(responders)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(await request.read())
        waiting = self.answers.get(request.path) or [reply(404)]
        return await (waiting.pop(0) if len(waiting) > 1 else waiting[0])(request)

    def seen(self, path: str) -> list[web.Request]:
        """The requests to one path so far."""
        return [request for request in self.requests if request.path == path]


@asynccontextmanager
async def source() -> AsyncIterator[Source]:
    """A running source on a free port."""
    served = Source()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", served.handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    served.base = str(runner.addresses[0] and f"http://127.0.0.1:{runner.addresses[0][1]}")
    try:
        yield served
    finally:
        await runner.cleanup()


def reply(status: int, body: bytes = b"", **headers: str) -> Responder:
    """An answer of this status, body and headers (underscores in names stand for hyphens)."""

    async def respond(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=body, headers={name.replace("_", "-"): value for name, value in headers.items()})

    return respond


async def drop(request: web.Request) -> web.StreamResponse:
    """Close the connection without a word."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def cut_short(request: web.Request) -> web.StreamResponse:
    """Promise more of a body than comes."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"resourceType":"Pat')
    assert request.transport is not None
    request.transport.abort()
    return response


async def say_nothing(_: web.Request) -> web.StreamResponse:
    """Take the request and keep silent."""
    await asyncio.Event().wait()
    return web.Response()
