"""A cursor can be neither read, nor changed, nor used by another, nor used for ever."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millgate.errors import FixRequest
from millgate.flow.cursor import Cursors, Holder, Place, same_filters

NOW = datetime(2026, 3, 8, 9, 59, 59, tzinfo=UTC)
CURSORS = Cursors(bytes(range(64)))
HOLDER = Holder("mercy", "https://fhir.example", "client_1", "observation", None)

places = st.builds(
    Place,
    filters=st.dictionaries(st.text(max_size=20), st.lists(st.text(max_size=20), max_size=4).map(tuple), max_size=4),
    limit=st.integers(1, 200),
    link=st.none() | st.text(max_size=300),
    offset=st.integers(0, 100_000),
)


@given(places)
def test_opens_to_the_very_place_that_was_sealed(place: Place) -> None:
    assert CURSORS.open(CURSORS.seal(place, HOLDER, NOW), HOLDER, NOW + timedelta(hours=24)) == place


@given(places)
def test_equal_places_give_equal_cursors_within_the_hour(place: Place) -> None:
    assert CURSORS.seal(place, HOLDER, NOW) == CURSORS.seal(place, HOLDER, NOW - timedelta(minutes=59))


@given(places, st.integers(0), st.integers(1, 255))
def test_one_changed_byte_is_refused(place: Place, where: int, flip: int) -> None:
    sealed = bytearray(base64.urlsafe_b64decode(CURSORS.seal(place, HOLDER, NOW) + "=="))
    sealed[where % len(sealed)] ^= flip
    forged = base64.urlsafe_b64encode(bytes(sealed)).rstrip(b"=").decode()
    with pytest.raises(FixRequest) as refused:
        CURSORS.open(forged, HOLDER, NOW)
    assert refused.value.code == "invalid_cursor"


@given(st.text(max_size=200))
def test_any_text_is_refused_with_one_code(text: str) -> None:
    with pytest.raises(FixRequest) as refused:
        CURSORS.open(text, HOLDER, NOW)
    assert refused.value.code == "invalid_cursor"


@pytest.mark.parametrize(
    "other",
    [
        replace(HOLDER, tenant="other"),
        replace(HOLDER, client_id="client_2"),
        replace(HOLDER, object="patient"),
        replace(HOLDER, patient_id="12724066"),
    ],
)
def test_another_holder_cannot_use_it(other: Holder) -> None:
    cursor = CURSORS.seal(Place({}, 50, None, 0), HOLDER, NOW)
    with pytest.raises(FixRequest):
        CURSORS.open(cursor, other, NOW)


def test_holds_nothing_readable() -> None:
    link = "https://fhir.example/r4/t/Observation?patient=12724066&-pageContext=abc"
    cursor = CURSORS.seal(Place({"patient_id": ("12724066",)}, 50, link, 0), HOLDER, NOW)
    assert b"12724066" not in base64.urlsafe_b64decode(cursor + "==")


def test_is_good_for_24_hours_and_says_when_it_expired() -> None:
    cursor = CURSORS.seal(Place({}, 50, None, 0), HOLDER, NOW)
    CURSORS.open(cursor, HOLDER, NOW + timedelta(hours=24))
    with pytest.raises(FixRequest, match="2026-03-09T10:00:00"):
        CURSORS.open(cursor, HOLDER, NOW + timedelta(hours=25, minutes=1))


def test_another_key_cannot_open_it() -> None:
    cursor = CURSORS.seal(Place({}, 50, None, 0), HOLDER, NOW)
    with pytest.raises(FixRequest):
        Cursors(bytes(64)).open(cursor, HOLDER, NOW)


def test_too_long_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(FixRequest, match="too long"):
        CURSORS.open("A" * 20_000, HOLDER, NOW)


def test_filters_beside_a_cursor_have_to_be_its_own() -> None:
    place = Place({"patient_id": ("1",)}, 50, None, 0)
    assert same_filters({}, place)
    assert same_filters({"patient_id": ("1",)}, place)
    assert not same_filters({"patient_id": ("2",)}, place)
