"""The search index: built in a stream, kept on disk, taken over when nothing has changed."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from millgate.simulator.hospital.index import Index

from .conftest import TODAY, make


def _peak_bytes(patients: int) -> int:
    tracemalloc.start()
    try:
        make(patients).close()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_building_takes_the_same_memory_for_many_as_for_few() -> None:
    make(10).close()  # tables are read once
    few, many = _peak_bytes(1_200), _peak_bytes(3_600)
    assert many < 1.3 * few
    assert many < 20_000_000


def test_an_index_is_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "index.sqlite3"
    first = make(40, index_path=path)
    found = first.find_patients(family="s")
    first.close()
    builds = []
    monkeypatch.setattr(Index, "build", lambda self, people: builds.append(1))
    again = make(40, index_path=path)
    assert not builds
    assert again.find_patients(family="s") == found


def test_an_index_of_another_hospital_is_built_anew(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite3"
    make(40, index_path=path).close()
    for other in (
        make(60, index_path=path),
        make(60, seed=8, index_path=path),
        make(60, today=TODAY.replace(day=1), index_path=path),
    ):
        assert len(other.find_patients()) == 60
        other.close()


def test_a_half_built_or_broken_index_is_built_anew(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite3"
    path.write_bytes(b"")
    hospital = make(10, index_path=path)
    assert len(hospital.find_patients()) == 10
    hospital._index._database.execute("DELETE FROM built")
    hospital.close()
    again = make(10, index_path=path)
    assert len(again.find_patients()) == 10


def test_a_temporary_index_goes_away() -> None:
    hospital = make(5)
    folder = hospital._index._folder
    assert folder is not None
    place = Path(folder.name)
    assert place.is_dir()
    hospital.close()
    assert not place.exists()
