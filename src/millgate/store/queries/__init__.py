"""SQL in files beside this one: `-- name: word` opens each query, one name per query, read once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType


@cache
def queries(file: str) -> Mapping[str, bytes]:
    """The named queries of `<file>.sql`, as psycopg takes them. Raises ValueError for a name given twice or SQL without a name."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in Path(__file__).with_name(f"{file}.sql").read_text(encoding="utf-8").splitlines():
        if line.startswith("-- name:"):
            name = line.removeprefix("-- name:").strip()
            if name in found:
                raise ValueError(f"{file}.sql names {name} twice")
            lines = found[name] = []
        else:
            lines.append(line)
    return MappingProxyType({name: "\n".join(text).strip().rstrip(";").encode() for name, text in found.items()})
