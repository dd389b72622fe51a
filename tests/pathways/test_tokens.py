"""Tokens: one fetch for all who wait, renewed ahead of time, never shown, and refusals in plain words."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from millgate.access.connection import Connection
from millgate.access.parties import Registration, Tenant
from millgate.canonical.exchange import Call
from millgate.errors import CallOperator, TryLater
from millgate.pathways.http import Transport
from millgate.pathways.oauth_errors import explain, urn_of
from millgate.pathways.tokens import TokenBook
from tests.pathways.source import Source, reply, source

START = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time

    def pass_by(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class Minted:
    """A token endpoint that counts: token-1, token-2 …"""

    def __init__(self, life: int = 570) -> None:
        self.count = 0
        self.life = life
        self.open = asyncio.Event()
        self.open.set()
        self.called = asyncio.Event()

    async def __call__(self, _: web.Request) -> web.StreamResponse:
        self.count += 1
        self.called.set()
        number = self.count
        await self.open.wait()
        return web.json_response(
            {
                "access_token": f"token-{number}",
                "token_type": "Bearer",
                "expires_in": self.life,
                "scope": "system/Patient.rs launch",
            }
        )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def served() -> AsyncIterator[Source]:
    async with source() as running:
        yield running


@pytest.fixture
async def book(clock: Clock) -> AsyncIterator[TokenBook]:
    async def no_rest(_: float) -> None:
        return None

    async with Transport(now=clock, sleep=no_rest) as transport:
        made = TokenBook(transport, clock)
        yield made
        await made.aclose()


def connection(
    tenant: str = "t", scopes: tuple[str, ...] = ("system/Patient.rs",), registration: Registration | None = None
) -> Connection:
    basic = Registration(tenant, "system", "client-1", "client_secret_basic", "v2", b"s3cr3t:%+x")
    return Connection(Tenant(tenant, "http://127.0.0.1/r4/t", None, START), registration or basic, scopes)


async def settle() -> None:
    """Wait for the fetches in flight, and for what follows from them."""
    fetches = [task for task in asyncio.all_tasks() if "TokenBook._fetch" in repr(task.get_coro())]
    await asyncio.gather(*fetches, return_exceptions=True)
    await asyncio.sleep(0)


async def test_a_hundred_callers_cause_one_fetch(book: TokenBook, served: Source) -> None:
    served.on("/token", Minted())
    calls: list[list[Call]] = [[] for _ in range(100)]
    found = await asyncio.gather(*(book.token(connection(), f"{served.base}/token", each) for each in calls))
    assert {token.value for token in found} == {"token-1"}
    assert found[0].scopes == ("launch", "system/Patient.rs")
    assert [call.resource_type for each in calls for call in each] == ["token"]


async def test_tenants_clients_and_scope_sets_do_not_share(book: TokenBook, served: Source) -> None:
    minted = Minted()
    served.on("/token", minted)
    for each in (connection(), connection("u"), connection(scopes=("system/Slot.rs",)), connection()):
        await book.token(each, f"{served.base}/token", [])
    assert minted.count == 3


async def test_the_request_is_basic_and_form_encoded(book: TokenBook, served: Source) -> None:
    served.on("/token", Minted())
    await book.token(connection(scopes=("system/Patient.rs", "system/Slot.rus")), f"{served.base}/token", [])
    header = served.requests[0].headers["Authorization"]
    assert base64.b64decode(header.removeprefix("Basic ")) == b"client-1:s3cr3t:%+x"
    assert parse_qs(served.bodies[0].decode()) == {
        "grant_type": ["client_credentials"],
        "scope": ["system/Patient.rs system/Slot.rus"],
    }


@pytest.mark.parametrize("algorithm", ["RS384", "ES384"])
async def test_an_assertion_is_signed_for_the_endpoint_and_lives_four_minutes(
    book: TokenBook, served: Source, algorithm: str
) -> None:
    key = rsa.generate_private_key(65537, 2048) if algorithm == "RS384" else ec.generate_private_key(ec.SECP384R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    registration = Registration("t", "system", "client-2", "private_key_jwt", "v2", pem, "key-1", algorithm)
    served.on("/token", Minted())
    await book.token(connection(registration=registration), f"{served.base}/token", [])
    form = parse_qs(served.bodies[0].decode())
    assert "Authorization" not in served.requests[0].headers
    assert form["client_assertion_type"] == ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]
    public = (RSAKey if algorithm == "RS384" else ECKey).import_key(pem)
    token = jwt.decode(form["client_assertion"][0], public, algorithms=[algorithm])
    assert token.header == {"alg": algorithm, "typ": "JWT", "kid": "key-1"}
    claims = token.claims
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("client-2", "client-2", f"{served.base}/token")
    assert (claims["iat"], claims["exp"] - claims["iat"]) == (int(START.timestamp()), 240)
    assert len(claims["jti"]) == 36


@pytest.mark.parametrize(
    ("algorithm", "key_id", "pem"), [("RS256", "k", b"x"), ("RS384", None, b"x"), ("ES384", "k", b"not a key")]
)
async def test_a_key_that_cannot_be_used_calls_the_operator(
    book: TokenBook, served: Source, algorithm: str, key_id: str | None, pem: bytes
) -> None:
    registration = Registration("t", "system", "client-2", "private_key_jwt", "v2", pem, key_id, algorithm)
    with pytest.raises(CallOperator, match="invalid_setting") as refused:
        await book.token(connection(registration=registration), f"{served.base}/token", [])
    assert "not a key" not in str(refused.value)
    assert served.requests == []


async def test_renewal_runs_behind_callers_who_get_the_old_token(book: TokenBook, served: Source, clock: Clock) -> None:
    minted = Minted()
    served.on("/token", minted)
    endpoint = f"{served.base}/token"
    await book.token(connection(), endpoint, [])
    clock.pass_by(455)
    assert (await book.token(connection(), endpoint, [])).value == "token-1"
    assert minted.count == 1
    clock.pass_by(2)
    minted.open.clear()
    assert [(await book.token(connection(), endpoint, [])).value for _ in range(5)] == ["token-1"] * 5
    minted.open.set()
    await settle()
    assert (await book.token(connection(), endpoint, [])).value == "token-2"
    assert minted.count == 2


async def test_an_expired_token_is_never_handed_out(book: TokenBook, served: Source, clock: Clock) -> None:
    served.on("/token", Minted())
    await book.token(connection(), f"{served.base}/token", [])
    clock.pass_by(566)
    assert (await book.token(connection(), f"{served.base}/token", [])).value == "token-2"


async def test_a_failed_renewal_leaves_the_old_token_and_is_not_tried_at_once_again(
    book: TokenBook, served: Source, clock: Clock
) -> None:
    served.on("/token", Minted())
    endpoint = f"{served.base}/token"
    await book.token(connection(), endpoint, [])
    served.on("/token", reply(500))
    clock.pass_by(460)
    assert (await book.token(connection(), endpoint, [])).value == "token-1"
    await settle()
    asked = len(served.requests)
    assert (await book.token(connection(), endpoint, [])).value == "token-1"
    await settle()
    assert len(served.requests) == asked
    clock.pass_by(16)
    served.on("/token", Minted())
    await book.token(connection(), endpoint, [])
    await settle()
    assert len(served.requests) == asked + 1


async def test_invalidate_forgets_that_token_only(book: TokenBook, served: Source) -> None:
    served.on("/token", Minted())
    endpoint = f"{served.base}/token"
    old = await book.token(connection(), endpoint, [])
    book.invalidate(connection(), old)
    new = await book.token(connection(), endpoint, [])
    book.invalidate(connection(), old)
    assert (await book.token(connection(), endpoint, [])).value == new.value == "token-2"


async def test_failures_are_shared_by_those_who_wait_but_not_kept(book: TokenBook, served: Source) -> None:
    served.on("/token", reply(400, b'{"error":"invalid_scope"}'), Minted())
    endpoint = f"{served.base}/token"
    found = await asyncio.gather(*(book.token(connection(), endpoint, []) for _ in range(5)), return_exceptions=True)
    assert all(isinstance(each, CallOperator) for each in found)
    assert (await book.token(connection(), endpoint, [])).value == "token-1"


async def test_one_who_leaves_does_not_take_the_fetch_with_him(book: TokenBook, served: Source) -> None:
    minted = Minted()
    minted.open.clear()
    served.on("/token", minted)
    first = asyncio.create_task(book.token(connection(), f"{served.base}/token", []))
    second = asyncio.create_task(book.token(connection(), f"{served.base}/token", []))
    await minted.called.wait()
    first.cancel()
    minted.open.set()
    assert (await second).value == "token-1"
    assert minted.count == 1


async def test_a_refusal_says_why_in_plain_words_and_is_not_the_callers_401(book: TokenBook, served: Source) -> None:
    urn = "urn%3Acerner%3Aerror%3Aauthorization-server%3Aoauth2%3Atoken%3Aempty-scopes"
    body = {"error": "invalid_scope", "error_uri": f"https://authorization.example/errors/{urn}/instances/6813?client=c&tenant=t"}
    served.on("/token", reply(400, json.dumps(body).encode(), Cerner_Correlation_ID="6813"))
    with pytest.raises(CallOperator) as refused:
        await book.token(connection(), f"{served.base}/token", [])
    error = refused.value
    assert (error.code, error.meaning.status) == ("upstream_error", 502)
    assert "No scope was left" in error.detail
    assert error.upstream is not None
    assert (error.upstream.status, error.upstream.request_id, error.upstream.outcome) == (
        400,
        "6813",
        "invalid_scope empty-scopes",
    )
    assert len(error.calls) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, b""),
        (400, b"<html>"),
        (200, b"{}"),
        (200, b'{"access_token":"a b","expires_in":570}'),
        (200, b'{"access_token":"x"}'),
        (200, b"[1]"),
    ],
)
async def test_odd_answers_call_the_operator(book: TokenBook, served: Source, status: int, body: bytes) -> None:
    served.on("/token", reply(status, body))
    with pytest.raises(CallOperator, match="upstream_error"):
        await book.token(connection(), f"{served.base}/token", [])


async def test_a_failing_or_busy_server_is_tried_later(book: TokenBook, served: Source) -> None:
    served.on("/token", reply(500))
    with pytest.raises(TryLater, match="upstream_unavailable"):
        await book.token(connection(), f"{served.base}/token", [])
    served.on("/token", reply(429, Retry_After="90"))
    with pytest.raises(TryLater, match="upstream_throttled") as busy:
        await book.token(connection(), f"{served.base}/token", [])
    assert busy.value.retry_after == 90


async def test_nothing_secret_is_in_a_repr(book: TokenBook, served: Source) -> None:
    served.on("/token", Minted())
    token = await book.token(connection(), f"{served.base}/token", [])
    shown = f"{token!r} {book!r} {connection()!r} {book._shelves!r}"
    assert "token-1" not in shown
    assert "s3cr3t" not in shown


def test_urns_with_and_without_groups() -> None:
    prefix = "https://a.example/errors/urn%3Acerner%3Aerror%3Aauthorization-server%3A"
    assert urn_of(prefix + "oauth2%3Atoken%3Acode%3Ainvalid/instances/1") == "code:invalid"
    assert urn_of(prefix + "smart-v1%3Agrant%3Alaunch%3Aunknown-resource-server/instances/1") == "unknown-resource-server"
    assert urn_of("http://[") is None
    assert urn_of(None) is None
    assert explain("client-persona-mismatch") is not None
    assert explain("never-seen") is None


async def test_another_credential_of_the_same_client_gets_its_own_token(book: TokenBook, served: Source) -> None:
    served.on("/token", Minted())
    rotated = Registration("t", "system", "client-1", "client_secret_basic", "v2", b"another")
    await book.token(connection(), f"{served.base}/token", [])
    assert (await book.token(connection(registration=rotated), f"{served.base}/token", [])).value == "token-2"


async def test_expired_tokens_are_not_held_for_ever(book: TokenBook, served: Source, clock: Clock) -> None:
    """Callers choose the scopes of their sessions, so there is no end of scope sets."""
    served.on("/token", Minted())
    for number in range(5):
        await book.token(connection(scopes=(f"system/Patient.rs?x={number}",)), f"{served.base}/token", [])
    assert repr(book) == "TokenBook(5 connections)"
    clock.pass_by(600)
    await book.token(connection(), f"{served.base}/token", [])
    assert repr(book) == "TokenBook(1 connections)"
