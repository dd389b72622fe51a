"""Registrations over time: personas apart, credentials replaced with an overlap, and the public keys that are shown meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from millgate.access.parties import Registration, Tenant
from millgate.store import Store
from tests.store.conftest import Clock

SECRET = Registration("t", "system", "app-1", "client_secret_basic", "v2", b"first secret")
KEY = Registration(
    "t", "provider", "app-2", "private_key_jwt", "v2", b"PEM 1", "kid-1", "ES384", "https://g/callback", '{"kid":"kid-1"}'
)


@pytest.fixture
async def tenant(store: Store, clock: Clock) -> str:
    """A tenant with registrations for two personas."""
    await store.tenants.add(Tenant("t", "https://fhir.example/t", None, clock(), private_address=True))
    await store.tenants.register(SECRET)
    await store.tenants.register(KEY)
    return "t"


async def secrets_kept(store: Store) -> int:
    row = await store.database.fetch_one(b"SELECT count(*) FROM vault_secret WHERE tenant = 't'")
    return int(row[0]) if row else 0


async def test_personas_have_registrations_of_their_own(store: Store, tenant: str) -> None:
    assert await store.tenants.registration(tenant, "system") == SECRET
    assert await store.tenants.registration(tenant, "provider") == KEY
    assert await store.tenants.personas(tenant) == ["provider", "system"]
    found = await store.tenants.get(tenant)
    assert found is not None
    assert found.private_address
    assert await store.tenants.update(replace(found, private_address=False))
    assert await store.tenants.get(tenant) == replace(found, private_address=False)


async def test_a_replaced_secret_stays_at_hand_until_its_overlap_ends(store: Store, clock: Clock, tenant: str) -> None:
    until = clock() + timedelta(hours=24)
    assert await store.tenants.rotate(replace(SECRET, credential=b"second secret"), good_until=until)
    found = await store.tenants.registration(tenant, "system")
    assert found is not None
    assert found.credential == b"second secret"
    assert [(one.credential, one.good_until) for one in found.previous] == [(b"first secret", until)]
    assert "secret" not in repr(found).replace("client_secret_basic", "")
    assert await store.tenants.rotate(replace(SECRET, credential=b"third secret"), good_until=until + timedelta(hours=1))
    found = await store.tenants.registration(tenant, "system")
    assert found is not None
    assert [one.credential for one in found.previous] == [b"second secret", b"first secret"]
    assert await store.tenants.prune_credentials() == 0
    clock.move(hours=24)
    found = await store.tenants.registration(tenant, "system")
    assert found is not None
    assert [one.credential for one in found.previous] == [b"second secret"]
    before = await secrets_kept(store)
    assert await store.tenants.prune_credentials() == 1
    assert await secrets_kept(store) == before - 1


async def test_old_and_new_keys_are_shown_side_by_side_until_the_overlap_ends(store: Store, clock: Clock, tenant: str) -> None:
    renewed = replace(KEY, credential=b"PEM 2", key_id="kid-2", public_key='{"kid":"kid-2"}')
    assert await store.tenants.rotate(renewed, good_until=clock() + timedelta(minutes=30))
    assert await store.tenants.public_keys() == ['{"kid":"kid-1"}', '{"kid":"kid-2"}']
    found = await store.tenants.registration(tenant, "provider")
    assert found is not None
    assert [(one.key_id, one.credential) for one in found.previous] == [("kid-1", b"PEM 1")]
    clock.move(minutes=30)
    assert await store.tenants.public_keys() == ['{"kid":"kid-2"}']


async def test_a_rotation_may_go_from_a_secret_to_a_key(store: Store, clock: Clock, tenant: str) -> None:
    renewed = replace(
        SECRET, method="private_key_jwt", credential=b"PEM", key_id="k", algorithm="ES384", public_key='{"kid":"k"}'
    )
    assert await store.tenants.rotate(renewed, good_until=clock() + timedelta(hours=1))
    found = await store.tenants.registration(tenant, "system")
    assert found == renewed
    assert [(one.method, one.key_id, one.credential) for one in found.previous] == [
        ("client_secret_basic", None, b"first secret")
    ]


async def test_only_what_is_registered_can_be_rotated(store: Store, clock: Clock, tenant: str) -> None:
    until = clock() + timedelta(hours=1)
    assert not await store.tenants.rotate(replace(SECRET, persona="patient"), good_until=until)
    assert not await store.tenants.rotate(replace(SECRET, client_id="another"), good_until=until)
    assert await store.tenants.registration(tenant, "system") == SECRET


async def test_another_client_id_forgets_the_credentials_of_the_older_one(store: Store, clock: Clock, tenant: str) -> None:
    await store.tenants.rotate(replace(SECRET, credential=b"second"), good_until=clock() + timedelta(hours=1))
    assert await secrets_kept(store) == 3
    await store.tenants.register(replace(SECRET, client_id="app-9"))
    found = await store.tenants.registration(tenant, "system")
    assert found is not None
    assert found.previous == ()
    assert await secrets_kept(store) == 2
    assert await store.tenants.unregister(tenant, "system")
    assert await secrets_kept(store) == 1


async def test_a_removed_registration_takes_its_older_credentials_along(store: Store, clock: Clock, tenant: str) -> None:
    await store.tenants.rotate(replace(SECRET, credential=b"second"), good_until=clock() + timedelta(hours=1))
    assert await store.tenants.unregister(tenant, "system")
    assert await store.tenants.registration(tenant, "system") is None
    assert await secrets_kept(store) == 1


async def test_dstu2_has_a_registration_and_a_place_in_the_order_beside_r4(store: Store, clock: Clock, tenant: str) -> None:
    other = replace(SECRET, pathway="fhir-dstu2", client_id="app-3", credential=b"old", fhir_base="https://fhir.example/dstu2/t")
    await store.tenants.register(other)
    assert await store.tenants.registration(tenant, "system", "fhir-dstu2") == other
    assert await store.tenants.registration(tenant, "system") == SECRET
    assert sorted(await store.tenants.pathways(tenant, "system")) == ["fhir-dstu2", "fhir-r4"]
    assert await store.tenants.pathways(tenant, "provider") == ["fhir-r4"]
    assert await store.tenants.personas(tenant, "fhir-dstu2") == ["system"]
    assert await store.tenants.rotate(replace(other, credential=b"new"), good_until=clock() + timedelta(hours=1))
    found = await store.tenants.registration(tenant, "system", "fhir-dstu2")
    assert found is not None
    assert (found.credential, [one.credential for one in found.previous]) == (b"new", [b"old"])
    kept = await store.tenants.registration(tenant, "system")
    assert kept is not None
    assert kept.previous == ()
    await store.tenants.set_order(tenant, "goal", ["fhir-dstu2", "fhir-r4"])
    assert await store.tenants.orders(tenant) == {"goal": ("fhir-dstu2", "fhir-r4")}
    await store.tenants.set_order(tenant, "goal", [])
    assert await store.tenants.orders(tenant) == {}
    before = await secrets_kept(store)
    assert await store.tenants.unregister(tenant, "system", "fhir-dstu2")
    assert await secrets_kept(store) == before - 2
    assert await store.tenants.registration(tenant, "system") == SECRET
