"""Filters from the command line, problems in its words, and text that a terminal cannot be moved by."""

from __future__ import annotations

from pathlib import Path

import pytest

from millgate.errors import FixRequest
from millgate.objects import OBJECTS
from millgate.surfaces.api import whereabouts
from millgate.surfaces.cli.gateway import problem_of
from millgate.surfaces.cli.reading import _filters, printable


@pytest.mark.parametrize("name", sorted(OBJECTS))
def test_every_filter_of_every_object_is_an_option(name: str) -> None:
    declaration = OBJECTS[name]
    arguments = [f"--{one.name.replace('_', '-')}=x" for one in declaration.filters]
    assert _filters(declaration, arguments) == {one.name: "x" for one in declaration.filters}


def test_all_that_is_wrong_is_named_at_once() -> None:
    given = ["--status", "--colour", "red", "--category", "a", "--category", "b", "stray"]
    with pytest.raises(FixRequest) as refused:
        _filters(OBJECTS["observation"], given)
    assert [(one.field, one.code) for one in refused.value.errors] == [
        ("--status", "empty"),
        ("--colour", "unknown"),
        ("--category", "repeated"),
        ("stray", "unknown"),
    ]


def test_a_problem_is_told_in_the_command_lines_words() -> None:
    told = problem_of(
        400, b'{"code": "invalid_request", "detail": "No.", "errors": [{"field": "patient_id", "code": "x", "detail": "y"}]}'
    )
    assert (told.code, told.errors[0].field) == ("invalid_request", "--patient-id")
    throttled = problem_of(
        429, b'{"code": "rate_limited", "detail": "Slow down.", "retry_after": 3, "upstream": {"status": 429}}'
    )
    assert throttled.retry_after == 3
    assert throttled.upstream is not None


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b'{"code": "of_next_year"}'])
def test_what_is_no_problem_of_ours_is_told_as_that(body: bytes) -> None:
    assert problem_of(502, body).code == "upstream_error"


def test_a_terminal_is_not_moved_by_what_a_source_says() -> None:
    assert printable("a\x1b[2Jb\nc\u202e") == "a [2Jb c "


def test_a_gateway_says_where_it_answers_until_it_stops(tmp_path: Path) -> None:
    folder = tmp_path
    assert whereabouts.found(folder) is None
    whereabouts.tell(folder, "http://127.0.0.1:8080")
    whereabouts.forget(folder, "http://127.0.0.1:9090")  # another one, which has taken its place
    assert whereabouts.found(folder) == "http://127.0.0.1:8080"
    whereabouts.forget(folder, "http://127.0.0.1:8080")
    assert whereabouts.found(folder) is None
    whereabouts.tell(folder / "none", "http://127.0.0.1:8080")
