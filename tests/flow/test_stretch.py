"""A page walked in smaller steps than the source gives it, though it changes meanwhile: nothing twice, nothing left out in silence."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millgate.errors import FixRequest
from millgate.flow.cursor import LONGEST, Cursors, Holder, Place
from millgate.flow.read_request import Answer, Form, ListRequest
from millgate.flow.shelf import Shelved
from millgate.flow.stretch import MOST_MARKED, stretch_of
from millgate.objects import OBJECTS
from tests.flow.ward import NOW, SESSION, Journeys, Ward, appointment

START = Place({}, 50, None, 0)
ids = st.lists(st.sampled_from("abcdefghij"), unique=True)


def page_of(names: list[str], next_link: str | None = None) -> Shelved:
    prints = tuple(name.encode() * 16 for name in names)
    return Shelved(tuple(map(str.encode, names)), prints, tuple(names), tuple(() for _ in names), (), next_link, NOW, "https://x")


def walk(pages: list[list[str]], limit: int) -> tuple[list[str], list[bool]]:
    """What is shown step by step, where each step finds the next of the pages (and the last one again and again)."""
    shown, changed, place, step = [], [], START, 0
    while place is not None:
        page = page_of(pages[min(step, len(pages) - 1)])
        stretch = stretch_of(page, place, limit)
        shown += [page.ids[at] for at in stretch.chosen]
        changed.append(stretch.changed)
        place, step = stretch.following, step + 1  # type: ignore[assignment]
    return shown, changed


@given(ids, st.integers(1, 4))
def test_an_unchanged_page_is_shown_in_its_order(names: list[str], limit: int) -> None:
    shown, changed = walk([names], limit)
    assert shown == names
    assert not any(changed)


@given(st.lists(ids, min_size=1, max_size=5), st.integers(1, 4))
def test_nothing_is_shown_twice_and_nothing_that_the_last_page_has_is_left_out(pages: list[list[str]], limit: int) -> None:
    shown, _ = walk(pages, limit)
    assert len(set(shown)) == len(shown)
    steps = (len(shown) + limit - 1) // limit
    if steps >= len(pages):
        assert set(pages[-1]) <= set(shown)


def test_a_page_that_has_something_new_in_front_is_told_to_have_changed() -> None:
    assert walk([["a", "b", "c", "d"], ["new", "a", "b", "c", "d"]], 2) == (["a", "b", "new", "c", "d"], [False, True, True])


def test_a_page_that_lost_what_was_shown_is_told_to_have_changed() -> None:
    assert walk([["a", "b", "c", "d"], ["b", "c", "d"]], 2) == (["a", "b", "c", "d"], [False, True])


def test_a_page_that_grew_at_its_end_only_is_the_same_so_far() -> None:
    assert walk([["a", "b", "c"], ["a", "b", "c", "d"]], 2) == (["a", "b", "c", "d"], [False, False])


def test_a_giant_page_is_walked_to_its_end_with_cursors_of_a_bounded_length() -> None:
    names = [f"record-{number}" for number in range(1600)]
    page, place, shown, longest = page_of(names), START, [], 0
    cursors, holder = Cursors(bytes(range(64))), Holder("mercy", "https://x/r4/t", "c", "condition", None)
    while place is not None:
        stretch = stretch_of(page, cursors.open(cursors.seal(place, holder, NOW), holder, NOW), 200)
        longest = max(longest, len(cursors.seal(place, holder, NOW)))
        shown += [page.ids[at] for at in stretch.chosen]
        place = stretch.following  # type: ignore[assignment]
    assert shown == names
    assert longest < LONGEST // 2


def test_a_giant_page_that_changed_is_not_gone_on_with() -> None:
    names = [f"record-{number}" for number in range(MOST_MARKED + 200)]
    place = START
    while place.offset <= MOST_MARKED:
        place = stretch_of(page_of(names), place, 100).following  # type: ignore[assignment]
    with pytest.raises(FixRequest, match="begin again"):
        stretch_of(page_of(["new", *names]), place, 100)


def test_a_cursor_of_an_older_release_is_taken_at_its_word() -> None:
    stretch = stretch_of(page_of(["a", "b", "c", "d"]), msgspec.structs.replace(START, offset=1), 2)
    assert (list(stretch.chosen), stretch.changed) == ([1, 2], False)
    assert stretch.following is not None
    last = stretch_of(page_of(["a", "b", "c", "d"]), stretch.following, 2)
    assert (list(last.chosen), last.changed, last.following) == ([3], False, None)


def test_the_next_page_begins_with_the_marks_of_this_one() -> None:
    following = stretch_of(page_of(["a", "b"], "https://x/next"), START, 50).following
    assert following == Place({}, 50, "https://x/next", 0, b"a" * 8 + b"b" * 8)


async def test_the_answer_says_that_its_page_changed_and_has_another_etag() -> None:
    ward = Ward(appointments={name: appointment(name, "booked") for name in "abcd"})
    journeys = Journeys(ward)
    cursor = msgspec.json.decode((await page(journeys, None, "objects")).body)["next_cursor"]
    same = await page(journeys, cursor, "objects")
    assert (same.ids, msgspec.json.decode(same.body)["warnings"]) == (("c", "d"), [])
    ward.appointments = {"new": appointment("new", "booked"), **ward.appointments}
    other = await page(journeys, cursor, "objects")
    told = msgspec.json.decode(other.body)
    assert (other.ids, [one["code"] for one in told["warnings"]]) == (("new", "c"), ["page_changed"])
    assert msgspec.json.decode((await page(journeys, told["next_cursor"], "objects")).body)["data"][0]["id"] == "d"
    assert (await page(journeys, cursor, "fhir")).ids == ("new", "c")
    del ward.appointments["new"]
    assert (await page(journeys, cursor, "objects")).etag == same.etag != other.etag


async def page(journeys: Journeys, cursor: str | None, form: Form) -> Answer:
    """Two appointments, asked of the source now."""
    return await journeys.reader.page(SESSION, ListRequest(OBJECTS["appointment"], {}, 2, cursor, 0, form))
