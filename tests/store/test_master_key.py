"""Where the master key comes from, and that it is told clearly when it cannot be used."""

from __future__ import annotations

import base64
import shlex
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from millgate.errors import CallOperator, GatewayError
from millgate.store import MasterKey, master_key
from millgate.store.master_key import key_of_command

KEY = bytes(range(32))


def test_setting_wins_over_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(base64.b64encode(b"x" * 32).decode())
    found = master_key(value=base64.urlsafe_b64encode(KEY).decode().rstrip("="), key_file=tmp_path / "key")
    assert (found.key, found.source) == (KEY, "setting")


def test_key_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(base64.b64encode(KEY).decode() + "\n")
    assert master_key(key_file=tmp_path / "key").key == KEY


def test_first_use_makes_one_key_for_all_who_come_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: master_key(data_dir=tmp_path / "data", create=True).key, range(8)))
    assert len(set(keys)) == 1
    assert stat.S_IMODE((tmp_path / "data" / "master.key").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["master.key"]


@pytest.mark.parametrize("value", ["not base64!", "AAAA", base64.b64encode(b"x" * 31).decode()])
def test_bad_key_is_told_but_not_shown(value: str) -> None:
    with pytest.raises(GatewayError) as caught:
        master_key(value=value)
    assert caught.value.code == "invalid_setting"
    assert value not in str(caught.value)


def test_missing_key_is_not_made_unasked(tmp_path: Path) -> None:
    with pytest.raises(GatewayError, match="cannot be read"):
        master_key(data_dir=tmp_path)
    with pytest.raises(GatewayError, match="no master key is set"):
        master_key()
    assert list(tmp_path.iterdir()) == []


def test_repr_shows_no_key() -> None:
    assert repr(MasterKey(KEY, "setting")) == "MasterKey(source='setting')"


PRINTED = base64.b64encode(KEY).decode()


def command(script: str) -> str:
    return shlex.join([sys.executable, "-c", script])


def test_a_command_prints_the_key_and_sees_none_of_the_gateways_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLGATE_MASTER_KEY", "not-for-you")
    monkeypatch.setenv("MILLGATE_DATABASE_URL", "nor-this")
    script = (
        f"import os; print({PRINTED!r} if not {{'MILLGATE_MASTER_KEY', 'MILLGATE_DATABASE_URL'}} & os.environ.keys() else '')"
    )
    found = master_key(command=command(script))
    assert (found.key, found.source) == (KEY, "command")
    assert PRINTED not in repr(found)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (command("import sys; sys.exit('s3cret')"), "exit status 1"),
        (command("print('s3cret!')"), "not base64"),
        (command("print('c2VjcmV0')"), "has 6 bytes"),
        (command("print('é')"), "something else than base64"),
        (command("while True: print('s3cret' * 100)"), "more than 1024 bytes"),
        ("/no/such/s3cret", "cannot be run"),
        ("'s3cret", "cannot be read"),
        ("  ", "is empty"),
    ],
)
def test_a_command_that_fails_is_told_without_repeating_it(given: str, told: str) -> None:
    with pytest.raises(CallOperator, match=told) as refused:
        master_key(command=given)
    assert refused.value.code == "invalid_setting"
    assert "s3cret" not in refused.value.detail


def test_a_command_that_hangs_is_ended_with_all_that_it_started() -> None:
    hang = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    with pytest.raises(CallOperator, match=r"did not end within 0\.5 s"):
        key_of_command(command(hang), timeout_s=0.5)


def test_a_command_is_given_to_no_shell(tmp_path: Path) -> None:
    with pytest.raises(CallOperator):
        master_key(command=f"/bin/echo {PRINTED}x; touch {tmp_path}/made")
    assert not list(tmp_path.iterdir())
