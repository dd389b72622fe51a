"""The simulator as a process of its own: one line when it is ready, and a clean end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from joserfc.jwk import ECKey

from millgate.simulator.options import SECRET_VARIABLE, read_options
from millgate.simulator.tenant import tenant_identity

COMMAND = [sys.executable, "-m", "millgate.simulator", "--patients", "20", "--json"]


@pytest.mark.parametrize("end", ["SIGTERM", "SIGINT", "stdin"])
def test_one_line_when_ready_and_a_clean_end(end: str) -> None:
    arguments = [*COMMAND, *(["--until-stdin-closes"] if end == "stdin" else [])]
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        assert process.stdin is not None
        report = json.loads(process.stdout.readline())
        assert report["pid"] == process.pid
        (tenant,) = report["tenants"]
        assert {"tenant", "fhir_base", "open_base", "client_id", "client_secret", "name", "time_zone", "service_types"} <= set(
            tenant
        )
        with urllib.request.urlopen(f"{report['simulator']}/_simulator/ready", timeout=5) as answer:  # noqa: S310 - loopback
            assert json.load(answer)["ready"] is True
        if end == "stdin":
            process.stdin.close()
        else:
            process.send_signal(signal.Signals[end])
        assert process.wait(timeout=10) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_a_taken_port_is_said_and_not_survived() -> None:
    process = subprocess.Popen(COMMAND, stdout=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        port = json.loads(process.stdout.readline())["simulator"].rsplit(":", 1)[1]
        second = subprocess.run([*COMMAND, "--port", port], capture_output=True, timeout=20, check=False)
        process.terminate()
    assert second.returncode == 69
    assert b"simulator: " in second.stderr


def test_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET_VARIABLE, "from the environment")
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps(ECKey.generate_key("P-384").as_dict(private=False)))
    options = read_options(
        [
            "--client",
            "a",
            "--client",
            "b",
            "--client-jwks",
            f"b={keys}",
            "--client-resources",
            "Patient,Slot",
            "--today",
            "2026-03-11",
        ]
    )
    first, second = options.clients
    assert (first.client_id, first.secret, first.jwks) == ("a", "from the environment", None)
    assert (second.client_id, second.secret) == ("b", None)
    assert second.jwks is not None
    assert second.jwks["keys"][0]["kty"] == "EC"
    assert first.resources == frozenset({"Patient", "Slot"})
    assert "from the environment" not in repr(options)
    assert options.host == "127.0.0.1"


USERS = [
    "--redirect-uri",
    "http://127.0.0.1:9/a",
    "--redirect-uri",
    "http://127.0.0.1:9/b",
    "--launch-url",
    "http://127.0.0.1:9/launch",
]


def test_an_app_of_each_persona_by_its_redirect_address_alone() -> None:
    with subprocess.Popen([*COMMAND, *USERS, "--tenant", "North", "--tenant", "South"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        report = json.loads(process.stdout.readline())
        process.terminate()
    for tenant in report["tenants"]:
        clients = {client["persona"]: client for client in tenant["clients"]}
        assert list(clients) == ["system", "provider", "patient"]
        assert all(client["client_secret"] for client in clients.values())
        for persona in ("provider", "patient"):
            assert clients[persona]["redirect_uris"] == ["http://127.0.0.1:9/a", "http://127.0.0.1:9/b"]
            assert clients[persona]["launch_url"] == "http://127.0.0.1:9/launch"
            assert (clients[persona]["public"], clients[persona]["access"]) == (False, "offline")
        for user in tenant["users"]:
            assert {"persona", "username", "password", "name"} < set(user)
            assert ("practitioner_id" in user) is (user["persona"] == "provider")
        assert tenant["patient_fhir_base"] == tenant["fhir_base"].replace("/r4/", "/patient/r4/")
    first, second = ({user["username"] for user in tenant["users"]} for tenant in report["tenants"])
    assert first != second


def test_apps_of_users_by_name() -> None:
    named = ["--client", "s", "--provider-client", "p1", "--provider-client", "p2", "--patient-client", "q"]
    options = read_options([*named, *USERS, "--client-access", "online", "--public-clients"])
    assert [(client.client_id, client.persona) for client in options.clients] == [
        ("s", "system"),
        ("p1", "provider"),
        ("p2", "provider"),
        ("q", "patient"),
    ]
    assert [client.offline for client in options.clients] == [True, False, False, False]
    assert [client.public for client in options.clients] == [False, True, True, True]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--provider-client", "p"],
        ["--launch-url", "http://127.0.0.1:9/launch"],
        ["--redirect-uri", "/callback"],
        ["--redirect-uri", "http://a/b#c"],
        ["--client", "a", "--patient-client", "a", "--redirect-uri", "http://a/b"],
        ["--client", "a", "--client-jwks", "nowhere.json"],
        ["--patients", "0"],
        ["--today", "soon"],
        ["--client-jwks", "x"],
    ],
)
def test_wrong_options(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        read_options(arguments)
    assert ended.value.code == 2
    assert "error" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "tenant", "name"),
    [
        ("-KzIoYV6gk-ILcHOWbsH2m9KsSdDgi12", "-KzIoYV6gk-ILcHOWbsH2m9KsSdDgi12", None),
        ("ec2458f2-1e24-41c8-b71b-0e701af7583d", "ec2458f2-1e24-41c8-b71b-0e701af7583d", None),
        ("ec2458f2-1e24-41c8-b71b-0e701af7583d=Harbor View", "ec2458f2-1e24-41c8-b71b-0e701af7583d", "Harbor View"),
    ],
)
def test_a_tenant_by_its_id(given: str, tenant: str, name: str | None) -> None:
    assert tenant_identity(given, 1) == (tenant, name)


def test_a_tenant_by_its_name_has_the_same_id_every_time() -> None:
    identity, name = tenant_identity("Harbor View", 1)
    assert name == "Harbor View"
    assert tenant_identity("Harbor View", 1)[0] == identity
    assert tenant_identity("Harbor View", 2)[0] != identity
    assert tenant_identity(None, 1)[0] != tenant_identity(None, 2)[0]


def test_keys_of_an_app_that_users_sign_in_to(tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps(ECKey.generate_key("P-384").as_dict(private=False)))
    options = read_options(["--client", "s", "--provider-client", "p", *USERS, "--client-jwks", f"p={keys}"])
    system, provider = options.clients
    assert (system.jwks, provider.persona) == (None, "provider")
    assert provider.jwks is not None
