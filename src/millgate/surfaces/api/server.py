"""The HTTP surface as one Litestar application, and the server that runs it in our loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

import structlog
import uvicorn
from litestar import Litestar, Request, Response
from litestar.exceptions import HTTPException

from millgate.app import App
from millgate.errors import CallOperator, GatewayError
from millgate.surfaces.api import (
    content,
    events,
    metrics,
    operating,
    reading,
    reference,
    sessions,
    sign_in,
    summary,
    whereabouts,
    writing,
)
from millgate.surfaces.api.door import Door, refusal_response
from millgate.surfaces.api.metrics import Measured, Metrics
from millgate.surfaces.api.one_write import OneWriteProtocol
from millgate.surfaces.api.openapi import DecimalsAreNumbers
from millgate.surfaces.api.problems import gateway_error_of

log = structlog.get_logger(__name__)

STOP_SECONDS = 20


def create_api(app: App, counted: Metrics | None = None) -> Litestar:
    """The application with all its routes; it holds nothing but `app`, and shows what is `counted`."""
    door = Door(app)
    return Litestar(
        route_handlers=[
            *sessions.routes(door),
            *sign_in.routes(door),
            *reading.routes(door),
            *content.routes(door),
            *summary.routes(door),
            *writing.routes(door),
            *events.routes(door),
            *operating.routes(door),
            *metrics.routes(door, counted or Metrics(app)),
            *reference.routes(),
        ],
        openapi_config=reference.openapi_config(),
        plugins=[DecimalsAreNumbers()],
        exception_handlers={GatewayError: _refuse, HTTPException: _refuse_framework, Exception: _fail},
        request_max_body_size=app.settings.body_limit_bytes,
        logging_config=None,
        debug=False,
    )


def _refuse(request: Request[Any, Any, Any], error: GatewayError) -> Response[bytes]:
    return refusal_response(request, error)


def _refuse_framework(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    allowed = {name: value for name, value in (error.headers or {}).items() if name.lower() == "allow"}
    return refusal_response(request, gateway_error_of(error), allowed)


def _fail(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    log.error("request failed", exception=type(error).__name__)
    return refusal_response(request, GatewayError("internal_error", "The gateway failed; quote the request id."))


class Server:
    """uvicorn in the running loop: bound before it starts, so that the address is known and a taken port is a clear error."""

    def __init__(self, app: App, bound: socket.socket | None = None) -> None:
        self._app = app
        self._socket = bound or bind(app.settings.host, app.settings.port)
        if app.settings.public_url is None:
            app.address.url = self.url
        counted = Metrics(app)
        config = uvicorn.Config(
            Measured(create_api(app, counted), counted),
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            date_header=True,
            timeout_graceful_shutdown=STOP_SECONDS,
            timeout_keep_alive=75,
            h11_max_incomplete_event_size=65_536,
            lifespan="off",
            http=OneWriteProtocol,
            ws="none",
        )
        self._server = _Uvicorn(config)
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where the gateway answers."""
        host, port = self._socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def start(self) -> None:
        """Hear the other gateways, and accept connections, from now on."""
        await self._app.listen()
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]), name="http server")
        while not self._server.started:
            if self._task.done():
                self._task.result()
                raise CallOperator("internal_error", "The HTTP server stopped before it started.")
            await asyncio.sleep(0.005)
        whereabouts.tell(self._app.settings.folder, self.url)

    async def stop(self) -> None:
        """Stop accepting, let what is under way finish (20 s at most), then close."""
        whereabouts.forget(self._app.settings.folder, self.url)
        self._app.feed.close()
        self._server.should_exit = True
        await self.wait()

    async def wait(self) -> None:
        """Return when the server has stopped, however it did."""
        if self._task is None:
            return
        await asyncio.wait([self._task])
        failure = None if self._task.cancelled() else self._task.exception()
        if failure is not None:
            log.error("the HTTP server failed", exc_info=failure)


class _Uvicorn(uvicorn.Server):
    """Signals are the command's business, not the server's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        """Leave the handlers alone."""
        yield


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises CallOperator("invalid_setting") where the address cannot be had."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(2048)
    except OSError as error:
        told = f"cannot listen on {host}:{port}: {error.strerror}; choose another with --host and --port (0 = any free port)"
        raise CallOperator("invalid_setting", told) from error
    bound.setblocking(False)
    return bound
