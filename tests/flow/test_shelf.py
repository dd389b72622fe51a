"""What is kept in memory is fresh enough, bounded, and forgotten when something was written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from millgate.flow.shelf import Shelf, Shelved

NOW = datetime(2026, 11, 1, 6, 30, tzinfo=UTC)


def page(size: int = 10, as_of: datetime = NOW) -> Shelved:
    return Shelved((b"x" * size,), (b"f",), ("1",), (("p",),), (), None, as_of, "https://fhir.example/r4/t")


def test_an_answer_older_than_asked_for_is_not_taken() -> None:
    shelf = Shelf(10_000)
    shelf.put(("mercy", "observation", 1), page())
    assert shelf.take(("mercy", "observation", 1), 60, NOW + timedelta(seconds=60)) is not None
    assert shelf.take(("mercy", "observation", 1), 60, NOW + timedelta(seconds=61)) is None


def test_a_write_forgets_the_tenants_answers_about_it_and_no_others() -> None:
    shelf = Shelf(100_000)
    for tenant in ("mercy", "other"):
        for name in ("appointment", "slot", "patient"):
            shelf.put((tenant, name), page())
    shelf.forget("mercy", ("appointment", "slot"))
    held = [(t, n) for t in ("mercy", "other") for n in ("appointment", "slot", "patient") if shelf.take((t, n), 60, NOW)]
    assert held == [("mercy", "patient"), ("other", "appointment"), ("other", "slot"), ("other", "patient")]


def test_the_least_recently_used_goes_first() -> None:
    shelf = Shelf(3 * page().size)
    for number in range(3):
        shelf.put(("t", number), page())
    shelf.take(("t", 0), 60, NOW)
    shelf.put(("t", 3), page())
    assert [number for number in range(4) if shelf.take(("t", number), 60, NOW)] == [0, 2, 3]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4000)), max_size=60))
def test_never_holds_more_than_its_limit(puts: list[tuple[int, int]]) -> None:
    shelf = Shelf(20_000)
    for number, size in puts:
        shelf.put(("t", number), page(size))
        assert 0 <= shelf.held <= 20_000
    for number in range(10):
        shelf.forget("t", (number,))  # type: ignore[arg-type]
    assert shelf.held == 0
    assert len(shelf) == 0
