"""What is made of a resource once is not made again while the resource and all that it depends on stay the same."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from millgate.flow.making import RECEIVED, Item, Making
from millgate.flow.read import Form, ListRequest, instant
from millgate.objects import OBJECTS
from tests.flow.ward import NOW, SESSION, Journeys, Ward, appointment, slot


def item(size: int) -> Item:
    return Item.of(b"x" * size, "1", ())


def test_the_instant_is_put_in_wherever_it_goes() -> None:
    made = Item.of(f'{{"at":"{RECEIVED}","again":"{RECEIVED}"}}'.encode(), "1", ("7",))
    assert made.received(b"now") == b'{"at":"now","again":"now"}'
    assert Item.of(b"{}", "1", ()).received(b"now") == b"{}"


def test_no_more_is_held_than_may_be_and_the_least_used_go_first() -> None:
    making = Making(4_000)
    made: list[int] = []

    def make(number: int) -> Item:
        made.append(number)
        return item(500)

    for number in (0, 1, 2, 3, 0, 4, 0, 1):
        making.of(number, lambda number=number: make(number))
        assert making.held <= 4_000
    assert made == [0, 1, 2, 3, 4, 1]
    making.of("large", lambda: item(9_000))
    assert "large" not in making._items
    nothing = Making(0)
    nothing.of(1, lambda: item(1))
    assert (len(nothing), nothing.held) == (0, 0)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of slots as they are normalized."""
    seen: list[str] = []
    plain = OBJECTS["slot"].normalize

    def normalize(resource: Any, context: Any) -> Any:
        seen.append(resource["id"])
        return plain(resource, context)

    monkeypatch.setitem(OBJECTS, "slot", replace(OBJECTS["slot"], normalize=normalize))
    return seen


async def test_only_what_has_changed_is_normalized_again_and_all_say_when_they_came(counted: list[str]) -> None:
    ward = Ward(slots={one: slot(one) for one in ("1", "2", "3")})
    journeys = Journeys(ward)
    before = json.loads((await journeys.page("slot", max_age=0)).body)["data"]
    ward.slots["2"]["status"] = "busy"
    ward.now = NOW + timedelta(seconds=7)
    after = json.loads((await journeys.page("slot", max_age=0)).body)["data"]
    assert counted == ["1", "2", "3", "2"]
    assert [one["status"] for one in after] == ["free", "busy", "free"]
    assert {one["source"]["received_at"] for one in before} == {instant(NOW)}
    assert {one["source"]["received_at"] for one in after} == {instant(ward.now)}
    ward.schedule = {**ward.schedule, "actor": [{"reference": "Practitioner/5"}]}
    shown = json.loads((await journeys.page("slot", max_age=0)).body)["data"]
    assert counted[4:] == ["1", "2", "3"], "what stands beside them has changed"
    assert {one["practitioner"]["id"] for one in shown} == {"5"}


async def test_a_resource_is_shown_in_each_form_as_it_would_be_alone() -> None:
    ward = Ward(appointments={"a": appointment("a", "booked")})
    shared = Journeys(ward)
    forms: tuple[Form, ...] = ("objects", "objects+fhir", "fhir", "objects")
    for form in forms:
        wanted = ListRequest(OBJECTS["appointment"], {}, None, None, 0, form)
        alone = Journeys(ward)
        assert (await shared.reader.page(SESSION, wanted)).body == (await alone.reader.page(SESSION, wanted)).body
