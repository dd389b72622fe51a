"""Every pathway, found by its `pathway.toml`: no list to edit."""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import REPOSITORY

SOURCES = REPOSITORY / "src" / "millgate" / "pathways"
TESTS = REPOSITORY / "tests" / "pathways"


@dataclass(frozen=True)
class Pathway:
    """One pathway's folder, its declaration, and its examples."""

    folder: Path
    declaration: dict[str, Any]

    @property
    def package(self) -> str:
        return f"millgate.pathways.{self.folder.name}"

    @property
    def decode(self) -> Callable[[bytes], list[dict[str, Any]]]:
        """Bytes of the source to canonical resources: what each pathway's `decode` package offers under that name."""
        found: Callable[[bytes], list[dict[str, Any]]] = importlib.import_module(f"{self.package}.decode").decode
        return found

    def examples(self, object_name: str) -> list[Path]:
        """The examples of one object: inputs, each with its expected canonical form beside it."""
        folder = TESTS / self.folder.name / "examples" / object_name
        return sorted(file for file in folder.glob("*") if ".expected." not in file.name) if folder.is_dir() else []


def pathways() -> list[Pathway]:
    """All pathways of the source tree."""
    return [Pathway(file.parent, tomllib.loads(file.read_text("utf-8"))) for file in sorted(SOURCES.glob("*/pathway.toml"))]


def expected_of(example: Path) -> Path:
    """The file that holds an example's expected canonical resources: `name.expected.json` beside `name.<form>`."""
    return example.with_name(f"{example.stem}.expected.json")
