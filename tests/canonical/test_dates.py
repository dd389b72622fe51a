"""Dates keep their precision, get an offset only from a known zone, and become stretches of time that can be compared."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millgate.canonical.dates import (
    Interval,
    has_offset,
    instant,
    interval,
    is_date,
    is_date_time,
    is_time,
    localized,
    period_interval,
    window,
    zone,
)
from millgate.errors import CallOperator


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize("text", ["2019", "2019-05", "2019-05-04", "2024-02-29", "0001-01-01", "9999-12-31"])
def test_dates(text: str) -> None:
    assert is_date(text)
    assert is_date_time(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "19",
        "2019-13",
        "2019-5",
        "2019-02-30",
        "2023-02-29",
        "20190504",
        "2019-W01-1",
        "2019-05-04T",
        " 2019",
        "2019\n",
        "0000",
        "２０１９",
    ],
)
def test_no_dates(text: str) -> None:
    assert not is_date(text)


@pytest.mark.parametrize(
    "text",
    [
        "2020-07-11T05:05:01.000Z",
        "2020-07-11T05:05:01Z",
        "2020-07-11T05:05:01+00:00",
        "2020-07-11T05:05:01.123456789-05:00",
        "2016-12-31T23:59:60Z",
        "2020-07-11T05:05:01",
        "2020-07-11T05:05Z",
    ],
)
def test_moments(text: str) -> None:
    assert is_date_time(text)
    assert not is_date(text)


@pytest.mark.parametrize(
    "text",
    ["2020-07-11 05:05:01Z", "2020-07-11T25:00:00Z", "2020-07-11T05", "2020-07-11T05:05:01z", "2020-07-11T05:05:01+5", "2020-07-11T05:05:01.Z",
     "2020-02-30T05:05:01Z", "2020-07-11T05:05:01Z\n", "2020-07T05:05:01Z", "2020-07-11T05:05:01+99:00"],
)  # fmt: skip
def test_no_moments(text: str) -> None:
    assert not is_date_time(text)


def test_times() -> None:
    assert [is_time(text) for text in ("08:30", "08:30:00", "23:59:60", "08:30:00.5")] == [True] * 4
    assert [is_time(text) for text in ("8:30", "24:00:00", "08:30Z", "08:60", "")] == [False] * 5


@pytest.mark.parametrize(
    ("text", "time_zone", "expected"),
    [
        ("2024-07-04T09:30:00", "America/Chicago", ("2024-07-04T09:30:00-05:00", "time_zone_assumed")),
        ("2024-01-04T09:30:00.250", "America/Chicago", ("2024-01-04T09:30:00.250-06:00", "time_zone_assumed")),
        ("2024-01-04T09:30", "Asia/Kathmandu", ("2024-01-04T09:30+05:45", "time_zone_assumed")),
        ("2024-01-04T09:30:00", "UTC", ("2024-01-04T09:30:00+00:00", "time_zone_assumed")),
        ("2024-01-04T09:30:00", None, ("2024-01-04T09:30:00", "time_zone_unknown")),
        ("2024-11-03T01:30:00", "America/Chicago", ("2024-11-03T01:30:00", "time_zone_ambiguous")),
        ("2024-03-10T02:30:00", "America/Chicago", ("2024-03-10T02:30:00", "time_zone_ambiguous")),
        ("2024-07-04T09:30:00Z", None, ("2024-07-04T09:30:00Z", None)),
        ("2024-07-04T09:30:00+00:00", "America/Chicago", ("2024-07-04T09:30:00+00:00", None)),
        ("2024-07-04", None, ("2024-07-04", None)),
    ],
)
def test_a_time_without_an_offset_takes_the_tenants_zone(
    text: str, time_zone: str | None, expected: tuple[str, str | None]
) -> None:
    assert localized(text, time_zone) == expected


@pytest.mark.parametrize(
    ("text", "time_zone", "start", "end"),
    [
        ("2019", "UTC", utc(2019, 1, 1), utc(2020, 1, 1)),
        ("2019-12", "UTC", utc(2019, 12, 1), utc(2020, 1, 1)),
        ("2024-02", "UTC", utc(2024, 2, 1), utc(2024, 3, 1)),
        ("2019-12-31", "UTC", utc(2019, 12, 31), utc(2020, 1, 1)),
        ("2024-03-10", "America/Chicago", utc(2024, 3, 10, 6), utc(2024, 3, 11, 5)),
        ("2019-05-04T10:00:00Z", None, utc(2019, 5, 4, 10), utc(2019, 5, 4, 10, 0, 1)),
        ("2019-05-04T10:00Z", None, utc(2019, 5, 4, 10), utc(2019, 5, 4, 10, 1)),
        ("2019-05-04T10:00:00.250-05:00", None, utc(2019, 5, 4, 15, 0, 0, 250000), utc(2019, 5, 4, 15, 0, 0, 251000)),
        ("2016-12-31T23:59:60Z", None, utc(2016, 12, 31, 23, 59, 59), utc(2017, 1, 1)),
    ],
)
def test_what_a_date_covers(text: str, time_zone: str | None, start: datetime, end: datetime) -> None:
    assert interval(text, time_zone) == Interval(start, end)
    assert instant(text, time_zone) == start


def test_what_cannot_be_told() -> None:
    assert interval("2019-05-04") is None
    assert interval("2019-05-04T10:00:00") is None
    assert interval("yesterday", "UTC") is None
    assert interval("9999", "UTC") is None
    assert instant("0001-01-01T00:00:00+14:00") is None
    assert period_interval("2019", "nonsense", "UTC") is None


def test_windows_take_from_inclusive_and_to_exclusive() -> None:
    asked = window("2024-05-01", "2024-05-02", "America/Chicago")
    assert asked == Interval(utc(2024, 5, 1, 5), utc(2024, 5, 2, 5))
    for text, inside in [
        ("2024-05-01T00:00:00-05:00", True),
        ("2024-05-01T23:59:59-05:00", True),
        ("2024-05-02T00:00:00-05:00", False),
        ("2024-04-30T23:59:59-05:00", False),
        ("2024-05", True),
    ]:
        found = interval(text, "America/Chicago")
        assert found is not None
        assert found.overlaps(asked) is inside, text
    assert window(None, None) == Interval(None, None)
    assert window("2024-05-01", None) == Interval(utc(2024, 5, 1), None)
    assert window("soon", None) is None


def test_open_periods_overlap() -> None:
    open_ended = period_interval("2024-05-01T00:00:00Z", None)
    assert open_ended is not None
    assert open_ended.overlaps(Interval(utc(2030, 1, 1), utc(2030, 1, 2)))
    assert not open_ended.overlaps(Interval(None, utc(2024, 5, 1)))


@pytest.mark.parametrize("name", ["Chicago", "../etc/passwd", "", "America", "/etc/localtime", "a\0b"])
def test_an_unknown_zone_needs_the_operator(name: str) -> None:
    with pytest.raises(CallOperator):
        zone(name)


@given(
    moment=st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)),  # noqa: DTZ001  (the zone is drawn beside)
    minutes=st.integers(-14 * 60, 14 * 60),
    digits=st.integers(0, 6),
)
def test_instants_agree_with_the_calendar(moment: datetime, minutes: int, digits: int) -> None:
    text = moment.isoformat(timespec="microseconds")
    text = text[:19] + (text[19 : 20 + digits] if digits else "")
    sign = "-" if minutes < 0 else "+"
    text += f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
    assert is_date_time(text)
    assert has_offset(text)
    found = interval(text)
    assert found is not None
    assert found.start is not None
    assert found.end is not None
    assert found.start == datetime.fromisoformat(text)
    assert found.end - found.start == (timedelta(seconds=1) if digits == 0 else timedelta(microseconds=10 ** (6 - digits)))


@given(st.text(), st.sampled_from([None, "UTC", "America/Chicago"]))
def test_any_text(text: str, time_zone: Any) -> None:
    if not is_date_time(text):
        assert interval(text, time_zone) is None


@given(
    st.from_regex(
        r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](\.[0-9]{1,9})?(Z|[+-][0-2][0-9]:[0-5][0-9])?",
        fullmatch=True,
    )
)
def test_almost_moments(text: str) -> None:
    if is_date_time(text):
        interval(text, "America/Chicago")
        localized(text, "America/Chicago")
