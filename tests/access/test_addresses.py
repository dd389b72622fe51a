"""Addresses of tenants: one form for each, and none that leads inside unless it is allowed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millgate.access.addresses import base_of, is_private, objection

BASE = "https://fhir-ehr.cerner.com/r4/-KzIoYV6gk-ILcHOWbsH2m9KsSdDgi12"


@pytest.mark.parametrize(
    "url", [BASE, BASE + "/", BASE + "//", BASE.replace("https://fhir-ehr.cerner.com", "HTTPS://FHIR-EHR.cerner.com:443")]
)
def test_a_base_is_one_however_it_is_written(url: str) -> None:
    assert base_of(url) == BASE


def test_the_case_of_an_opaque_tenant_id_is_kept() -> None:
    assert base_of("http://localhost:8080/r4/-c6Xwd-UlrvkHnaNj_A8a39Pa03efHEX/").endswith(
        ":8080/r4/-c6Xwd-UlrvkHnaNj_A8a39Pa03efHEX"
    )


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mercy",
        "ftp://fhir.example/r4",
        "https:///r4",
        "https://user@fhir.example/r4",
        "https://fhir.example/r4?x=1",
        "https://fhir.example/r4?",
        "https://fhir.example/r4#a",
        "https://fhir.example/r4/../admin",
        "https://fhir.example/r 4",
        "https://fhir.example\\@evil.example/r4",
        "https://fhir.exämple/r4",
        "https://fhir.example:99999/r4",
        "https://[::1/r4",
    ],
)
def test_what_is_no_base_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        base_of(url)


@given(st.text(max_size=60))
def test_wild_text_is_a_base_or_a_value_error(text: str) -> None:
    for url in (text, f"https://{text}", f"https://h/{text}"):
        try:
            base = base_of(url)
        except ValueError:
            continue
        assert base_of(base) == base
        assert base.startswith(("http://", "https://"))


@pytest.mark.parametrize(
    "address",
    [
        "10.1.2.3", "172.16.0.1", "192.168.1.1", "127.0.0.1", "127.9.9.9", "169.254.169.254", "100.64.0.1", "224.0.0.1",
        "255.255.255.255", "::1", "::", "0.0.0.1", "fe80::1", "fe80::1%eth0", "fd00::1", "ff02::1", "::ffff:10.0.0.1",
        "[::ffff:169.254.169.254]", "64:ff9b::a9fe:a9fe", "2002:a00:1::1",
    ],
)  # fmt: skip
def test_every_range_that_leads_inside_is_private(address: str) -> None:
    assert is_private(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "mercy.example", ""])
def test_public_addresses_and_names_are_not(address: str) -> None:
    assert not is_private(address)


@pytest.mark.parametrize(
    ("url", "resolved", "told"),
    [
        (BASE, ["23.1.2.3"], None),
        ("http://127.0.0.1:1/r4", ["127.0.0.1"], None),
        ("http://localhost:1/r4", ["127.0.0.1", "::1"], None),
        ("https://[::1]/r4", [], None),
        ("https://10.0.0.1/r4", [], "10.0.0.1 is a private address"),
        ("https://[fd00::1]/r4", [], "fd00::1 is a private address"),
        ("https://169.254.169.254/latest", [], "private address"),
        ("https://inside.example/r4", ["23.1.2.3", "10.0.0.9"], "stands for the private address 10.0.0.9"),
        ("https://rebound.example/r4", ["127.0.0.1"], "stands for the private address 127.0.0.1"),
        ("https://2130706433/r4", [], "2130706433 is a private address"),
        ("https://127.1/r4", [], "127.1 is a private address"),
        ("http://fhir.example/r4", ["23.1.2.3"], "plain http"),
    ],
)
def test_what_leads_inside_or_in_the_clear_is_objected_to(url: str, resolved: list[str], told: str | None) -> None:
    found = objection(url, resolved)
    assert (found is None) == (told is None)
    if told:
        assert told in (found or "")
        assert "--allow-private-address" in (found or "")
