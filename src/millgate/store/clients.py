"""API clients: made with a key that is shown once, found by it, listed, revoked."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from datetime import datetime

from millgate.access.parties import Client
from millgate.errors import FieldProblem, FixRequest
from millgate.store.database import Database, Row
from millgate.store.queries import queries
from millgate.store.tokens import new_id, new_token, token_hash

_SQL = queries("clients")
KEY_PREFIX = "mg_"


class Clients:
    """The operator's API clients."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def create(
        self, name: str, *, tenants: Sequence[str], scopes: Sequence[str], return_urls: Sequence[str] = ()
    ) -> tuple[Client, str]:
        """A new client and its key; the key is kept as a hash only, so this is the one time that it can be shown."""
        problems = [
            FieldProblem(field, "required", f"give at least one {what}")
            for field, given, what in (
                ("name", name.strip(), "letter"),
                ("tenants", tenants or "operator" in scopes, "tenant"),
                ("scopes", scopes, "scope"),
            )
            if not given
        ]
        if problems:
            raise FixRequest("invalid_request", "the client is not complete", errors=problems)
        key = new_token(KEY_PREFIX)
        client = Client(
            new_id("client_"), name.strip(), tuple(tenants), tuple(scopes), self._now(), return_urls=tuple(return_urls)
        )
        parameters = {
            "id": client.id,
            "name": client.name,
            "tenants": list(tenants),
            "scopes": list(scopes),
            "return_urls": list(return_urls),
        }
        await self._database.execute(_SQL["insert"], {**parameters, "key_hash": token_hash(key), "now": client.created_at})
        return client, key

    async def by_key(self, key: str) -> Client | None:
        """The client that holds `key`, revoked or not, or None."""
        digest = token_hash(key)
        row = await self._database.fetch_one(_SQL["by_key"], {"key_hash": digest})
        return _client(row) if row and hmac.compare_digest(bytes(row[7]), digest) else None

    async def get(self, client_id: str) -> Client | None:
        """The client of that id, revoked or not, or None."""
        if "\0" in client_id:  # PostgreSQL takes no such text
            return None
        row = await self._database.fetch_one(_SQL["get"], {"id": client_id})
        return _client(row) if row else None

    async def list(self) -> list[Client]:
        """All clients, oldest first, the revoked ones too."""
        return [_client(row) for row in await self._database.fetch(_SQL["list"])]

    async def revoke(self, client_id: str) -> bool:
        """Make the client's key useless and end its sessions; whether there is such a client."""
        async with self._database.transaction() as connection:
            found = await connection.execute(_SQL["revoke"], {"id": client_id, "now": self._now()})
            await connection.execute(_SQL["end_sessions"], {"id": client_id, "now": self._now()})
        return found.rowcount > 0


def _client(row: Row) -> Client:
    return Client(row[0], row[1], tuple(row[2]), tuple(row[3]), row[4], row[5], tuple(row[6]))
