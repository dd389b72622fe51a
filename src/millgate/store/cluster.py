"""The embedded PostgreSQL of one data directory, shared by every process that uses the directory.

Two locks on files decide everything, and the kernel drops them when a process dies, however it dies:
`postgres.lock` is held alone while someone starts or stops the server; `postgres.users` is held in common by every process that
uses it. Who leaves tries to hold `postgres.users` alone: whoever succeeds was the last one and stops the server. A server that
outlived its killed users is simply joined by the next one.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from millgate.errors import CallOperator, TryLater
from millgate.store.account import Account, other_account
from millgate.store.server import SUPERUSER, Server

NAME = "millgate"  # the database, and its owner: a role without superuser's rights
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 60.0


class Cluster:
    """A running embedded PostgreSQL; `url` connects to Millgate's database as its owner. Make it with `Cluster.start`."""

    def __init__(self, data_dir: Path, server: Server, users: int) -> None:
        self.data_dir = data_dir
        self._server = server
        self._users = users
        self._process = os.getpid()
        self._socket_dir = ""

    @classmethod
    def start(cls, data_dir: Path, *, timeout_s: float = START_TIMEOUT_S) -> Cluster:
        """Join or start the PostgreSQL in `data_dir`; blocks. Raises `store_unavailable` or `invalid_setting`."""
        account = other_account()
        data_dir = _prepared(data_dir, account)
        with _alone(data_dir, timeout_s):
            users = os.open(data_dir / "postgres.users", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                _refuse_other_machine(data_dir, users)
                fcntl.flock(users, fcntl.LOCK_SH)
                cluster = cls(data_dir, Server(data_dir / "postgres", account), users)
                cluster._server.initialize()
                cluster._ensure(timeout_s)
            except BaseException:
                os.close(users)
                raise
        atexit.register(cluster.stop)
        return cluster

    @property
    def url(self) -> str:
        """Where to connect: libpq's URL for the socket."""
        return self.url_for(NAME, NAME)

    def url_for(self, database: str, user: str) -> str:
        """The same server, as another user of it or another database."""
        return f"postgresql://{user}@/{database}?host={self._socket_dir}"

    @property
    def superuser_url(self) -> str:
        """For tests and repair: the superuser on the maintenance database."""
        return self.url_for("postgres", SUPERUSER)

    def alive(self) -> bool:
        """Whether the server process is there; cheap."""
        return self._server.running() is not None

    def revive(self, *, timeout_s: float = START_TIMEOUT_S) -> None:
        """Start the server again if it has died under its users; blocks."""
        if self.alive():
            return
        with _alone(self.data_dir, timeout_s):
            self._ensure(timeout_s)

    def stop(self, *, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Leave; the last process to leave stops the server. Blocks; a second call does nothing."""
        if self._users < 0 or os.getpid() != self._process:
            return
        users, self._users = self._users, -1
        atexit.unregister(self.stop)
        with _alone(self.data_dir, timeout_s):
            try:
                if _try(users, fcntl.LOCK_EX):
                    self._server.stop(timeout_s)
            finally:
                os.close(users)

    def _ensure(self, timeout_s: float) -> None:
        """A server that answers, with Millgate's database in it; one that is just dying is waited for and started again."""
        deadline = time.monotonic() + timeout_s
        while True:
            self._socket_dir = self._server.start(max(deadline - time.monotonic(), 1.0)).socket_dir
            if _answers(self.url):
                return
            try:
                return self._make_database()
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    raise TryLater(
                        "store_unavailable", f"the embedded PostgreSQL does not answer; see {self._server.log}"
                    ) from error
                time.sleep(0.02)

    def _make_database(self) -> None:
        with psycopg.connect(self.superuser_url, autocommit=True, connect_timeout=10) as connection:
            if not connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [NAME]).rowcount:
                connection.execute(f"CREATE ROLE {NAME} LOGIN".encode())
            if not connection.execute("SELECT FROM pg_database WHERE datname = %s", [NAME]).rowcount:
                connection.execute(f"CREATE DATABASE {NAME} OWNER {NAME}".encode())


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=10).close()
    except psycopg.OperationalError:
        return False
    return True


def _prepared(data_dir: Path, account: Account | None) -> Path:
    """The data directory, made if missing and closed to others; PostgreSQL's own account may only pass through it."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        data_dir = data_dir.resolve()
        entries = {entry.name for entry in data_dir.iterdir()}
        if not entries or "postgres.lock" in entries or "master.key" in entries:  # never close a directory of someone's own
            if account:
                os.chown(data_dir, -1, account.gid)
            data_dir.chmod(0o710 if account else 0o700)
    except OSError as error:
        raise CallOperator("invalid_setting", f"the data directory {data_dir} cannot be used: {error.strerror}") from error
    return data_dir


@contextmanager
def _alone(data_dir: Path, timeout_s: float) -> Iterator[None]:
    """Hold the right to start or stop the server; waits for others, not for ever."""
    handle = os.open(data_dir / "postgres.lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + timeout_s
    try:
        while not _try(handle, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise TryLater("store_unavailable", f"another process is starting or stopping PostgreSQL in {data_dir}")
            time.sleep(0.01)
        yield
    finally:
        os.close(handle)


def _try(handle: int, way: int) -> bool:
    try:
        fcntl.flock(handle, way | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _refuse_other_machine(data_dir: Path, users: int) -> None:
    """Refuse a directory whose users run where we cannot see their server: another container, another host."""
    here = f"{socket.gethostname()} {_process_namespace()}"
    note = data_dir / "postgres.host"
    if _try(users, fcntl.LOCK_EX):
        note.write_text(here)
    elif note.exists() and note.read_text() != here:
        raise CallOperator(
            "invalid_setting",
            f"{data_dir} is in use on {note.read_text().split(' ')[0]}; several machines share a PostgreSQL by URL",
        )


def _process_namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return "-"
