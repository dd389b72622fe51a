"""HEAD on what can be read: the same door, the same head, no body."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from litestar import Litestar

from millgate.objects import OBJECTS
from millgate.surfaces.api.door import Door
from millgate.surfaces.api.openapi import DecimalsAreNumbers
from millgate.surfaces.api.reading import routes

NOBODY: Any = None


def test_whatever_has_a_get_has_a_head_at_the_same_path_with_the_same_answer() -> None:
    made = routes(Door(NOBODY))
    gets = {path: route.fn for route in made for path in route.paths if "GET" in route.http_methods}
    heads = {path: route.fn for route in made for path in route.paths if "HEAD" in route.http_methods}
    assert len(gets) == 2 * len(OBJECTS)
    assert gets == heads


def test_the_framework_takes_them_and_describes_none() -> None:
    schema = Litestar(routes(Door(NOBODY)), plugins=[DecimalsAreNumbers()]).openapi_schema
    assert len(schema.paths or {}) == 2 * len(OBJECTS)
    assert not [path for path, item in (schema.paths or {}).items() if item.head is not None]


async def test_a_head_is_answered_by_the_door() -> None:
    messages: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        messages.append(message)

    scope: Any = {
        "type": "http", "method": "HEAD", "path": "/patients", "raw_path": b"/patients", "root_path": "", "query_string": b"",
        "headers": [], "http_version": "1.1", "scheme": "http", "extensions": {}, "asgi": {},
    }  # fmt: skip
    app: Any = SimpleNamespace(settings=SimpleNamespace(request_seconds=1.0))
    await Litestar(routes(Door(app)), plugins=[DecimalsAreNumbers()])(scope, receive, send)
    assert messages[0]["status"] == 401  # it came to the door, which asks for a session
