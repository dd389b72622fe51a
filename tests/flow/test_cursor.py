"""A cursor can be neither read, nor changed, nor used by another, nor used for ever."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import shake_256

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from hypothesis import given
from hypothesis import strategies as st

from millgate.errors import FixRequest
from millgate.flow.cursor import LONGEST, MARK, Cursors, Holder, Place, marks, same_filters

NOW = datetime(2026, 3, 8, 9, 59, 59, tzinfo=UTC)
KEY = bytes(range(64))
CURSORS = Cursors(KEY)
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


def test_a_hundred_long_ids_still_fit_since_they_are_said_twice() -> None:
    ids = tuple(f"{number:0>60}" for number in range(100))
    place = Place({"ids": ids}, 50, "https://fhir.example/r4/t/Observation?_id=" + ",".join(ids), 0, b"m" * MARK * 50)
    cursor = CURSORS.seal(place, HOLDER, NOW)
    assert len(cursor) <= LONGEST
    assert CURSORS.open(cursor, HOLDER, NOW) == place


def test_a_cursor_that_would_be_too_long_goes_without_what_the_page_before_showed() -> None:
    seen = shake_256(b"seen").digest(MARK * 2_000)
    place = Place({"patient_id": ("1",)}, 50, "https://fhir.example/next", 1, seen, b"shown-id")
    cursor = CURSORS.seal(place, HOLDER, NOW)
    assert len(cursor) <= LONGEST
    assert CURSORS.open(cursor, HOLDER, NOW) == msgspec.structs.replace(place, seen=b"")


def test_a_cursor_that_would_be_refused_is_never_given_out() -> None:
    wild = shake_256(b"wild").digest(12_000).hex()
    with pytest.raises(FixRequest, match="fewer or shorter"):
        CURSORS.seal(Place({"name": (wild,)}, 50, wild, 0), HOLDER, NOW)


def test_a_cursor_of_an_older_release_is_still_good() -> None:
    """One of five elements, and not compressed however long."""
    expires = int(NOW.timestamp()) + 3600
    plain = msgspec.msgpack.encode([expires, [{"ids": ["x" * 3_000]}, 50, None, 20, b"12345678"]])
    sealed = AESSIV(KEY).encrypt(plain, [HOLDER.encode()])
    opened = CURSORS.open(base64.urlsafe_b64encode(sealed).rstrip(b"=").decode(), HOLDER, NOW)
    assert opened == Place({"ids": ("x" * 3_000,)}, 50, None, 20, b"12345678")


def test_marks_come_apart_as_they_were_joined() -> None:
    assert marks(b"") == frozenset()
    assert marks(b"12345678abcdefgh") == {b"12345678", b"abcdefgh"}
