"""One real demo for all pages, and the variables that they use, found through the gateway's own API."""

from __future__ import annotations

import json
import os
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.processes import clean_environment, demo

BEGINNINGS = ("Ma", "Sa", "Ha", "Be", "Ro", "Ca", "Jo", "Wi", "Lo", "Ch", "Mo", "Da", "Go", "Pe", "Ba", "Fa")
LABS_WANTED = 6  # so that a page of two has a next page, and that one another


@dataclass
class Demo:
    """A running demo, a patient in it, and free slots, of which each page gets one of its own."""

    report: dict[str, Any]
    token: str
    patient: dict[str, Any]
    slots: list[str] = field(default_factory=list)

    @property
    def person(self) -> dict[str, Any]:
        """A patient who can sign in."""
        found: dict[str, Any] = next(one for one in self.report["users"] if one["persona"] == "patient")
        return found

    def variables(self) -> dict[str, str]:
        """What a reader would have set before the first line of a page."""
        return {
            "GATEWAY": self.report["gateway"],
            "SIMULATOR": self.report["simulator"],
            "API_KEY": self.report["api_key"],
            "TOKEN": self.token,
            "PATIENT": self.patient["id"],
            "FAMILY": self.patient["name"]["family"],
            "BIRTH_DATE": self.patient["birth_date"],
            "SLOT": self.slots.pop(),
            "USERNAME": self.person["username"],
            "PASSWORD": self.person["password"],
        }


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demo, as `millgate demo` starts it."""
    process = demo(tmp_path_factory.mktemp("demo"), patients=40)
    try:
        yield _introduced(process.report)
    finally:
        process.stop()


@pytest.fixture
def environment(running: Demo, tmp_path: Path) -> dict[str, str]:
    """The environment of a page's shell: an activated .venv, and the demo's data directory."""
    path = str(Path(sys.executable).parent) + os.pathsep + os.environ.get("PATH", "")
    own = {"PATH": path, "HOME": str(tmp_path), "MILLGATE_DATA_DIR": running.report["data_dir"]}
    return clean_environment() | own | running.variables()


def _introduced(report: dict[str, Any]) -> Demo:
    token = _ask(report, "/authenticate", report["api_key"], body={"tenant": report["tenant"]})["session_token"]
    now = datetime.now(UTC)
    window = {"from": f"{now:%Y-%m-%dT%H:%M:%SZ}", "to": f"{now + timedelta(days=14):%Y-%m-%dT%H:%M:%SZ}", "limit": "50"}
    slots = [one["id"] for one in _ask(report, "/slots", token, window)["data"]]
    return Demo(report, token, _patient_with_labs(report, token), slots)


def _patient_with_labs(report: dict[str, Any], token: str) -> dict[str, Any]:
    """A living patient with enough labs, and with a name and a birth date that need no escaping in a URL."""
    for beginning in BEGINNINGS:
        for one in _ask(report, "/patients", token, {"family": beginning})["data"]:
            family = one.get("name", {}).get("family", "")
            if one.get("deceased") or not family.isalpha() or not family.isascii() or len(one.get("birth_date", "")) != 10:
                continue
            query = {"patient_id": one["id"], "category": "laboratory"}
            if len(_ask(report, "/observations", token, query)["data"]) >= LABS_WANTED:
                return dict(one)
    raise AssertionError("the simulated hospital has no patient with labs")


def _ask(
    report: dict[str, Any], path: str, bearer: str, query: dict[str, str] | None = None, body: dict[str, str] | None = None
) -> dict[str, Any]:
    url = report["gateway"] + path + ("?" + urllib.parse.urlencode(query) if query else "")
    headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode() if body else None, headers)  # noqa: S310 - the demo's own
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        found: dict[str, Any] = json.loads(answer.read())
        return found
