"""Sign-ins under way, and the source's tokens of people's sessions: all sealed, states and codes as hashes only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from millgate.access.grants import UserGrant
from millgate.access.parties import Persona
from millgate.store.database import Connection, Database, Row
from millgate.store.queries import queries
from millgate.store.tokens import new_token, token_hash
from millgate.store.vault import Vault

_SQL = queries("sign_in")
CODE_PREFIX = "sc_"
CODE_LIFE = timedelta(seconds=120)


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A sign-in whose user has just come back; `plan` is what was kept at its begin."""

    id: str
    client_id: str
    tenant: str
    persona: Persona
    plan: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Redeemed:
    """A sign-in that its client has just redeemed; `outcome` is what was kept when the user had signed in."""

    id: str
    tenant: str
    persona: Persona
    outcome: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Left:
    """Tokens that no session can use any more, since `over_at`."""

    session_id: str
    client_id: str
    tenant: str
    persona: Persona
    over_at: datetime


class _Sealed(msgspec.Struct, array_like=True, frozen=True):
    access_token: str
    refresh_token: str | None
    scopes: tuple[str, ...]


class SignIns:
    """The sign-ins of all clients; each state and each session code is good once."""

    def __init__(self, database: Database, vault: Vault, now: Callable[[], datetime]) -> None:
        self._database = database
        self._vault = vault
        self._now = now

    async def begin(
        self, *, sign_in_id: str, client_id: str, tenant: str, persona: Persona, plan: bytes, expires_at: datetime
    ) -> str:
        """Keep the plan of a sign-in; its new `state`."""
        state = new_token("")
        sealed = await self._vault.seal(tenant, "sign-in", plan, context=sign_in_id.encode())
        parameters = {
            "id": sign_in_id,
            "client_id": client_id,
            "tenant": tenant,
            "persona": persona,
            "state_hash": token_hash(state),
            "sealed": sealed,
            "now": self._now(),
            "expires_at": expires_at,
        }
        await self._database.execute(_SQL["begin"], parameters)
        return state

    async def take(self, state: str) -> UnderWay | None:
        """The sign-in of this state, which is used up by it; None for a state that is unknown, used or too old."""
        row = await self._database.fetch_one(_SQL["take"], {"state_hash": token_hash(state), "now": self._now()})
        if row is None:
            return None
        sign_in_id, client_id, tenant, persona, sealed = row
        plan = await self._vault.unseal(tenant, "sign-in", bytes(sealed), context=sign_in_id.encode())
        return UnderWay(sign_in_id, client_id, tenant, persona, plan)

    async def knows(self, state: str) -> bool:
        """Whether a sign-in with this state is under way; it stays good."""
        parameters = {"state_hash": token_hash(state), "now": self._now()}
        return await self._database.fetch_one(_SQL["knows"], parameters) is not None

    async def answer(self, sign_in: UnderWay, outcome: bytes) -> str:
        """Keep what the session will hold; the one-time session code, good for two minutes."""
        code, now = new_token(CODE_PREFIX), self._now()
        sealed = await self._vault.seal(sign_in.tenant, "sign-in/outcome", outcome, context=sign_in.id.encode())
        parameters = {"id": sign_in.id, "code_hash": token_hash(code), "outcome": sealed, "code_expires_at": now + CODE_LIFE}
        await self._database.execute(_SQL["answer"], parameters)
        return code

    async def redeem(self, code: str, client_id: str) -> Redeemed | None:
        """What this session code stands for, which is used up by it; None for one that is unknown, used, too old or another's."""
        parameters = {"code_hash": token_hash(code), "client_id": client_id, "now": self._now()}
        row = await self._database.fetch_one(_SQL["redeem"], parameters)
        if row is None:
            return None
        sign_in_id, tenant, persona, sealed = row
        outcome = await self._vault.unseal(tenant, "sign-in/outcome", bytes(sealed), context=sign_in_id.encode())
        return Redeemed(sign_in_id, tenant, persona, outcome)

    async def prune(self, *, older_than: datetime) -> int:
        """Delete sign-ins that expired before, and the tokens of sessions that are over; how many sign-ins."""
        found = await self._database.execute(_SQL["prune"], {"before": older_than})
        await self._database.execute(_SQL["prune_grants"], {"before": older_than, "now": self._now()})
        return found


