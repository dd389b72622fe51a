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


def test_a_tenant_on_a_private_address_can_be_spoken_to_once_allowed(ward: Stack) -> None:
    """127.0.0.2 is this machine, too, but not by a name or an address that is taken for granted."""
    hospital = processes.simulator("--host", "127.0.0.2", "--patients", "5")
    try:
        told = hospital.report["tenants"][0]
        assert "//127.0.0.2:" in told["fhir_base"]
        named = ["--url", told["fhir_base"], "--client-id", told["client_id"], "--secret-stdin"]
        secret = told["client_secret"] + "\n"
        assert "private address" in ward.command("tenants", "add", "near", *named, stdin=secret, check=64).stderr
        ward.command("tenants", "add", "near", *named, "--allow-private-address", stdin=secret)
        assert ward.told("tenants", "check", "near")["personas"][0]["ok"]
        assert examined(ward, "near", 1)["address"]["result"] == "warning"  # plain http
    finally:
        hospital.stop()
    ward.command("tenants", "remove", "near", "--yes")


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
    fault(ward, kind="capability", scope="system/Media.r", change="add")
    (looked,) = ward.told("tenants", "check", mercy)["snapshots"]
    expected = [
        ("breaking", "went", "search_parameter", "Patient.birthdate"),
        ("additive", "came", "scope", "system/Media.r"),
    ]
    assert [(one["class"], one["change"], one["kind"], one["subject"]) for one in looked["changes"]] == expected
    shown = ward.told("tenants", "diff", mercy)
    assert [one["changes"] for one in shown["changes"]] == [looked["changes"]]
    assert shown["looked_at"] is not None
    assert "- breaking  search parameter Patient.birthdate" in ward.command("tenants", "diff", mercy).stdout
    assert ward.told("tenants", "diff", mercy, "--since", "2999-01-01")["changes"] == []
    assert ward.command("tenants", "diff", mercy, "--since", "yesterday", check=64).stderr.startswith("error: --since")


# -- the doctor


def examined(ward: Stack, name: str, status: int) -> dict[str, dict[str, str]]:
    """The findings by what was checked."""
    done = ward.command("doctor", name, "--json", check=status)
    told = json.loads(done.stdout)
    assert told["ok"] == (status == 0)
    for hospital in ward.hospitals.values():
        assert hospital["client_secret"] not in done.stdout + done.stderr
    return {one["check"]: one for one in told["findings"]}


@pytest.fixture(scope="module")
def strict(ward: Stack) -> Iterator[dict[str, Any]]:
    """Another hospital, whose app is registered for v1 scopes, and let at two resource types only."""
    hospital = processes.simulator(
        "--patients", "5", "--client", "app", "--client-smart-version", "v1", "--client-resources", "Patient,Slot"
    )
    yield hospital.report["tenants"][0]
    hospital.stop()


def test_the_doctor_finds_nothing_where_nothing_is_wrong(ward: Stack, mercy: str) -> None:
    found = examined(ward, mercy, 0)
    assert {one["result"] for one in found.values()} == {"ok"}
    assert {"address", "clock", "system token", "system scope form", "system scopes", "system call Patient"} <= found.keys()
    told = ward.command("doctor", mercy).stdout
    assert "system call Observation: a read of a record that is not there" in told


def test_a_wrong_secret_is_told_with_the_vendors_id_of_the_refusal(ward: Stack) -> None:
    told = ward.hospitals["mercy"]
    named = ["--url", told["fhir_base"], "--client-id", told["client_id"], "--secret-stdin"]
    ward.command("tenants", "add", "wrong", *named, stdin="not-the-secret\n")
    found = examined(ward, "wrong", 1)
    assert found["system token"]["result"] == "failed"
    assert "request id " in found["system token"]["saw"]
    assert "rotate-secret wrong" in found["system token"]["do"]
    assert "not-the-secret" not in json.dumps(found)
    assert not any(check.startswith("system call") for check in found)
    ward.command("tenants", "remove", "wrong", "--yes")


def test_a_v1_registration_that_is_kept_as_v2_is_found_out(ward: Stack, strict: dict[str, Any]) -> None:
    named = ["--url", strict["fhir_base"], "--client-id", "app", "--secret-stdin"]
    ward.command("tenants", "add", "strict", *named, stdin=strict["client_secret"] + "\n")
    found = examined(ward, "strict", 1)
    assert found["system token"]["result"] == "failed"
    assert found["system scope form"]["result"] == "failed"
    assert "registered for v1" in found["system scope form"]["means"]
    assert "--scopes v1" in found["system scope form"]["do"]


def test_a_resource_that_the_portal_forbids_is_found_out(ward: Stack, strict: dict[str, Any]) -> None:
    named = ["--url", strict["fhir_base"], "--client-id", "app", "--secret-stdin", "--scopes", "v1"]
    ward.command("tenants", "add", "strict", *named, stdin=strict["client_secret"] + "\n")
    found = examined(ward, "strict", 1)
    assert found["system scope form"]["result"] == "ok"
    assert found["system call Patient"]["result"] == found["system call Slot"]["result"] == "ok"
    assert found["system call Observation"]["result"] == "failed"
    assert "second list" in found["system call Observation"]["means"]
    ward.command("tenants", "remove", "strict", "--yes")


@pytest.mark.usefixtures("faultless")
def test_a_clock_that_is_wrong_is_found_out(ward: Stack, mercy: str) -> None:
    fault(ward, kind="clock_skew", skew_s=180)
    found = examined(ward, mercy, 1)
    assert found["clock"]["result"] == "failed"
    assert "ahead of ours" in found["clock"]["saw"]


def test_a_server_that_is_not_there_is_told_as_such(ward: Stack) -> None:
    named = ["--url", "http://127.0.0.1:9/r4/x", "--client-id", "app", "--generate-key", "--offline"]
    ward.command("tenants", "add", "away", *named)
    found = examined(ward, "away", 1)
    assert found["discovery"]["result"] == "failed"
    assert found["system token"]["result"] == "skipped"
    assert ward.command("doctor", "nobody", check=66).stderr.startswith("error: There is no tenant")
    ward.command("tenants", "remove", "away", "--yes")


def _later(ward: Stack) -> list[dict[str, str]]:
    """The keys once a running gateway has heard of new ones (two seconds)."""
    import time

    time.sleep(2.1)
    shown, _ = fetch(ward.gateway + "/.well-known/jwks.json")
    keys: list[dict[str, str]] = shown["keys"]
    return keys
