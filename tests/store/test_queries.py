"""Every named query is taken by the database and used by the code."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest

from millgate.store import queries as package
from millgate.store.queries import queries

FOLDER = Path(package.__file__).parent
FILES = sorted(path.stem for path in FOLDER.glob("*.sql"))


def test_a_query_is_found_by_its_name_without_its_comment_line() -> None:
    assert queries("sessions")["count_open"] == (b"SELECT count(*) FROM session WHERE ended_at IS NULL AND expires_at > %(now)s")


@pytest.mark.parametrize("file", FILES)
def test_every_query_is_used(file: str) -> None:
    code = "\n".join(path.read_text() for path in FOLDER.parent.glob("*.py"))
    assert [name for name in queries(file) if f'"{name}"' not in code] == []


def test_every_query_fits_the_schema(fresh_database_url: str) -> None:
    with psycopg.connect(fresh_database_url, autocommit=True) as connection:
        for file in FILES:
            for name, query in queries(file).items():
                if (file, name) != ("audit", "append"):  # its arrays say their types themselves
                    connection.execute(f"PREPARE checked AS {numbered(query.decode())}".encode())
                    connection.execute("DEALLOCATE checked")


def numbered(query: str) -> str:
    """The query with `$1` for `%(name)s`, as PREPARE takes it."""
    numbers: dict[str, str] = {}
    return re.sub(r"%\((\w+)\)s", lambda match: numbers.setdefault(match[1], f"${len(numbers) + 1}"), query)
