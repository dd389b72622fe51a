"""All that CI runs, in order: `python -m tests.everything`. With arguments: pytest alone, with these; `--static`: the static checks alone."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent

STATIC: tuple[tuple[str, Sequence[str]], ...] = (
    ("ruff check", ("ruff", "check", ".")),
    ("ruff format", ("ruff", "format", "--check", ".")),
    ("mypy --strict", ("mypy",)),
    ("import directions", ("lint-imports",)),
    ("generated docs", ("python", "-m", "docs.generate", "--check")),
)
# Tests that hold on any PostgreSQL, run a second time on one that was started separately and is reached by URL.
BY_URL = ("tests/store", "tests/journeys/test_whole_thread.py", "tests/surfaces")


def step(title: str, command: Sequence[str], environment: dict[str, str] | None = None) -> None:
    """Run one step, its output as it comes; the first that fails ends everything with its exit status."""
    print(f"── {title}", flush=True)
    started = time.monotonic()
    path = str(BIN) + os.pathsep + os.environ.get("PATH", "")
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "PATH": path, **(environment or {})}, check=False)
    print(f"   {time.monotonic() - started:.0f} s", flush=True)
    if done.returncode:
        print(f"failed: {title} (exit status {done.returncode})", flush=True)
        raise SystemExit(done.returncode)


@contextmanager
def separate_postgresql() -> Iterator[str]:
    """A PostgreSQL of its own on a TCP port, as a health system would run one: its URL."""
    from tests.separate_postgresql import running

    with running(password=secrets.token_hex(8)) as url:
        yield url


def main(arguments: Sequence[str]) -> None:
    """Run what the arguments ask for."""
    if arguments and arguments[0] != "--static":
        raise SystemExit(subprocess.call([sys.executable, "-m", "pytest", *arguments], cwd=ROOT))
    for title, command in STATIC:
        step(title, command)
    if arguments:
        return
    step("tests, on the embedded PostgreSQL", ("python", "-m", "pytest", "-n", "2", "--dist", "loadfile"))
    with separate_postgresql() as url:
        step(
            "tests, on a PostgreSQL by URL",
            ("python", "-m", "pytest", "-n", "2", "--dist", "loadfile", *BY_URL),
            {"MILLGATE_TEST_DATABASE_URL": url},
        )


if __name__ == "__main__":
    main(sys.argv[1:])
