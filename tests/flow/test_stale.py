"""While the source cannot be reached: what is on the shelf, however old, told to be so; what is not there is an error."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from millgate import deadline
from millgate.canonical.exchange import Query
from millgate.errors import TryLater
from millgate.flow.read import GetRequest, instant
from millgate.objects import OBJECTS
from tests.flow.ward import NOW, SESSION, Journeys, Ward, appointment

LATER = NOW + timedelta(hours=2)


class Gone(Ward):
    """A ward that answers until its line is cut."""

    code: str | None = None

    def _check(self) -> None:
        if self.code is not None:
            raise TryLater(self.code, "The line is cut.", retry_after=7)

    async def search(self, connection: Any, query: Query) -> Any:
        self._check()
        return await super().search(connection, query)

    async def read(self, connection: Any, resource_type: str, resource_id: str) -> Any:
        self._check()
        return await super().read(connection, resource_type, resource_id)


def two_hours_later(ward: Gone) -> Journeys:
    journeys = Journeys(ward)
    moments = [NOW]
    journeys.reader._now = lambda: moments[0]
    journeys.moments = moments  # type: ignore[attr-defined]
    return journeys


@pytest.fixture
async def journeys() -> Journeys:
    """A list and one object were read two hours ago; the source is gone since."""
    ward = Gone(appointments={"a": appointment("a", "booked")})
    made = two_hours_later(ward)
    await made.page("appointment")
    await made.reader.one(SESSION, GetRequest(OBJECTS["appointment"], "a", None, "objects"))
    made.moments[0] = LATER  # type: ignore[attr-defined]
    ward.code = "upstream_unavailable"
    return made


async def test_an_old_page_is_served_and_told_to_be_old(journeys: Journeys) -> None:
    for _ in range(2):
        answer = await journeys.page("appointment")
        body = json.loads(answer.body)
        assert (answer.origin, answer.as_of, answer.stale, answer.ids) == ("cache", NOW, True, ("a",))
        assert body["freshness"] == {"from": "cache", "as_of": instant(NOW)}
        assert [warning["code"] for warning in body["warnings"]] == ["stale"]
    one = await journeys.reader.one(SESSION, GetRequest(OBJECTS["appointment"], "a", None, "objects"))
    assert (one.stale, json.loads(one.body)["id"]) == (True, "a")


async def test_what_is_not_on_the_shelf_is_an_error_that_says_when_to_come_again(journeys: Journeys) -> None:
    with pytest.raises(TryLater) as gone:
        await journeys.page("appointment", patient_id=("8",))
    assert (gone.value.code, gone.value.retry_after) == ("upstream_unavailable", 7)


async def test_whoever_wants_the_sources_word_gets_no_old_one(journeys: Journeys) -> None:
    with pytest.raises(TryLater):
        await journeys.page("appointment", max_age=0)
    assert (await journeys.page("appointment", max_age=30)).stale


async def test_a_throttled_source_is_there_and_nothing_stale_is_shown(journeys: Journeys) -> None:
    journeys.ward.code = "upstream_throttled"  # type: ignore[attr-defined]
    with pytest.raises(TryLater, match="upstream_throttled"):
        await journeys.page("appointment")


async def test_once_the_source_is_back_nothing_is_stale(journeys: Journeys) -> None:
    assert (await journeys.page("appointment")).stale
    journeys.ward.code = None  # type: ignore[attr-defined]
    answer = await journeys.page("appointment")
    assert not answer.stale
    assert json.loads(answer.body)["warnings"] == []


async def test_each_caller_waits_as_long_as_it_has_and_shared_work_goes_on_for_the_others() -> None:
    ward = Ward(appointments={"a": appointment("a", "booked")})
    ward.going.clear()
    journeys = Journeys(ward)

    async def hurried() -> None:
        with deadline.bounded(0.02), pytest.raises(TryLater, match="upstream_timeout"):
            await journeys.page("appointment")

    first = asyncio.create_task(hurried())
    await ward.asked.wait()
    patient = asyncio.create_task(journeys.page("appointment"))
    await first
    ward.going.set()
    assert (await patient).ids == ("a",)
    assert ward.searches == 1
