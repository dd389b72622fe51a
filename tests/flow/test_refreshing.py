"""An answer a little older than the default is repeated at once, and asked for anew behind its caller's back."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from millgate import deadline
from millgate.canonical.exchange import Query
from millgate.errors import TryLater
from millgate.flow import refreshing
from millgate.flow.read import GetRequest, instant
from millgate.flow.refreshing import MOST_AT_ONCE
from millgate.objects import OBJECTS
from tests.flow.ward import NOW, SESSION, Journeys, Ward, appointment

LIFE = OBJECTS["appointment"].shelf_life
PERSON = replace(SESSION, id="session_p", persona="patient", patient_id="7", scopes=("patient/Appointment.rs",), user="Patient/7")


class Told(Ward):
    """A ward that notes how urgent its calls are and how long they may take, and whose line can be cut."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.urgencies: list[tuple[str | None, bool]] = []
        self.cut = False

    async def search(self, connection: Any, query: Query) -> Any:
        self.urgencies.append((deadline.urgency(), deadline.remaining() is not None))
        if self.cut:
            raise TryLater("upstream_unavailable", "The line is cut.")
        return await super().search(connection, query)


@pytest.fixture
async def journeys() -> Journeys:
    """A list was read; the source has another one since."""
    made = Journeys(Told(appointments={"a": appointment("a", "booked")}))
    assert (await made.page("appointment")).origin == "live"
    made.ward.appointments["b"] = appointment("b", "booked")
    return made


def later(journeys: Journeys, seconds: float) -> None:
    journeys.at = journeys.ward.now = NOW + timedelta(seconds=seconds)


async def settled(journeys: Journeys) -> None:
    """Until nothing is under way in the background."""
    await asyncio.gather(*journeys.reader._refreshing._under_way)


async def test_a_little_old_is_repeated_at_once_and_asked_for_anew_behind(journeys: Journeys) -> None:
    later(journeys, LIFE.seconds + 1)
    journeys.ward.going.clear()
    with deadline.bounded(0.0):  # which the caller has; what goes on behind has time of its own
        answers = [await journeys.page("appointment") for _ in range(5)]
    assert {(one.origin, one.as_of, one.ids, one.stale) for one in answers} == {("cache", NOW, ("a",), False)}
    assert json.loads(answers[0].body)["freshness"] == {"from": "cache", "as_of": instant(NOW)}
    journeys.ward.going.set()
    await settled(journeys)
    assert journeys.ward.urgencies == [(None, False), ("reread", True)]
    renewed = await journeys.page("appointment")
    assert (renewed.origin, renewed.as_of, renewed.ids) == ("cache", journeys.at, ("a", "b"))
    assert journeys.ward.searches == 2
    (row,) = journeys.refreshed
    assert (row.question.session, row.question.object, row.question.pathway) == (SESSION, "appointment", "fhir-r4")
    assert (row.code, row.ids, row.patients) == (None, ("a", "b"), ["7"])


async def test_the_patient_who_was_asked_for_stands_in_the_row_though_nothing_was_found(journeys: Journeys) -> None:
    journeys.ward.appointments.clear()
    await journeys.page("appointment", patient_id=("8",))
    later(journeys, LIFE.seconds + 1)
    await journeys.page("appointment", patient_id=("8",))
    await settled(journeys)
    assert [row.patients for row in journeys.refreshed] == [["8"]]


@pytest.mark.parametrize("max_age", [LIFE.seconds, 0])
async def test_whoever_says_how_old_it_may_be_gets_none_that_is_older(journeys: Journeys, max_age: int) -> None:
    later(journeys, LIFE.seconds + 1)
    assert (await journeys.page("appointment", max_age=max_age)).ids == ("a", "b")
    assert journeys.refreshed == []


async def test_the_window_is_as_long_again_and_no_longer(journeys: Journeys) -> None:
    later(journeys, LIFE.longest + 1)
    assert (await journeys.page("appointment")).origin == "live"
    assert journeys.refreshed == []


async def test_one_object_is_renewed_as_a_list_is(journeys: Journeys) -> None:
    wanted = GetRequest(OBJECTS["appointment"], "a", None, "objects")
    await journeys.reader.one(SESSION, wanted)
    later(journeys, LIFE.seconds + 1)
    journeys.ward.appointments["a"] = appointment("a", "cancelled")
    assert json.loads((await journeys.reader.one(SESSION, wanted)).body)["status"] == "booked"
    await settled(journeys)
    assert json.loads((await journeys.reader.one(SESSION, wanted)).body)["status"] == "cancelled"


