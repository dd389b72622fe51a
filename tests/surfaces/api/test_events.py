"""The feed at its door: who reads what, places that hold, and streams that end when they have to."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from millgate.access.event_types import CAPABILITY_CHANGED, CREDENTIAL_REJECTED, EVENT_TYPES, OPERATORS
from millgate.access.parties import Session, Tenant
from millgate.app import App
from millgate.errors import TryLater
from millgate.settings import Settings
from millgate.surfaces.api import events
from millgate.surfaces.api.server import Server
from tests.database import database_server, empty_database_url, fresh_database_url

__all__ = ["database_server", "empty_database_url", "fresh_database_url"]

CHANGED, REJECTED = CAPABILITY_CHANGED.name, CREDENTIAL_REJECTED.name


@dataclass
class World:
    """A gateway with two tenants, and a bearer for each kind of caller."""

    app: App
    http: aiohttp.ClientSession
    operator: str
    client: str
    session: str

    async def get(self, bearer: str, **query: str | int) -> tuple[int, Any]:
        async with self.http.get("/events", params=query, headers=bearing(bearer)) as answer:
            return answer.status, await answer.json(content_type=None)

    async def told(self, bearer: str, **query: str | int) -> list[tuple[str, str | None]]:
        status, body = await self.get(bearer, **query)
        assert status == 200, body
        return [(one["type"], one["tenant"]) for one in body["data"]]


def bearing(bearer: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {bearer}", **more}


@pytest.fixture
async def world(fresh_database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """A gateway that listens, with three events: one for operators only, one of each tenant."""
    key = base64.b64encode(bytes(32)).decode()
    settings = Settings(data_dir=str(tmp_path), database_url=fresh_database_url, master_key=key, port=0)
    async with App.opened(settings) as app:
        for name in ("mercy", "lakeside"):
            await app.store.tenants.add(Tenant(name, f"https://fhir.example/{name}", None, app.now()))
        client, its_key = await app.store.clients.create("portal", tenants=("mercy",), scopes=("system/*.rs",))
        _, operator = await app.store.clients.create("operator", tenants=(), scopes=("operator",))
        end = app.now() + timedelta(hours=1)
        session = Session("s", client.id, "mercy", "system", ("system/*.rs",), (), None, None, app.now(), end)
        token = await app.store.sessions.open(session)
        for kind, tenant in ((REJECTED, "mercy"), (CHANGED, "mercy"), (CHANGED, "lakeside")):
            await app.store.events.add(kind, tenant, EVENT_TYPES[kind].example)
        server = Server(app)
        await server.start()
        async with aiohttp.ClientSession(server.url, timeout=aiohttp.ClientTimeout(30)) as http:
            yield World(app, http, operator, its_key, token)
        await server.stop()


async def test_each_caller_reads_what_is_for_it(world: World) -> None:
    everything = [(REJECTED, "mercy"), (CHANGED, "mercy"), (CHANGED, "lakeside")]
    assert await world.told(world.operator) == everything
    assert await world.told(world.operator, tenant="mercy") == everything[:2]
    assert await world.told(world.operator, type=CHANGED) == everything[1:]
    for bearer in (world.client, world.session):
        assert await world.told(bearer) == [(CHANGED, "mercy")]
        assert await world.told(bearer, tenant="mercy", type=CHANGED) == [(CHANGED, "mercy")]
        for query, code in (({"tenant": "lakeside"}, "tenant_not_allowed"), ({"type": REJECTED}, "scope_missing")):
            status, problem = await world.get(bearer, **query)
            assert (status, problem["code"]) == (403, code)
    for bearer in ("mg_nobody", "ms_nobody", ""):
        assert (await world.get(bearer))[0] == 401
    assert (await world.get(world.operator, tenant="nowhere"))[0] == 404
    status, problem = await world.get(world.operator, type="no.such", after="x", cursor="y")
    assert (status, {one["field"] for one in problem["errors"]}) == (400, {"type", "cursor"})
    rows = await world.app.store.audit.list(limit=100)
    assert {(one.entry.action, one.entry.object, one.entry.status) for one in rows} >= {
        ("search", "event", 200),
        ("search", "event", 403),
        ("search", "event", 404),
    }


async def test_a_place_holds_for_ever_and_tells_nothing(world: World) -> None:
    _, first = await world.get(world.operator, limit=2)
    assert (first["object"], first["has_more"], first["next_cursor"]) == ("list", True, first["after"])
    assert (first["freshness"]["from"], first["warnings"]) == ("store", [])
    _, second = await world.get(world.operator, cursor=first["next_cursor"])
    assert (len(second["data"]), second["has_more"], second["next_cursor"]) == (1, False, None)
    assert {one["id"] for one in first["data"]}.isdisjoint(one["id"] for one in second["data"])
    _, empty = await world.get(world.operator, after=second["after"])
    assert (empty["data"], empty["after"]) == ([], second["after"])
    await world.app.store.events.add(CHANGED, "mercy", {"n": 4})
    assert [one["data"] for one in (await world.get(world.operator, after=empty["after"]))[1]["data"]] == [{"n": 4}]
    for wrong in (first["after"][:-4] + "AAAA", "x" * 500, "é", base64.urlsafe_b64encode(bytes(24)).decode()):
        status, problem = await world.get(world.operator, after=wrong)
        assert (status, problem["code"]) == (400, "invalid_cursor")


async def pieces(answer: aiohttp.ClientResponse) -> AsyncIterator[dict[str, str]]:
    """The pieces of a stream, each by its fields; a comment has the field of the empty name."""
    while raw := (await answer.content.readuntil(b"\n\n")).decode():
        yield dict(line.split(": ", 1) for line in raw.strip().splitlines())


async def test_a_stream_brings_what_comes_and_goes_on_where_it_broke_off(world: World) -> None:
    async with world.http.get("/events/stream", headers=bearing(world.session)) as answer:
        assert (answer.status, answer.content_type) == (200, "text/event-stream")
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Content-Length" not in answer.headers
        assert answer.headers["X-Request-Id"]
        coming = pieces(answer)
        assert await anext(coming) == {"retry": "3000"}
        await world.app.store.events.add(CHANGED, "lakeside", {"n": 0})
        await world.app.store.events.add(CHANGED, "mercy", {"n": 1})
        await world.app.store.events.add(CHANGED, "mercy", {"n": 2})
        first = await anext(coming)
        assert (first["event"], json.loads(first["data"])["data"]) == (CHANGED, {"n": 1})
    async with world.http.get("/events/stream", headers=bearing(world.session, **{"Last-Event-ID": first["id"]})) as answer:
        coming = pieces(answer)
        await anext(coming)
        assert json.loads((await anext(coming))["data"])["data"] == {"n": 2}
    rows = await world.app.store.audit.list(limit=10)
    assert [(one.entry.object, one.entry.status, one.entry.session_id) for one in rows] == [("event", 200, "s")] * 2


async def test_a_stream_ends_with_its_session_and_with_the_gateway(world: World) -> None:
    async with (
        world.http.get("/events/stream", headers=bearing(world.session)) as ends,
        world.http.get("/events/stream", headers=bearing(world.operator)) as stays,
    ):
        await world.app.store.sessions.end("s")
        *_, last = [one async for one in pieces(ends)]
        assert (last["event"], json.loads(last["data"])["code"]) == ("end", "invalid_session")
        assert await anext(pieces(stays)) == {"retry": "3000"}
        world.app.feed.close()
        assert [one async for one in pieces(stays)] == []


async def test_a_silent_stream_says_that_it_is_there(world: World) -> None:
    async def still() -> bool:
        return True

    stream = events.sent(world.app.feed, OPERATORS, await world.app.feed.end(), still, heartbeat_s=0)
    assert [await anext(stream) for _ in range(2)] == [b"retry: 3000\n\n", b": still here\n\n"]


async def test_nobody_takes_all_the_streams() -> None:
    async def pieces() -> AsyncGenerator[bytes, None]:
        yield b"one"
        yield b"two"

    seats, open_streams = events.Seats(), []
    for number in range(events.MOST_STREAMS):
        client = "one" if number < events.MOST_OF_ONE else f"client {number}"
        seats.offer(client)
        open_streams.append(seats.seated(client, pieces()))
        await anext(open_streams[-1])
        if number == events.MOST_OF_ONE:
            with pytest.raises(TryLater):
                seats.offer("one")
    with pytest.raises(TryLater) as refused:
        seats.offer("another")
    assert (refused.value.code, refused.value.retry_after) == ("rate_limited", events.HEARTBEAT_S)
    await open_streams[0].aclose()
    seats.offer("another")
    seats.offer("one")
    for stream in open_streams:
        await stream.aclose()


async def test_streams_of_those_who_hang_up_are_free_again(world: World) -> None:
    async def hang_up() -> None:
        for _ in range(1000):
            async with world.http.get("/events/stream", headers=bearing(world.session)) as answer:
                answer.close()
                if answer.status == 200:
                    return
            await asyncio.sleep(0.02)
        raise AssertionError("no stream became free")

    for _ in range(events.MOST_OF_ONE + 2):
        await hang_up()
