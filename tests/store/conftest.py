"""A store on a database of its own, with a clock that only the test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from millgate.store import MasterKey, Store
from tests.database import database_server, empty_database_url, fresh_database_url

__all__ = ["database_server", "empty_database_url", "fresh_database_url"]

MASTER = MasterKey(bytes(range(32)), "test")


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.at = datetime(2031, 3, 14, 15, 9, 26, 535897, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def move(self, **by: float) -> datetime:
        self.at += timedelta(**by)
        return self.at


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still until it is moved."""
    return Clock()


@pytest.fixture
async def store(fresh_database_url: str, clock: Clock) -> AsyncIterator[Store]:
    """An open store."""
    opened = await Store.open(database_url=fresh_database_url, data_dir=None, master_key=MASTER, now=clock)
    yield opened
    await opened.close()
