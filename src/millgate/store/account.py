"""Which account the embedded PostgreSQL runs as, and whether that account can reach a directory."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from millgate.errors import CallOperator

ACCOUNT_NAME = "millgate"
_FALLBACKS = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the operating system, by number."""

    uid: int
    gid: int

    def owns(self, path: Path) -> bool:
        """Whether `path` itself (not what a link points to) belongs to this account."""
        return path.lstat().st_uid == self.uid

    def reaches(self, path: Path) -> bool:
        """Whether every directory above `path` lets this account through."""
        return all(self._passes(parent) for parent in path.parents)

    def _passes(self, directory: Path) -> bool:
        entry = directory.stat()
        if entry.st_uid == self.uid:
            return bool(entry.st_mode & 0o100)
        if entry.st_gid == self.gid:
            return bool(entry.st_mode & 0o010)
        return bool(entry.st_mode & 0o001)


def other_account() -> Account | None:
    """The unprivileged account for PostgreSQL when this process is root (made if it is missing), else None."""
    if os.geteuid() != 0:
        return None
    if (found := _named(ACCOUNT_NAME)) or (_make() and (found := _named(ACCOUNT_NAME))):
        return found
    for name in _FALLBACKS:
        if found := _named(name):
            return found
    raise CallOperator(
        "invalid_setting",
        f"PostgreSQL does not run as root: make a user named {ACCOUNT_NAME}, run Millgate as a user, or set MILLGATE_DATABASE_URL",
    )


def _named(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(entry.pw_uid, entry.pw_gid)


def _make() -> bool:
    """Make the system user; False where this system has no command for it or refuses."""
    commands = (
        ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", ACCOUNT_NAME],
        ["adduser", "-S", "-D", "-H", ACCOUNT_NAME],  # BusyBox
    )
    for command in commands:
        if (
            (program := shutil.which(command[0]))
            and subprocess.run(  # noqa: S603  fixed arguments
                [program, *command[1:]], capture_output=True, check=False
            ).returncode
            == 0
        ):
            return True
    return False
