"""`GET /events`, the feed of what happened, page by page; and `GET /events/stream`, the same as server-sent events."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from time import monotonic
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Operation
from litestar.response.base import ASGIResponse
from litestar.response.streaming import ASGIStreamingResponse
from litestar.types import Message, Receive, Scope, Send
from msgspec import Meta

from millgate.access.event_types import OPERATORS, Audience, audience_of
from millgate.errors import FixRequest, GatewayError, TryLater
from millgate.flow.event_feed import LOOK_EVERY_S, MOST, EventFeed, Told, listed
from millgate.surfaces.api.door import NO_STORE, Asked, Door, Reply, Seen
from millgate.surfaces.api.openapi import Freshness, ListWarning, event_parameters, refusals
from millgate.surfaces.api.query import EventsRequest, parse_events

SERVER_SENT: Final = "text/event-stream"
HEARTBEAT_S: Final = 15.0
AGAIN_MS: Final = 3000  # how long a browser waits before it comes back
MOST_STREAMS: Final = 100  # in this process
MOST_OF_ONE: Final = 10  # of one client
REFUSALS: Final = (400, 401, 403, 404, 405, 500, 503)


class EventObject(msgspec.Struct, frozen=True):
    """One thing that happened."""

    id: Annotated[str, Meta(description="The same whenever and wherever it is told: tell repetitions by it.")]
    object: Literal["event"]
    type: Annotated[str, Meta(description="What happened; docs/reference/events.md names the types.")]
    tenant: Annotated[str | None, Meta(description="At which tenant.")]
    created_at: Annotated[str, Meta(description="When it was told.")]
    data: Annotated[dict[str, Any], Meta(description="What happened, by the type; never a patient's data.")]


class EventList(msgspec.Struct, frozen=True):
    """One page of events, oldest first."""

    object: Literal["list"]
    data: tuple[EventObject, ...]
    has_more: Annotated[bool, Meta(description="Whether another page is there already.")]
    next_cursor: Annotated[str | None, Meta(description="Where that page begins.")]
    after: Annotated[str, Meta(description="Where this page ends: pass it as `after`, now or at any later time, to go on.")]
    freshness: Freshness
    warnings: tuple[ListWarning, ...]


@dataclass
class PageOperation(Operation):
    """The operation of the list."""

    def __post_init__(self) -> None:
        self.parameters = [*event_parameters(most=MOST)]


@dataclass
class StreamOperation(Operation):
    """The operation of the stream."""

    def __post_init__(self) -> None:
        self.parameters = [*event_parameters(most=None)]


def routes(door: Door) -> list[HTTPRouteHandler]:
    """The routes of the feed."""
    seats = Seats()

    @get(
        "/events",
        operation_id="list_events",
        operation_class=PageOperation,
        tags=["Events"],
        summary="What happened, oldest first",
        security=[{"session": []}, {"key": []}],
        responses={200: ResponseSpec(EventList, generate_examples=False, description="The page."), **refusals(REFUSALS)},
    )
    async def list_events(request: Request[Any, Any, Any]) -> ASGIResponse:
        async def work(asked: Asked, seen: Seen) -> Reply:
            everything = await _audience(door, asked, seen)
            wanted = parse_events(request.scope["query_string"], follows=False)
            audience = await _narrowed(door, everything, wanted, seen)
            page = await door.app.feed.page(audience, after=wanted.after, limit=wanted.limit)
            return Reply(msgspec.json.encode(listed(page, door.app.now())), headers=[NO_STORE])

        return await door.lead(request, Seen("search", "event"), work)

    @get(
        "/events/stream",
        operation_id="follow_events",
        operation_class=StreamOperation,
        tags=["Events"],
        summary="What happens, as server-sent events",
        security=[{"session": []}, {"key": []}],
        responses={
            200: ResponseSpec(str, media_type=SERVER_SENT, generate_examples=False, description="The stream."),
            **refusals((*REFUSALS, 429)),
        },
    )
    async def follow_events(request: Request[Any, Any, Any]) -> ASGIResponse:
        streams: list[Callable[[], AsyncGenerator[bytes, None]]] = []

        async def work(asked: Asked, seen: Seen) -> Reply:
            everything = await _audience(door, asked, seen)
            wanted = parse_events(request.scope["query_string"], follows=True)
            audience = await _narrowed(door, everything, wanted, seen)
            after = request.headers.get("last-event-id") or wanted.after
            place = (await door.app.feed.page(audience, after=after, limit=1)).after if after else await door.app.feed.end()

            async def still() -> bool:
                return await _audience(door, asked, Seen("search", "event")) == everything

            seats.offer(seen.client_id or "")
            streams.append(lambda: seats.seated(seen.client_id or "", sent(door.app.feed, audience, after or place, still)))
            return Reply(b"", 200, SERVER_SENT, [NO_STORE, ("x-accel-buffering", "no")])

        opened = await door.lead(request, Seen("search", "event"), work)
        return _Following(opened, streams[0]() if streams else None)

    return [list_events, follow_events]


async def _audience(door: Door, asked: Asked, seen: Seen) -> Audience:
    """What the bearer may read: an operator's key all, another key the events of its tenants, a session those of its own."""
    if not asked.bearer.startswith("mg_"):
        return audience_of((await door.session(asked, seen)).tenant)
    client = await door.client(asked, seen)
    return OPERATORS if "operator" in client.scopes else audience_of(*client.tenants)


