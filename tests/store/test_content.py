"""The blind index: whatever a resource may be found by is found by its hash, and the hash tells nothing."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from millgate.canonical.terms import terms_of
from millgate.store.content import NOT_INDEXED, drafts, opened_body, record_key, sealed_body, term_hash, term_rows
from millgate.store.tenant_keys import TenantKeys

ONE = TenantKeys("one", {1: b"1" * 32}, 1)
TWO = TenantKeys("two", {2: b"2" * 32}, 2)

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
telecoms = st.fixed_dictionaries({"system": st.sampled_from(["phone", "email", "fax"]), "value": words})
patients = st.fixed_dictionaries(
    {"resourceType": st.just("Patient"), "id": words},
    optional={
        "identifier": st.lists(st.fixed_dictionaries({"value": words}, optional={"system": words}), max_size=3),
        "name": st.lists(st.fixed_dictionaries({"family": words, "given": st.lists(words, max_size=2)}), max_size=2),
        "birthDate": st.dates().map(str),
        "telecom": st.lists(telecoms, max_size=3),
        "gender": st.sampled_from(["male", "female", "other", "unknown"]),
    },
)


def rows_of(keys: TenantKeys, resource: dict[str, Any]) -> list[tuple[bytes, bytes, str]]:
    return list(zip(*term_rows(keys, drafts(keys, "p", [resource])), strict=True))


@given(patients)
def test_every_term_is_indexed_once_under_its_record(resource: dict[str, Any]) -> None:
    rows = rows_of(ONE, resource)
    key = record_key(ONE, "p", "Patient", resource["id"])
    wanted = {(kind, value) for kind, value in terms_of(resource) if kind not in NOT_INDEXED} | {("patient", resource["id"])}
    assert {(hashed, kind) for hashed, _, kind in rows} == {(term_hash(ONE, kind, value), kind) for kind, value in wanted}
    assert len(rows) == len(wanted)
    assert {row[1] for row in rows} == {key}


@given(patients)
def test_no_value_stands_in_a_row_and_no_hash_is_shared_between_tenants(resource: dict[str, Any]) -> None:
    rows = rows_of(ONE, resource)
    assert not {row[0] for row in rows} & {row[0] for row in rows_of(TWO, resource)}
    for hashed, key, _ in rows:
        assert len(hashed) == len(key) == 16
    assert "gender" not in {kind for _, _, kind in rows}


@given(words, words)
def test_kind_and_value_do_not_run_into_each_other(kind: str, value: str) -> None:
    assert term_hash(ONE, kind + value[:1], value[1:]) != term_hash(ONE, kind, value)


@given(patients, patients)
def test_content_hash_is_equal_for_equal_content_only(left: dict[str, Any], right: dict[str, Any]) -> None:
    (one,), (two,) = drafts(ONE, "p", [left]), drafts(ONE, "p", [right])
    assert (one.content_hash == two.content_hash) == (left == right)
    assert drafts(TWO, "p", [left])[0].content_hash != one.content_hash


@given(patients)
def test_body_comes_back_and_hides_what_it_holds(resource: dict[str, Any]) -> None:
    (draft,) = drafts(ONE, "p", [resource])
    body = sealed_body(ONE, draft)
    assert opened_body(ONE, draft.key, body) == resource
    assert b"resourceType" not in body
