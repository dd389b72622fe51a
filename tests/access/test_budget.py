"""Nights by the tenant's clock, shares of a ceiling, and what several processes asked together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millgate.access.budget import Ceiling, Hour, Night, Peak, tightest, together

NOW = datetime(2026, 3, 1, 7, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end", "at", "hours"),
    [
        (20, 6, datetime(2026, 3, 2, 3, 0, tzinfo=UTC), 0),  # 21:00 in Chicago
        (20, 6, datetime(2026, 3, 2, 11, 59, tzinfo=UTC), 0),
        (20, 6, datetime(2026, 3, 1, 12, 0, tzinfo=UTC), 14),
        (1, 5, datetime(2026, 3, 1, 6, 0, tzinfo=UTC), 1),
        (1, 5, datetime(2026, 3, 1, 8, 0, tzinfo=UTC), 0),
        (1, 5, datetime(2026, 3, 1, 12, 0, tzinfo=UTC), 19),
    ],
)
def test_nights_go_by_the_tenants_clock(start: int, end: int, at: datetime, hours: float) -> None:
    night = Night(time_of_day(start), time_of_day(end), "America/Chicago")
    assert night.opens_in(at) == hours * 3600


@given(st.floats(0.1, 1000), st.integers(1, 64), st.integers(1, 100))
def test_shares_stay_below_the_ceiling_and_leave_each_process_one_call(rate: float, at_once: int, processes: int) -> None:
    share = Ceiling(rate, at_once).share(processes)
    assert share.rate_per_s is not None
    assert share.rate_per_s * processes == pytest.approx(rate)
    assert share.concurrency is not None
    assert share.concurrency >= 1
    assert share.concurrency * processes <= max(at_once, processes)


def test_no_bound_stays_no_bound_and_a_night_is_everybodys() -> None:
    night = Night(time_of_day(22), time_of_day(5), "America/Chicago")
    assert Ceiling(night=night).share(3) == Ceiling(night=night)
    assert tightest([]) == Ceiling()
    assert tightest([Ceiling(rate_per_s=5), Ceiling(20, 8), Ceiling(concurrency=2, night=night)]) == Ceiling(5, 2, night)


def test_calls_add_up_and_of_the_most_it_is_said_what_is_known() -> None:
    before = NOW - timedelta(hours=1)
    found = together(
        [
            Hour(NOW, 100, 2, 3, 9, {"fhir": 98, "authorization": 2}),
            Hour(before, 5, 0, 1, 5, {"fhir": 5}),
            Hour(NOW, 50, 1, 4, 7, {"fhir": 50}),
        ]
    )
    assert [one.begins_at for one in found] == [before, NOW]
    assert (found[0].per_s, found[0].at_once, found[0].processes) == (Peak(5, 5), Peak(1, 1), 1)
    assert (found[1].calls, found[1].throttled, found[1].processes) == (150, 3, 2)
    assert (found[1].per_s, found[1].at_once) == (Peak(9, 16), Peak(4, 7))
    assert found[1].endpoints == {"authorization": 2, "fhir": 148}
