"""`millgate get` and `millgate show` against a real gateway: tables for people, lines for scripts, errors that say what to do."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.journeys import processes
from tests.journeys.calling import Caller
from tests.journeys.conftest import FindChart, Stack


def run(
    stack: Stack, *arguments: str, check: int = 0, key: str | None = "portal", data_dir: bool = False
) -> subprocess.CompletedProcess[str]:
    """A command as somebody runs it who has a key, or who may read the gateway's data directory."""
    environment = {"MILLGATE_URL": stack.gateway, **({"MILLGATE_API_KEY": stack.keys[key]} if key else {})}
    return processes.run(*arguments, environment=dict(stack.environment) if data_dir else environment, check=check)


async def test_a_list_is_a_table_and_lines_of_json_and_of_fhir(stack: Stack, mercy: Caller, chart_of: FindChart) -> None:
    patient = (await chart_of("mercy")).id
    asked = ("get", "observations", "--patient-id", patient, "--category=vital-signs", "--tenant", "mercy")
    listed = await mercy.all("/observations", patient_id=patient, category="vital-signs", limit=200)
    table = run(stack, *asked, "--limit", "3")
    assert table.stdout.split()[:2] == ["id", "effective_at"]
    assert [line.split()[0] for line in table.stdout.splitlines()[1:]] == [one["id"] for one in listed[:3]]
    assert "3 observations" in table.stderr
    assert "there are more (--limit, --all)" in table.stderr
    lines = run(stack, *asked, "--all", "--json").stdout.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [one["id"] for one in listed]
    assert "fhir" not in json.loads(lines[0])
    resources = run(stack, *asked, "--all", "--fhir").stdout.splitlines()
    assert [(one["resourceType"], one["id"]) for one in map(json.loads, resources)] == [("Observation", o["id"]) for o in listed]


async def test_all_walks_over_the_pages_and_tells_how_far_it_is(stack: Stack, mercy: Caller, chart_of: FindChart) -> None:
    patient = (await chart_of("mercy")).id
    told = run(stack, "get", "observations", "--patient-id", patient, "--tenant", "mercy", "--limit", "201", "--json")
    listed = await mercy.all("/observations", patient_id=patient, limit=200)
    assert [json.loads(line)["id"] for line in told.stdout.splitlines()] == [one["id"] for one in listed[:201]]


async def test_one_object_is_shown_by_its_fields_and_as_it_is(stack: Stack, mercy: Caller, chart_of: FindChart) -> None:
    patient = (await chart_of("mercy")).patient
    shown = run(stack, "show", "patients", patient["id"], "--tenant", "mercy")
    assert shown.stdout.split()[:4] == ["field", "value", "id", patient["id"]]
    assert f"Patient/{patient['id']} by fhir-r4" in shown.stderr
    as_json = run(stack, "show", "patient", patient["id"], "--tenant", "mercy", "--json").stdout
    assert json.loads(as_json)["id"] == patient["id"]
    as_fhir = run(stack, "show", "patient", patient["id"], "--tenant", "mercy", "--fhir").stdout
    assert json.loads(as_fhir)["resourceType"] == "Patient"


def test_who_may_read_the_data_directory_needs_no_key_and_no_address(stack: Stack) -> None:
    told = run(stack, "get", "organizations", "--tenant", "mercy", "--limit", "1", "--json", key=None, data_dir=True)
    assert len(told.stdout.splitlines()) == 1
    clients = stack.told("clients", "list")
    made = [one for one in clients if one["name"] == "command line"]
    assert made
    assert all(one["revoked_at"] for one in made)


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (("get", "moods"), 64, "There is no object 'moods'"),
        (
            ("get", "observations", "--colour", "red"),
            64,
            "--colour: no such filter of observations; there are --ids, --patient-id",
        ),
        (("get", "observations", "--patient-id"), 64, "--patient-id: is given once, with a value"),
        (("get", "observations", "--patient-id", "1", "--json", "--fhir"), 64, "Choose --json or --fhir"),
        (("get", "observations", "--from", "soon"), 64, "--from: is a date"),
        (("get", "observations"), 64, "(search_not_supported"),
        (("show", "patient", "none-such"), 66, "(not_found"),
        (("get", "patients", "--family", "Ma", "--url", "http://millgate.example"), 64, "--url: must be https"),
        (("get", "patients", "--family", "Ma", "--url", "http://127.0.0.1:9"), 75, "No gateway answers at http://127.0.0.1:9"),
        (("get", "patients", "--family", "Ma", "--key", "mg_wrong"), 77, "(invalid_key"),
    ],
)
def test_what_is_wrong_is_told_with_what_to_do(stack: Stack, arguments: tuple[str, ...], status: int, told: str) -> None:
    done = run(stack, *arguments, "--tenant", "mercy", check=status)
    assert told in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_the_tenant_has_to_be_said_where_there_are_several(stack: Stack) -> None:
    assert "--tenant: is missing" in run(stack, "get", "organizations", check=64).stderr
    told = run(stack, "get", "organizations", check=64, key="operator").stderr
    assert "--tenant: is one of" in told
    assert "mercy" in told
