"""Shared by every test: where the published samples lie, if they are there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


def corpus_folder() -> Path | None:
    """The folder of published sample messages, or None where it is absent."""
    folder = Path(os.environ.get("MILLGATE_CORPUS", REPOSITORY.parent / "shared" / "corpus"))
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of published samples; tests that need it are skipped where it is absent."""
    folder = corpus_folder()
    if folder is None:
        pytest.skip("the folder of published samples is not here (set MILLGATE_CORPUS)")
    return folder
