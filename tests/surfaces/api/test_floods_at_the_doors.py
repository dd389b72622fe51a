"""Who floods the doors that take no session is turned away, whoever is meant well is let in, and every attempt is in the chain."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from millgate.app import App
from millgate.settings import Settings
from millgate.surfaces.api.server import Server
from tests.database import database_server, fresh_database_url

__all__ = ["database_server", "fresh_database_url"]

LIMIT = 4


@dataclass
class House:
    """A gateway, and who knocks."""

    app: App
    http: aiohttp.ClientSession
    key: str

    async def knock(self, key: str) -> aiohttp.ClientResponse:
        body = {"tenant": "mercy"}
        async with self.http.post("/authenticate", json=body, headers={"Authorization": f"Bearer {key}"}) as answer:
            await answer.read()
            return answer

    async def open(self, path: str) -> aiohttp.ClientResponse:
        async with self.http.get(path, allow_redirects=False) as answer:
            await answer.read()
            return answer

    async def rows(self, action: str) -> list[tuple[int, str | None, tuple[str, ...]]]:
        """What the chain tells of attempts, oldest first."""
        found = await self.app.store.audit.list(action=action, limit=1000)
        return [(row.entry.status, row.entry.code, tuple(row.entry.target_ids)) for row in reversed(found)]


@pytest.fixture
async def house(fresh_database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    settings = Settings(
        data_dir=str(tmp_path),
        database_url=fresh_database_url,
        master_key=base64.b64encode(bytes(32)).decode(),
        port=0,
        refusals_per_minute=LIMIT,
        launches_per_minute=LIMIT,
    )
    async with App.opened(settings) as app:
        _, key = await app.store.clients.create("app", tenants=["mercy"], scopes=["system/*.rs"])
        server = Server(app)
        await server.start()
        async with aiohttp.ClientSession(server.url) as http:
            yield House(app, http, key)
        await server.stop()


async def test_bad_keys_are_turned_away_and_good_ones_never(house: House) -> None:
    answers = [await house.knock(f"mg_guess{number:035d}") for number in range(20)]
    assert [one.status for one in answers] == [401] * LIMIT + [429] * (20 - LIMIT)
    assert all(1 <= int(one.headers["Retry-After"]) <= 60 for one in answers[LIMIT:])
    assert (await house.knock(house.key)).status == 403  # let in, and refused for want of that tenant
    own = [row for row in await house.rows("authenticate") if row[1] != "tenant_not_allowed"]
    assert own == [(401, "invalid_key", ())] * LIMIT + [(429, "rate_limited", ())]
    await house.app.floods.close()
    last = (await house.rows("authenticate"))[-1]
    assert last == (429, "rate_limited", (f"{20 - LIMIT - 1} from 127.0.0.1",))
    assert (await house.app.store.audit.verify()).ok


async def test_what_a_good_key_asks_in_vain_counts_against_nobody(house: House) -> None:
    assert [(await house.knock(house.key)).status for _ in range(3 * LIMIT)] == [403] * 3 * LIMIT
    assert (await house.knock("mg_bad")).status == 401


async def test_a_revoked_key_is_a_bad_one(house: House) -> None:
    client = (await house.app.store.clients.list())[0]
    await house.app.store.clients.revoke(client.id)
    assert [(await house.knock(house.key)).status for _ in range(LIMIT + 1)] == [401] * LIMIT + [429]


@pytest.mark.parametrize(
    ("path", "action"),
    [("/authenticate/callback?state=forged&code=x", "sign_in"), ("/launch?iss=https://nobody.example/r4/t&launch=l", "launch")],
)
async def test_forged_ways_back_and_launches_are_turned_away(house: House, path: str, action: str) -> None:
    answers = [await house.open(path) for _ in range(LIMIT + 6)]
    assert [one.status for one in answers] == [400] * LIMIT + [429] * 6
    await house.app.floods.close()
    rows = await house.rows(action)
    assert [row[0] for row in rows] == [400] * LIMIT + [429, 429]
    assert rows[-1][2] == ("5 from 127.0.0.1",)


async def test_one_door_that_is_flooded_leaves_the_others_open(house: House) -> None:
    for _ in range(LIMIT + 2):
        await house.open("/launch?iss=https://nobody.example/r4/t&launch=l")
    assert (await house.knock("mg_bad")).status == 401
    assert (await house.open("/authenticate/callback?state=forged")).status == 400
