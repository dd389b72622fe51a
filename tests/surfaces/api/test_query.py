"""A query string is read whole: every problem at once, each with what would be accepted."""

from __future__ import annotations

from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millgate.errors import FixRequest, GatewayError
from millgate.objects import OBJECTS
from millgate.surfaces.api import query as queries
from millgate.surfaces.api.query import known_parameters, parse_list, parse_one


def problems(name: str, query: str) -> dict[str, str]:
    with pytest.raises(FixRequest) as refused:
        parse_list(name, query.encode(), False, False)
    return {one.field: one.detail for one in refused.value.errors}


def test_every_problem_is_named_at_once() -> None:
    found = problems("observation", "limit=0&limits=5&from=yesterday&updated_since=2024-01-01&include=all&patient_id=")
    assert set(found) == {"limit", "limits", "from", "updated_since", "include", "patient_id"}
    assert "1 to 200" in found["limit"]
    assert "known are" in found["limits"]


@pytest.mark.parametrize("limit", ["0", "201", "-1", "1.5", "1e2", "٣", "", "999999999999"])
def test_a_limit_outside_1_to_200_is_refused(limit: str) -> None:
    assert "limit" in problems("patient", urlencode({"name": "a", "limit": limit}))


@pytest.mark.parametrize("moment", ["2024-01-01", "2024-01-01T10:00:00Z", "2024-01-01T10:00:00%2B02:00", "2024"])
def test_from_takes_dates_and_instants_with_an_offset(moment: str) -> None:
    request = parse_list("observation", f"patient_id=1&from={moment}".encode(), False, False)
    assert request.filters["from"][0].startswith("2024")


@pytest.mark.parametrize("moment", ["2024-01-01T10:00:00", "2024-13-01", "2024-02-30", "01/02/2024", "2024-01-01T10:00:00 02:00"])
def test_a_time_without_an_offset_is_refused(moment: str) -> None:
    assert "from" in problems("observation", urlencode({"patient_id": "1", "from": moment}))


def test_lists_are_split_sorted_and_without_repeats() -> None:
    request = parse_list("appointment", b"patient_id=1&status=booked,arrived&status=booked", False, False)
    assert request.filters["status"] == ("arrived", "booked")


def test_a_name_with_a_comma_is_one_name() -> None:
    assert parse_list("patient", b"family=Smith%2C%20Jr", False, False).filters["family"] == ("Smith, Jr",)


def test_no_cache_asks_the_source_now() -> None:
    assert parse_list("patient", b"name=a&max_age=60", False, True).max_age == 0
    assert parse_list("patient", b"name=a&max_age=60", False, False).max_age == 60
    assert parse_list("patient", b"name=a", False, False).max_age is None


def test_odd_ids_are_taken_as_they_are() -> None:
    assert parse_one("observation", "VS-CV-1.2-SECT-3~x", b"", False, False).id == "VS-CV-1.2-SECT-3~x"
    with pytest.raises(FixRequest):
        parse_one("observation", "a b", b"", False, False)


def test_broken_percent_encoding_is_refused() -> None:
    with pytest.raises(FixRequest):
        parse_list("patient", b"name=%ff", False, False)


@given(st.sampled_from(sorted(OBJECTS)), st.dictionaries(st.text(max_size=12), st.text(max_size=30), max_size=6))
def test_any_query_is_read_or_refused(name: str, given_pairs: dict[str, str]) -> None:
    query = "&".join(f"{quote(key)}={quote(value)}" for key, value in given_pairs.items())
    try:
        request = parse_list(name, query.encode(), False, False)
    except GatewayError as error:
        assert error.code == "invalid_request"
        assert error.errors or "query string" in error.detail
    else:
        assert set(given_pairs) <= set(known_parameters(OBJECTS[name]))
        assert request.limit is None or 1 <= request.limit <= 200


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(query: bytes) -> None:
    try:
        parse_list("patient", query, False, False)
    except GatewayError as error:
        assert error.code == "invalid_request"


def test_only_short_queries_are_remembered() -> None:
    """What callers send must not add up in memory: 4,096 queries of 32 KB would."""
    before = queries._list_again.cache_info().currsize
    for number in range(5):
        parse_list("patient", f"name=a&cursor={'x' * 1000}{number}".encode(), False, False)
    assert queries._list_again.cache_info().currsize == before
    assert parse_list("patient", b"name=once", False, False) is parse_list("patient", b"name=once", False, False)
