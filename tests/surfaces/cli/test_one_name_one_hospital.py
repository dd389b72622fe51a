"""A tenant's name stands for one hospital: another one does not slip in under it, and where it takes the name, nothing is mixed."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from millgate.access.grants import UserGrant
from millgate.access.parties import Session
from millgate.app import App
from millgate.errors import FixRequest
from millgate.settings import Settings
from millgate.store.audit import Entry
from millgate.surfaces.cli.registration import Given
from tests.database import database_server, fresh_database_url

__all__ = ["database_server", "fresh_database_url"]

NOW = datetime(2031, 1, 1, tzinfo=UTC)
HERE, ELSEWHERE = "https://one.example/r4/t-1", "https://two.example/r4/t-2"
MOVED = "https://three.example/r4/t-1"
PATIENT = {"resourceType": "Patient", "id": "7", "birthDate": "1961-04-02"}


def given(base: str, persona: str = "system", client_id: str = "app") -> Given:
    return Given(
        name="mercy",
        fhir_base=base,
        time_zone="America/Chicago",
        client_id=client_id,
        method="client_secret_basic",
        scope_form="v2",
        credential=b"s3cr3t",
        persona=persona,  # type: ignore[arg-type]
    )


@pytest.fixture
async def app(fresh_database_url: str, tmp_path: Path) -> AsyncIterator[App]:
    """A gateway with one tenant, of which there are a record, a session, a person's tokens and a row in the audit chain."""
    key = base64.b64encode(bytes(32)).decode()
    async with App.opened(
        Settings(data_dir=str(tmp_path), database_url=fresh_database_url, master_key=key), now=lambda: NOW
    ) as app:
        await given(HERE).keep(app)
        await given(HERE, "provider", "portal").keep(app)
        client, _ = await app.store.clients.create("app", tenants=["mercy"], scopes=["system/*.rs"])
        await app.store.records.save("mercy", "fhir-r4", [PATIENT], received_at=NOW)
        await open_session(app, client.id)
        await app.store.grants.put("s-1", "mercy", UserGrant("access", "refresh", (), NOW + timedelta(hours=1), NOW))
        await app.store.audit.append(Entry(at=NOW, request_id="r", action="read", status=200, tenant="mercy", patients=("7",)))
        yield app


async def open_session(app: App, client_id: str) -> None:
    session = Session("s-1", client_id, "mercy", "provider", ("user/*.rs",), (), None, None, NOW, NOW + timedelta(hours=1))
    await app.store.sessions.open(session)


async def kept(app: App) -> tuple[bool, bool, bool]:
    """Whether record, session and tokens are there."""
    record = await app.store.records.load("mercy", "fhir-r4", "Patient", "7")
    return record is not None, await app.store.sessions.get("s-1") is not None, await app.store.grants.get("s-1") is not None


async def test_another_address_is_refused_and_changes_nothing(app: App) -> None:
    before = await app.store.tenants.registration("mercy", "system")
    with pytest.raises(FixRequest) as refused:
        await replace(given(ELSEWHERE), client_id="other").keep(app)
    told = refused.value.errors[0].detail
    assert all(word in told for word in ("mercy", HERE, "another name", "tenants remove", "--replace"))
    assert await app.store.tenants.registration("mercy", "system") == before
    assert await kept(app) == (True, True, True)


@pytest.mark.parametrize("base", [HERE, HERE + "/"])
async def test_one_more_persona_at_the_same_address_needs_no_more_words(app: App, base: str) -> None:
    await replace(given(base, "patient", "portal-2"), time_zone=None).keep(app)
    assert sorted(await app.store.tenants.personas("mercy")) == ["patient", "provider", "system"]
    found = await app.store.tenants.get("mercy")
    assert found is not None
    assert found.time_zone == "America/Chicago"
    assert await kept(app) == (True, True, True)


async def test_who_replaces_takes_nothing_over_but_the_name_and_the_chain(app: App) -> None:
    await given(ELSEWHERE).keep(app, replace=True)
    found = await app.store.tenants.get("mercy")
    assert found is not None
    assert found.fhir_base == ELSEWHERE
    assert await app.store.tenants.personas("mercy") == ["system"]
    assert await kept(app) == (False, False, False)
    assert await app.store.records.counts() == {}
    rows = await app.store.audit.list(tenant="mercy", patient="7")
    assert [row.entry.action for row in rows] == ["read"]
    assert (await app.store.audit.verify()).ok
    await app.store.records.save("mercy", "fhir-r4", [PATIENT | {"birthDate": "1999-01-01"}], received_at=NOW)
    assert len(await app.store.records.history("mercy", "fhir-r4", "Patient", "7")) == 1


async def test_a_hospital_that_has_moved_keeps_its_records_and_nobodys_session(app: App) -> None:
    await given(MOVED).keep_moved(app)
    found = await app.store.tenants.get("mercy")
    assert found is not None
    assert found.fhir_base == MOVED
    assert await kept(app) == (True, False, False)
    assert sorted(await app.store.tenants.personas("mercy")) == ["provider", "system"]


async def test_another_hospital_is_not_taken_for_one_that_has_moved(app: App) -> None:
    await given(ELSEWHERE).keep_moved(app)
    await given(ELSEWHERE, "provider").keep_moved(app)
    assert await kept(app) == (False, False, False)
    assert sorted(await app.store.tenants.personas("mercy")) == ["provider", "system"]
