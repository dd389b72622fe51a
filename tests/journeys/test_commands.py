"""The command line as an operator meets it: help, JSON, exit statuses, messages that say what to do, and secrets that never show."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from millgate.surfaces.cli.main import app
from tests.journeys import processes
from tests.journeys.conftest import Stack

USAGE, DATA, NO_INPUT, TRY_LATER, NO_RIGHT, SETTING = 64, 65, 66, 75, 77, 78  # sysexits.h


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command and group, as it is typed."""
    yield path
    for name, below in getattr(group, "commands", {}).items():
        yield from commands(below, (*path, name))


COMMANDS = list(commands(get_command(app)))


def test_the_commands_are_those_of_the_contract() -> None:
    one = {"demo", "serve", "worker", "simulator", "convert", "tenants", "clients", "audit", "vault"}
    two = {("tenants", word) for word in ("add", "list", "show", "check", "remove")}
    two |= {("clients", word) for word in ("create", "list", "revoke")} | {("vault", "status")}
    two |= {("audit", word) for word in ("list", "verify", "export")}
    assert {(), *((word,) for word in one), *two} <= set(COMMANDS)


def squeezed(text: str) -> str:
    """A text without the spaces and boxes that a terminal puts in."""
    return re.sub(r"[\s│]+", "", text)


def help_of(path: tuple[str, ...]) -> str:
    """What --help prints: of some commands in a process of their own, of the others in this one, which is quicker."""
    if path in ((), ("simulator",), ("tenants", "add")):
        return processes.run(*path, "--help").stdout
    done = CliRunner().invoke(app, [*path, "--help"])
    assert done.exit_code == 0
    return done.output


def test_every_command_has_help_with_whole_examples() -> None:
    for path in COMMANDS:
        text, command = help_of(path), get_command(app)
        for name in path:
            command = command.commands[name]  # type: ignore[attr-defined]
        examples = [line.strip() for line in (command.help or "").splitlines() if line.startswith("    ")]
        assert examples, path
        assert "Examples" in text, path
        for example in examples:
            assert squeezed(example) in squeezed(text), f"{path}: the help has lost {example}"


def test_the_version_is_told() -> None:
    assert re.fullmatch(r"millgate \d+\.\d+\.\d+\n", processes.run("--version").stdout)


# -- what is listed and shown, and what never is


def secrets_of(stack: Stack) -> list[str]:
    """All that no command may print once it has been made."""
    key_file = stack.data_dir / "master.key"
    master = [key_file.read_text().strip()] if key_file.exists() else [stack.environment["MILLGATE_MASTER_KEY"]]
    return [*(hospital["client_secret"] for hospital in stack.hospitals.values()), *stack.keys.values(), *master]


LISTING = (
    ("tenants", "list"),
    ("tenants", "show", "mercy"),
    ("tenants", "check", "mercy"),
    ("clients", "list"),
    ("audit", "list", "--limit", "10000"),
    ("audit", "verify"),
    ("vault", "status"),
)


def test_what_commands_tell_is_json_and_holds_no_secret(stack: Stack) -> None:
    with ThreadPoolExecutor(2) as pool:
        plain = pool.map(
            lambda words: stack.command(*words), [("tenants", "show", "mercy"), ("clients", "list"), ("vault", "status")]
        )
        as_json = list(pool.map(lambda words: stack.command(*words, "--json"), LISTING))
        for said in (*plain, *as_json):
            assert [secret for secret in secrets_of(stack) if secret in said.stdout + said.stderr] == []
    told = {words: json.loads(said.stdout) for words, said in zip(LISTING, as_json, strict=True)}
    assert all(said.stdout.count("\n") == 1 for said in as_json)
    hospital = stack.hospitals["mercy"]

    assert {one["name"] for one in told["tenants", "list"]} >= {"mercy", "lakeside"}
    shown = told["tenants", "show", "mercy"]
    assert (shown["fhir_base"], shown["time_zone"], shown["personas"]) == (
        hospital["fhir_base"],
        hospital["time_zone"],
        ["system"],
    )
    assert {one["code"] for one in shown["service_types"]} >= {one["code"] for one in hospital["service_types"]}
    (persona,) = told["tenants", "check", "mercy"]["personas"]
    assert persona["ok"]
    assert persona["granted"]
    assert told["tenants", "check", "mercy"]["token_endpoint"].startswith(stack.simulator)
    portal = next(one for one in told["clients", "list"] if one["name"] == "portal")
    assert (portal["id"], portal["tenants"], portal["revoked_at"]) == (stack.clients["portal"], ["mercy", "lakeside"], None)
    assert told["audit", "verify"]["ok"]
    assert {"operator.add", "operator.create"} <= {row["action"] for row in told["audit", "list", "--limit", "10000"]}
    assert told["vault", "status"]["keys"]["active"] >= 3


