"""The embedded PostgreSQL: shared by processes, taken over from dead ones, recovered after crashes."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from millgate.errors import GatewayError
from millgate.store.cluster import Cluster
from tests.store.processes import other

HOLD = """
import sys
from pathlib import Path
from millgate.store.cluster import Cluster
cluster = Cluster.start(Path(sys.argv[1]))
print(cluster._server.running().pid, flush=True)
sys.stdin.read()
cluster.stop()
"""


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """One data directory for all tests here, since each leaves its server stopped; too long for a socket's name."""
    folder = Path(tempfile.mkdtemp(prefix="millgate-cluster-"))
    yield folder / ("with a long name " * 8) / "data"
    shutil.rmtree(folder)


@contextmanager
def started(data_dir: Path) -> Iterator[Cluster]:
    cluster = Cluster.start(data_dir)
    try:
        yield cluster
    finally:
        cluster.stop()


def pid_of(cluster: Cluster) -> int:
    running = cluster._server.running()
    assert running is not None
    return running.pid


def gone(pid: int) -> bool:
    """Whether the process ends within five seconds."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if "Z" in Path(f"/proc/{pid}/stat").read_text().split(")")[-1].split()[:1]:
            return True
    return False


def test_is_closed_to_others_and_stops_with_its_last_user(data_dir: Path) -> None:
    with started(data_dir) as cluster:
        with psycopg.connect(cluster.url) as connection:
            row = connection.execute("SELECT current_user, rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
            assert row == ("millgate", False)
            settings = connection.execute(
                "SELECT current_setting('fsync'), current_setting('synchronous_commit'), current_setting('listen_addresses')"
            ).fetchone()
            assert settings == ("on", "on", "")
        server = cluster._server.running()
        assert server is not None
        assert stat.S_IMODE((data_dir / "postgres").stat().st_mode) == 0o700
        assert stat.S_IMODE(data_dir.stat().st_mode) & 0o067 == 0
        assert stat.S_IMODE(Path(server.socket_dir).stat().st_mode) == 0o700
    assert gone(server.pid)
    assert not Path(server.socket_dir).exists()
    cluster.stop()  # a second time does nothing


def test_second_process_joins_and_the_last_one_stops_it(data_dir: Path) -> None:
    with other(HOLD, str(data_dir)) as first:
        pid = int(first.line())
        with started(data_dir) as second:
            assert pid_of(second) == pid
            assert first.end() == 0
            with psycopg.connect(second.url) as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)
        assert gone(pid)


def test_starts_at_once_make_one_server(data_dir: Path) -> None:
    with other(HOLD, str(data_dir)) as one, other(HOLD, str(data_dir)) as two, other(HOLD, str(data_dir)) as three:
        assert len({one.line(), two.line(), three.line()}) == 1
        assert [one.end(), two.end(), three.end()] == [0, 0, 0]


def test_server_of_a_killed_process_is_taken_over(data_dir: Path) -> None:
    with other(HOLD, str(data_dir)) as first:
        pid = int(first.line())
        first.kill()
    with started(data_dir) as second:
        assert pid_of(second) == pid
    assert gone(pid)


def test_killed_server_is_revived_with_what_was_committed(data_dir: Path) -> None:
    with started(data_dir) as cluster:
        with psycopg.connect(cluster.url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept (number integer)")
            connection.execute("INSERT INTO kept VALUES (42)")
        pid = pid_of(cluster)
        os.kill(pid, signal.SIGKILL)
        assert gone(pid)
        assert not cluster.alive()
        cluster.revive()
        with psycopg.connect(cluster.url) as connection:
            assert connection.execute("SELECT number FROM kept").fetchone() == (42,)
            connection.execute("DROP TABLE kept")


def test_process_and_server_killed_together(data_dir: Path) -> None:
    with other(HOLD, str(data_dir)) as first:
        os.kill(int(first.line()), signal.SIGKILL)
        first.kill()
    with started(data_dir) as cluster, psycopg.connect(cluster.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("left", ["someone else's process id", "empty"])
def test_stale_pid_file_after_a_reboot(data_dir: Path, left: str) -> None:
    with started(data_dir) as cluster:
        pid = pid_of(cluster)
        text = (data_dir / "postgres" / "postmaster.pid").read_text()
    file = data_dir / "postgres" / "postmaster.pid"
    file.write_text("" if left == "empty" else text.replace(str(pid), str(os.getpid()), 1))
    shutil.chown(file, (data_dir / "postgres").stat().st_uid, (data_dir / "postgres").stat().st_gid)
    with started(data_dir) as cluster:
        assert pid_of(cluster) not in (pid, os.getpid())


def test_half_made_cluster_is_made_anew(tmp_path: Path) -> None:
    half = tmp_path / "data" / "postgres.making-abc"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    (tmp_path / "data" / "postgres.lock").touch()
    with started(tmp_path / "data") as cluster:
        assert cluster.alive()
        assert not half.exists()


def test_swept_runtime_directory(data_dir: Path) -> None:
    with started(data_dir) as first:
        server = first._server.running()
        assert server is not None
        shutil.rmtree(server.socket_dir)
        with started(data_dir) as second, psycopg.connect(second.url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_directory_of_another_major_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(GatewayError, match="made by PostgreSQL 9") as caught:
        Cluster.start(tmp_path)
    assert caught.value.code == "invalid_setting"


def test_data_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(GatewayError, match="cannot be used") as caught:
        Cluster.start(tmp_path / "data")
    assert caught.value.code == "invalid_setting"


def test_directory_in_use_on_another_machine_is_refused(data_dir: Path) -> None:
    with started(data_dir):
        (data_dir / "postgres.host").write_text("elsewhere pid:[1]")
        with pytest.raises(GatewayError, match="in use on elsewhere"):
            Cluster.start(data_dir)
