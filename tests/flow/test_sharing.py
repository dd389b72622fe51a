"""Equal reads that share one call: its failure is each one's own, and whoever leaves last learns what was cut off."""

from __future__ import annotations

import asyncio

import pytest

from millgate.canonical.exchange import Call
from millgate.canonical.noting import note, noted
from millgate.errors import TryLater
from millgate.flow.sharing import Sharing

KEY = ("mercy", "patient", "one", "7")
CUT_OFF = Call("GET", "Patient", None, "r-1", None)


class Source:
    """A source that answers when the test lets it, and whose exchange is noted however it ends."""

    def __init__(self) -> None:
        self.asked, self.going = asyncio.Event(), asyncio.Event()

    async def read(self) -> str:
        try:
            self.asked.set()
            await self.going.wait()
            return "found"
        finally:
            await asyncio.sleep(0)
            note(CUT_OFF)


async def test_the_last_to_leave_is_told_of_the_call_that_ended_with_it() -> None:
    sharing, source = Sharing[str](), Source()
    with noted() as calls:
        reader = asyncio.create_task(sharing.of(KEY, source.read))
        await source.asked.wait()
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        assert calls == [CUT_OFF]


async def test_a_call_that_others_wait_for_goes_on() -> None:
    sharing, source = Sharing[str](), Source()
    first, second = (asyncio.create_task(sharing.of(KEY, source.read)) for _ in range(2))
    await source.asked.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    source.going.set()
    assert await second == "found"


async def test_each_has_an_error_of_its_own_and_what_one_adds_to_it_the_others_do_not_see() -> None:
    sharing = Sharing[str]()

    async def fail() -> str:
        error = TryLater("upstream_timeout", "Too late.", retry_after=3.0)
        error.calls = (CUT_OFF,)
        raise error

    found = await asyncio.gather(*(sharing.of(KEY, fail) for _ in range(3)), return_exceptions=True)
    errors = [one for one in found if isinstance(one, TryLater)]
    assert len({id(one) for one in errors}) == 3
    errors[0].calls = ()
    assert [(one.code, one.detail, one.retry_after, one.calls) for one in errors[1:]] == [
        ("upstream_timeout", "Too late.", 3.0, (CUT_OFF,))
    ] * 2
