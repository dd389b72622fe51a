"""What an answer says of itself beside its body."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from millgate.flow.read import Answer, Origin
from millgate.surfaces.api.door import Seen, read_headers
from millgate.surfaces.api.reading import _reply

NOW = datetime(2026, 11, 2, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize(("origin", "age"), [("cache", "17"), ("live", None)])
@pytest.mark.parametrize("fhir", [False, True])
@pytest.mark.parametrize(("known", "status"), [(b'W/"e"', 304), (b'W/"other"', 200)])
def test_an_answer_from_the_cache_says_its_age(origin: Origin, age: str | None, fhir: bool, known: bytes, status: int) -> None:
    answer = Answer(b"{}", 'W/"e"', origin, NOW - timedelta(seconds=17.9), ("1",), ("7",), ())
    reply = _reply(answer, read_headers({"headers": [(b"if-none-match", known)]}), Seen("read", "patient"), fhir, NOW)
    assert (reply.status, dict(reply.headers).get("age")) == (status, age)
