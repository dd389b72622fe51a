"""Sealing binds a value to its purpose and place; keyed hashes keep parts apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millgate.errors import GatewayError
from millgate.store.tenant_keys import TenantKeys, keyed_hash

ROOTS = {3: b"a" * 32, 7: b"b" * 32}


@given(st.binary(max_size=500), st.binary(max_size=40), st.text(max_size=20))
def test_opens_what_it_sealed(plaintext: bytes, context: bytes, purpose: str) -> None:
    keys = TenantKeys("t", ROOTS, 7)
    sealed = keys.seal(purpose, plaintext, context)
    assert keys.open(purpose, sealed, context) == plaintext
    assert len(plaintext) < 8 or plaintext not in sealed


@given(st.data())
def test_any_altered_byte_is_noticed(data: st.DataObject) -> None:
    keys = TenantKeys("t", ROOTS, 7)
    sealed = bytearray(keys.seal("body", b"something to hide", b"row"))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(GatewayError) as caught:
        keys.open("body", bytes(sealed), b"row")
    assert caught.value.code == "internal_error"


@pytest.mark.parametrize(("purpose", "context"), [("secret", b"row"), ("body", b"other row"), ("body", b"")])
def test_does_not_open_elsewhere(purpose: str, context: bytes) -> None:
    keys = TenantKeys("t", ROOTS, 7)
    with pytest.raises(GatewayError, match="altered or moved"):
        keys.open(purpose, keys.seal("body", b"x", b"row"), context)


def test_does_not_open_for_another_tenant() -> None:
    sealed = TenantKeys("t", ROOTS, 7).seal("body", b"x", b"row")
    with pytest.raises(GatewayError, match="altered or moved"):
        TenantKeys("u", {7: b"c" * 32}, 7).open("body", sealed, b"row")


def test_old_key_still_opens_and_a_destroyed_one_is_named() -> None:
    old = TenantKeys("t", {3: ROOTS[3]}, 3)
    sealed = old.seal("body", b"x")
    assert TenantKeys("t", ROOTS, 7).open("body", sealed) == b"x"
    with pytest.raises(GatewayError, match="key 3, which is destroyed"):
        TenantKeys("t", {7: ROOTS[7]}, 7).open("body", sealed)


def test_hashes_stay_when_a_data_key_is_added() -> None:
    assert TenantKeys("t", {3: ROOTS[3]}, 3).hash("term", "family", "smith") == TenantKeys("t", ROOTS, 7).hash(
        "term", "family", "smith"
    )


@given(st.lists(st.text(max_size=6), max_size=4), st.lists(st.text(max_size=6), max_size=4))
def test_hash_is_equal_only_for_equal_parts(left: list[str], right: list[str]) -> None:
    assert (keyed_hash(b"k" * 32, *left) == keyed_hash(b"k" * 32, *right)) == (left == right)


def test_repr_shows_no_key() -> None:
    assert repr(TenantKeys("t", ROOTS, 7)) == "TenantKeys('t', 2 keys)"
