"""Where the master key comes from: a setting, a key file, or a file of the data directory made on first use."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from millgate.errors import CallOperator

KEY_BYTES = 32
FILE_NAME = "master.key"


@dataclass(frozen=True, slots=True)
class MasterKey:
    """The key that wraps every data key; `source` says where it came from, the key itself never shows in a repr."""

    key: bytes = field(repr=False)
    source: str

    def __post_init__(self) -> None:
        if len(self.key) != KEY_BYTES:
            raise CallOperator(
                "invalid_setting", f"the master key ({self.source}) has {len(self.key)} bytes; {KEY_BYTES} are needed, in base64"
            )

    @property
    def proof(self) -> bytes:
        """A value that tells this key from another and says nothing else about it."""
        return hmac.digest(self.key, b"millgate master key proof", hashlib.sha256)


def master_key(
    *, value: str | None = None, key_file: Path | None = None, data_dir: Path | None = None, create: bool = False
) -> MasterKey:
    """The master key of a setting's base64 `value`, else of `key_file`, else of `<data_dir>/master.key`.

    With `create`, the last is made (mode 0600) if it is missing. Raises `invalid_setting` where there is none or it cannot be read.
    """
    if value:
        return MasterKey(_decoded(value, "setting"), "setting")
    if key_file:
        return _read(key_file)
    if data_dir is None:
        raise CallOperator("invalid_setting", "no master key is set: 32 random bytes in base64, as a setting or in a key file")
    path = data_dir / FILE_NAME
    if create and not path.exists():
        try:
            _make(path)
        except OSError as error:
            raise CallOperator("invalid_setting", f"the data directory {data_dir} cannot be used: {error.strerror}") from error
    return _read(path)


def key_of_file(path: Path, *, create: bool = False) -> MasterKey:
    """The master key in a file; with `create`, one is made (mode 0600) if there is no such file. Raises `invalid_setting`."""
    if create and not path.exists():
        try:
            _make(path)
        except OSError as error:
            raise CallOperator("invalid_setting", f"the master key file {path} cannot be made: {error.strerror}") from error
    return _read(path)


def _read(path: Path) -> MasterKey:
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise CallOperator("invalid_setting", f"the master key file {path} cannot be read") from error
    return MasterKey(_decoded(text, f"file {path}"), f"file {path}")


def _decoded(text: str, source: str) -> bytes:
    plain = text.strip().replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise CallOperator("invalid_setting", f"the master key ({source}) is not base64") from None


def _make(path: Path) -> None:
    """Write a new key beside and link it into place: whole or absent, and of two processes only one wins."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    making = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(making, path)
    except FileExistsError:
        pass
    finally:
        making.unlink()
