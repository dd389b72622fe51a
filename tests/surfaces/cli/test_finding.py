"""`millgate tenants find`, from a file and from an address."""

from __future__ import annotations

import functools
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from millgate.surfaces.cli.main import app
from tests.canonical.test_endpoint_lists import BUNDLE, ODD, PROVIDER


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a published list."""
    (tmp_path / "list.json").write_text(json.dumps(BUNDLE), encoding="utf-8")
    return tmp_path


@pytest.fixture
def address(folder: Path) -> Iterator[str]:
    """The address of the folder's server."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def find(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["tenants", "find", *arguments])
    return done.exit_code, done.output


def test_a_health_system_is_found_in_a_file(folder: Path) -> None:
    status, told = find("st marys", "--endpoints", str(folder / "list.json"), "--json")
    assert status == 0
    (found,) = json.loads(told)
    assert found["url"] == f"{PROVIDER}/r4/{ODD}"
    assert (found["tenant_id"], found["city"], found["state"], found["personas"]) == (
        ODD,
        "Kansas City",
        "MO",
        ["provider", "system"],
    )


def test_and_at_an_address(address: str) -> None:
    status, told = find("springfield", "--endpoints", f"{address}/list.json")
    assert status == 0
    assert "Lakeside Clinic" in told
    assert "Managed Care" in told


def test_what_is_not_there_is_told(folder: Path, address: str) -> None:
    assert find("chicago", "--endpoints", str(folder / "list.json")) == (66, "Nothing matches 'chicago'.\n")
    assert find("chicago", "--endpoints", str(folder / "missing.json"))[0] == 66
    assert find("chicago", "--endpoints", f"{address}/missing.json")[0] == 69
