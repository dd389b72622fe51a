"""Dates in searches: precision, prefixes, zones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millgate.simulator.search.dates import parse, span_in, span_of


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2024", "2024-01-01T00:00:00", "2025-01-01T00:00:00"),
        ("2024-02", "2024-02-01T00:00:00", "2024-03-01T00:00:00"),
        ("2024-12", "2024-12-01T00:00:00", "2025-01-01T00:00:00"),
        ("2024-02-29", "2024-02-29T00:00:00", "2024-03-01T00:00:00"),
        ("2024-02-29T10:15Z", "2024-02-29T10:15:00", "2024-02-29T10:16:00"),
        ("2024-02-29T10:15:01Z", "2024-02-29T10:15:01", "2024-02-29T10:15:02"),
        ("2024-02-29T10:15:01.000Z", "2024-02-29T10:15:01", "2024-02-29T10:15:01.001"),
        ("2024-02-29T23:15:01-06:00", "2024-03-01T05:15:01", "2024-03-01T05:15:02"),
    ],
)
def test_a_date_stands_for_a_time_of_its_precision(text: str, low: str, high: str) -> None:
    span = span_of(text)
    assert span is not None
    assert (span.low, span.high) == (datetime.fromisoformat(low + "+00:00"), datetime.fromisoformat(high + "+00:00"))


@pytest.mark.parametrize(
    "text", ["", "24", "2024-13", "2023-02-29", "2024-1-1", "2024-01-01T25:00:00Z", "2024-01-01 10:00", None, 5]
)
def test_what_is_no_date(text: object) -> None:
    assert span_of(text) is None


@pytest.mark.parametrize(
    ("query", "held", "fits"),
    [
        ("2024-03-05", "2024-03-05T23:59:59Z", True),
        ("2024-03-05", "2024-03", False),
        ("2024", "2024-03", True),
        ("ge2024-03-05", "2024-03-05", True),
        ("ge2024-03-05", "2024-03", True),
        ("ge2024-03-05", "2024-02", False),
        ("gt2024-03-05", "2024-03-05T12:00:00Z", False),
        ("gt2024-03-05", "2024-03-06", True),
        ("lt2024-03-05", "2024-03-04T23:00:00Z", True),
        ("lt2024-03-05", "2024-03-05T00:00:00Z", False),
        ("le2024-03-05", "2024-03-05T23:00:00Z", True),
        ("le2024-03-05", "2024-03-06T00:00:00Z", False),
    ],
)
def test_prefixes(query: str, held: str, fits: bool) -> None:
    date, span = parse(query), span_of(held)
    assert date is not None
    assert span is not None
    assert date.accepts(span) is fits


def test_an_open_period_reaches_as_far_as_time() -> None:
    date = parse("ge2030-01-01T00:00:00Z")
    still_going, ended = span_in({"start": "2024-01-01"}), span_in({"start": "2024-01-01", "end": "2024-02-01"})
    assert date is not None
    assert still_going is not None
    assert ended is not None
    assert date.accepts(still_going)
    assert not date.accepts(ended)
    assert span_in({}) is None


@given(st.integers(-2_208_988_800, 4_102_444_800).map(lambda second: datetime.fromtimestamp(second, UTC)))
def test_a_moment_lies_in_its_own_day_and_between_its_neighbours(moment: datetime) -> None:
    held = span_of(moment.isoformat())
    assert held is not None
    before, after = (moment - timedelta(days=2)).date().isoformat(), (moment + timedelta(days=2)).date().isoformat()
    for query, fits in (
        (moment.date().isoformat(), True),
        (f"ge{before}", True),
        (f"le{after}", True),
        (f"lt{before}", False),
        (f"gt{after}", False),
    ):
        date = parse(query)
        assert date is not None
        assert date.accepts(held) is fits


@given(st.text(max_size=40))
def test_wild_text_is_a_date_or_none(text: str) -> None:
    parse(text)
    span_of(text)
