"""Tokens that no session can use any more are taken back by the source and forgotten here, each with its row in the audit chain."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from millgate.store.audit import Entry
from millgate.store.jobs import run_once
from millgate.surfaces.worker.work import duties
from tests.database import database_server, fresh_database_url
from tests.flow.test_sign_in import Bench, bench, fields_of, publish
from tests.pathways.source import reply

__all__ = ["bench", "database_server", "fresh_database_url"]


@pytest.fixture
def revoked(bench: Bench) -> Bench:
    """A source that takes refresh tokens back."""
    bench.authority.served.on("/revoke", reply(200))
    return bench


async def swept(bench: Bench) -> list[Entry]:
    """What the audit chain tells of tokens that were given back."""
    await bench.app.sign_out.sweep()
    return [one.entry for one in await bench.app.store.audit.list(action="expire")]


async def unredeemed(bench: Bench) -> str:
    """A person signs in, and the application never asks for the session; its id."""
    returned = await bench.come_back(await bench.begin())
    assert "session_code" in fields_of(returned)
    return returned.session_id


async def test_what_an_unredeemed_code_stands_for_is_given_back_once_it_has_run_out(revoked: Bench) -> None:
    session_id = await unredeemed(revoked)
    revoked.authority.clock.pass_by(119)
    assert await swept(revoked) == []
    assert await revoked.app.store.grants.get(session_id) is not None
    revoked.authority.clock.pass_by(62)
    (row,) = await swept(revoked)
    assert (row.session_id, row.tenant, row.persona, row.client_id) == (session_id, "mercy", "provider", revoked.client.id)
    assert (row.status, row.code) == (200, None)
    assert [call.resource_type for call in row.calls] == ["revoke"]
    assert await revoked.app.store.grants.get(session_id) is None
    assert len(revoked.authority.served.seen("/revoke")) == 1
    assert b"token=refresh-1" in revoked.authority.served.bodies[-1]
    assert len(await swept(revoked)) == 1


async def test_the_worker_does_it(revoked: Bench) -> None:
    session_id = await unredeemed(revoked)
    revoked.authority.clock.pass_by(200)
    revoked.app.store.jobs.add_tasks_from(duties(revoked.app), namespace="tenants")
    await revoked.app.store.jobs.configure_task("tenants:sweep").defer_async(timestamp=0)
    await run_once(revoked.app.store)
    assert await revoked.app.store.grants.get(session_id) is None
    assert len(revoked.authority.served.seen("/revoke")) == 1


async def test_a_session_keeps_its_tokens_until_it_runs_out(revoked: Bench) -> None:
    session = await revoked.arrive()
    revoked.authority.clock.pass_by(600)
    assert await swept(revoked) == []
    revoked.authority.clock.pass_by(3100)
    assert [row.session_id for row in await swept(revoked)] == [session.id]
    assert await revoked.app.store.grants.get(session.id) is None


async def test_two_workers_give_back_once(revoked: Bench) -> None:
    await unredeemed(revoked)
    revoked.authority.clock.pass_by(200)
    await asyncio.gather(*(revoked.app.sign_out.sweep() for _ in range(3)))
    assert len(revoked.authority.served.seen("/revoke")) == 1
    assert len(await swept(revoked)) == 1


async def test_a_source_without_revocation_is_not_asked(bench: Bench) -> None:
    publish(bench.authority, revocation_endpoint=None)
    session_id = await unredeemed(bench)
    bench.authority.clock.pass_by(200)
    (row,) = await swept(bench)
    assert (row.status, row.code, list(row.calls)) == (200, None, [])
    assert await bench.app.store.grants.get(session_id) is None


async def test_a_source_that_refuses_is_told_so_in_the_chain_and_the_tokens_go(bench: Bench) -> None:
    session_id = await unredeemed(bench)
    bench.authority.served.on("/revoke", reply(400, b'{"error": "unsupported_token_type"}'))
    bench.authority.clock.pass_by(200)
    (row,) = await swept(bench)
    assert (row.status, row.code) == (502, "upstream_error")
    assert await bench.app.store.grants.get(session_id) is None


async def test_a_source_that_fails_is_asked_again_for_an_hour(bench: Bench) -> None:
    session_id = await unredeemed(bench)
    bench.authority.served.on("/revoke", reply(503))
    bench.authority.clock.pass_by(200)
    assert await swept(bench) == []
    assert await bench.app.store.grants.get(session_id) is not None
    bench.authority.clock.pass_by(timedelta(hours=1).total_seconds())
    (row,) = await swept(bench)
    assert row.code == "upstream_unavailable"
    assert await bench.app.store.grants.get(session_id) is None


@pytest.mark.parametrize("says", [{"scope": "user/Slot.rs"}, {"tenant": "another-tenant"}])
async def test_what_a_refused_sign_in_brought_is_given_back_at_once(revoked: Bench, says: dict[str, Any]) -> None:
    revoked.authority.says |= says
    returned = await revoked.come_back(await revoked.begin())
    assert returned.code in ("scope_narrowed", "invalid_session")
    assert [call.resource_type for call in returned.calls] == ["token", "revoke"]
    assert len(revoked.authority.served.seen("/revoke")) == 1