def test_a_key_is_shown_when_it_is_made_and_works(stack: Stack) -> None:
    made = stack.command("clients", "create", "shown once", "--tenant", "mercy", "--scope", "system/Patient.rs")
    assert re.fullmatch(r"mg_\w{40,}\n", made.stdout), "only the key stands on standard output"


# -- settings


def test_all_bad_settings_are_named_at_once_and_no_secret_is_repeated(tmp_path: Path) -> None:
    environment = {
        "MILLGATE_DATA_DIR": str(tmp_path / "data"),
        "MILLGATE_PORT": "eighty",
        "MILLGATE_SESSION_SECONDS": "5",
        "MILLGATE_LOG_LEVEL": "loud",
        "MILLGATE_DATABASE_URL": "mysql://root:hunter2@db/millgate",
    }
    done = processes.run("serve", "--host", "", environment=environment, check=SETTING)
    for name in ("port", "session_seconds", "log_level", "database_url", "host"):
        assert re.search(rf"\b{name}: ", done.stderr), name
    assert "hunter2" not in done.stderr + done.stdout
    assert "invalid_setting" in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "data").exists(), "a refused start leaves nothing behind"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("prot = 8080\n", "prot: no such setting"),
        ("port = ", "not valid TOML"),
        (None, "cannot be read"),
        ("port = 70000\n", "port: "),
    ],
)
def test_a_bad_settings_file_is_refused(text: str | None, told: str, tmp_path: Path) -> None:
    file = tmp_path / "millgate.toml"
    if text is not None:
        file.write_text(text)
    environment = {"MILLGATE_CONFIG": str(file), "MILLGATE_DATA_DIR": str(tmp_path / "data")}
    assert told in processes.run("vault", "status", environment=environment, check=SETTING).stderr


def test_the_command_line_outdoes_the_variable_and_the_variable_the_file(tmp_path: Path) -> None:
    file = tmp_path / "millgate.toml"
    file.write_text('log_level = "silent"\nport = 1\n')
    environment = {"MILLGATE_CONFIG": str(file), "MILLGATE_PORT": "bad", "MILLGATE_DATA_DIR": str(tmp_path / "data")}
    told = processes.run("serve", "--port", "70001", environment=environment, check=SETTING).stderr
    assert "70001" in told
    assert "log_level" in told
    assert "bad" not in told


def test_a_data_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told = processes.run("vault", "status", "--data-dir", str(tmp_path / "file"), check=SETTING).stderr
    assert str(tmp_path / "file") in told


@pytest.mark.parametrize("key", ["c2hvcnQ=", "not base64 at all!"])
def test_a_master_key_of_the_wrong_form_is_refused(key: str, tmp_path: Path) -> None:
    environment = {"MILLGATE_MASTER_KEY": key, "MILLGATE_DATA_DIR": str(tmp_path / "data")}
    told = processes.run("serve", environment=environment, check=SETTING).stderr
    assert "master key" in told
    assert key not in told


