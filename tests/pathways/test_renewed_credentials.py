"""Every kind of token request falls back to the previous secret: the gateway's own, a code's, and a refresh."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from aiohttp import web

from millgate.access.connection import Connection
from millgate.access.grants import UserGrant
from millgate.access.parties import Registration, Tenant
from millgate.canonical.exchange import Call
from millgate.errors import CallOperator
from millgate.pathways.credentials import Credentials
from millgate.pathways.http import Transport
from millgate.pathways.sign_in import SignInDesk
from millgate.pathways.tokens import TokenBook
from millgate.pathways.user_tokens import UserTokens
from tests.pathways.authority import PROVIDER, START, Authority, Clock, refusal
from tests.pathways.source import source

NEW = replace(PROVIDER, credential=b"new", previous=(replace(PROVIDER, good_until=START + timedelta(hours=1)),))
SCOPES = ("user/Patient.rs",)


@dataclass
class Held:
    """The tokens of one session, kept in memory."""

    grant: UserGrant | None

    async def get(self, session_id: str) -> UserGrant | None:
        return self.grant

    @asynccontextmanager
    async def locked(self, session_id: str) -> AsyncIterator[Held]:
        yield self

    async def replace(self, grant: UserGrant) -> None:
        self.grant = grant

    async def end(self) -> None:
        self.grant = None


class World:
    """A server that knows the old secret only, and a gateway that has a new one."""

    def __init__(self, authority: Authority, transport: Transport) -> None:
        self.authority, self.transport = authority, transport
        self.told: list[bool] = []
        self.credentials = Credentials(authority.clock, self.tell)
        self.endpoint = f"{authority.served.base}/token"
        authority.says = {"scope": " ".join(SCOPES)}
        authority.refuses = self.refuses

    async def tell(self, registration: Registration, fell_back: bool) -> None:
        self.told.append(fell_back)

    def refuses(self, form: dict[str, str]) -> web.Response | None:
        _, _, encoded = self.authority.served.requests[-1].headers["Authorization"].partition(" ")
        known = base64.b64decode(encoded).endswith(b":s3cr3t")
        return None if known else refusal("invalid_client", 401)

    def connection(self, session_id: str | None = None) -> Connection:
        return Connection(Tenant("mercy", self.authority.base, None, START), NEW, SCOPES, session_id)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with source() as served, Transport() as transport:
        yield World(Authority(served, Clock()), transport)


async def test_the_gateways_own_token(world: World) -> None:
    book = TokenBook(world.transport, world.authority.clock, world.credentials)
    calls: list[Call] = []
    token = await book.token(world.connection(), world.endpoint, calls)
    assert token.scopes == SCOPES
    assert [call.status for call in calls] == [401, 200]
    assert world.told == [True]
    await book.aclose()


async def test_a_code(world: World) -> None:
    desk = SignInDesk(world.transport, world.authority.clock, world.credentials)
    signed_in = await desk.exchange(
        NEW,
        endpoint=world.endpoint,
        code="the-code",
        redirect_uri="https://gateway.example/callback",
        verifier="v" * 64,
        asked=SCOPES,
        issuer=None,
        fhir_base=world.authority.base,
    )
    assert signed_in.grant.scopes == SCOPES
    assert world.told == [True]


async def test_a_revocation(world: World) -> None:
    async def revoked(_: web.Request) -> web.StreamResponse:
        return world.refuses({}) or web.Response()

    world.authority.served.on("/revoke", revoked)
    desk = SignInDesk(world.transport, world.authority.clock, world.credentials)
    await desk.revoke(NEW, f"{world.authority.served.base}/revoke", "refresh-1", [])
    assert len(world.authority.served.seen("/revoke")) == 2
    assert world.told == [True]


async def test_a_refresh(world: World) -> None:
    held = Held(UserGrant("access-0", "refresh-1", SCOPES, START - timedelta(seconds=1), START - timedelta(minutes=10)))
    people = UserTokens(world.transport, held, now=world.authority.clock, credentials=world.credentials)
    token = await people.token(world.connection("session_1"), world.endpoint, [])
    assert token.value != "access-0"
    assert world.told == [True]


async def test_after_the_overlap_the_refusal_comes_through_with_its_words(world: World) -> None:
    world.authority.clock.pass_by(3600)
    book = TokenBook(world.transport, world.authority.clock, world.credentials)
    with pytest.raises(CallOperator, match="invalid_client") as caught:
        await book.token(world.connection(), world.endpoint, [])
    assert caught.value.upstream is not None
    assert caught.value.upstream.status == 401
    assert world.told == [False]
    await book.aclose()
