"""What a read brought is recorded behind the answer, whatever came before it in the queue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from millgate.canonical.exchange import Resource
from millgate.errors import TryLater
from millgate.flow.record import Recorder

NOW = datetime(2026, 11, 2, 6, 30, tzinfo=UTC)


class Store:
    """Keeps ids; fails for some of them."""

    def __init__(self) -> None:
        self.kept: list[str] = []

    async def save(self, tenant: str, pathway: str, resources: Sequence[Resource], *, received_at: datetime) -> object:
        if resources[0]["id"] == "lost":
            raise TryLater("store_unavailable", "gone")
        if resources[0]["id"] == "wild":
            raise UnicodeEncodeError("utf-8", "\ud800", 0, 1, "no such character")
        self.kept += [one["id"] for one in resources]
        return None


async def test_a_page_that_cannot_be_kept_does_not_stop_the_ones_behind_it() -> None:
    store = Store()
    recorder = Recorder(store, waiting_pages=1)
    recorder.start()
    for name in ("1", "lost", "2", "wild", "3", "4"):
        await recorder.put("mercy", "fhir-r4", [{"resourceType": "Patient", "id": name}], NOW)
    await recorder.close()
    assert store.kept == ["1", "2", "3", "4"]
