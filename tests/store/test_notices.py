"""What one gateway of a database tells the others: heard by all but itself, and a line that breaks loses everything that was held."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest

from millgate.store import Store, notices
from millgate.store.notices import Notices

WITHIN_S = 30.0


@dataclass
class Ear:
    """What one gateway heard."""

    notices: Notices
    heard: asyncio.Queue[tuple[str, Sequence[str]]] = field(default_factory=asyncio.Queue)
    lost: asyncio.Queue[None] = field(default_factory=asyncio.Queue)

    async def listen(self) -> None:
        await self.notices.listen(
            lambda tenant, objects: self.heard.put_nowait((tenant, objects)), lambda: self.lost.put_nowait(None)
        )

    async def next(self) -> tuple[str, Sequence[str]]:
        async with asyncio.timeout(WITHIN_S):
            return await self.heard.get()


@pytest.fixture
async def ears(store: Store) -> AsyncIterator[tuple[Ear, Ear]]:
    """Two gateways on one database that listen."""
    two = Ear(Notices(store.database)), Ear(Notices(store.database))
    for one in two:
        await one.listen()
    yield two
    for one in two:
        await one.notices.close()


async def test_the_others_hear_what_one_tells_and_it_does_not_hear_itself(ears: tuple[Ear, Ear]) -> None:
    here, there = ears
    await here.notices.tell("mercy", ["slot", "appointment"])
    assert await there.next() == ("mercy", ("slot", "appointment"))
    await there.notices.tell("lakeside", ["observation"])
    assert await here.next() == ("lakeside", ("observation",))
    assert (here.heard.empty(), there.heard.empty(), here.lost.empty()) == (True, True, True)


async def test_a_line_that_breaks_is_taken_up_again_and_what_was_held_is_lost_before_and_after(
    ears: tuple[Ear, Ear], store: Store
) -> None:
    here, there = ears
    await store.database.execute(
        b"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        b" AND datname = current_database() AND (query LIKE 'LISTEN %%' OR query = 'SELECT 1')",
        [],
    )
    for _ in range(2):
        async with asyncio.timeout(WITHIN_S):
            await asyncio.gather(here.lost.get(), there.lost.get())
    await here.notices.tell("mercy", ["slot"])
    assert await there.next() == ("mercy", ("slot",))


async def test_a_line_that_says_nothing_counts_as_broken(
    ears: tuple[Ear, Ear], monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    monkeypatch.setattr(notices, "TRY", b"SELECT pg_sleep(60)")
    monkeypatch.setattr(notices, "TRY_EVERY_S", 0.05)
    async with asyncio.timeout(WITHIN_S):
        await asyncio.gather(*(ear.lost.get() for ear in ears))
        monkeypatch.setattr(notices, "TRY", b"SELECT 1")
        await asyncio.gather(*(ear.lost.get() for ear in ears))
    await ears[0].notices.tell("mercy", ["slot"])
    assert await ears[1].next() == ("mercy", ("slot",))


async def test_what_is_no_notice_is_left_aside(ears: tuple[Ear, Ear], store: Store) -> None:
    for payload in ("", "{}", "[1", '{"sender": 1}'):
        await store.database.execute(b"SELECT pg_notify('millgate_written', %s)", [payload])
    await ears[0].notices.tell("mercy", ["slot"])
    assert await ears[1].next() == ("mercy", ("slot",))
