"""Real processes for the journeys: the demo, a gateway of one's own, a simulator; started as a user starts them, and always stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MILLGATE = (sys.executable, "-m", "millgate")
START_S = 60


@dataclass
class Process:
    """A running command that printed one JSON line when it was ready."""

    command: Sequence[str]
    popen: subprocess.Popen[str]
    report: dict[str, Any]
    log: list[str] = field(default_factory=list)

    def stop(self, number: int = signal.SIGTERM, timeout_s: float = 30) -> int:
        """Send a signal and wait; the exit status."""
        if self.popen.poll() is None:
            self.popen.send_signal(number)
        try:
            return self.popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            raise

    def kill(self) -> None:
        """kill -9, as a machine does that runs out of memory."""
        self.popen.kill()
        self.popen.wait(10)


def start(command: Sequence[str], *, environment: Mapping[str, str] | None = None, stdin: str | None = None) -> Process:
    """Start a command and wait for its JSON line."""
    popen = subprocess.Popen(
        command,
        stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment() | dict(environment or {}),
    )
    log: list[str] = []
    threading.Thread(target=_drain, args=(popen.stderr, log), daemon=True).start()
    if stdin is not None and popen.stdin is not None:
        popen.stdin.write(stdin)
        popen.stdin.flush()
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.append(popen.stdout.readline() if popen.stdout else ""), daemon=True)
    reader.start()
    reader.join(START_S)
    if not lines or not lines[0]:
        popen.kill()
        time.sleep(0.2)
        raise AssertionError(f"{' '.join(command)} did not start:\n" + "".join(log))
    return Process(command, popen, json.loads(lines[0]), log)


def run(
    *arguments: str, stdin: str | None = None, environment: Mapping[str, str] | None = None, check: int | None = 0
) -> subprocess.CompletedProcess[str]:
    """Run a millgate command to its end; its exit status has to be `check`."""
    done = subprocess.run(
        [*MILLGATE, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        env=clean_environment() | dict(environment or {}),
        timeout=120,
        check=False,
    )
    if check is not None and done.returncode != check:
        raise AssertionError(f"millgate {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done


def clean_environment() -> dict[str, str]:
    """This process's environment without Millgate's own settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MILLGATE_")}


def demo(data_dir: Path | None = None, *, patients: int = 40, seed: int = 1, more: Sequence[str] = ()) -> Process:
    """The demo on free ports."""
    where = ["--data-dir", str(data_dir)] if data_dir else []
    numbers = ["--port", "0", "--simulator-port", "0", "--patients", str(patients), "--seed", str(seed)]
    return start([*MILLGATE, "demo", "--json", *numbers, *where, *more])


def simulator(*more: str) -> Process:
    """A simulator by itself."""
    return start([sys.executable, "-m", "millgate.simulator", "--json", *more])


def serve(data_dir: Path, *more: str, environment: Mapping[str, str] | None = None) -> Process:
    """A gateway by itself."""
    return start([*MILLGATE, "serve", "--json", "--port", "0", "--data-dir", str(data_dir), *more], environment=environment)


def _drain(stream: Any, log: list[str]) -> None:
    for line in stream:
        log.append(line)
