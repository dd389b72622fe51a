"""Parts of documents, by the headers that ask for them. Source: RFC 9110 §13.1.5, §14.1."""

from __future__ import annotations

import pytest

from millgate.canonical.exchange import Part
from millgate.flow.ranges import Unsatisfiable, Wish, still, wish_of


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("bytes=0-0", (0, 0)),
        ("bytes=0-499", (0, 99)),
        ("bytes=10-19", (10, 19)),
        ("bytes=99-", (99, 99)),
        ("bytes=-1", (99, 99)),
        ("bytes=-500", (0, 99)),
        ("Bytes = 5-6 ", (5, 6)),
    ],
)
def test_one_range(header: str, part: tuple[int, int]) -> None:
    wish = wish_of(header)
    assert wish is not None
    assert wish.of(100) == Part(*part, 100)


@pytest.mark.parametrize(
    "header", [None, "", "bytes=0-1,5-6", "bytes=-", "bytes=9-3", "items=0-1", "bytes=a-b", "bytes=" + "9" * 40]
)
def test_what_is_no_single_range_is_the_whole(header: str | None) -> None:
    assert wish_of(header) is None


@pytest.mark.parametrize("wish", [Wish(100, None), Wish(100, 200), Wish(None, 0)])
def test_what_lies_behind_the_end_is_refused_with_the_length(wish: Wish) -> None:
    with pytest.raises(Unsatisfiable) as caught:
        wish.of(100)
    assert (caught.value.code, caught.value.length) == ("range_not_satisfiable", 100)
    with pytest.raises(Unsatisfiable):
        Wish(0, None).of(0)


def test_a_part_is_answered_only_of_what_it_was_a_part_of() -> None:
    assert still(None, None)
    assert still('"a"', '"a"')
    assert not still('"a"', '"b"')
    assert not still('"a"', None)
    assert not still('W/"a"', 'W/"a"')
    assert not still("Wed, 25 Nov 2026 02:48:01 GMT", '"a"')