async def _narrowed(door: Door, audience: Audience, wanted: EventsRequest, seen: Seen) -> Audience:
    """What is asked for of it; an operator that mistypes a tenant is told so, instead of waiting for its events for ever."""
    narrowed = audience.narrowed(tenant=wanted.tenant, types=wanted.types)
    if wanted.tenant is not None:
        if await door.app.store.tenants.get(wanted.tenant) is None:
            raise FixRequest("not_found", "There is no tenant of this name; GET /tenants lists them.")
        seen.tenant = wanted.tenant
    return narrowed


class Seats:
    """How many streams there are, in all and by client; beyond the most, whoever comes is asked to come later."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()

    def offer(self, client_id: str) -> None:
        """Nothing, if there is a place for another stream of this client. Raises TryLater("rate_limited")."""
        if self._taken[client_id] >= MOST_OF_ONE or self._taken.total() >= MOST_STREAMS:
            raise TryLater(
                "rate_limited",
                f"A client follows the events {MOST_OF_ONE} times at once at the most, all together {MOST_STREAMS} times; end another.",
                retry_after=HEARTBEAT_S,
            )

    async def seated(self, client_id: str, pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        """The pieces of a stream, which has a place as long as it goes on."""
        self._taken[client_id] += 1
        try:
            async with aclosing(pieces):
                async for piece in pieces:
                    yield piece
        finally:
            self._taken[client_id] -= 1
            self._taken += Counter()  # those at zero go


async def sent(
    feed: EventFeed, audience: Audience, after: str, still: Callable[[], Awaitable[bool]], *, heartbeat_s: float = HEARTBEAT_S
) -> AsyncGenerator[bytes, None]:
    """The stream's pieces: events as they come, a comment when nothing has come for a while, and why it ends if it does.

    `still` says whether its reader may go on; it is asked once a second. The next piece is made when the last one has been taken, so
    that a slow reader makes nobody else wait and no memory fill.
    """
    yield f"retry: {AGAIN_MS}\n\n".encode()
    said_at = checked_at = monotonic()
    async with aclosing(feed.follow(audience, after)) as told:
        async for one in told:
            now = monotonic()
            if now - checked_at >= LOOK_EVERY_S:
                checked_at = now
                if (ended := await _ended(still)) is not None:
                    yield b"event: end\ndata: " + msgspec.json.encode(ended) + b"\n\n"
                    return
            if one is None and now - said_at < heartbeat_s:
                continue
            said_at = now
            yield b": still here\n\n" if one is None else _framed(one)


async def _ended(still: Callable[[], Awaitable[bool]]) -> dict[str, str] | None:
    """Why the stream may not go on, or None."""
    try:
        if await still():
            return None
    except GatewayError as error:
        return {"code": error.code, "detail": error.detail}
    return {"code": "scope_missing", "detail": "What this client may read has changed; open the stream again."}


def _framed(told: Told) -> bytes:
    """An event on the wire; JSON has no line breaks of its own. Source: WHATWG HTML §9.2.6."""
    return f"id: {told.place}\nevent: {told.event.type}\ndata: ".encode() + msgspec.json.encode(told.event) + b"\n\n"


class _Following(ASGIResponse):
    """What the door answered; if it let the caller in, its head with the stream behind it."""

    __slots__ = ("_opened", "_pieces")

    def __init__(self, opened: ASGIResponse, pieces: AsyncGenerator[bytes, None] | None) -> None:
        self._opened = opened
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it until it ends, or the caller is gone."""
        answer: list[Any] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        await self._opened(scope, receive, keep)
        head = answer[0]
        if self._pieces is None or scope.get("method") != "GET" or head["status"] != 200:
            for message in answer:
                await send(message)
            return
        headers = [(name, value) for name, value in head["headers"] if name != b"content-length"]
        async with aclosing(self._pieces) as pieces:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await ASGIStreamingResponse(iterator=pieces).send_body(send, receive)
