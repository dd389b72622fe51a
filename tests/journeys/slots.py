"""Free slots for tests that book; each looks anew, so that no two take the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.journeys.calling import Caller


def window(days: int = 21, after_hours: int = 2) -> dict[str, str]:
    """The time in which a test looks for slots."""
    now = datetime.now(UTC)
    return {"from_": instant(now + timedelta(hours=after_hours)), "to": instant(now + timedelta(days=days))}


def later(start: str, minutes: int = 60) -> str:
    """An instant some time after another."""
    return instant(datetime.fromisoformat(start) + timedelta(minutes=minutes))


def instant(moment: datetime) -> str:
    """An instant as a filter takes it."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


async def free_slots(caller: Caller) -> list[dict[str, Any]]:
    """One page of slots that are free now."""
    said = await caller.get("/slots", **window(), max_age=0, limit=20)
    assert said.status == 200, said.body
    slots: list[dict[str, Any]] = said.json["data"]
    assert len(slots) >= 4
    return slots