class Held:
    """A grant under its lock: nobody else refreshes it until the block ends."""

    def __init__(self, grants: Grants, connection: Connection, session_id: str, tenant: str, grant: UserGrant | None) -> None:
        self._grants = grants
        self._connection = connection
        self._session_id = session_id
        self._tenant = tenant
        self.grant = grant

    async def replace(self, grant: UserGrant) -> None:
        """Keep the refreshed grant; committed with the block."""
        parameters = await self._grants.columns(self._session_id, self._tenant, grant)
        await self._connection.execute(_SQL["put_grant"], parameters)
        self.grant = grant

    async def end(self) -> None:
        """Forget the grant: the source takes it no more."""
        await self._connection.execute(_SQL["end_grant"], {"session_id": self._session_id})
        self.grant = None


class Grants:
    """The source's tokens of people's sessions."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def put(self, session_id: str, tenant: str, grant: UserGrant) -> None:
        """Keep the tokens of a session."""
        await self._database.execute(_SQL["put_grant"], await self.columns(session_id, tenant, grant))

    async def get(self, session_id: str) -> UserGrant | None:
        """The tokens of a session, or None where there are none (any more)."""
        row = await self._database.fetch_one(_SQL["grant"], {"session_id": session_id})
        return await self._opened(session_id, row) if row else None

    async def of_tenant(self, tenant: str, persona: Persona) -> list[tuple[str, ...]]:
        """The scopes that the open sessions of a tenant's persona hold at the source; no tokens."""
        rows = await self._database.fetch(_SQL["grants_of_tenant"], {"tenant": tenant, "persona": persona})
        return [(await self._opened(row[0], row[1:])).scopes for row in rows]

    async def left_over(self, *, before: datetime, most: int) -> list[Left]:
        """Whose sessions ended or ran out, or whose session code ran out unredeemed, before then; the oldest first."""
        rows = await self._database.fetch(_SQL["left_over"], {"before": before, "most": most})
        return [Left(*row) for row in rows]

    async def end(self, session_id: str) -> None:
        """Forget the tokens of a session."""
        await self._database.execute(_SQL["end_grant"], {"session_id": session_id})

    @asynccontextmanager
    async def locked(self, session_id: str) -> AsyncIterator[Held]:
        """The tokens of a session, held so that no other process refreshes them meanwhile."""
        async with self._database.transaction() as connection:
            row = await (await connection.execute(_SQL["lock_grant"], {"session_id": session_id})).fetchone()
            grant = await self._opened(session_id, row) if row else None
            yield Held(self, connection, session_id, row[0] if row else "", grant)

    async def columns(self, session_id: str, tenant: str, grant: UserGrant) -> dict[str, object]:
        """The row of a grant."""
        plain = msgspec.msgpack.encode(_Sealed(grant.access_token, grant.refresh_token, grant.scopes))
        sealed = await self._vault.seal(tenant, "user-grant", plain, context=session_id.encode())
        return {
            "session_id": session_id,
            "tenant": tenant,
            "sealed": sealed,
            "expires_at": grant.expires_at,
            "refreshed_at": grant.refreshed_at,
        }

    async def _opened(self, session_id: str, row: Row) -> UserGrant:
        tenant, sealed, expires_at, refreshed_at = row
        plain = await self._vault.unseal(tenant, "user-grant", bytes(sealed), context=session_id.encode())
        kept = msgspec.msgpack.decode(plain, type=_Sealed)
        return UserGrant(kept.access_token, kept.refresh_token, kept.scopes, expires_at, refreshed_at)
