"""What `tenants limit` takes, how it is told, and what `tenants budget` makes of the hours."""

from __future__ import annotations

from datetime import time

import pytest

from millgate.access.budget import Ceiling, Night, Peak
from millgate.errors import FixRequest
from millgate.surfaces.cli.budget import HOURS, _back, _held
from millgate.surfaces.cli.limit import _read, told


def test_options_are_read_into_a_ceiling() -> None:
    assert _read(20.0, 8, "22:00-05:30", "America/Chicago", False) == Ceiling(
        20.0, 8, Night(time(22), time(5, 30), "America/Chicago")
    )
    assert _read(None, None, None, None, True) == Ceiling()
    assert _read(0.5, None, "00:00-23:59", None, False) == Ceiling(0.5, None, Night(time(), time(23, 59), ""))


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ((None, None, None, None, False), ["--rate"]),
        ((0.0, 0, None, None, False), ["--rate", "--at-once"]),
        ((float("nan"), None, None, None, False), ["--rate"]),
        ((10_001.0, 10_001, None, None, False), ["--rate", "--at-once"]),
        ((None, None, "22:00", None, False), ["--night"]),
        ((None, None, "24:00-05:00", None, False), ["--night"]),
        ((None, None, "22:00-22:00", "Mars/Olympus", False), ["--night", "--time-zone"]),
        ((None, 3, None, "America/Chicago", False), ["--time-zone"]),
    ],
)
def test_all_that_is_wrong_is_named_at_once(given: tuple[object, ...], fields: list[str]) -> None:
    with pytest.raises(FixRequest) as refused:
        _read(*given)  # type: ignore[arg-type]
    assert [one.field for one in refused.value.errors] == fields


def test_a_limit_in_words() -> None:
    limit = {"rate_per_s": 20.0, "at_once": 8, "night": "22:00-05:00", "time_zone": "America/Chicago", "set_at": "…"}
    assert told(limit) == "never more than 20 calls a second and 8 at once; batch runs from 22:00 to 05:00 (America/Chicago)"
    assert told({**limit, "rate_per_s": None, "night": None}) == "never more than 8 at once"
    assert told({**limit, "rate_per_s": None, "at_once": None}) == "batch runs from 22:00 to 05:00 (America/Chicago)"
    assert told(None) == "no limit is set"


def test_how_far_back() -> None:
    assert (_back(None, None), _back(3, None), _back(None, 7)) == (HOURS, 3, 168)
    for hours, days in ((1, 1), (0, None), (None, 0), (None, 91)):
        with pytest.raises(FixRequest):
            _back(hours, days)


@pytest.mark.parametrize(
    ("peaks", "bound", "held"),
    [
        ([], 5, True),
        ([Peak(3, 5), Peak(5, 5)], 5, True),
        ([Peak(3, 6)], 5, None),
        ([Peak(3, 6), Peak(6, 6)], 5, False),
        ([Peak(99, 99)], None, True),
        ([Peak(1, 1)], 0.5, None),
        ([Peak(2, 2)], 0.5, False),
    ],
)
def test_a_promise_is_kept_broken_or_not_known(peaks: list[Peak], bound: float | None, held: bool | None) -> None:
    assert _held(peaks, bound) is held
