"""Tenants, their registrations and service types; clients and their keys; sessions and their tokens."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from millgate.access.parties import Registration, ServiceType, Session, Tenant
from millgate.errors import GatewayError
from millgate.store import Entry, Store
from tests.store.conftest import Clock
from tests.store.patients import patient

SYSTEM = "https://fhir.example/t/codeSet/14249"


def tenant(clock: Clock, name: str = "t") -> Tenant:
    return Tenant(name, f"https://fhir.example/{name}", "America/Chicago", clock())


def registration(**changed: Any) -> Registration:
    known = Registration("t", "system", "app-1", "private_key_jwt", "v2", b"-----BEGIN PRIVATE KEY-----", "kid-1", "RS384")
    return replace(known, **changed)


def session(clock: Clock, client_id: str, **changed: Any) -> Session:
    known: dict[str, Any] = {
        "id": "session_1",
        "client_id": client_id,
        "tenant": "t",
        "persona": "patient",
        "scopes": ("patient/Patient.rs",),
        "denied_scopes": ("patient/Observation.rs",),
        "patient_id": "12724066",
        "encounter_id": None,
        "created_at": clock(),
        "expires_at": clock() + timedelta(hours=1),
    }
    return Session(**known | changed)


async def test_tenant_is_added_once_listed_and_updated(store: Store, clock: Clock) -> None:
    await store.tenants.add(tenant(clock, "b"))
    await store.tenants.add(tenant(clock, "a"))
    with pytest.raises(GatewayError, match="a tenant a already"):
        await store.tenants.add(tenant(clock, "a"))
    assert [one.name for one in await store.tenants.list()] == ["a", "b"]
    slashed = replace(tenant(clock, "a"), fhir_base=tenant(clock, "a").fhir_base + "/", private_address=True)
    assert await store.tenants.update(slashed)
    assert await store.tenants.get("a") == slashed
    assert await store.tenants.update(replace(slashed, time_zone=None))
    assert await store.tenants.get("a") == slashed  # a time zone that is not given is not taken away
    assert not await store.tenants.update(replace(slashed, fhir_base="https://elsewhere"))
    assert await store.tenants.get("a") == slashed
    assert not await store.tenants.update(tenant(clock, "c"))
    assert await store.tenants.get("c") is None


async def test_registration_keeps_its_credential_in_the_vault(store: Store, clock: Clock) -> None:
    await store.tenants.add(tenant(clock))
    await store.tenants.register(registration())
    changed = registration(client_id="app-2", method="client_secret_basic", credential=b"s3cret", key_id=None, algorithm=None)
    await store.tenants.register(changed)
    assert await store.tenants.registration("t", "system") == changed
    assert await store.vault.get_secret("t", f"registration/system/{registration().client_id}") is None
    assert await store.tenants.registration("t", "patient") is None
    assert await store.tenants.personas("t") == ["system"]
    assert "s3cret" not in repr(changed)
    assert await store.tenants.unregister("t", "system")
    assert await store.tenants.registration("t", "system") is None
    assert await store.vault.get_secret("t", "registration/system/app-2") is None


async def test_removed_tenant_takes_everything_but_the_audit_trail_along(store: Store, clock: Clock) -> None:
    for name in ("t", "u"):
        await store.tenants.add(tenant(clock, name))
        await store.records.save(name, "p", [patient(1)], received_at=clock())
    await store.tenants.register(registration())
    client, _ = await store.clients.create("c", tenants=["t"], scopes=["patient/*.rs"])
    token = await store.sessions.open(session(clock, client.id))
    await store.idempotency.begin(client_id="c", tenant="t", key="k", body_hash=b"x")
    await store.audit.append(Entry(at=clock(), request_id="r", action="read", status=200, tenant="t", patients=["127"]))
    keys = await store.vault.tenant("t")
    assert await store.tenants.remove("t")
    assert not await store.tenants.remove("t")
    assert await store.tenants.get("t") is None
    assert await store.sessions.by_token(token) is None
    assert await store.tenants.registration("t", "system") is None
    assert await store.records.counts() == {"u": {"Patient": 1}}
    for table in (
        "record",
        "record_history",
        "record_term",
        "record_change",
        "vault_key",
        "vault_secret",
        "idempotency",
        "session",
    ):
        assert await store.database.fetch_one(f"SELECT count(*) FROM {table} WHERE tenant = 't'".encode()) == (0,)  # noqa: S608
    assert (await store.vault.tenant("t")).subkey("x") != keys.subkey("x")
    assert [one.entry.patients for one in await store.audit.list(tenant="t")] == [("127",)]
    assert (await store.audit.verify()).ok


async def test_service_types_are_learned_but_the_operators_word_stays(store: Store, clock: Clock) -> None:
    await store.tenants.add(tenant(clock))
    await store.tenants.learn_service_types(
        "t", [ServiceType(SYSTEM, "2", None, "seen"), ServiceType(SYSTEM, "1", "A", "operator")]
    )
    await store.tenants.learn_service_types("t", [ServiceType(SYSTEM, "2", "B", "seen"), ServiceType(SYSTEM, "1", "Z", "seen")])
    await store.tenants.learn_service_types("t", [])
    assert await store.tenants.service_types("t") == [
        ServiceType(SYSTEM, "1", "A", "operator"),
        ServiceType(SYSTEM, "2", "B", "seen"),
    ]
    assert await store.tenants.remove_service_type("t", SYSTEM, "1")
    assert not await store.tenants.remove_service_type("t", SYSTEM, "1")


async def test_client_is_found_by_its_key_alone(store: Store, clock: Clock) -> None:
    client, key = await store.clients.create(" The App ", tenants=["t"], scopes=["system/*.read"])
    assert key.startswith("mg_")
    assert len(key) >= 45
    assert (client.name, client.created_at) == ("The App", clock.at)
    assert await store.clients.by_key(key) == client == await store.clients.get(client.id)
    assert await store.clients.by_key(key[:-1]) is None
    stored = await store.database.fetch_one(b"SELECT client::text FROM client")
    assert stored is not None
    assert key[3:] not in stored[0]


async def test_incomplete_client_is_told_all_that_is_missing(store: Store) -> None:
    with pytest.raises(GatewayError) as caught:
        await store.clients.create(" ", tenants=[], scopes=[])
    assert [problem.field for problem in caught.value.errors] == ["name", "tenants", "scopes"]


async def test_revoked_client_loses_its_sessions(store: Store, clock: Clock) -> None:
    await store.tenants.add(tenant(clock))
    client, key = await store.clients.create("c", tenants=["t"], scopes=["patient/*.rs"])
    token = await store.sessions.open(session(clock, client.id))
    assert await store.clients.revoke(client.id)
    assert not await store.clients.revoke("client_unknown")
    revoked = await store.clients.by_key(key)
    assert revoked is not None
    assert revoked.revoked_at == clock.at
    assert await store.sessions.by_token(token) is None
    late = await store.sessions.open(session(clock, client.id, id="session_2"))
    assert await store.sessions.by_token(late) is None
    assert [one.id for one in await store.clients.list()] == [client.id]


async def test_session_comes_back_by_its_token_until_it_ends(store: Store, clock: Clock) -> None:
    await store.tenants.add(tenant(clock))
    client, _ = await store.clients.create("c", tenants=["t"], scopes=["patient/*.rs"])
    opened = session(clock, client.id)
    token = await store.sessions.open(opened)
    assert token.startswith("ms_")
    assert await store.sessions.by_token(token) == opened
    assert await store.sessions.by_token("ms_" + "0" * 43) is None
    assert await store.sessions.count_open() == 1
    stored = await store.database.fetch_one(b"SELECT session::text FROM session")
    assert stored is not None
    assert token[3:] not in stored[0]
    assert "12724066" not in stored[0]
    await store.sessions.end(opened.id)
    assert await store.sessions.by_token(token) is None
    assert await store.sessions.count_open() == 0


async def test_expired_session_is_told_apart_from_none_until_it_is_pruned(store: Store, clock: Clock) -> None:
    await store.tenants.add(tenant(clock))
    client, _ = await store.clients.create("c", tenants=["t"], scopes=["patient/*.rs"])
    token = await store.sessions.open(session(clock, client.id))
    clock.move(hours=2)
    found = await store.sessions.by_token(token)
    assert found is not None
    assert found.expires_at < clock.at
    assert await store.sessions.count_open() == 0
    assert await store.sessions.prune(older_than=clock.at) == 1
    assert await store.sessions.by_token(token) is None
