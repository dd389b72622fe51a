"""The vendor's errors in plain words, and which of its addresses may be handed on."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millgate.pathways.oauth_errors import explain, shown_uri, urn_of

# Every URN of the fact sheet's table (section 2.6), by its group.
KNOWN = {
    "oauth2:grant:": """invalid-request unknown-client invalid-redirect-uri invalid-redirect-uri-trailing-slash
        redirect-uri-not-absolute redirect-uri-not-registered unknown-tenant tenant-not-configured unauthorized-client-for-tenant
        client-persona-mismatch unsupported-response-type csrf-security-failure denied-by-server denied-by-user invalid-patient-id
        authorized-representative-server-error server-error""",
    "oauth2:token:": """unsupported-grant-type invalid-redirect-uri empty-scopes terminated-client code:invalid code-invalid-or-expired
        code:client:mismatch code:tenant:mismatch code:tenant-terminated code:tenant-invalid invalid_authorization_header
        invalid-authorization-header invalid_client_credentials invalid-client-credentials patient-scope-requires-one-patient-id
        refresh-token:token-invalid refresh-token:session-invalid refresh-token:tenant-terminated""",
    "smart-v1:grant:launch:": """audience-required audience-not-white-listed launch-code-required invalid-code
        unknown-resource-server mismatchted-identity unsupported-version unregistered-service unspecified""",
}
URNS = [(group, urn) for group, urns in KNOWN.items() for urn in urns.split()]


def uri(group: str, urn: str) -> str:
    named = quote(f"urn:cerner:error:authorization-server:{group}{urn}", safe="")
    return f"https://authorization.cerner.com/errors/{named}/instances/6813f4e8-18a2-4745-941c-9898536f4585?client=c&tenant=t"


@pytest.mark.parametrize(("group", "urn"), URNS)
def test_every_urn_of_the_sheet_has_a_sentence(group: str, urn: str) -> None:
    found = urn_of(uri(group, urn))
    assert found == urn
    sentence = explain(found)
    assert sentence is not None
    assert re.fullmatch(r"[A-Z].{15,}\.", sentence)
    assert shown_uri(uri(group, urn)) == uri(group, urn)


def test_an_unknown_urn_has_none() -> None:
    assert explain("something-new") is None
    assert explain(None) is None
    assert shown_uri(uri("oauth2:token:", "something-new")) is not None


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        7,
        "",
        "https://evil.example/phish",
        uri("oauth2:token:", "x").replace("https", "javascript"),
        uri("oauth2:token:", "x") + '"><script>',
        uri("oauth2:token:", "x") + "\r\nSet-Cookie: a=b",
        uri("oauth2:token:", "x").replace("https://", "https://user@"),
        uri("oauth2:token:", "x") + "a" * 2000,
        "https://[/errors/urn%3Acerner%3Aerror%3Aauthorization-server%3Aoauth2%3Atoken%3Ax",
    ],
)
def test_what_is_no_such_address_is_not_handed_on(wrong: object) -> None:
    assert shown_uri(wrong) is None


@given(st.text())
def test_wild_text_breaks_nothing(text: str) -> None:
    for one in (text, f"https://a/errors/urn:{text}"):
        shown_uri(one)
        explain(urn_of(one))
