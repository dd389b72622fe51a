"""Floods of refused attempts: counted by whoever makes them, in bounded memory, and every one of them audited, alone or in a sum."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millgate.errors import TryLater
from millgate.flow.floods import MOST_KNOWN, MOST_ROWS, OTHERS, WINDOW_S, Floods, HeldBack, address_of

ME, MY_KEY = ("authenticate", "192.0.2.1"), ("key", "mg_abcdefgh")


class Chain:
    """What is audited; `gone` while it cannot be."""

    def __init__(self) -> None:
        self.rows: list[HeldBack] = []
        self.gone = False
        self.time = 0.0

    async def __call__(self, some: HeldBack) -> None:
        if self.gone:
            raise TryLater("store_unavailable", "gone")
        self.rows.append(some)

    def floods(self, limit: int = 3) -> Floods:
        return Floods({"authenticate": limit, "key": limit}, self, clock=lambda: self.time)


async def test_whoever_is_over_the_limit_waits_until_the_minute_is_over() -> None:
    chain = Chain()
    floods = chain.floods()
    for _ in range(3):
        assert floods.wait_s([ME]) is None
        floods.count([ME])
        chain.time += 10
    assert floods.wait_s([ME]) == WINDOW_S - 30
    assert floods.wait_s([("authenticate", "192.0.2.2")]) is None
    chain.time = WINDOW_S
    assert floods.wait_s([ME]) is None


async def test_a_key_that_is_guessed_at_from_many_addresses_is_over_its_own_limit() -> None:
    floods = Chain().floods()
    for number in range(3):
        floods.count([("authenticate", f"192.0.2.{number}"), MY_KEY])
    assert floods.wait_s([("authenticate", "192.0.2.9"), MY_KEY]) == WINDOW_S
    assert floods.wait_s([("authenticate", "192.0.2.9"), ("key", "mg_other")]) is None


async def test_every_attempt_has_a_row_or_is_in_a_sum() -> None:
    chain = Chain()
    floods = chain.floods()
    rows = 0
    for _ in range(100):
        if floods.wait_s([ME]) is None:
            floods.count([ME])
            rows += 1
        elif not floods.hold_back("authenticate", ME[1], [ME]):
            rows += 1
    assert rows == 4
    chain.gone = True
    await floods._write()
    assert chain.rows == []
    chain.gone = False
    await floods.close()
    assert chain.rows == [HeldBack("authenticate", ME[1], 96)]
    await floods.close()
    assert len(chain.rows) == 1


async def test_memory_and_rows_are_bounded_however_many_addresses_there_are() -> None:
    chain = Chain()
    floods = chain.floods(1)
    for number in range(MOST_ROWS + 50):
        name = ("authenticate", str(number))
        floods.count([name])
        assert not floods.hold_back("authenticate", name[1], [name])
        assert floods.hold_back("authenticate", name[1], [name])
    for number in range(MOST_KNOWN + 100):
        floods.count([("key", str(number))])
    assert len(floods._windows) == MOST_KNOWN
    await floods.close()
    assert len(chain.rows) == MOST_ROWS + 1
    assert sum(row.attempts for row in chain.rows) == MOST_ROWS + 50
    assert next(row.attempts for row in chain.rows if row.address == OTHERS) == 50


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("testclient", "unknown"),
        (None, "unknown"),
    ],
)
def test_whom_an_address_stands_for(host: str | None, address: str) -> None:
    assert address_of(host) == address


@given(st.text(max_size=60))
def test_nothing_in_the_place_of_an_address_breaks_it(host: str) -> None:
    assert address_of(host)
