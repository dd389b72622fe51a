"""Published endpoint lists: read a piece at a time, joined, and found by name or place. The samples are made up in the published form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millgate.canonical.endpoint_lists import Listed, listed, matching, resources
from millgate.errors import FixMessage

PROVIDER = "https://fhir-ehr.cerner.com"


def endpoint(number: str, address: str, **more: Any) -> dict[str, Any]:
    resource = {"resourceType": "Endpoint", "id": number, "status": "active", "address": address, **more}
    return {"fullUrl": f"{PROVIDER}/Endpoint/{number}", "resource": resource}


def organization(number: str, name: str, city: str, state: str, *endpoints: str) -> dict[str, Any]:
    resource = {
        "resourceType": "Organization",
        "id": number,
        "name": name,
        "address": [{"line": ["1 Main St"], "city": city, "state": state}],
        "endpoint": [{"reference": f"Endpoint/{one}"} for one in endpoints],
    }
    return {"fullUrl": f"{PROVIDER}/Organization/{number}", "resource": resource}


# A FHIR id holds no `_`, so the tenant id is in the address alone.
ODD = "-c6Xwd-UlrvkHnaNj_A8a39Pa03efHEX"
BUNDLE = {
    "resourceType": "Bundle",
    "id": "millennium-provider-r4",
    "type": "collection",
    "entry": [
        endpoint("-c6Xwd-UlrvkHnaNj-A8a39Pa03efHEX", f"{PROVIDER}/r4/{ODD}/"),
        organization("O1", "St. Mary's Hôpital", "Kansas City", "MO", "-c6Xwd-UlrvkHnaNj-A8a39Pa03efHEX"),
        organization("O2", "Lakeside Clinic", "Springfield", "IL", "a-1"),
        endpoint("a-1", "https://fhir-myrecord.cerner.com/r4/00647884-2425-4aef-9dfc-60b7447da45a"),
        endpoint("b-1", "https://fhir.example/r4/bare", name="Nobody's endpoint", status="off"),
        endpoint("c-1", "https://fhir.example/r4/managed/", managingOrganization={"reference": f"{PROVIDER}/Organization/O3"}),
        organization("O3", "Managed Care", "Springfield", "MA"),
        endpoint("d-1", "not an address"),
    ],
}


def read(bundle: Any = BUNDLE, size: int = 7) -> list[Listed]:
    body = json.dumps(bundle, ensure_ascii=False).encode()
    return listed(body[begin : begin + size] for begin in range(0, len(body), size))


def test_endpoints_are_joined_with_their_organizations() -> None:
    found = {one.tenant_id: one for one in read()}
    assert found[ODD] == Listed(
        "St. Mary's Hôpital", "Kansas City", "MO", f"{PROVIDER}/r4/{ODD}", ODD, ("provider", "system"), "active"
    )
    assert found["00647884-2425-4aef-9dfc-60b7447da45a"].personas == ("patient",)
    assert (found["bare"].name, found["bare"].city, found["bare"].status) == ("Nobody's endpoint", None, "off")
    assert (found["managed"].name, found["managed"].state) == ("Managed Care", "MA")
    assert len(found) == 4


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("st marys", ["St. Mary's Hôpital"]),
        ("HOPITAL kansas", ["St. Mary's Hôpital"]),
        ("springfield", ["Lakeside Clinic", "Managed Care"]),
        ("springfield IL", ["Lakeside Clinic"]),
        (ODD, ["St. Mary's Hôpital"]),
        ("chicago", []),
        ("", []),
        ("...", []),
    ],
)
def test_all_words_have_to_be_there_however_they_are_written(query: str, expected: list[str]) -> None:
    assert [one.name for one in matching(read(), query)] == expected


@given(st.integers(1, 4000))
def test_the_size_of_the_pieces_does_not_matter(size: int) -> None:
    assert read(size=size) == read(size=10**6)


def test_it_reads_on_without_holding_what_it_has_read() -> None:
    def chunks() -> Any:
        yield b'{"resourceType": "Bundle", "entry": ['
        for number in range(3):
            yield json.dumps(endpoint(str(number), "https://fhir.example/r4/x")).encode() + b","
        raise AssertionError("asked for more than it needed")

    reading = resources(chunks())
    assert [next(reading)["id"] for _ in range(3)] == ["0", "1", "2"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>404</html>",
        b"[]",
        b'{"resourceType": "Bundle"}',
        b'{"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Endp',
        b'{"resourceType": "Bundle", "entry": [' + b"[" * 200_000,
        b'{"resourceType": "Bundle", "entry": [nonsense]}' + b" " * 2_000_000,
        b"\xff\xfe",
        b"x" * 100_000,
    ],
)
def test_what_is_no_list_is_told(body: bytes) -> None:
    with pytest.raises(FixMessage, match="endpoint list cannot be read"):
        listed([body])


@given(st.binary(max_size=200))
def test_wild_bytes_are_a_list_or_an_error(body: bytes) -> None:
    for whole in (body, b'{"entry": [' + body + b"]}"):
        try:
            listed([whole])
        except FixMessage:
            continue
