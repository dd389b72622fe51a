"""Idempotency keys: one starter, the same answer again, and entries of the dead taken over by one."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from millgate.errors import GatewayError
from millgate.store import Store
from millgate.store.idempotency import Idempotency
from tests.store.conftest import Clock

HELD = {"client_id": "client_1", "tenant": "t", "key": "booking-1"}


def another(store: Store, clock: Clock) -> Idempotency:
    """What another gateway over the same database would have."""
    return Idempotency(store.database, store.vault, clock)


async def begin(keys: Idempotency, body: bytes = b"body", **changed: Any) -> str:
    return (await keys.begin(**HELD | changed, body_hash=body)).state


async def test_same_key_and_body_gets_the_first_answer(store: Store, clock: Clock) -> None:
    assert await begin(store.idempotency) == "started"
    assert await begin(store.idempotency) == "in_progress"
    await store.idempotency.finish(**HELD, answer=b"201 booked for Quillfeather")
    again = await another(store, clock).begin(**HELD, body_hash=b"body")
    assert (again.state, again.answer) == ("replay", b"201 booked for Quillfeather")
    assert "Quill" not in repr(again)
    stored = await store.database.fetch_one(b"SELECT idempotency::text FROM idempotency")
    assert stored is not None
    assert b"Quillfeather".hex() not in stored[0]


async def test_same_key_with_another_body_is_reused(store: Store) -> None:
    assert await begin(store.idempotency) == "started"
    assert await begin(store.idempotency, b"other") == "reused"
    await store.idempotency.finish(**HELD, answer=b"x")
    assert await begin(store.idempotency, b"other") == "reused"


async def test_keys_of_other_clients_and_tenants_are_others(store: Store) -> None:
    assert await begin(store.idempotency) == "started"
    assert await begin(store.idempotency, client_id="client_2") == "started"
    assert await begin(store.idempotency, tenant="u") == "started"


async def test_of_many_at_once_exactly_one_starts(store: Store, clock: Clock) -> None:
    gateways = [store.idempotency, another(store, clock)]
    for round_number in range(10):
        states = await asyncio.gather(*[begin(gateways[number % 2], key=f"k{round_number}") for number in range(10)])
        assert Counter(states) == {"started": 1, "in_progress": 9}
    await gateways[1].close()


async def test_entry_of_a_dead_holder_is_abandoned_to_exactly_one(store: Store, clock: Clock) -> None:
    dead = another(store, clock)
    assert await begin(dead) == "started"
    await dead.close()
    assert await begin(store.idempotency) == "in_progress"
    clock.move(seconds=16)
    states = await asyncio.gather(*[begin(store.idempotency) for _ in range(5)])
    assert Counter(states) == {"abandoned": 1, "in_progress": 4}
    with pytest.raises(GatewayError, match="taken over"):
        await dead.finish(**HELD, answer=b"too late")
    await store.idempotency.finish(**HELD, answer=b"found")
    assert (await store.idempotency.begin(**HELD, body_hash=b"body")).answer == b"found"


async def test_a_key_whose_answer_could_not_be_kept_is_let_go(store: Store, clock: Clock) -> None:
    assert await begin(store.idempotency) == "started"
    await store.database.execute(b"ALTER TABLE idempotency RENAME TO elsewhere")
    with pytest.raises(GatewayError, match="refused a statement"):
        await store.idempotency.finish(**HELD, answer=b"x")
    await store.database.execute(b"ALTER TABLE elsewhere RENAME TO idempotency")
    clock.move(seconds=16)
    await store.idempotency.beat()
    assert await begin(another(store, clock)) == "abandoned"


async def test_heartbeat_keeps_an_entry(store: Store, clock: Clock) -> None:
    assert await begin(store.idempotency) == "started"
    for _ in range(3):
        clock.move(seconds=10)
        await store.idempotency.beat()
    assert await begin(another(store, clock)) == "in_progress"


async def test_released_key_starts_again_and_a_left_one_is_abandoned(store: Store, clock: Clock) -> None:
    assert await begin(store.idempotency) == "started"
    await store.idempotency.release(**HELD)
    assert await begin(store.idempotency) == "started"
    await store.idempotency.leave(**HELD)
    await store.idempotency.beat()
    assert await begin(another(store, clock)) == "abandoned"


async def test_kept_for_a_day_and_gone_after_two(store: Store, clock: Clock) -> None:
    assert await begin(store.idempotency) == "started"
    await store.idempotency.finish(**HELD, answer=b"x")
    clock.move(hours=24)
    assert await store.idempotency.prune() == 0
    assert await begin(store.idempotency) == "replay"
    clock.move(hours=24, seconds=1)
    assert await begin(store.idempotency, b"other body") == "started"
    clock.move(hours=48, seconds=1)
    assert await store.idempotency.prune() == 1


async def test_an_abandoned_key_says_when_it_began(store: Store, clock: Clock) -> None:
    dead, began = another(store, clock), clock()
    assert (await dead.begin(**HELD, body_hash=b"body")).started_at is None
    await dead.close()
    clock.move(seconds=16)
    assert (await store.idempotency.begin(**HELD, body_hash=b"body")).started_at == began
