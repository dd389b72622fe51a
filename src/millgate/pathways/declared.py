"""What a pathway says of itself in its `pathway.toml`."""

from __future__ import annotations

import tomllib
from importlib.resources import files


def objects_of(package: str) -> frozenset[str]:
    """The names of the objects that the pathway in this package offers."""
    declaration = tomllib.loads(files(package).joinpath("pathway.toml").read_text("utf-8"))
    return frozenset(declaration["objects"])
