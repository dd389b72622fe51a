"""Where the master key comes from, and that it is told clearly when it cannot be used."""

from __future__ import annotations

import base64
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from millgate.errors import GatewayError
from millgate.store import MasterKey, master_key

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
