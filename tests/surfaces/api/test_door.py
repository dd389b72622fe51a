"""What comes in at the door, before anything is done with it."""

from __future__ import annotations

from typing import Any

from litestar import Litestar, Request, post
from litestar.response.base import ASGIResponse

from millgate.errors import GatewayError
from millgate.flow.appointment_request import AppointmentRequest
from millgate.surfaces.api.door import read_body, read_headers


async def test_a_caller_that_hangs_up_within_the_body_is_not_the_gateways_fault() -> None:
    refused: list[GatewayError] = []

    @post("/")
    async def take(request: Request[Any, Any, Any]) -> ASGIResponse:
        try:
            await read_body(request, read_headers(request.scope), AppointmentRequest)
        except GatewayError as error:
            refused.append(error)
        return ASGIResponse()

    messages: list[dict[str, Any]] = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        return None

    headers = [(b"content-type", b"application/json"), (b"content-length", b"100")]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "raw_path": b"/",
        "root_path": "",
        "query_string": b"",
        "headers": headers,
    }
    await Litestar([take])({**scope, "http_version": "1.1", "scheme": "http", "extensions": {}, "asgi": {}}, receive, send)  # type: ignore[arg-type]
    assert [(one.code, one.detail) for one in refused] == [("invalid_request", "The body broke off before its end.")]
