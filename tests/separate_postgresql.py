"""A PostgreSQL that Millgate knows nothing of: started by itself on a TCP port with a password, as a health system would run one."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from millgate.store.account import other_account
from millgate.store.server import programs

LAUNCH = Path(__file__).resolve().parent.parent / "src" / "millgate" / "store" / "launch.py"


@contextmanager
def running(*, password: str) -> Iterator[str]:
    """Start a server in a folder of its own; its URL, as a superuser; stopped and removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="postgresql-", dir="/tmp"))  # its account has to reach it
    account = other_account()
    if account:
        os.chown(folder, account.uid, account.gid)
    (folder / "password").write_text(password)
    if account:
        os.chown(folder / "password", account.uid, account.gid)
    port = _free_port()
    data = folder / "data"
    binaries = programs(None)
    made = _launch(
        [
            str(binaries / "initdb"),
            "-D",
            str(data),
            "-U",
            "admin",
            "--auth=scram-sha-256",
            f"--pwfile={folder / 'password'}",
            "-E",
            "UTF8",
        ]
    )
    if made.returncode:
        raise RuntimeError(f"initdb failed: {made.stderr}")
    options = ["-p", str(port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=200"]
    started = _launch([str(binaries / "postgres"), "-D", str(data), *options], log=str(folder / "log"), detach=True)
    pid = int(started.stdout)
    url = f"postgresql://admin:{password}@127.0.0.1:{port}/postgres"
    try:
        _await(url)
        yield url
    finally:
        os.kill(pid, signal.SIGQUIT)
        shutil.rmtree(folder, ignore_errors=True)


def _launch(program: list[str], *, log: str | None = None, detach: bool = False) -> subprocess.CompletedProcess[str]:
    account = other_account()
    order = {
        "program": program,
        "account": [account.uid, account.gid] if account else None,
        "pass_through": True,
        "log": log,
        "detach": detach,
    }
    return subprocess.run(
        [sys.executable, "-I", "-S", str(LAUNCH), json.dumps(order)], capture_output=True, text=True, check=False
    )


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _await(url: str) -> None:
    ends = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.05)
