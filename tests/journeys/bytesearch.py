"""Search whole folders for many texts at once, in every form in which a text may lie in a file."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

# What stands beside a text in a file: quotes, brackets, separators, line ends, and the length byte or padding of a short value.
BESIDE = frozenset(b"\"'<>()[]{},;:=|^/\\&~ \t\r\n\0")
SHORT = 6  # bytes; fewer turn up by chance among megabytes of ciphertext, so something has to stand beside them
STEM = 5  # bytes by which a text is found before it is compared as a whole


class Search:
    """Finds any of some texts: as written, in lower and upper case, without accents, in UTF-8 and in UTF-16."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._needles: dict[bytes, dict[bytes, set[str]]] = {}  # by their first bytes
        for text in texts:
            for needle in (needle for spelling in _spellings(text) for needle in _encoded(spelling)):
                if len(needle) < STEM:
                    raise ValueError(f"{text!r} is too short to be searched for")
                self._needles.setdefault(needle[:STEM], {}).setdefault(needle, set()).add(text)
        self._stems = re.compile(_alternatives(self._needles))

    def found_in(self, data: bytes) -> set[str]:
        """The texts that `data` holds."""
        found: set[str] = set()
        match = self._stems.search(data)
        while match:
            at = match.start()
            for needle, texts in self._needles[match.group()].items():
                if not texts <= found and data.startswith(needle, at) and _counts(data, at, at + len(needle)):
                    found |= texts
            match = self._stems.search(data, at + 1)
        return found

    def found_under(self, folder: Path) -> dict[str, list[str]]:
        """The texts that any file under `folder` holds, with the files' names."""
        found: dict[str, list[str]] = {}
        for path, data in files(folder):
            for text in self.found_in(data):
                found.setdefault(text, []).append(str(path.relative_to(folder)))
        return found


def files(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file with its bytes; the zeros at its end are left out, since a new piece of the write-ahead log is 16 MB of them."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            try:
                yield path, path.read_bytes().rstrip(b"\0")
            except FileNotFoundError:  # the database works while it is looked at
                continue


def _spellings(text: str) -> set[str]:
    plain = "".join(letter for letter in unicodedata.normalize("NFD", text) if not unicodedata.combining(letter))
    return {spelling for one in (text, unicodedata.normalize("NFD", text), plain) for spelling in (one, one.lower(), one.upper())}


def _encoded(spelling: str) -> tuple[bytes, bytes, bytes]:
    """In UTF-8, and in UTF-16 in either byte order, without the zero at an end that any other zero would take for its own."""
    return spelling.encode(), spelling.encode("utf-16-le").rstrip(b"\0"), spelling.encode("utf-16-be").lstrip(b"\0")


def _counts(data: bytes, start: int, stop: int) -> bool:
    if stop - start >= SHORT:
        return True
    return start == 0 or stop == len(data) or data[start - 1] in BESIDE or data[stop] in BESIDE


def _alternatives(stems: Iterable[bytes]) -> bytes:
    """One pattern for stems that share their beginnings, so that few steps are made at any place of the data."""
    tree: dict[int, Any] = {}
    for stem in stems:
        node = tree
        for byte in stem:
            node = node.setdefault(byte, {})
    return _written(tree)


def _written(node: Mapping[int, Any]) -> bytes:
    parts = [re.escape(bytes([byte])) + _written(below) for byte, below in node.items()]
    return b"(?:" + b"|".join(parts) + b")" if len(parts) > 1 else b"".join(parts)
