"""What the worker does about tenants by itself, against a real hospital and a real store."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from millgate.access.budget import Ceiling
from millgate.access.parties import Tenant
from millgate.app import App
from millgate.settings import Settings
from millgate.simulator.options import Options
from millgate.simulator.server import serve
from millgate.store.jobs import run_once
from millgate.surfaces.worker.work import duties
from tests.database import database_server, empty_database_url, fresh_database_url

__all__ = ["database_server", "empty_database_url", "fresh_database_url"]


@pytest.fixture
async def hospital() -> AsyncIterator[dict[str, Any]]:
    """A simulated hospital's own report."""
    running = await serve(Options(patients=5))
    yield running.report["tenants"][0]
    await running.close()


async def test_the_worker_looks_at_each_tenant_once_a_day(
    hospital: dict[str, Any], fresh_database_url: str, tmp_path: Path
) -> None:
    later = timedelta()
    key = base64.b64encode(bytes(32)).decode()
    settings = Settings(data_dir=str(tmp_path), database_url=fresh_database_url, master_key=key)
    async with App.opened(settings, now=lambda: datetime.now(UTC) + later) as app:
        app.store.jobs.add_tasks_from(duties(app), namespace="tenants")
        await app.store.tenants.add(Tenant("mercy", hospital["fhir_base"], None, app.now()))
        await app.store.tenants.add(Tenant("gone", "http://127.0.0.1:9/r4/gone", None, app.now()))

        async def confirmed_at() -> datetime | None:
            await app.store.jobs.configure_task("tenants:look").defer_async(timestamp=0)
            await run_once(app.store)
            last = await app.store.snapshots.last("mercy", hospital["fhir_base"])
            return last.confirmed_at if last else None

        first = await confirmed_at()
        assert first is not None
        assert await app.store.snapshots.last("gone", "http://127.0.0.1:9/r4/gone") is None
        assert await confirmed_at() == first
        later = timedelta(hours=25)
        assert (await confirmed_at() or first) - first > timedelta(hours=24)
        assert await app.store.events.list() == []


async def test_looks_go_after_whoever_waits(hospital: dict[str, Any], fresh_database_url: str, tmp_path: Path) -> None:
    base = hospital["fhir_base"]
    key = base64.b64encode(bytes(32)).decode()
    settings = Settings(data_dir=str(tmp_path), database_url=fresh_database_url, master_key=key)
    async with App.opened(settings) as app:
        app.store.jobs.add_tasks_from(duties(app), namespace="tenants")
        await app.store.tenants.add(Tenant("mercy", base, None, app.now()))
        await app.store.budgets.set_ceiling("mercy", Ceiling(concurrency=1))
        await app.bookkeeper.look()
        person = await app.sources.turn(base, "discovery", "interactive", float("inf"))
        await app.store.jobs.configure_task("tenants:look").defer_async(timestamp=0)
        job = asyncio.create_task(run_once(app.store))
        async with asyncio.timeout(30):
            while app.sources.state(base).throttles[0].waiting["reread"] == 0:  # noqa: ASYNC110 the job's, in the same loop
                await asyncio.sleep(0.01)
        assert app.sources.state(base).throttles[0].waiting == {"interactive": 0, "write": 0, "reread": 1, "batch": 0}
        person.end()
        await job
        assert await app.store.snapshots.last("mercy", base) is not None
        assert app.sources.state(base).hours[-1].most_at_once == 1
