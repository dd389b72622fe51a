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
        self.tenants: list[datetime | None] = []

    async def save(
        self,
        tenant: str,
        pathway: str,
        resources: Sequence[Resource],
        *,
        received_at: datetime,
        connected_at: datetime | None = None,
    ) -> object:
        if resources[0]["id"] == "lost":
            raise TryLater("store_unavailable", "gone")
        if resources[0]["id"] == "wild":
            raise UnicodeEncodeError("utf-8", "\ud800", 0, 1, "no such character")
        self.tenants.append(connected_at)
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


async def test_the_same_bytes_just_recorded_are_not_taken_to_the_store_again() -> None:
    store = Store()
    recorder = Recorder(store)
    recorder.start()
    resources: list[Resource] = [{"resourceType": "Patient", "id": name} for name in ("1", "2")]
    await recorder.put("mercy", "fhir-r4", resources, NOW, [b"one", b"two"])
    await recorder.drain()
    await recorder.put("mercy", "fhir-r4", resources, NOW, [b"one", b"two, changed"])
    await recorder.put("other", "fhir-r4", resources[:1], NOW, [b"one"])
    await recorder.close()
    assert store.kept == ["1", "2", "2", "1"]


async def test_what_could_not_be_recorded_is_taken_to_the_store_when_it_comes_again() -> None:
    store = Store()
    recorder = Recorder(store)
    recorder.start()
    lost: list[Resource] = [{"resourceType": "Patient", "id": "lost"}]
    await recorder.put("mercy", "fhir-r4", lost, NOW, [b"mark"])
    await recorder.drain()
    await recorder.put("mercy", "fhir-r4", [{"resourceType": "Patient", "id": "found"}], NOW, [b"mark"])
    await recorder.close()
    assert store.kept == ["found"]


async def test_the_same_bytes_of_a_tenant_that_was_connected_anew_are_recorded_anew() -> None:
    store = Store()
    recorder = Recorder(store)
    recorder.start()
    for connected_at in (NOW, NOW, NOW.replace(year=2027)):
        await recorder.put("mercy", "fhir-r4", [{"resourceType": "Patient", "id": "1"}], NOW, [b"one"], connected_at=connected_at)
        await recorder.drain()
    await recorder.close()
    assert store.kept == ["1", "1"]
    assert store.tenants == [NOW, NOW.replace(year=2027)]
