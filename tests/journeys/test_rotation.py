"""Credentials and the master key are rotated while applications call, and no call fails for it."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from millgate.app import App
from millgate.pathways.signing_keys import new_signing_key
from millgate.settings import read_settings
from tests.journeys import processes
from tests.journeys.calling import Caller
from tests.journeys.conftest import Stack, database_settings

CALLERS = 8
HEARD_S = 2.1  # a running gateway remembers a registration for two seconds


@pytest.fixture(scope="module")
def ward() -> Iterator[Stack]:
    """A gateway connected by a secret (`mercy`) and by a key (`keyed`) to a hospital that knows two public keys."""
    with tempfile.TemporaryDirectory(prefix="millgate-rotation-") as name, database_settings(Path(name)) as environment:
        folder = Path(name)
        keys = {number: new_signing_key() for number in ("first", "second")}
        for number, key in keys.items():
            (folder / f"{number}.pem").write_bytes(key.pem)
        (folder / "jwks.json").write_text(json.dumps({"keys": [json.loads(key.public_key) for key in keys.values()]}))
        jwks = ["--client-jwks", f"keyed={folder / 'jwks.json'}"]
        hospital = processes.simulator("--patients", "20", "--client", "secret", "--client", "keyed", *jwks)
        gateway = processes.serve(folder, environment=environment)
        try:
            told = hospital.report["tenants"][0]
            ward = Stack(gateway.report["gateway"], hospital.report["simulator"], {"mercy": told}, environment, folder)
            secret = next(one["client_secret"] for one in told["clients"] if one["client_id"] == "secret")
            ward.charts.update({"secret": secret, "keys": keys, "gateway": gateway})
            base = ["--url", told["fhir_base"], "--time-zone", told["time_zone"]]
            ward.command("tenants", "add", "mercy", *base, "--client-id", "secret", "--secret-stdin", stdin=secret + "\n")
            key = ["--key", str(folder / "first.pem"), "--key-id", keys["first"].key_id]
            ward.command("tenants", "add", "keyed", *base, "--client-id", "keyed", *key)
            ward.client("portal", "mercy", "keyed")
            yield ward
        finally:
            ward.charts["gateway"].stop()
            hospital.stop()


@dataclass
class Load:
    """Applications that read without a pause, and how their calls ended."""

    ward: Stack
    tenant: str
    statuses: Counter[int] = field(default_factory=Counter)
    problems: list[Any] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    stopping: bool = False

    async def call(self, caller: Caller) -> None:
        while not self.stopping:
            said = await caller.get("/practitioners", family="S", max_age=0)
            self.statuses[said.status] += 1
            self.ended.set()
            if said.status != 200:
                self.problems.append(said.json)

    async def more(self, calls: int = 60) -> None:
        """Return once so many more calls have ended."""
        until = self.statuses.total() + calls
        while self.statuses.total() < until:
            self.ended.clear()
            await self.ended.wait()


@asynccontextmanager
async def load_on(ward: Stack, tenant: str) -> AsyncIterator[Load]:
    """Callers of a tenant, of whom none may ever see anything but a 200."""
    load = Load(ward, tenant)
    async with aiohttp.ClientSession() as http:
        caller = Caller(http, ward.gateway)
        assert (await caller.authenticate(ward.keys["portal"], tenant, None)).status == 201
        calling = [asyncio.create_task(load.call(caller)) for _ in range(CALLERS)]
        try:
            await load.more()
            yield load
            await load.more()
        finally:
            load.stopping = True
            await asyncio.gather(*calling)
    assert load.problems == []
    assert load.statuses.keys() == {200}


async def revoke(ward: Stack, client: str) -> None:
    """The source takes the tokens of a client no more, so that new ones have to be fetched."""
    async with aiohttp.ClientSession() as http:
        rule = {"kind": "revoke_tokens", "client": client}
        assert (await http.post(ward.simulator + "/_simulator/faults", json=rule)).status == 200


async def events(ward: Stack, tenant: str) -> list[Mapping[str, Any]]:
    """The data of the refusals that were told of a tenant."""
    async with App.opened(read_settings({}, environment=dict(ward.environment))) as app:
        found = await app.store.events.list(tenants=[tenant])
    return [one.data for one in found if one.type == "tenant.credential_rejected"]


async def told(ward: Stack, *arguments: str, stdin: str | None = None) -> Any:
    """What a command says with --json, while the callers go on."""
    done = await asyncio.to_thread(ward.command, *arguments, "--json", stdin=stdin)
    return json.loads(done.stdout)


async def test_a_secret_that_does_not_act_yet_drops_no_call(ward: Stack) -> None:
    async with load_on(ward, "mercy") as load:
        rotated = await told(ward, "tenants", "rotate-secret", "mercy", "--secret-stdin", stdin="not-known-there-yet\n")
        assert rotated["accepted"] is False
        await asyncio.sleep(HEARD_S)
        await load.more()
        await revoke(ward, "secret")
        await load.more()
        again = await told(ward, "tenants", "rotate-secret", "mercy", "--secret-stdin", stdin=ward.charts["secret"] + "\n")
        assert again["accepted"] is True
        await asyncio.sleep(HEARD_S)
        await revoke(ward, "secret")
    (refused,) = {json.dumps(dict(one), sort_keys=True) for one in await events(ward, "mercy") if one["fell_back"]}
    assert json.loads(refused)["client_id"] == "secret"
    shown = ward.command("tenants", "show", "mercy", "--json").stdout
    assert "not-known-there-yet" not in shown
    assert len(json.loads(shown)["registrations"][0]["previous"]) == 2


async def test_keys_stand_side_by_side_while_they_are_rotated(ward: Stack) -> None:
    keys = ward.charts["keys"]
    second = ["--key", str(ward.data_dir / "second.pem"), "--key-id", keys["second"].key_id]
    async with load_on(ward, "keyed") as load:
        rotated = await told(ward, "tenants", "rotate-key", "keyed", *second, "--overlap", "1h")
        assert (rotated["accepted"], rotated["key_id"]) == (True, keys["second"].key_id)
        await asyncio.sleep(HEARD_S)
        await revoke(ward, "keyed")
        await load.more()
        made = await told(ward, "tenants", "rotate-key", "keyed")
        assert made["accepted"] is False  # nobody has registered it
        await asyncio.sleep(HEARD_S)
        await revoke(ward, "keyed")
        await load.more()
        async with aiohttp.ClientSession() as http, http.get(ward.gateway + "/.well-known/jwks.json") as answer:
            published = {one["kid"] for one in (await answer.json())["keys"]}
    assert published == {keys["first"].key_id, keys["second"].key_id, made["key_id"]}
    assert made["jwks"]["keys"][0]["kid"] == made["key_id"]
    assert [one["key_id"] for one in await events(ward, "keyed") if one["fell_back"]] == [made["key_id"]]


async def test_a_refusal_hands_on_the_vendors_error_uri_and_correlation_id(ward: Stack) -> None:
    base = ward.hospitals["mercy"]["fhir_base"]
    ward.command("tenants", "add", "wrong", "--url", base, "--client-id", "secret", "--secret-stdin", stdin="wrong\n")
    ward.client("other", "wrong")
    async with aiohttp.ClientSession() as http:
        said = await Caller(http, ward.gateway).authenticate(ward.keys["other"], "wrong", None)
    assert said.refusal() == (502, "upstream_error")
    upstream = said.json["upstream"]
    assert (
        "/errors/urn%3Acerner%3Aerror%3Aauthorization-server%3Aoauth2%3Atoken%3Ainvalid-client-credentials/"
        in upstream["error_uri"]
    )
    assert upstream["request_id"] in upstream["error_uri"]
    assert upstream["outcome"] == "invalid_client invalid-client-credentials"
    assert "was not accepted" in said.json["detail"]
    done = ward.command("tenants", "check", "wrong", check=1)
    assert "was not accepted" in done.stderr
    ward.command("tenants", "rotate-secret", "nobody", "--secret-stdin", stdin="x\n", check=66)
    assert "--overlap" in ward.command("tenants", "rotate-key", "keyed", "--overlap", "1y", check=64).stderr


async def test_the_master_key_is_rotated_under_a_running_gateway(ward: Stack) -> None:
    fresh = ward.data_dir / "new" / "master.key"
    async with load_on(ward, "mercy") as load:
        rotated = await told(ward, "vault", "rotate", "--new-key-file", str(fresh))
        assert rotated["made"] is True
        assert rotated["keys"] >= 3
        await revoke(ward, "secret")
        await load.more()
    assert fresh.stat().st_mode & 0o777 == 0o600
    assert fresh.read_text().strip() not in json.dumps(rotated)
    refused = ward.command("tenants", "list", check=78)
    assert "master key" in refused.stderr
    ward.environment = {name: value for name, value in ward.environment.items() if name != "MILLGATE_MASTER_KEY"}
    ward.environment = {**ward.environment, "MILLGATE_MASTER_KEY_FILE": str(fresh)}
    assert ward.command("vault", "rotate", "--new-key-file", str(fresh), check=64).stderr.startswith("error: ")
    assert {one["name"] for one in ward.told("tenants", "list")} >= {"mercy", "keyed"}
    ward.charts["gateway"].stop()
    ward.charts["gateway"] = processes.serve(ward.data_dir, environment=ward.environment)
    ward.gateway = ward.charts["gateway"].report["gateway"]
    async with load_on(ward, "mercy"):
        pass
