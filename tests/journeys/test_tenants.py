"""An operator connects tenants, looks after them, and finds out why one does not work: commands, a gateway and a simulator."""

from __future__ import annotations

import http.client
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from millgate.pathways.signing_keys import new_signing_key
from tests.journeys import processes
from tests.journeys.conftest import Stack, database_settings

PATIENTS = 10


@pytest.fixture(scope="module")
def ward() -> Iterator[Stack]:
    """A gateway with nothing connected yet, and a simulator whose tenant has a base64url id, with two clients."""
    with tempfile.TemporaryDirectory(prefix="millgate-tenants-") as name, database_settings(Path(name)) as environment:
        hospital = processes.simulator("--patients", str(PATIENTS), "--tenant=-KzIoYV6gk-ILcHOWbsH2m9KsSdDgi12=mercy")
        gateway = processes.serve(Path(name), environment=environment)
        try:
            yield Stack(
                gateway.report["gateway"],
                hospital.report["simulator"],
                {"mercy": hospital.report["tenants"][0]},
                environment,
                Path(name),
            )
        finally:
            gateway.stop()
            hospital.stop()


@pytest.fixture
def mercy(ward: Stack) -> Iterator[str]:
    """The tenant, connected with its secret; disconnected afterwards."""
    ward.connect("mercy", "mercy")
    yield "mercy"
    ward.command("tenants", "remove", "mercy", "--yes")


def ask(method: str, url: str, body: Any = None) -> tuple[Any, Any]:
    """A JSON document and its headers; the answer has to be a success."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    try:
        connection.request(method, parts.path, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        read = answer.read()
        assert answer.status < 300, read
        return json.loads(read or b"null"), answer.headers
    finally:
        connection.close()


def fetch(url: str) -> tuple[Any, Any]:
    """A JSON document and its headers."""
    return ask("GET", url)


# -- registrations


def test_a_base64url_tenant_is_connected_with_a_trailing_slash(ward: Stack) -> None:
    told = ward.hospitals["mercy"]
    named = ["--url", told["fhir_base"] + "/", "--client-id", told["client_id"], "--secret-stdin"]
    done = ward.command("tenants", "add", "slashed", *named, "--json", stdin=told["client_secret"] + "\n")
    found = json.loads(done.stdout)
    assert found["fhir_base"] == told["fhir_base"]
    assert "/r4/-KzIoYV6gk" in found["fhir_base"]
    assert ward.told("tenants", "check", "slashed")["personas"][0]["ok"]
    ward.command("tenants", "remove", "slashed", "--yes")


def test_each_persona_has_a_registration_of_its_own_and_generated_keys_are_published(ward: Stack, mercy: str) -> None:
    user = ["--persona", "provider", "--client-id", "provider-app", "--redirect-uri", "https://gateway.example/callback"]
    made = ward.told("tenants", "register", mercy, *user, "--generate-key")
    assert made["personas"] == ["provider", "system"]
    (key,) = made["jwks"]["keys"]
    assert "d" not in key
    shown, headers = fetch(ward.gateway + "/.well-known/jwks.json")
    assert key in shown["keys"]
    assert all("d" not in one for one in shown["keys"])
    assert headers["Cache-Control"] == "public, max-age=300"
    found = ward.told("tenants", "show", mercy)
    registered = {one["persona"]: one for one in found["registrations"]}
    assert registered["provider"]["redirect_uri"] == "https://gateway.example/callback"
    assert registered["provider"]["key_id"] == key["kid"]
    assert registered["system"]["method"] == "client_secret_basic"
    assert ward.hospitals["mercy"]["client_secret"] not in json.dumps(found)


def test_a_private_address_is_refused_and_allowed_on_demand(ward: Stack) -> None:
    named = ["--url", "http://10.255.255.1/r4/x", "--client-id", "app", "--generate-key", "--offline"]
    done = ward.command("tenants", "add", "inside", *named, check=64)
    assert "10.255.255.1 is a private address" in done.stderr
    assert "--allow-private-address" in done.stderr
    added = ward.told("tenants", "add", "inside", *named, "--allow-private-address")
    assert added["private_address"] is True
    ward.command("tenants", "remove", "inside", "--yes")


def test_a_key_of_ones_own_is_published_too(ward: Stack, mercy: str) -> None:
    file = ward.data_dir / "private.pem"
    file.write_bytes(new_signing_key().pem)
    ward.command(
        "tenants", "register", mercy, "--persona", "patient", "--client-id", "p", "--key", str(file), "--key-id", "own-1"
    )
    shown, _ = fetch(ward.gateway + "/.well-known/jwks.json")
    assert "own-1" in {one["kid"] for one in shown["keys"]} or "own-1" in {one["kid"] for one in _later(ward)}


# -- what a server says of itself, then and now


def fault(ward: Stack, **rule: Any) -> None:
    """Turn the simulator's fault dial."""
    ask("POST", ward.simulator + "/_simulator/faults", rule)


@pytest.fixture
def faultless(ward: Stack) -> Iterator[None]:
    """All faults are gone afterwards."""
    yield
    ask("DELETE", ward.simulator + "/_simulator/faults")


@pytest.mark.usefixtures("faultless")
def test_what_changes_at_a_tenant_is_found_classified_and_shown(ward: Stack, mercy: str) -> None:
    assert ward.told("tenants", "check", mercy)["snapshots"][0]["changes"] == []
    assert ward.told("tenants", "diff", mercy)["changes"] == []
    fault(ward, kind="capability", resource_type="Patient", search_parameter="birthdate", change="drop")
    fault(ward, kind="capability", scope="system/Goal.rs", change="add")
    (looked,) = ward.told("tenants", "check", mercy)["snapshots"]
    expected = [
        ("breaking", "went", "search_parameter", "Patient.birthdate"),
        ("additive", "came", "scope", "system/Goal.rs"),
    ]
    assert [(one["class"], one["change"], one["kind"], one["subject"]) for one in looked["changes"]] == expected
    shown = ward.told("tenants", "diff", mercy)
    assert [one["changes"] for one in shown["changes"]] == [looked["changes"]]
    assert shown["looked_at"] is not None
    assert "- breaking  search parameter Patient.birthdate" in ward.command("tenants", "diff", mercy).stdout
    assert ward.told("tenants", "diff", mercy, "--since", "2999-01-01")["changes"] == []
    assert ward.command("tenants", "diff", mercy, "--since", "yesterday", check=64).stderr.startswith("error: --since")


def _later(ward: Stack) -> list[dict[str, str]]:
    """The keys once a running gateway has heard of new ones (two seconds)."""
    import time

    time.sleep(2.1)
    shown, _ = fetch(ward.gateway + "/.well-known/jwks.json")
    keys: list[dict[str, str]] = shown["keys"]
    return keys
