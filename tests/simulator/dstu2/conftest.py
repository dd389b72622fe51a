"""An app that is registered for DSTU2, at the simulator's DSTU2 surfaces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from millgate.simulator.dstu2.types import TYPES
from tests.simulator.conftest import Bench, Open, Said

SCOPES = " ".join(f"system/{name}.read" for name in sorted(TYPES))


@dataclass
class Dstu2Bench:
    """One tenant's DSTU2 side, reached by its app."""

    bench: Bench
    bearer: str | None = None

    @property
    def report(self) -> dict[str, Any]:
        return self.bench.report

    @property
    def base(self) -> str:
        return str(self.report["dstu2_base"])

    async def token(self, scope: str = SCOPES) -> Said:
        client = self.report["dstu2_clients"][0]
        statement = await self.get("metadata", bearer="")
        (oauth,) = statement.json["rest"][0]["security"]["extension"]
        address = next(one["valueUri"] for one in oauth["extension"] if one["url"] == "token")
        basic = aiohttp.encode_basic_auth(client["client_id"], client["client_secret"])
        form = {"grant_type": "client_credentials", "scope": scope}
        return await self.bench.call("POST", address, data=form, headers={"Authorization": basic})

    async def get(self, path: str, *, bearer: str | None = None, **headers: str) -> Said:
        """`path` is below the secure base, or an address; `bearer=""` sends no token."""
        return await self.call("GET", path, bearer=bearer, **headers)

    async def call(self, method: str, path: str, *, bearer: str | None = None, **headers: str) -> Said:
        token = self.bearer if bearer is None else bearer
        sent = {**({"Authorization": f"Bearer {token}"} if token else {}), **headers}
        address = path if path.startswith("http") else f"{self.base}/{path}"
        async with self.bench.session.request(method, address, headers=sent) as response:
            return Said(response.status, response.headers, await response.read())


@pytest.fixture
async def dstu2(open_bench: Open) -> Dstu2Bench:
    """One tenant, signed in with every scope of DSTU2's types."""
    made = Dstu2Bench(await open_bench(signed_in=False))
    said = await made.token()
    assert said.status == 200, said.body
    made.bearer = said.json["access_token"]
    return made
