"""What open sessions hold at the source, by tenant and persona; no tokens."""

from __future__ import annotations

from datetime import timedelta

from millgate.access.grants import UserGrant
from millgate.access.parties import Persona, Session, Tenant
from millgate.store import Store
from tests.store.conftest import Clock


async def test_the_scopes_of_open_sessions_are_told_by_tenant_and_persona(store: Store, clock: Clock) -> None:
    for name in ("mercy", "lakeside"):
        await store.tenants.add(Tenant(name, f"https://fhir.example/{name}", None, clock()))
    client, _ = await store.clients.create("c", tenants=["mercy", "lakeside"], scopes=["user/*.rs"])
    cases: list[tuple[str, str, Persona, tuple[str, ...]]] = [
        ("session_1", "mercy", "provider", ("offline_access", "user/Patient.rs")),
        ("session_2", "mercy", "patient", ("patient/Patient.rs",)),
        ("session_3", "lakeside", "provider", ("user/Patient.rs",)),
        ("session_4", "mercy", "provider", ("user/Slot.rs",)),
    ]
    later = clock() + timedelta(minutes=9)
    for session_id, tenant, persona, scopes in cases:
        session = Session(session_id, client.id, tenant, persona, scopes, (), None, None, clock(), later)
        await store.sessions.open(session)
        await store.grants.put(session_id, tenant, UserGrant("access", "refresh", scopes, later, clock()))
    await store.sessions.end("session_4")
    assert await store.grants.of_tenant("mercy", "provider") == [("offline_access", "user/Patient.rs")]
    assert await store.grants.of_tenant("mercy", "patient") == [("patient/Patient.rs",)]
    assert await store.grants.of_tenant("lakeside", "patient") == []
