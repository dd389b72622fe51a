"""Writes whose answers are lost: nothing is done twice, undone, or forgotten."""

from __future__ import annotations

import json
from typing import Any

import pytest

from millgate.canonical.exchange import AppointmentWrite, BookSlot, ChangeStatus
from millgate.errors import FixRequest, GatewayError, TryLater
from millgate.pathways.http import OutcomeUnknown
from tests.flow.ward import Begun, Failure, Journeys, Ward, appointment, slot

PERIOD = [{"start": "2026-11-03T14:00:00Z", "end": "2026-11-04T14:00:00Z"}]


def lost(kind: type[BookSlot] | type[ChangeStatus], *, after: bool) -> Failure:
    """No answer comes to writes of this kind, which have taken effect or not."""

    def fails(write: AppointmentWrite, done: bool) -> GatewayError | None:
        hit = isinstance(write, kind) and done is after
        return OutcomeUnknown("upstream_timeout", "no answer") if hit else None

    return fails


async def test_a_proposal_that_got_its_slot_is_not_cancelled_by_the_repetition() -> None:
    ward = Ward(slots={"1": slot("1")}, appointments={"a": appointment("a", "proposed", requestedPeriod=PERIOD)})
    journeys = Journeys(ward)
    await journeys.write(appointment_id="a", slot_id="1", reason="Other")
    journeys.keys.states["k"] = Begun("abandoned")  # the process died before it could keep the answer
    written = await journeys.write(appointment_id="a", slot_id="1", reason="Other")
    assert (written.status, written.id) == (200, "a")
    assert {key: one["status"] for key, one in ward.appointments.items()} == {"a": "booked"}


async def test_the_old_appointment_is_never_taken_for_the_new_one() -> None:
    """The old one is at the same time and place, with another practitioner: its cancellation would leave neither."""
    old = appointment("a", "booked", "2026-11-03T15:00:00Z")
    ward = Ward(slots={"1": slot("1")}, appointments={"a": old}, fails=lost(BookSlot, after=False))
    with pytest.raises(TryLater):
        await Journeys(ward).write(appointment_id="a", slot_id="1")
    assert {key: one["status"] for key, one in ward.appointments.items()} == {"a": "booked"}


async def test_an_older_booking_at_the_same_time_and_place_is_not_taken_for_the_new_one() -> None:
    """The patient has one with another practitioner; the new request never arrives."""
    older = appointment("a", "booked", "2026-11-03T15:00:00Z", meta={"versionId": "0", "lastUpdated": "2026-11-01T00:00:00Z"})
    ward = Ward(slots={"1": slot("1")}, appointments={"a": older}, fails=lost(BookSlot, after=False))
    with pytest.raises(TryLater):
        await Journeys(ward).write(slot_id="1", patient_id="7")


async def test_a_booking_that_shows_late_is_found_by_the_next_try() -> None:
    """The first sending took the slot, so the second is refused; the source's search shows the booking only later."""
    ward = Ward(slots={"1": slot("1")}, fails=lost(BookSlot, after=True), unseen=2)
    journeys = Journeys(ward)
    with pytest.raises(FixRequest, match="slot_taken"):
        await journeys.write(slot_id="1", patient_id="7")
    written = await journeys.write(slot_id="1", patient_id="7")
    assert (written.id, list(ward.appointments)) == ("made-0", ["made-0"])


async def test_a_repeated_reschedule_finds_both_of_its_effects() -> None:
    ward = Ward(slots={"1": slot("1")}, appointments={"a": appointment("a", "booked")})
    journeys = Journeys(ward)
    first = await journeys.write(appointment_id="a", slot_id="1")
    journeys.keys.states["k"] = Begun("abandoned")
    again = await journeys.write(appointment_id="a", slot_id="1")
    assert (again.id, again.status, len(ward.appointments)) == (first.id, 201, 2)


async def test_a_repeated_reschedule_of_what_others_cancelled_books_nothing() -> None:
    ward = Ward(slots={"1": slot("1")}, appointments={"a": appointment("a", "cancelled")})
    journeys = Journeys(ward)
    journeys.keys.states["k"] = Begun("abandoned")
    with pytest.raises(FixRequest, match="rejected_by_source"):
        await journeys.write(appointment_id="a", slot_id="1")
    assert list(ward.appointments) == ["a"]


async def test_an_abandoned_key_stays_so_while_the_source_cannot_be_asked() -> None:
    ward = Ward(slots={"1": slot("1")}, appointments={"a": appointment("a", "booked")})
    journeys = Journeys(ward)
    journeys.keys.states["k"] = Begun("abandoned")
    ward.appointments.clear()  # the source answers nothing of use
    with pytest.raises(FixRequest, match="not_found"):
        await journeys.write(appointment_id="a", slot_id="1")
    assert journeys.keys.states["k"].state == "abandoned"


@pytest.mark.parametrize("refused", [False, True])
async def test_a_key_whose_answer_could_not_be_kept_is_left_for_the_next(refused: bool) -> None:
    ward = Ward(slots={"1": slot("1")})
    ward.slots["1"]["status"] = "busy" if refused else "free"
    journeys = Journeys(ward)
    journeys.keys.lost = True
    with pytest.raises(GatewayError, match="store_unavailable"):
        await journeys.write(slot_id="1", patient_id="7")
    assert journeys.keys.states["k"].state == "abandoned"


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        ({"slot_id": "1", "patient_id": "7", "service_type": "1"}, ["service_type"]),
        ({"slot_id": "1", "appointment_id": "a", "reason": "R", "comment": "C"}, ["reason", "comment"]),
        ({"slot_id": "1", "patient_id": "7", "reason": "R"}, []),
    ],
)
async def test_what_was_given_and_not_sent_is_told(request_: dict[str, Any], fields: list[str]) -> None:
    ward = Ward(slots={"1": slot("1")}, appointments={"a": appointment("a", "proposed", requestedPeriod=PERIOD)})
    written = await Journeys(ward).write(**request_)
    told = json.loads(written.body).get("warnings", [])
    assert [one["field"] for one in told if one["code"] == "not_sent"] == fields
