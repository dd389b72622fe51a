"""Whatever stands in a request body: it is taken, or refused with 400, 409 or 422. Pure: no socket, no hospital."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from millgate.simulator.answers import Refused
from millgate.simulator.scheduling.appointment_body import read_appointment
from millgate.simulator.scheduling.appointment_patch import COMPANIONS, PATCHABLE_STATUSES, read_change
from millgate.simulator.scheduling.json_patch import Operation, read_patch

WORDS = st.sampled_from(
    ["Slot/1", "Patient/1", "Location/1", "booked", "proposed", "accepted", "", "2026-01-01T00:00:00Z", *PATCHABLE_STATUSES]
)
NAMES = st.sampled_from(
    ["reference", "actor", "status", "text", "coding", "system", "code", "start", "end", "url", "valueString"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS | st.text(max_size=5),
    lambda child: st.lists(child, max_size=3) | st.dictionaries(NAMES, child, max_size=4),
    max_leaves=12,
)
ELEMENTS = st.sampled_from(
    ["status", "slot", "participant", "reasonCode", "comment", "serviceType", "requestedPeriod", "extension"]
)
VIDEO = {
    "status": "booked",
    "participant": [{"actor": {"reference": "Patient/1"}, "status": "tentative"}],
    "contained": [{"telecom": [{"value": "https://a"}]}, {"telecom": [{"value": "https://b"}]}],
}


@given(st.dictionaries(ELEMENTS, JSON), st.sampled_from(["booked", "proposed", None]))
def test_a_wild_appointment(body: dict[str, Any], status: str | None) -> None:
    said = 0
    try:
        read_appointment({"resourceType": "Appointment", **body, **({"status": status} if status else {})})
    except Refused as refused:
        said = refused.answer.status
    assert said in (0, 400, 422)


@given(
    st.lists(st.tuples(st.sampled_from(sorted(COMPANIONS)), JSON), max_size=5),
    st.sampled_from(["booked", "proposed", "arrived", "cancelled"]),
)
def test_a_wild_patch(operations: list[tuple[str, Any]], status: str) -> None:
    said = 0
    patch = [Operation(key.partition(" ")[0], key.partition(" ")[2], value) for key, value in operations]
    try:
        read_change({**VIDEO, "status": status}, patch, "t")
    except Refused as refused:
        said = refused.answer.status
    assert said in (0, 400, 409, 422)


@given(st.binary(max_size=60))
def test_wild_bytes(body: bytes) -> None:
    said = 0
    try:
        read_patch(body)
    except Refused as refused:
        said = refused.answer.status
    assert said == 400