def test_a_shared_database_without_its_master_key_is_refused(tmp_path: Path) -> None:
    environment = {"MILLGATE_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "MILLGATE_DATA_DIR": str(tmp_path / "data")}
    told = processes.run("serve", environment=environment, check=None)
    assert told.returncode == SETTING, told.stderr
    assert "master key" in told.stderr


def test_a_database_that_does_not_answer_is_told(tmp_path: Path) -> None:
    environment = {
        "MILLGATE_DATABASE_URL": "postgresql://nobody:hunter2@127.0.0.1:1/none",
        "MILLGATE_DATA_DIR": str(tmp_path / "data"),
        "MILLGATE_MASTER_KEY": "A" * 43 + "=",
    }
    done = processes.run("serve", environment=environment, check=TRY_LATER)
    assert "store_unavailable" in done.stderr
    assert "hunter2" not in done.stderr


def test_another_master_key_than_the_databases_is_refused(stack: Stack) -> None:
    other = {"MILLGATE_MASTER_KEY": "B" * 43 + "="}
    done = processes.run("serve", "--port", "0", environment={**stack.environment, **other}, check=SETTING)
    assert "master key" in done.stderr
    assert "is not the one that this database was made with" in done.stderr
    assert "B" * 43 not in done.stderr


def test_a_taken_port_is_told_and_leaves_the_other_gateway_alone(stack: Stack) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = stack.command("serve", "--port", str(port), check=SETTING)
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "--port" in done.stderr
    assert stack.told("audit", "verify")["ok"]


# -- wrong arguments


def test_unknown_names_end_with_66_and_say_where_to_look(stack: Stack) -> None:
    calls = {
        ("tenants", "show", "nowhere"): "millgate tenants list",
        ("tenants", "check", "nowhere"): "millgate tenants list",
        ("tenants", "remove", "nowhere", "--yes"): "millgate tenants list",
        ("clients", "revoke", "nobody"): "millgate clients list",
        ("clients", "create", "x", "--tenant", "nowhere", "--scope", "system/*.rs"): "millgate tenants list",
    }
    with ThreadPoolExecutor(2) as pool:
        for done, hint in zip(pool.map(lambda words: stack.command(*words, check=NO_INPUT), calls), calls.values(), strict=True):
            assert hint in done.stderr
            assert done.stdout == ""


def test_a_tenant_given_wrong_is_refused_with_all_that_is_wrong(tmp_path: Path) -> None:
    words = ["--url", "ftp://x", "--client-id", "c", "--scopes", "v3", "--time-zone", "Mars/Olympus", "--service-type", "nothing"]
    done = processes.run("tenants", "add", "No Spaces", *words, "--data-dir", str(tmp_path / "data"), check=USAGE)
    for name in ("NAME", "--url", "--scopes", "--time-zone", "--service-type", "--secret-stdin"):
        assert f"  {name}: " in done.stderr, name
    assert not (tmp_path / "data").exists()


def test_an_empty_secret_and_a_key_that_is_none_are_refused(tmp_path: Path) -> None:
    where = [
        "tenants",
        "add",
        "mercy",
        "--url",
        "https://fhir.example/r4/x",
        "--client-id",
        "c",
        "--data-dir",
        str(tmp_path / "data"),
    ]
    assert "--secret-stdin" in processes.run(*where, "--secret-stdin", stdin="\n", check=USAGE).stderr
    (tmp_path / "key.pem").write_text("-----BEGIN NOTHING-----\n")
    told = processes.run(*where, "--key", str(tmp_path / "key.pem"), check=USAGE).stderr
    assert "--key: " in told
    assert "--key-id: " in told


def test_a_tenant_that_does_not_answer_is_not_added(stack: Stack) -> None:
    words = ["--url", "http://127.0.0.1:1/r4/x", "--client-id", "c", "--secret-stdin"]
    done = stack.command("tenants", "add", "silent", *words, stdin="s3cret\n", check=TRY_LATER)
    assert "upstream_unavailable" in done.stderr
    assert "s3cret" not in done.stderr
    assert "silent" not in [one["name"] for one in stack.told("tenants", "list")]


def test_a_wrong_secret_is_found_by_check(stack: Stack) -> None:
    told = stack.hospitals["mercy"]
    words = ["--url", told["fhir_base"] + "/", "--client-id", told["client_id"], "--secret-stdin"]
    stack.command("tenants", "add", "mistyped", *words, stdin="wrong\n")
    try:
        done = stack.command("tenants", "check", "mistyped", "--json", check=1)
        (persona,) = json.loads(done.stdout)["personas"]
        assert (persona["ok"], persona["granted"]) == (False, [])
        assert persona["detail"]
    finally:
        assert json.loads(stack.command("tenants", "remove", "mistyped", "--yes", "--json").stdout)["removed"]


def test_other_wrong_arguments(stack: Stack) -> None:
    asked = stack.command("audit", "list", "--patient", "1", check=USAGE)
    assert "--tenant" in asked.stderr
    done = stack.command("clients", "create", "x", check=USAGE)
    assert "  --tenant: " in done.stderr
    assert "  --scope: " in done.stderr
    assert stack.command("clients", "create", "x", "--tenant", "mercy", "--scope", "system/Patient.everything", check=USAGE)
    assert processes.run("nonsense", check=2)
    assert stack.command("tenants", "remove", "mercy", stdin="n\n", check=1), "a removal asks first"
    assert "mercy" in [one["name"] for one in stack.told("tenants", "list")]


# -- convert

PATIENT = {"resourceType": "Patient", "id": "1", "birthDate": "1961-04", "name": [{"family": "Okafor", "given": ["Adaeze"]}]}
WEIGHT = {
    "resourceType": "Observation",
    "id": "w",
    "status": "final",
    "code": {"text": "Weight"},
    "subject": {"reference": "Patient/1"},
    "valueQuantity": {"value": 70.50, "unit": "kg"},
}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Files to convert, good and bad."""
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": PATIENT}, {"resource": WEIGHT}]}
    texts = {
        "patient.json": json.dumps(PATIENT),
        "bundle.json": json.dumps(bundle).replace("70.5", "70.50"),
        "export.ndjson": f"{json.dumps(PATIENT)}\n{json.dumps(WEIGHT)}\n",
        "half.ndjson": f"{json.dumps(PATIENT)}\n{json.dumps(WEIGHT)[:40]}\n",
        "damaged.json": json.dumps(PATIENT)[:-7],
        "unknown.json": json.dumps({"resourceType": "ImagingStudy", "id": "1"}),
        "empty.json": "",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return {name: tmp_path / name for name in texts}


def converted(*words: str, check: int, stdin: str | None = None) -> list[dict[str, Any]]:
    """The lines that `millgate convert` prints."""
    done = processes.run("convert", *words, check=check, stdin=stdin)
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_good_files_are_converted(files: dict[str, Path]) -> None:
    good = [str(files[name]) for name in ("patient.json", "bundle.json", "export.ndjson")]
    lines = converted("--fhir", *good, check=0)
    assert [line["file"] for line in lines] == good
    assert [set(line) for line in lines] == [{"file", "pathway", "objects", "problems", "fhir"}] * 3
    assert [[one["object"] for one in line["objects"]] for line in lines] == [["patient"], *[["patient", "observation"]] * 2]
    assert [line["problems"] for line in lines] == [[], [], []]
    assert lines[0]["objects"][0]["birth_date"] == "1961-04"
    assert lines[0]["fhir"] == [PATIENT]
    assert [line["pathway"] for line in lines] == ["fhir-r4"] * 3
    digits = processes.run("convert", str(files["bundle.json"])).stdout
    assert '"value":70.50' in digits
    assert "fhir" not in json.loads(digits)


def test_files_with_problems_end_with_3_and_the_rest_comes_through(files: dict[str, Path]) -> None:
    bad = [str(files[name]) for name in ("half.ndjson", "damaged.json", "unknown.json", "empty.json", "patient.json")]
    lines = converted(*bad, str(files["patient.json"].with_name("missing.json")), check=3)
    codes = [[problem["code"] for problem in line["problems"]] for line in lines]
    assert codes == [
        ["invalid_document"],
        ["invalid_document"],
        ["unknown_resource_type"],
        ["invalid_document"],
        [],
        ["unreadable"],
    ]
    assert [len(line["objects"]) for line in lines] == [1, 0, 0, 0, 1, 0]
    assert lines[0]["problems"][0]["location"] == "line 2"
    assert "Okafor" not in json.dumps([line["problems"] for line in lines])


def test_standard_input_is_a_file_too(files: dict[str, Path]) -> None:
    (line,) = converted("-", check=0, stdin=files["bundle.json"].read_text())
    assert (line["file"], len(line["objects"])) == ("-", 2)


def test_convert_needs_no_server_and_no_data_directory(files: dict[str, Path], tmp_path: Path) -> None:
    environment = {
        "HOME": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "MILLGATE_DATABASE_URL": "postgresql://127.0.0.1:1/x",
    }
    processes.run("convert", str(files["patient.json"]), environment=environment)
    assert not (tmp_path / "data").exists()


def test_an_unknown_pathway_or_zone_is_refused(files: dict[str, Path]) -> None:
    assert "fhir-r4" in processes.run("convert", "--from", "telepathy", str(files["patient.json"]), check=USAGE).stderr
    done = processes.run("convert", "--time-zone", "Mars/Olympus", str(files["patient.json"]), check=SETTING)
    assert "time zone" in done.stderr


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (line,) = converted(str(tmp_path), check=3)
    assert [problem["code"] for problem in line["problems"]] == ["unreadable"]
