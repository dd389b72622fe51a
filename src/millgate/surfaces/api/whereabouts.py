"""Where the gateway of a data directory answers: a file in it, for commands on the same machine. Holds an address and no secret."""

from __future__ import annotations

import contextlib
from pathlib import Path

NAME = "gateway.url"


def tell(folder: Path, url: str) -> None:
    """Write down where the gateway answers. Of several that share a directory the last one counts; without one, nobody is told."""
    with contextlib.suppress(OSError):
        (folder / NAME).write_text(url + "\n", encoding="ascii")


def forget(folder: Path, url: str) -> None:
    """The gateway answers there no more."""
    with contextlib.suppress(OSError):
        if found(folder) == url:
            (folder / NAME).unlink()


def found(folder: Path) -> str | None:
    """Where a gateway of this directory said that it answers, or None. One that was killed leaves its word behind."""
    try:
        return (folder / NAME).read_text(encoding="ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None
