"""Where the master key comes from: a setting, a command, a key file, or a file of the data directory made on first use."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import shlex
import signal
import subprocess
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from millgate.errors import CallOperator
from millgate.settings import PREFIX, SECRET_SETTINGS

KEY_BYTES = 32
FILE_NAME = "master.key"
COMMAND_S = 30.0
COMMAND_BYTES = 1024
_SECRETS = frozenset(PREFIX + name.upper() for name in SECRET_SETTINGS)


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
    *,
    value: str | None = None,
    command: str | None = None,
    key_file: Path | None = None,
    data_dir: Path | None = None,
    create: bool = False,
) -> MasterKey:
    """The master key of a setting's base64 `value`, else of what `command` prints, else of `key_file`, else of `<data_dir>/master.key`.

    With `create`, the last is made (mode 0600) if it is missing. Raises `invalid_setting` where there is none or it cannot be read.
    """
    if value:
        return MasterKey(_decoded(value, "setting"), "setting")
    if command:
        return key_of_command(command)
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


def key_of_command(command: str, *, timeout_s: float = COMMAND_S) -> MasterKey:
    """The master key in base64 that an operator's command prints, such as one that has a KMS unwrap it. Raises `invalid_setting`.

    It is run without a shell, and without the gateway's own secrets in its environment; neither what it prints nor its arguments are
    ever repeated, since both may hold secrets.
    """
    try:
        arguments = shlex.split(command)
    except ValueError as error:
        raise _of_command(f"cannot be read: {error}".lower()) from None
    if not arguments:
        raise _of_command("is empty")
    text = _printed(arguments, timeout_s)
    try:
        return MasterKey(_decoded(text.decode("ascii"), "command"), "command")
    except UnicodeDecodeError:
        raise _of_command("prints something else than base64") from None


def _printed(arguments: list[str], timeout_s: float) -> bytes:
    """What a command prints, once it has ended well within its time and its bytes; else it is killed with all that it started."""
    environment = {name: value for name, value in os.environ.items() if name not in _SECRETS}
    try:
        process = subprocess.Popen(  # noqa: S603  the operator's own command
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise _of_command(f"cannot be run: {getattr(error, 'strerror', None) or 'no such program'}") from None
    late = threading.Event()

    def give_up() -> None:
        late.set()
        _end(process)

    timer = threading.Timer(timeout_s, give_up)
    timer.start()
    try:
        with process:
            text = process.stdout.read(COMMAND_BYTES + 1) if process.stdout else b""
            if len(text) > COMMAND_BYTES:
                _end(process)
    finally:
        timer.cancel()
    if late.is_set():
        raise _of_command(f"did not end within {timeout_s:g} s")
    if len(text) > COMMAND_BYTES:
        raise _of_command(f"prints more than {COMMAND_BYTES} bytes")
    if process.returncode != 0:
        raise _of_command(f"ended with exit status {process.returncode}; run it by hand, as the gateway's user")
    return text


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _of_command(told: str) -> CallOperator:
    return CallOperator("invalid_setting", f"the command for the master key (MILLGATE_MASTER_KEY_COMMAND) {told}")


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
