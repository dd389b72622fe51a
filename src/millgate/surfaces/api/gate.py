"""The way to a door that needs no session: floods of refused attempts are turned away before it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from litestar import Request
from litestar.response.base import ASGIResponse

from millgate.errors import GatewayError, TryLater
from millgate.flow.floods import Name, address_of
from millgate.surfaces.api.door import Asked, Door, Reply, Seen, Work, plain_reply

KEY_BEGINNING = 11  # `mg_` and 8 characters: tells a key from others and opens nothing
REFUSED = frozenset({"invalid_key", "invalid_request"})  # a bad key; a way back that leads nowhere
Honest = Callable[[], Awaitable[bool]]


async def lead(
    door: Door, request: Request[Any, Any, Any], seen: Seen, work: Work, *, counted: Sequence[Name], every: bool, honest: Honest
) -> ASGIResponse:
    """Through the door, unless whoever asks is over a limit and `honest` does not speak for this request.

    What is refused out of hand counts, or with `every` all requests. Nobody is held up by what others at the same address do, as long as
    the request itself is good.
    """
    floods = door.app.floods
    wait_s = floods.wait_s(counted)
    try:
        if wait_s is not None and not await honest():
            return await _turn_away(door, request, seen, counted, wait_s)
    except GatewayError as error:
        return plain_reply(request, error)
    if every:
        floods.count(counted)

    async def watched(asked: Asked, seen: Seen) -> Reply:
        try:
            return await work(asked, seen)
        except GatewayError as error:
            if not every and error.code in REFUSED and not await honest():
                floods.count(counted)
            raise

    return await door.lead(request, seen, watched)


def address(request: Request[Any, Any, Any]) -> str:
    """Whence a request comes; behind a proxy, the proxy's address."""
    return address_of(request.client.host if request.client else None)


def key_names(request: Request[Any, Any, Any], bearer: str) -> list[Name]:
    """What a request with an API key is counted by."""
    beginning: list[Name] = [("key", bearer[:KEY_BEGINNING])] if bearer.startswith("mg_") else []
    return [("authenticate", address(request)), *beginning]


async def nobody() -> bool:
    """`honest` where nothing about a request tells that it is meant well."""
    return False


async def _turn_away(
    door: Door, request: Request[Any, Any, Any], seen: Seen, counted: Sequence[Name], wait_s: float
) -> ASGIResponse:
    refused = TryLater("rate_limited", "There were too many attempts like this one; wait before the next.", retry_after=wait_s)

    async def work(asked: Asked, seen: Seen) -> Reply:
        raise refused

    if door.app.floods.hold_back(seen.action, address(request), counted):
        return plain_reply(request, refused)
    return await door.lead(request, seen, work)
