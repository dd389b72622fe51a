"""Hours as they are counted, and as they are handed out to be kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from millgate.access.budget import Hour
from millgate.pathways.ledger import HOURS_KEPT, Ledger

NOW = datetime(2026, 3, 1, 7, 0, tzinfo=UTC)


def test_what_was_asked_is_counted_by_the_hour_with_its_peaks() -> None:
    ledger = Ledger()
    for minute, at_once, in_second in ((0, 1, 1), (10, 3, 2), (59, 2, 9), (61, 1, 1)):
        ledger.began(NOW + timedelta(minutes=minute), "fhir", at_once=at_once, in_second=in_second)
    ledger.began(NOW + timedelta(minutes=70), "authorization", at_once=2, in_second=1)
    ledger.throttled(NOW + timedelta(minutes=70))
    assert ledger.hours == (
        Hour(NOW, 3, 0, 3, 9, {"fhir": 3}),
        Hour(NOW + timedelta(hours=1), 2, 1, 2, 1, {"fhir": 1, "authorization": 1}),
    )


def test_hours_begin_on_the_hour_of_utc_whatever_the_clocks_zone() -> None:
    ledger = Ledger()
    local = datetime.fromisoformat("2026-03-01T12:40:00+05:30")
    ledger.began(local, "fhir", at_once=1, in_second=1)
    assert [one.begins_at for one in ledger.hours] == [datetime(2026, 3, 1, 7, 0, tzinfo=UTC)]


def test_only_what_changed_is_handed_out_and_what_was_put_back_is_again() -> None:
    ledger = Ledger()
    assert (ledger.changed, ledger.take()) == (False, [])
    ledger.began(NOW, "fhir", at_once=1, in_second=1)
    ledger.began(NOW + timedelta(hours=1), "fhir", at_once=1, in_second=1)
    taken = ledger.take()
    assert [one.calls for one in taken] == [1, 1]
    assert (ledger.changed, ledger.take()) == (False, [])
    ledger.throttled(NOW + timedelta(hours=1))
    assert [(one.begins_at, one.throttled) for one in ledger.take()] == [(NOW + timedelta(hours=1), 1)]
    ledger.put_back(taken)
    assert [(one.begins_at, one.calls, one.throttled) for one in ledger.take()] == [(NOW, 1, 0), (NOW + timedelta(hours=1), 1, 1)]


def test_what_was_handed_out_does_not_change_any_more() -> None:
    ledger = Ledger()
    ledger.began(NOW, "fhir", at_once=1, in_second=1)
    (taken,) = ledger.take()
    ledger.began(NOW, "fhir", at_once=5, in_second=5)
    assert taken == Hour(NOW, 1, 0, 1, 1, {"fhir": 1})


def test_a_week_is_kept_in_memory() -> None:
    ledger = Ledger()
    for hour in range(HOURS_KEPT + 5):
        ledger.began(NOW + timedelta(hours=hour), "fhir", at_once=1, in_second=1)
    assert len(ledger.hours) == HOURS_KEPT == 168
    assert ledger.hours[0].begins_at == NOW + timedelta(hours=5)
