"""What a server says of itself, compared: what matters is told as what it is, and what means nothing is not told."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millgate.canonical.capability import Difference, differences, digest_of, facts_of
from tests.conftest import REPOSITORY

SMART = {
    "issuer": "https://a.example/tenants/t",
    "token_endpoint": "https://a.example/token",
    "scopes_supported": ["system/Patient.rs", "system/Slot.rus"],
    "token_endpoint_auth_methods_supported": ["client_secret_basic", "private_key_jwt"],
}
PATIENT = {
    "type": "Patient",
    "interaction": [{"code": "read"}, {"code": "search-type"}],
    "searchParam": [{"name": "name", "type": "string", "documentation": "Any part."}, {"name": "birthdate", "type": "date"}],
}
STATEMENT = {
    "resourceType": "CapabilityStatement",
    "date": "2031-03-14",
    "fhirVersion": "4.0.1",
    "title": "A",
    "rest": [{"resource": [PATIENT]}],
}
KEYS = {"keys": [{"kid": "1", "kty": "EC", "crv": "P-256"}]}


def documents(smart: Any = SMART, statement: Any = STATEMENT, keys: Any = KEYS) -> dict[str, str]:
    named = {"smart-configuration": smart, "metadata": statement, "keys": keys}
    return {name: json.dumps(value) for name, value in named.items() if value is not None}


def statement(**changed: Any) -> dict[str, Any]:
    return {**STATEMENT, "rest": [{"resource": [{**PATIENT, **changed}]}]}


def told(before: dict[str, str], after: dict[str, str]) -> list[tuple[str, str, str, str]]:
    return [(one.weight, one.change, one.kind, one.subject) for one in differences(before, after)]


def test_the_statements_date_means_nothing() -> None:
    tomorrow = documents(statement={**STATEMENT, "date": "2031-03-15"})
    assert digest_of(tomorrow) == digest_of(documents())
    assert differences(documents(), tomorrow) == []


def test_layout_and_order_mean_nothing() -> None:
    shuffled = {**SMART, "scopes_supported": SMART["scopes_supported"][::-1]}
    other = documents(shuffled, statement(interaction=PATIENT["interaction"][::-1]))
    other["metadata"] = json.dumps(json.loads(other["metadata"]), indent=4)
    assert digest_of(other) == digest_of(documents())
    assert differences(documents(), other) == []


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (documents({**SMART, "scopes_supported": ["system/Patient.rs"]}), ("breaking", "went", "scope", "system/Slot.rus")),
        (
            documents({**SMART, "scopes_supported": [*SMART["scopes_supported"], "system/Goal.rs"]}),
            ("additive", "came", "scope", "system/Goal.rs"),
        ),
        (
            documents({**SMART, "token_endpoint": "https://b.example/token"}),
            ("breaking", "changed", "endpoint", "token_endpoint"),
        ),
        (
            documents({**SMART, "token_endpoint_auth_methods_supported": ["private_key_jwt"]}),
            ("breaking", "went", "auth_method", "client_secret_basic"),
        ),
        (documents(statement={**STATEMENT, "title": "B"}), ("cosmetic", "changed", "text", "title")),
        (documents(statement={**STATEMENT, "fhirVersion": "4.3.0"}), ("breaking", "changed", "fhir_version", "fhirVersion")),
        (documents(statement=statement(interaction=[{"code": "read"}])), ("breaking", "went", "interaction", "Patient.search-type")),
        (
            documents(statement=statement(searchParam=[*PATIENT["searchParam"], {"name": "email", "type": "token"}])),
            ("additive", "came", "search_parameter", "Patient.email"),
        ),
        (
            documents(statement=statement(searchParam=[PATIENT["searchParam"][0], {"name": "birthdate", "type": "token"}])),
            ("breaking", "changed", "search_parameter", "Patient.birthdate"),
        ),
        (documents(statement=statement(searchInclude=["Patient:x"])), ("additive", "came", "include", "Patient.Patient:x")),
        (documents(statement=statement(versioning="versioned")), ("cosmetic", "changed", "document", "metadata")),
        (documents(keys={"keys": [*KEYS["keys"], {"kid": "2", "kty": "RSA"}]}), ("cosmetic", "came", "key", "2")),
    ],
)  # fmt: skip
def test_one_change_is_one_difference_of_its_weight(after: dict[str, str], expected: tuple[str, ...]) -> None:
    assert digest_of(after) != digest_of(documents())
    assert told(documents(), after) == [expected]


def test_a_resource_type_that_goes_is_told_without_its_parts() -> None:
    gone = documents(statement={**STATEMENT, "rest": [{"resource": []}]})
    assert differences(documents(), gone) == [Difference("resource", "Patient", "went", "breaking", "read search-type", None)]
    assert told(gone, documents()) == [("additive", "came", "resource", "Patient")]


def test_values_are_told_before_and_after() -> None:
    (found,) = differences(documents(), documents({**SMART, "token_endpoint": "https://b.example/token"}))
    assert (found.before, found.after) == ("https://a.example/token", "https://b.example/token")
    assert found.as_json()["class"] == "breaking"


def test_breaking_ones_come_first() -> None:
    after = documents({**SMART, "scopes_supported": ["system/Patient.rs", "system/Goal.rs"]}, {**STATEMENT, "title": "B"})
    assert [one.weight for one in differences(documents(), after)] == ["breaking", "additive", "cosmetic"]


def test_a_key_set_that_could_not_be_read_says_nothing() -> None:
    assert differences(documents(), documents(keys=None)) == []
    assert differences(documents(keys=None), documents()) == []


def test_a_configuration_that_vanishes_is_breaking() -> None:
    assert {one[0] for one in told(documents(), documents(smart=None))} == {"breaking"}


MEMBERS = ("rest", "resource", "type", "interaction", "code", "searchParam", "name", "keys", "kid", "scopes_supported", "x")
wild = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=3),
    max_leaves=20,
)


@given(wild, wild, wild)
def test_no_document_breaks_the_comparison(smart: Any, metadata: Any, keys: Any) -> None:
    odd = documents(smart, metadata, keys)
    assert differences(odd, odd) == []
    for one in (*differences(odd, documents()), *differences(documents(), odd)):
        assert one.weight in ("breaking", "additive", "cosmetic")
    if digest_of(odd) == digest_of(documents()):
        assert facts_of(odd) == facts_of(documents())


CORPUS = Path(os.environ.get("MILLGATE_CORPUS", REPOSITORY.parent / "shared" / "corpus")) / "oracle-health-docs" / "captures-2026"


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not here")
def test_a_live_servers_documents_are_equal_the_next_day_and_a_lost_scope_is_one_difference() -> None:
    smart = json.loads((CORPUS / "smart-configuration-provider-2026-08-14.json").read_text())
    metadata = json.loads((CORPUS / "capabilitystatement-secure-2026-08-14.json").read_text())
    keys = json.loads((CORPUS / "authorization-jwks-2026-08-14.json").read_text())
    known = documents(smart, metadata, keys)
    smart["scopes_supported"].reverse()
    assert digest_of(documents(smart, {**metadata, "date": "2026-08-15"}, keys)) == digest_of(known)
    lost = smart["scopes_supported"].pop()
    assert told(known, documents(smart, metadata, keys)) == [("breaking", "went", "scope", lost)]
