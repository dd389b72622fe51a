"""Keys and secrets over the database: wrong master key, rotation, renewal, destruction."""

from __future__ import annotations

import asyncio

import pytest

from millgate.errors import GatewayError
from millgate.store import Database, MasterKey, Vault
from tests.store.conftest import MASTER, Clock

OTHER = MasterKey(b"o" * 32, "other")


@pytest.fixture
async def database(fresh_database_url: str):  # type: ignore[no-untyped-def]
    """A database of one's own."""
    opened = await Database.open(fresh_database_url)
    yield opened
    await opened.close()


async def test_other_master_key_is_refused(database: Database, clock: Clock) -> None:
    await Vault.open(database, MASTER, now=clock)
    with pytest.raises(GatewayError, match="not the one that this database was made with") as caught:
        await Vault.open(database, OTHER, now=clock)
    assert caught.value.code == "invalid_setting"


async def test_two_vaults_that_open_at_once_share_everything(database: Database, clock: Clock) -> None:
    one, two = await asyncio.gather(Vault.open(database, MASTER, now=clock), Vault.open(database, MASTER, now=clock))
    assert one.subkey("cursor") == two.subkey("cursor")
    assert one.subkey("cursor") != one.subkey("audit")
    keys = await asyncio.gather(*[vault.tenant("t") for vault in (one, two)])
    assert keys[1].open("body", keys[0].seal("body", b"x")) == b"x"
    assert (await one.status())["keys"] == {"active": 2, "retired": 0}


async def test_secret_is_kept_sealed_and_forgotten(database: Database, clock: Clock) -> None:
    vault = await Vault.open(database, MASTER, now=clock)
    await vault.put_secret("t", "client", b"first secret")
    await vault.put_secret("t", "client", b"second secret")
    assert await vault.get_secret("t", "client") == b"second secret"
    assert await vault.get_secret("u", "client") is None
    rows = await database.fetch(b"SELECT sealed FROM vault_secret WHERE tenant = 't'")
    assert len(rows) == 1
    assert b"secret" not in bytes(rows[0][0])
    assert await vault.forget_secret("t", "client")
    assert not await vault.forget_secret("t", "client")
    assert await vault.get_secret("t", "client") is None


async def test_secret_moved_to_another_name_does_not_open(database: Database, clock: Clock) -> None:
    vault = await Vault.open(database, MASTER, now=clock)
    await vault.put_secret("t", "client", b"x")
    await database.execute(b"UPDATE vault_secret SET name = 'admin' WHERE tenant = 't'")
    with pytest.raises(GatewayError, match="altered or moved"):
        await vault.get_secret("t", "admin")


async def test_rotation_wraps_anew_and_the_old_master_key_opens_nothing(database: Database, clock: Clock) -> None:
    vault = await Vault.open(database, MASTER, now=clock)
    bystander = await Vault.open(database, MASTER, now=clock)
    await vault.put_secret("t", "client", b"x")
    await bystander.tenant("t")
    before = await database.fetch(b"SELECT wrapped FROM vault_key ORDER BY id")
    clock.move(days=1)
    assert await vault.rotate(OTHER) == 2
    after = await database.fetch(b"SELECT wrapped FROM vault_key ORDER BY id")
    assert not set(before) & set(after)
    assert await vault.get_secret("t", "client") == b"x"
    assert (await vault.status())["rotated_at"] == clock.at
    assert await (await Vault.open(database, OTHER, now=clock)).get_secret("t", "client") == b"x"
    with pytest.raises(GatewayError, match="master key"):
        await Vault.open(database, MASTER, now=clock)
    # A process that was running meanwhile goes on with what it knows, and adds nothing under the old key.
    assert await bystander.get_secret("t", "client") == b"x"
    with pytest.raises(GatewayError, match="rotated meanwhile"):
        await bystander.tenant("new")
    with pytest.raises(GatewayError, match="rotated meanwhile"):
        await bystander.rotate(MASTER)
    assert await database.fetch(b"SELECT 1 FROM vault_key WHERE tenant = 'new'") == []


async def test_renewed_data_key_is_learned_by_others(database: Database, clock: Clock) -> None:
    vault = await Vault.open(database, MASTER, now=clock)
    other = await Vault.open(database, MASTER, now=clock)
    old = await vault.seal("t", "body", b"old", context=b"1")
    await other.tenant("t")
    await vault.renew("t")
    new = await vault.seal("t", "body", b"new", context=b"2")
    assert old[:5] != new[:5]
    assert await other.unseal("t", "body", new, context=b"2") == b"new"
    assert await other.unseal("t", "body", old, context=b"1") == b"old"
    assert (await vault.status())["keys"] == {"active": 2, "retired": 1}


async def test_destroyed_keys_are_gone_for_good(database: Database, clock: Clock) -> None:
    vault = await Vault.open(database, MASTER, now=clock)
    sealed = await vault.seal("t", "body", b"x", context=b"1")
    await vault.put_secret("t", "client", b"x")
    await vault.destroy("t")
    assert await vault.get_secret("t", "client") is None
    with pytest.raises(GatewayError, match="destroyed"):
        await vault.unseal("t", "body", sealed, context=b"1")
    with pytest.raises(ValueError, match="never destroyed"):
        await vault.destroy("")


async def test_status_tells_no_secret(database: Database, clock: Clock) -> None:
    vault = await Vault.open(database, MASTER, now=clock)
    await vault.put_secret("t", "client", b"x")
    assert await vault.status() == {
        "source": "test",
        "created_at": clock.at,
        "rotated_at": None,
        "oldest_key_at": clock.at,
        "newest_key_at": clock.at,
        "secrets": 1,
        "keys": {"active": 2, "retired": 0},
    }
