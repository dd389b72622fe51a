"""Other processes for the tests of what several of them, or dying ones, do to one store."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


class Other:
    """A Python process that answers by lines."""

    def __init__(self, code: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
        )

    def line(self) -> str:
        """The next line it prints; fails if it ends instead."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the process ended with status {self.process.wait()}"
        return line.strip()

    def end(self) -> int:
        """Let it end: its standard input closes. Its exit status."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(timeout=30)

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait(timeout=30)


@contextmanager
def other(code: str, *arguments: str) -> Iterator[Other]:
    """A running process, gone at the end whatever happens."""
    started = Other(code, *arguments)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.kill()
        for stream in (started.process.stdin, started.process.stdout):
            if stream:
                stream.close()
