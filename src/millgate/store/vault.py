"""Envelope encryption: one master key wraps a data key per tenant; data keys seal everything else, secrets included."""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from millgate.errors import CallOperator
from millgate.store.database import Connection, Database
from millgate.store.master_key import MasterKey, master_key
from millgate.store.queries import queries
from millgate.store.tenant_keys import TenantKeys, derive

__all__ = ["GATEWAY", "MasterKey", "TenantKeys", "Vault", "master_key"]

GATEWAY = ""  # the tenant whose keys are the gateway's own: audit, cursors, idempotency
_SQL = queries("vault")
_NONCE_BYTES = 12


class Vault:
    """Keys and secrets. Make it with `Vault.open`; keys are read once per tenant and process, then held in memory."""

    def __init__(self, database: Database, master: MasterKey, now: Callable[[], datetime]) -> None:
        self._database = database
        self._master = master
        self._now = now
        self._tenants: dict[str, TenantKeys] = {}

    @classmethod
    async def open(cls, database: Database, master: MasterKey, *, now: Callable[[], datetime]) -> Vault:
        """A vault over `database`. Raises `invalid_setting` if it was made with another master key."""
        vault = cls(database, master, now)
        await database.execute(_SQL["claim_master"], {"proof": master.proof, "now": now()})
        row = await database.fetch_one(_SQL["master"])
        if row is None or not hmac.compare_digest(bytes(row[0]), master.proof):
            raise CallOperator(
                "invalid_setting",
                f"the master key ({master.source}) is not the one that this database was made with or rotated to",
            )
        await vault.tenant(GATEWAY)
        return vault

    # -- keys

    async def tenant(self, tenant: str, *, opening: Iterable[bytes] = ()) -> TenantKeys:
        """The keys of `tenant`, made on first use; read again if one of the sealed values `opening` needs a newer one."""
        found = self._tenants.get(tenant)
        if found is None:
            return await self._load(tenant, make=True)
        return found if all(map(found.knows, opening)) else await self._load(tenant, make=False)

    @property
    def gateway(self) -> TenantKeys:
        """The gateway's own keys."""
        return self._tenants[GATEWAY]

    def subkey(self, purpose: str) -> bytes:
        """32 bytes for a purpose of the gateway (cursors, audit), equal in all processes that share the database."""
        return self.gateway.subkey(purpose)

    async def seal(self, tenant: str, purpose: str, plaintext: bytes, *, context: bytes) -> bytes:
        """`plaintext` under the tenant's key, bound to `purpose` and `context` (the identity of the row it goes to)."""
        return (await self.tenant(tenant)).seal(purpose, plaintext, context)

    async def unseal(self, tenant: str, purpose: str, sealed: bytes, *, context: bytes) -> bytes:
        """What was sealed. Raises `internal_error` where the key is gone, or the value was altered or moved."""
        keys = await self.tenant(tenant, opening=(sealed,))
        return keys.open(purpose, sealed, context)

    async def renew(self, tenant: str) -> None:
        """Give the tenant a new data key for what is sealed from now on; the old one still opens what it sealed."""
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["retire_active"], {"tenant": tenant, "now": self._now()})
            parameters = self._new_key(tenant)
            if not (await connection.execute(_SQL["insert_key"], parameters)).rowcount:
                raise self._rotated()
        await self._load(tenant, make=False)

    async def destroy(self, tenant: str) -> None:
        """Delete the tenant's data keys and secrets: whatever they sealed can never be read again."""
        if tenant == GATEWAY:
            raise ValueError("the gateway's own keys are never destroyed")
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["delete_secrets"], {"tenant": tenant})
            await connection.execute(_SQL["delete_keys"], {"tenant": tenant})
        self._tenants.pop(tenant, None)
        await self._database.execute(b"VACUUM vault_key, vault_secret")  # so that the pages do not keep them

    def is_master(self, master: MasterKey) -> bool:
        """Whether this is the key in force."""
        return hmac.compare_digest(master.proof, self._master.proof)

    async def rotate(self, new_master: MasterKey) -> int:
        """Wrap every data key with `new_master` instead, in one transaction; how many. The old master key then opens nothing."""
        async with self._database.transaction() as connection:
            row = await (await connection.execute(_SQL["lock_master"])).fetchone()
            if row is None or not hmac.compare_digest(bytes(row[0]), self._master.proof):
                raise self._rotated()
            rows = await (await connection.execute(_SQL["all_keys"])).fetchall()
            wrapped = [_wrap(new_master, tenant, self._unwrap(tenant, bytes(old))) for _, tenant, old in rows]
            await connection.execute(_SQL["rewrap"], {"ids": [row[0] for row in rows], "wrapped": wrapped})
            await connection.execute(_SQL["replace_master"], {"proof": new_master.proof, "now": self._now()})
        self._master = new_master
        return len(rows)

    async def status(self) -> dict[str, Any]:
        """For operators: where the master key comes from, how many keys there are in each state, their ages. No secrets."""
        row = await self._database.fetch_one(_SQL["status"])
        if row is None:
            raise CallOperator("internal_error", "the vault has no master key")
        names = ("created_at", "rotated_at", "active", "retired", "oldest_key_at", "newest_key_at", "secrets")
        found = dict(zip(names, row, strict=True))
        keys = {"active": found.pop("active"), "retired": found.pop("retired")}
        return {"source": self._master.source, **found, "keys": keys}

    async def _load(self, tenant: str, *, make: bool) -> TenantKeys:
        rows = await self._database.fetch(_SQL["keys"], {"tenant": tenant})
        if not rows and make:
            made = await self._database.execute(_SQL["insert_key"], self._new_key(tenant))
            rows = await self._database.fetch(_SQL["keys"], {"tenant": tenant})
            if not made and not rows:
                raise self._rotated()
        if not rows:
            raise CallOperator("internal_error", f"the keys of tenant {tenant} are destroyed")
        roots = {key_id: self._unwrap(tenant, bytes(wrapped)) for key_id, wrapped, _ in rows}
        active = max(key_id for key_id, _, state in rows if state == "active")
        keys = self._tenants[tenant] = TenantKeys(tenant, roots, active)
        return keys

    def _new_key(self, tenant: str) -> dict[str, Any]:
        wrapped = _wrap(self._master, tenant, os.urandom(32))
        return {"tenant": tenant, "wrapped": wrapped, "now": self._now(), "proof": self._master.proof}

    def _unwrap(self, tenant: str, wrapped: bytes) -> bytes:
        try:
            return AESGCM(derive(self._master.key, "wrap")).decrypt(
                wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], tenant.encode()
            )
        except InvalidTag:
            raise self._rotated() from None

    def _rotated(self) -> CallOperator:
        return CallOperator(
            "invalid_setting", "the master key was rotated meanwhile: give this process the new one and restart it"
        )

    # -- secrets

    async def put_secret(self, tenant: str, name: str, secret: bytes, *, connection: Connection | None = None) -> None:
        """Keep a secret of the tenant under `name`, in place of an older one; in the transaction of `connection`, if given."""
        sealed = await self.seal(tenant, "secret", secret, context=_place(tenant, name))
        parameters = {"tenant": tenant, "name": name, "sealed": sealed, "now": self._now()}
        await (connection or self._database).execute(_SQL["put_secret"], parameters)

    async def get_secret(self, tenant: str, name: str) -> bytes | None:
        """The secret of that name, or None."""
        row = await self._database.fetch_one(_SQL["get_secret"], {"tenant": tenant, "name": name})
        return None if row is None else await self.open_secret(tenant, name, bytes(row[0]))

    async def open_secret(self, tenant: str, name: str, sealed: bytes) -> bytes:
        """A secret out of its sealed form, where that was read together with something else."""
        return await self.unseal(tenant, "secret", sealed, context=_place(tenant, name))

    async def forget_secret(self, tenant: str, name: str) -> bool:
        """Delete the secret of that name; whether there was one."""
        return await self._database.execute(_SQL["forget_secret"], {"tenant": tenant, "name": name}) > 0


def _place(tenant: str, name: str) -> bytes:
    return f"{len(tenant)}:{tenant}/{name}".encode()


def _wrap(master: MasterKey, tenant: str, key: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(derive(master.key, "wrap")).encrypt(nonce, key, tenant.encode())
