"""What is read out of a server's documents before anybody compares them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millgate.pathways.fhir.documents import jwks_uri_of, server_time, texts_of

BASE = "https://fhir.example/r4/t"


def smart(address: object) -> bytes:
    return json.dumps({"jwks_uri": address}).encode()


def test_the_key_set_is_where_the_server_says() -> None:
    assert jwks_uri_of(smart("https://auth.example/jwk"), BASE) == "https://auth.example/jwk"
    assert jwks_uri_of(smart("http://127.0.0.1:8/jwk"), "http://127.0.0.1:8/r4/t") == "http://127.0.0.1:8/jwk"


@pytest.mark.parametrize(
    "document",
    [
        None,
        b"",
        b"[]",
        b"{",
        b"{}",
        smart(7),
        smart(""),
        smart("jwk"),
        smart("http://auth.example/jwk"),
        smart("file:///etc/x"),
        smart("https://["),
    ],
)
def test_what_is_no_address_for_keys_is_none(document: bytes | None) -> None:
    assert jwks_uri_of(document, BASE) is None


@given(st.binary(max_size=60))
def test_wild_bytes_break_nothing(body: bytes) -> None:
    jwks_uri_of(body, BASE)
    assert set(texts_of({"metadata": body, "keys": None})) == {"metadata"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Sat, 02 May 2026 22:48:47 GMT", datetime(2026, 5, 2, 22, 48, 47, tzinfo=UTC)),
        ("Sat, 02 May 2026 22:48:47", datetime(2026, 5, 2, 22, 48, 47, tzinfo=UTC)),
        ("yesterday", None),
        ("", None),
    ],
)
def test_the_servers_clock_is_read_from_its_date(value: str, expected: datetime | None) -> None:
    assert server_time({"date": value}) == expected
    assert server_time({}) is None
