"""Callers who hang up: the work is cancelled for them, and for nobody else."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from litestar import Request

from millgate.canonical.exchange import Call
from millgate.canonical.noting import note
from millgate.store.audit import Entry
from millgate.surfaces.api.door import Asked, Door, Reply, Seen
from millgate.surfaces.api.hung_up import CallerGone, let_go_if_gone


class Channel:
    """The ASGI channel of one request: its empty body, then silence until the caller hangs up."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.messages.put_nowait({"type": "http.request", "body": b"", "more_body": False})

    async def receive(self) -> dict[str, Any]:
        return await self.messages.get()

    def hang_up(self) -> None:
        self.messages.put_nowait({"type": "http.disconnect"})


async def test_work_ends_when_its_caller_is_gone() -> None:
    channel, ended = Channel(), asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    task = asyncio.create_task(let_go_if_gone(channel.receive, work(), 0.01))
    await asyncio.sleep(0.05)
    assert not task.done()
    channel.hang_up()
    with pytest.raises(CallerGone):
        await task
    assert ended.is_set()


async def test_quick_work_listens_to_nobody() -> None:
    channel = Channel()
    channel.hang_up()

    async def work() -> int:
        return 7

    assert await let_go_if_gone(channel.receive, work(), 0.01) == 7
    assert channel.messages.qsize() == 2


async def test_another_cancellation_stays_one() -> None:
    channel = Channel()
    task = asyncio.create_task(let_go_if_gone(channel.receive, asyncio.sleep(60), 0.01))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_nobody_listens_any_more_once_the_work_is_done() -> None:
    channel = Channel()
    assert await let_go_if_gone(channel.receive, asyncio.sleep(0.05, result=1), 0.01) == 1
    await asyncio.sleep(0.01)
    channel.hang_up()
    await asyncio.sleep(0.02)
    assert channel.messages.qsize() == 1


async def test_the_audit_row_of_a_caller_who_hung_up_names_the_call_that_was_cut_off() -> None:
    rows: list[Entry] = []
    cut_off = Call("GET", "Patient", None, "r-1", None)
    channel, asked = Channel(), asyncio.Event()

    async def append(entry: Entry) -> None:
        rows.append(entry)

    async def work(_: Asked, __: Seen) -> Reply:
        try:
            asked.set()
            await asyncio.Event().wait()
        finally:
            note(cut_off)
        return Reply(b"")

    store = SimpleNamespace(audit=SimpleNamespace(append=append))
    app: Any = SimpleNamespace(settings=SimpleNamespace(request_seconds=60.0), now=lambda: datetime.now(UTC), store=store)
    request: Any = Request({"type": "http", "headers": []}, receive=channel.receive)  # type: ignore[arg-type,typeddict-item]
    led = asyncio.create_task(Door(app).lead(request, Seen("read", "patient"), work))
    await asked.wait()
    channel.hang_up()
    await led
    assert [(one.status, one.code, one.calls) for one in rows] == [(499, "caller_gone", (cut_off,))]
