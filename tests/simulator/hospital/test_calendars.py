"""Slots and appointments tell the same story."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from millgate.simulator.hospital import Hospital
from millgate.simulator.hospital.booking import HOLDING

from .conftest import NOW, TODAY, Everything, make


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _slots(hospital: Hospital, start: datetime, end: datetime) -> list[dict[str, Any]]:
    schedules = [each["id"] for each in hospital.schedules()]
    return [slot for schedule in schedules for slot in hospital.slots(schedule_id=schedule, start=start, end=end)]


def test_a_slot_is_busy_exactly_when_an_appointment_holds_it(everything: Everything) -> None:
    slots = {slot["id"]: slot for slot in everything["Slot"]}
    booked = [each for each in everything["Appointment"] if each.get("slot")]
    held = {each["slot"][0]["reference"].partition("/")[2]: each for each in booked}
    assert len(held) == len(booked), "two appointments hold one slot"
    first = min(_moment(slot["start"]) for slot in slots.values())
    in_time = {key for key, each in held.items() if _moment(each["start"]) >= first}
    assert {key for key, slot in slots.items() if slot["status"] == "busy"} == in_time
    for key in in_time:
        for side in ("start", "end"):
            assert _moment(slots[key][side]) == _moment(held[key][side])


def test_only_appointments_that_take_place_hold_a_slot(everything: Everything) -> None:
    for each in everything["Appointment"]:
        assert ("slot" in each) == (each["status"] in HOLDING)
        assert ("start" in each) == (each["status"] != "proposed")


def test_all_ways_through_the_state_machine_occur() -> None:
    hospital = make(1200)
    found = Counter(
        each["status"] for patient in hospital.find_patients(limit=2000) for each in hospital.chart("Appointment", patient)
    )
    assert set(found) == {
        "proposed", "pending", "booked", "arrived", "checked-in", "fulfilled", "cancelled", "noshow", "entered-in-error",
    }  # fmt: skip


def test_nobody_has_two_slots_at_one_time(everything: Everything) -> None:
    by_person = defaultdict(list)
    for slot in everything["Slot"]:
        by_person[slot["id"].split("-")[2]].append((_moment(slot["start"]), _moment(slot["end"])))
    for times in by_person.values():
        assert all(end <= start for (_, end), (start, _) in pairwise(sorted(times)))


def test_slots_lie_on_working_days_around_today(hospital: Hospital, everything: Everything) -> None:
    zone = ZoneInfo(hospital.time_zone)
    days = {_moment(slot["start"]).astimezone(zone).date() for slot in everything["Slot"]}
    assert min(days) >= TODAY - timedelta(days=7)
    assert TODAY + timedelta(days=55) < max(days) <= TODAY + timedelta(days=60)
    assert all(day.weekday() < 5 for day in days)
    hours = {_moment(slot["start"]).astimezone(zone).hour for slot in everything["Slot"]}
    assert min(hours) >= 7
    assert max(hours) < 17


def test_local_hours_stay_when_the_clocks_change(hospital: Hospital) -> None:
    """Summer time begins on 8 March 2026 in Chicago: eight in the morning is 14 UTC before and 13 UTC after."""
    schedule = next(iter(hospital.schedules()))["id"]
    starts = [
        slot["start"] for slot in hospital.slots(schedule_id=schedule, start=NOW - timedelta(days=7), end=NOW + timedelta(days=2))
    ]
    assert min(each[11:16] for each in starts if each < "2026-03-07") == "14:00"
    assert min(each[11:16] for each in starts if each > "2026-03-09") == "13:00"


def test_clinics_are_closed_on_holidays() -> None:
    hospital = make(3, today=date(2026, 11, 20))
    days = {slot["start"][:10] for slot in _slots(hospital, datetime(2026, 11, 20, tzinfo=UTC), datetime(2027, 1, 5, tzinfo=UTC))}
    assert not days & {"2026-11-26", "2026-12-25", "2027-01-01"}
    assert "2026-11-25" in days


def test_windows_are_half_open(hospital: Hospital, everything: Everything) -> None:
    schedule = everything["Schedule"][0]["id"]
    first, second = hospital.slots(schedule_id=schedule, start=NOW, end=NOW + timedelta(days=3))[:2]
    between = hospital.slots(schedule_id=schedule, start=_moment(first["start"]), end=_moment(second["start"]))
    assert [each["id"] for each in between] == [first["id"]]
    assert hospital.slots(schedule_id="1-2-3-0", start=NOW, end=NOW + timedelta(days=3)) == []


def test_appointments_by_actor_are_those_of_the_charts(hospital: Hospital, everything: Everything) -> None:
    start, end = NOW - timedelta(days=100), NOW + timedelta(days=60)
    expected = defaultdict(set)
    for each in everything["Appointment"]:
        period = each["requestedPeriod"][0]
        shown = _moment(each["start"]) if "start" in each else None
        if (shown and start <= shown < end) or (not shown and _moment(period["start"]) < end and _moment(period["end"]) > start):
            for participant in each["participant"]:
                expected[participant["actor"].get("reference")].add(each["id"])
    for practitioner in everything["Practitioner"]:
        found = hospital.appointments(practitioner_id=practitioner["id"], start=start, end=end)
        proposed = {each["id"] for each in found if each["status"] == "proposed"}
        assert {each["id"] for each in found} - proposed == expected[f"Practitioner/{practitioner['id']}"]
    for location in everything["Location"]:
        found = hospital.appointments(location_id=location["id"], start=start, end=end)
        assert {each["id"] for each in found} == expected[f"Location/{location['id']}"]
        starts = [each.get("start", each["requestedPeriod"][0]["start"])[:19] for each in found]
        assert starts == sorted(starts)


def test_kept_appointments_have_their_encounter(hospital: Hospital, everything: Everything) -> None:
    kept = {each["id"] for each in everything["Appointment"] if each["status"] in ("fulfilled", "arrived", "checked-in")}
    linked = {
        reference["reference"].partition("/")[2] for each in everything["Encounter"] for reference in each.get("appointment", [])
    }
    assert kept == linked


def test_a_full_calendar_leaves_free_slots() -> None:
    hospital = make(7_000)
    schedule = next(each["id"] for each in hospital.schedules())
    found = Counter(slot["status"] for slot in hospital.slots(schedule_id=schedule, start=NOW, end=NOW + timedelta(days=60)))
    assert found["busy"] > 40
    assert found["free"] > 40


def test_the_dead_have_no_appointments_to_come(hospital: Hospital, everything: Everything) -> None:
    dead = {each["id"] for each in everything["Patient"] if each.get("deceasedDateTime") or each.get("deceasedBoolean")}
    assert dead
    for patient in dead:
        assert not [each for each in hospital.chart("Appointment", patient) if each.get("start", "9") > NOW.isoformat()]


def test_service_types_are_those_of_the_schedules(hospital: Hospital, everything: Everything) -> None:
    offered = {each["serviceType"][0]["coding"][0]["code"] for each in everything["Schedule"]}
    assert {each["code"] for each in hospital.service_types()} == offered
    assert {bool(each["standard"]) for each in hospital.service_types()} == {True, False}
