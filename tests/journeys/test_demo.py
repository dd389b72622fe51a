"""`millgate demo` as a newcomer meets it: one command, four lines to paste, and nothing left behind."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import psutil
import pytest

from tests.journeys import processes
from tests.journeys.calling import Caller

LINE = {"gateway", "simulator", "api_key", "tenant", "data_dir", "pid", "chart", "users", "heavy_patient"}
STOP_S = 10  # a person waits that long at most
GONE_S = 10


def of_demo(report: dict[str, Any]) -> list[psutil.Process]:
    """All processes that a running demo is made of: itself, its simulator, its database."""
    demo = psutil.Process(report["pid"])
    by_folder = [one for one in psutil.process_iter(["cmdline"]) if report["data_dir"] in " ".join(one.info["cmdline"] or ())]
    return list({one.pid: one for one in (demo, *demo.children(recursive=True), *by_folder)}.values())


def kind_of(process: psutil.Process) -> str | None:
    """Which of the three parts a process is; None if it is none or is gone."""
    try:
        line = " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return None
    names = {"millgate demo": "demo", "millgate.simulator": "simulator", "postgres": "database"}
    return next((kind for text, kind in names.items() if text in line), None)


def assert_gone(some: list[psutil.Process]) -> None:
    """None of these processes is left after a moment."""
    _, left = psutil.wait_procs(some, timeout=GONE_S)
    assert [one.cmdline() for one in left if one.is_running() and one.status() != psutil.STATUS_ZOMBIE] == []


def assert_stops(demo: processes.Process, number: int) -> None:
    """The demo ends with 0 on this signal, in time, and nothing of it is left."""
    parts = of_demo(demo.report)
    assert {kind_of(one) for one in parts} >= {"demo", "simulator", "database"}
    began = time.monotonic()
    assert demo.stop(number, timeout_s=STOP_S) == 0, demo.log
    assert time.monotonic() - began < STOP_S
    assert_gone(parts)


def exists(path: Path) -> bool:
    """Whether there is something at the path."""
    return path.exists()


async def patients_of(report: dict[str, Any]) -> list[dict[str, Any]]:
    """The demo's patients whose family name begins with a few letters, as FHIR."""
    async with aiohttp.ClientSession() as http:
        caller = Caller(http, report["gateway"])
        assert (await caller.authenticate(report["api_key"], report["tenant"])).status == 201
        found = [one for letter in "SMJBC" for one in await caller.all("/patients", family=letter, include="fhir", limit=100)]
        return [one["fhir"] for one in found]


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data directory where other accounts can get at, since PostgreSQL does not run as root."""
    made = Path(f"/tmp/millgate-demo-test-{time.time_ns():x}")  # noqa: S108 - not made by this test, but by the demo
    yield made
    shutil.rmtree(made, ignore_errors=True)


async def test_two_demos_side_by_side_start_again_and_leave_nothing_behind(folder: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        passing, lasting = pool.submit(processes.demo, seed=5), pool.submit(processes.demo, folder, seed=5)
        temporary, kept = passing.result(), lasting.result()
    try:
        for demo in (temporary, kept):
            assert set(demo.report) == LINE
            assert demo.report["pid"] == demo.popen.pid
            assert demo.report["tenant"] == "sandbox"
            assert demo.report["api_key"].startswith("mg_")
        ports = {urlsplit(demo.report[side]).port for demo in (temporary, kept) for side in ("gateway", "simulator")}
        assert len(ports) == 4
        assert kept.report["data_dir"] == str(folder)
        passing_folder = Path(temporary.report["data_dir"])
        assert exists(passing_folder / "master.key")
        first = await patients_of(kept.report)
        assert len(first) > 3
        assert first == await patients_of(temporary.report), "the same seed is the same hospital"
        assert_stops(temporary, signal.SIGINT)
        assert not exists(passing_folder)
        rows = await killed_and_started_again(kept, folder, first)
        verified = json.loads(processes.run("audit", "verify", "--data-dir", str(folder), "--json").stdout)
        assert verified["ok"]
        assert verified["rows"] >= rows
    finally:
        for demo in (temporary, kept):
            if demo.popen.poll() is None:
                demo.kill()


async def killed_and_started_again(demo: processes.Process, folder: Path, patients: list[dict[str, Any]]) -> int:
    """kill -9 the demo, start it twice more on its folder; how many rows of the audit chain there were in between."""
    parts = [one for one in of_demo(demo.report) if kind_of(one) in ("demo", "simulator")]
    assert len(parts) == 2
    rows = audit_rows(folder)
    demo.kill()
    assert_gone(parts)
    for number in (signal.SIGTERM, signal.SIGINT):
        again = processes.demo(folder, seed=5)
        try:
            assert await patients_of(again.report) == patients
            more = audit_rows(folder)
            assert more > rows, "the audit chain goes on where it was"
            rows = more
            assert_stops(again, number)
        finally:
            if again.popen.poll() is None:
                again.kill()
    return rows


def audit_rows(folder: Path) -> int:
    """How long the audit chain of a data directory is; it has to be whole."""
    told = json.loads(processes.run("audit", "verify", "--data-dir", str(folder), "--json").stdout)
    assert told["ok"], told
    return int(told["rows"])


def test_a_taken_port_is_told_and_nothing_is_left_running() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for option, other in (("--port", "--simulator-port"), ("--simulator-port", "--port")):
            done = processes.run("demo", "--json", option, port, other, "0", "--patients", "5", check=78)
            assert option in done.stderr
            assert done.stdout == ""
            assert [one for one in psutil.process_iter() if is_orphan(one)] == []


def is_orphan(process: psutil.Process) -> bool:
    """Whether a simulator of this test has outlived its demo."""
    try:
        return kind_of(process) == "simulator" and "--patients 5 " in " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return False


# -- the four lines


def talking_demo() -> tuple[subprocess.Popen[str], list[str]]:
    """A demo for people, and all that it printed up to its last line."""
    words = ["demo", "--port", "0", "--simulator-port", "0", "--patients", "40"]
    popen = subprocess.Popen(
        [*processes.MILLGATE, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=processes.clean_environment(),
    )
    assert popen.stdout is not None
    killer = threading.Timer(processes.START_S, popen.kill)
    killer.start()
    lines = []
    for line in popen.stdout:
        lines.append(line.rstrip("\n"))
        if "Ctrl-C" in line:
            break
    killer.cancel()
    return popen, lines


@pytest.mark.skipif(shutil.which("curl") is None or shutil.which("bash") is None, reason="needs curl and bash")
def test_the_four_lines_work_as_pasted() -> None:
    popen, printed = talking_demo()
    try:
        lines = [line for line in printed if "curl" in line]
        assert len(lines) == 4, printed
        facts = dict(line.split(None, 1) for line in printed if line and not line[0].isspace() and not line[0].isdigit())
        mark = "\nprintf '\\n@@\\n'\n"
        script = mark.join(["\n".join(lines[:1]) + '\nprintf %s "$TOKEN"', *lines[1:], lines[3]])
        done = subprocess.run(["bash"], input=script, capture_output=True, text=True, timeout=60, check=True)
        assert done.stderr == ""
        token, *answers = done.stdout.split("\n@@\n")
        assert token.strip().startswith("ms_")
        found, labs, booked, again = [json.loads(answer) for answer in answers]
        patient_id = option_in(lines[3], '"patient_id": "', '"')
        assert patient_id in [one["id"] for one in found["data"]]
        assert labs["data"]
        assert {one["patient_id"] for one in labs["data"]} == {patient_id}
        assert {code["code"] for one in labs["data"] for code in one["categories"]} >= {"laboratory"}
        assert (booked["object"], booked["status"], booked["patient_id"]) == ("appointment", "booked", patient_id)
        assert again == booked, "pasted again, it is the same booking"
        assert "http://" in facts["Millgate"]
        assert Path(facts["data"]).is_dir()
        parts = psutil.Process(popen.pid).children(recursive=True)
        popen.send_signal(signal.SIGTERM)
        assert popen.wait(STOP_S) == 0
        assert_gone(parts)
        assert not Path(facts["data"]).exists()
    finally:
        if popen.poll() is None:
            popen.kill()
            popen.wait(STOP_S)


def option_in(line: str, before: str, after: str) -> str:
    """What stands between two texts."""
    return line.partition(before)[2].partition(after)[0]