async def test_a_source_that_is_away_is_asked_once_and_the_answer_grows_no_older_than_it_may(journeys: Journeys) -> None:
    journeys.ward.cut = True  # type: ignore[attr-defined]
    later(journeys, LIFE.seconds + 1)
    for _ in range(3):
        assert (await journeys.page("appointment")).ids == ("a",)
        await settled(journeys)
    assert [row.code for row in journeys.refreshed] == ["upstream_unavailable"]
    later(journeys, LIFE.longest + 1)
    assert (await journeys.page("appointment")).stale


async def test_what_is_written_meanwhile_is_not_undone(journeys: Journeys) -> None:
    later(journeys, LIFE.seconds + 1)
    journeys.ward.going.clear()
    journeys.ward.asked.clear()
    await journeys.page("appointment")
    await journeys.ward.asked.wait()
    journeys.ward.appointments["c"] = appointment("c", "booked")
    await journeys.reader.written("mercy", ["appointment"])
    journeys.ward.going.set()
    await settled(journeys)
    assert (await journeys.page("appointment")).ids == ("a", "b", "c")
    assert journeys.told == [("mercy", ["appointment"])]


async def test_what_cannot_be_audited_is_not_shown(journeys: Journeys, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(done: Any) -> None:
        raise TryLater("store_unavailable", "gone")

    monkeypatch.setattr(journeys.reader._refreshing, "_audited", away)
    later(journeys, LIFE.seconds + 1)
    await journeys.page("appointment")
    await settled(journeys)
    assert (await journeys.page("appointment")).ids == ("a",)


async def test_a_persons_refresh_stays_the_persons_and_ends_with_the_session(journeys: Journeys) -> None:
    wanted = GetRequest(OBJECTS["appointment"], "a", None, "objects")
    await journeys.reader.one(PERSON, wanted)
    other = replace(PERSON, id="session_q")
    kept = len(journeys.reader._shelf)
    await journeys.reader.one(other, wanted)
    assert len(journeys.reader._shelf) == kept + 1

    hold = asyncio.Event()
    begun = asyncio.Event()

    async def held(*_: Any) -> Any:
        begun.set()
        await hold.wait()

    later(journeys, LIFE.seconds + 1)
    journeys.reader._fetcher.one = held  # type: ignore[method-assign]
    assert (await journeys.reader.one(PERSON, wanted)).origin == "cache"
    await begun.wait()
    journeys.reader.end(PERSON)
    await settled(journeys)
    assert [(row.question.session.id, row.code, row.ids) for row in journeys.refreshed] == [
        ("session_p", refreshing.CUT_OFF, ("a",))
    ]
    assert len(journeys.reader._shelf) == kept  # of the other session, and what everybody of the tenant's own shares


async def test_closing_cuts_off_what_is_under_way_and_audits_it(journeys: Journeys) -> None:
    later(journeys, LIFE.seconds + 1)
    journeys.ward.going.clear()
    journeys.ward.asked.clear()
    await journeys.page("appointment")
    await journeys.ward.asked.wait()
    await journeys.reader.close()
    assert [row.code for row in journeys.refreshed] == [refreshing.CUT_OFF]
    later(journeys, LIFE.seconds + 2)
    assert (await journeys.page("appointment")).ids == ("a",)
    assert not journeys.reader._refreshing._under_way


async def test_there_is_room_for_so_many_at_once_and_the_next_is_asked_for_later(journeys: Journeys) -> None:
    patients = [str(number) for number in range(MOST_AT_ONCE + 1)]
    for patient in patients:
        await journeys.page("appointment", patient_id=(patient,))
    later(journeys, LIFE.seconds + 1)
    journeys.ward.going.clear()
    for patient in patients:
        await journeys.page("appointment", patient_id=(patient,))
    assert len(journeys.reader._refreshing._under_way) == MOST_AT_ONCE
    journeys.ward.going.set()
    await settled(journeys)
    await journeys.page("appointment", patient_id=(patients[-1],))
    await settled(journeys)
    assert len(journeys.refreshed) == len(patients)
