"""What an operator gives to connect a tenant: taken whole or refused with every reason."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from millgate.access.parties import Tenant
from millgate.errors import FixRequest
from millgate.pathways.signing_keys import new_signing_key
from millgate.surfaces.cli.registration import Given, Words, read_registration, read_tenant

BASE = "http://127.0.0.1:9/r4/-KzIoYV6gk-ILcHOWbsH2m9KsSdDgi12"
WORDS = Words("system", "app-1", "v2", secret_stdin=True, key=None, key_id=None, generate_key=False, redirect_uri=None)
TENANT = Tenant("mercy", BASE, "America/Chicago", datetime(2031, 1, 1, tzinfo=UTC))


@pytest.fixture(autouse=True)
def standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret on standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b" s3cret \nmore")))


def tenant(url: str = BASE, words: Words = WORDS, **changed: Any) -> Given:
    return read_tenant("mercy", url, words, **({"time_zone": None, "service_types": None} | changed))


def refused(url: str = BASE, words: Words = WORDS, **changed: Any) -> dict[str, str]:
    with pytest.raises(FixRequest) as caught:
        tenant(url, words, **changed)
    return {problem.field: problem.detail for problem in caught.value.errors}


@pytest.mark.parametrize("url", [BASE, BASE + "/"])
def test_bases_with_and_without_a_trailing_slash_are_one(url: str) -> None:
    given = tenant(url)
    assert given.fhir_base == BASE
    assert (given.persona, given.method, given.credential, given.scope_form) == ("system", "client_secret_basic", b"s3cret", "v2")
    assert "s3cret" not in repr(given)


def test_everything_wrong_is_told_at_once() -> None:
    words = replace(
        WORDS, persona="nurse", scopes="v3", client_id=" ", secret_stdin=False, redirect_uri="http://elsewhere.example/"
    )
    assert {*refused("ftp://x", words, time_zone="Chicago", service_types=["x"])} == {
        "--url", "--persona", "--scopes", "--client-id", "--secret-stdin", "--redirect-uri", "--time-zone", "--service-type",
    }  # fmt: skip


def test_exactly_one_kind_of_credential_is_taken() -> None:
    for changed in ({"generate_key": True}, {"key": "k.pem"}, {"secret_stdin": False}):
        assert "give one of" in refused(words=replace(WORDS, **changed))["--secret-stdin"]  # type: ignore[arg-type]


def test_private_addresses_are_refused_unless_allowed() -> None:
    assert "--allow-private-address" in refused("https://10.0.0.1/r4/t")["--url"]
    assert "plain http" in refused("http://8.8.8.8/r4/t")["--url"]
    given = tenant("http://10.0.0.1/r4/t/", replace(WORDS, allow_private_address=True))
    assert (given.fhir_base, given.private_address) == ("http://10.0.0.1/r4/t", True)


def test_a_generated_key_shows_its_public_half_only() -> None:
    given = tenant(words=replace(WORDS, secret_stdin=False, generate_key=True))
    assert (given.method, given.algorithm) == ("private_key_jwt", "ES384")
    assert given.credential.startswith(b"-----BEGIN PRIVATE KEY-----")
    public = json.loads(given.public_key or "")
    assert public["kid"] == given.key_id
    assert "d" not in public


def test_a_key_that_was_brought_along_is_named_by_its_key_id(tmp_path: Path) -> None:
    file = tmp_path / "private.pem"
    file.write_bytes(new_signing_key().pem)
    words = replace(WORDS, secret_stdin=False, key=str(file), key_id="2026-11")
    given = tenant(words=words)
    assert (given.key_id, given.algorithm, given.credential) == ("2026-11", "ES384", file.read_bytes())
    assert "--key-id" in refused(words=replace(words, key_id=None))
    file.write_text("none")
    assert "cannot be used" in refused(words=words)["--key"]
    assert "cannot be used" in refused(words=replace(words, key=str(tmp_path / "missing.pem")))["--key"]


def test_personas_of_users_have_a_redirect_address_and_maybe_a_base_of_their_own() -> None:
    words = replace(
        WORDS, persona="patient", redirect_uri="https://gateway.example/callback", url=BASE.replace("r4", "patient/r4") + "/"
    )
    given = read_registration(TENANT, words)
    assert (given.persona, given.redirect_uri) == ("patient", "https://gateway.example/callback")
    assert given.calls_base == BASE.replace("r4", "patient/r4")
    assert given.fhir_base == BASE


def test_a_persona_has_no_base_of_another_hospital() -> None:
    words = replace(WORDS, persona="patient", url="http://127.0.0.1:9/r4/another-tenant")
    with pytest.raises(FixRequest) as caught:
        read_registration(TENANT, words)
    assert [problem.code for problem in caught.value.errors] == ["another_tenant"]


def test_the_tenants_own_base_is_no_base_of_its_own() -> None:
    assert read_registration(TENANT, replace(WORDS, persona="provider", url=BASE + "/")).calls_base is None


@pytest.mark.parametrize(
    ("persona", "uri"),
    [
        ("system", "https://gateway.example/callback"),
        ("provider", "http://gateway.example/callback"),
        ("provider", "https://gateway.example/callback#x"),
        ("provider", "callback"),
        ("provider", "https://[/callback"),
        ("provider", "https://gateway.example/call back"),
    ],
)
def test_a_redirect_address_that_cannot_be_registered_is_refused(persona: str, uri: str) -> None:
    with pytest.raises(FixRequest) as caught:
        read_registration(TENANT, replace(WORDS, persona=persona, redirect_uri=uri))
    assert "--redirect-uri" in {problem.field for problem in caught.value.errors}
