"""The real processes of a benchmark: started, asked over HTTP, stopped, and what each takes of the processors."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

_PROC = Path("/proc")
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def start(stack: ExitStack, *arguments: str) -> subprocess.Popen[str]:
    """Start `python …`; ended with the stack."""
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, text=True)
    stack.callback(process.wait, 30)
    stack.callback(process.terminate)
    return process


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_for(port: int) -> None:
    """Until somebody listens there."""
    for _ in range(400):
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("a server did not start")


def post(url: str, body: Mapping[str, Any], bearer: str | None = None) -> Any:
    """What a JSON document is answered with."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {bearer}"} if bearer else {})
    request = urllib.request.Request(url, data=json.dumps(body).encode(), headers=headers)  # noqa: S310
    return json.loads(urllib.request.urlopen(request).read() or b"null")  # noqa: S310


def get(url: str, bearer: str | None = None) -> tuple[Any, bytes, Mapping[str, str]]:
    """A JSON document, its bytes, and its headers."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {bearer}"} if bearer else {})  # noqa: S310
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        raw = answer.read()
        return json.loads(raw), raw, {name.lower(): value for name, value in answer.headers.items()}


class Processor:
    """How much processor time processes have taken, by what they are called here; nothing where there is no /proc."""

    def __init__(self, roots: Mapping[str, int]) -> None:
        """`roots`: a process each; its children count with it, but for those that have a name of their own."""
        self._roots = dict(roots)

    def taken(self) -> dict[str, float]:
        """Seconds until now, user and system together."""
        if not _PROC.is_dir():
            return {}
        taken = dict.fromkeys(self._roots, 0.0)
        own = {pid: name for name, pid in self._roots.items()}
        parents, times = {}, {}
        for folder in _PROC.glob("[0-9]*"):
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(folder.name)] = int(fields[1])
            times[int(folder.name)] = (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND
        for pid, seconds in times.items():
            at: int | None = pid
            while at is not None and at not in own:
                at = parents.get(at)
            if at is not None:
                taken[own[at]] += seconds
        return taken


def postmaster(data_dir: Path) -> int:
    """The process id of the embedded PostgreSQL of a data directory."""
    return int((data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0])
