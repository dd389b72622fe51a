"""Sessions: opened with a token that is shown once, found by it, ended, pruned."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from datetime import datetime

import msgspec

from millgate.access.parties import Session
from millgate.store.database import Database, Row
from millgate.store.queries import queries
from millgate.store.tokens import new_token, token_hash
from millgate.store.vault import Vault

_SQL = queries("sessions")
TOKEN_PREFIX = "ms_"  # noqa: S105  not a secret


class _Sealed(msgspec.Struct, array_like=True, frozen=True):
    """What of a session nobody reads in the table: a scope's query part and the context may tell of a patient."""

    scopes: tuple[str, ...]
    denied_scopes: tuple[str, ...]
    patient_id: str | None
    encounter_id: str | None
    user: str | None = None
    need_patient_banner: bool | None = None


class Sessions:
    """The open sessions of all clients."""

    def __init__(self, database: Database, vault: Vault, now: Callable[[], datetime]) -> None:
        self._database = database
        self._vault = vault
        self._now = now

    async def open(self, session: Session) -> str:
        """Keep the session; its new token, which is kept as a hash only."""
        token = new_token(TOKEN_PREFIX)
        plain = _plain(session)
        parameters = {
            "id": session.id,
            "token_hash": token_hash(token),
            "client_id": session.client_id,
            "tenant": session.tenant,
            "persona": session.persona,
            "sealed": await self._vault.seal(session.tenant, "session", plain, context=session.id.encode()),
            "created_at": session.created_at,
            "expires_at": session.expires_at,
        }
        await self._database.execute(_SQL["insert"], parameters)
        return token

    async def by_token(self, token: str) -> Session | None:
        """The session of the token, expired or not; None if it was ended, its client revoked, or there is none."""
        digest = token_hash(token)
        row = await self._database.fetch_one(_SQL["by_token"], {"token_hash": digest})
        if row is None or not hmac.compare_digest(bytes(row[7]), digest):
            return None
        return await self._session(row)

    async def _session(self, row: Row) -> Session:
        session_id, client_id, tenant, persona, sealed, created_at, expires_at = row[:7]
        plain = await self._vault.unseal(tenant, "session", bytes(sealed), context=session_id.encode())
        kept = msgspec.msgpack.decode(plain, type=_Sealed)
        return Session(
            id=session_id,
            client_id=client_id,
            tenant=tenant,
            persona=persona,
            scopes=kept.scopes,
            denied_scopes=kept.denied_scopes,
            patient_id=kept.patient_id,
            encounter_id=kept.encounter_id,
            created_at=created_at,
            expires_at=expires_at,
            user=kept.user,
            need_patient_banner=kept.need_patient_banner,
        )

    async def narrow(self, session: Session) -> None:
        """Keep what is left of a session's scopes; takes effect for its next calls."""
        sealed = await self._vault.seal(session.tenant, "session", _plain(session), context=session.id.encode())
        await self._database.execute(_SQL["narrow"], {"id": session.id, "sealed": sealed})

    async def get(self, session_id: str) -> Session | None:
        """The session of that id, expired or not; None if it was ended, or there is none."""
        row = await self._database.fetch_one(_SQL["get"], {"id": session_id})
        return await self._session(row) if row else None

    async def end(self, session_id: str) -> None:
        """End the session; its token is worth nothing from now on."""
        await self._database.execute(_SQL["end"], {"id": session_id, "now": self._now()})

    async def count_open(self) -> int:
        """How many sessions are neither ended nor expired."""
        row = await self._database.fetch_one(_SQL["count_open"], {"now": self._now()})
        return int(row[0]) if row else 0

    async def prune(self, *, older_than: datetime) -> int:
        """Delete sessions that expired or ended before; how many."""
        return await self._database.execute(_SQL["prune"], {"before": older_than})


def _plain(session: Session) -> bytes:
    kept = _Sealed(
        session.scopes,
        session.denied_scopes,
        session.patient_id,
        session.encounter_id,
        session.user,
        session.need_patient_banner,
    )
    return msgspec.msgpack.encode(kept)
