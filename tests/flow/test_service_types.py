"""Slot searches get the service types that they do not name; what the caller left out is told by its own name."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from millgate.access.parties import ServiceType
from millgate.errors import FixRequest
from millgate.flow.service_types import BookableTypes
from millgate.objects import OBJECTS

SYSTEM = "https://fhir.cerner.com/t/codeSet/14249"
PERIOD = {"from": ("2031-03-14",), "to": ("2031-03-15",)}


class Catalog:
    async def service_types(self, tenant: str) -> Sequence[ServiceType]:
        return [ServiceType(SYSTEM, "1", None, "operator")]

    async def learn_service_types(self, tenant: str, types: Sequence[ServiceType]) -> None:
        raise AssertionError("nothing is learned here")


@pytest.mark.parametrize("given", [{}, {"from": PERIOD["from"]}, {"to": PERIOD["to"]}, {"service_type": ("1",)}])
async def test_a_slot_search_is_told_of_the_bounds_that_it_lacks(given: dict[str, tuple[str, ...]]) -> None:
    missing = [name for name in PERIOD if name not in given]
    with pytest.raises(FixRequest) as refused:
        await BookableTypes(Catalog()).complete("t", OBJECTS["slot"], given)
    assert refused.value.code == "search_not_supported"
    assert [(one.field, one.code) for one in refused.value.errors] == [(name, "required") for name in missing]
    assert refused.value.detail == f"Slots are searched by a period, or by ids: add {' and '.join(missing)}."


async def test_types_are_put_in_only_where_they_are_wanted() -> None:
    types = BookableTypes(Catalog())
    assert await types.complete("t", OBJECTS["slot"], PERIOD) == {**PERIOD, "service_type": (f"{SYSTEM}|1",)}
    for untouched in ({**PERIOD, "service_type": ("2",)}, {"ids": ("a",)}):
        assert await types.complete("t", OBJECTS["slot"], untouched) == untouched
    assert await types.complete("t", OBJECTS["patient"], {}) == {}
