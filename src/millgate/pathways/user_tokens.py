"""Access tokens of people's sessions: kept in the vault, refreshed ahead of expiry, once between all gateways that share a store.

Source: RFC 6749 §6, SMART App Launch 2.2 §2; Millennium fact sheet §2.4: the refresh answer brings no new refresh token, and a
refresh more often than once a minute may be throttled.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, TypeVar
from urllib.parse import urlencode

from millgate.access.connection import Connection
from millgate.access.grants import UserGrant
from millgate.access.parties import Registration
from millgate.access.scopes import granted, lenient
from millgate.canonical.exchange import Call
from millgate.errors import GatewayError, NeedAccess, TryLater
from millgate.pathways.credentials import Credentials
from millgate.pathways.http import Transport
from millgate.pathways.tokens import AccessToken, TokenBook, prove, read_token

BETWEEN_REFRESHES: Final = timedelta(seconds=60)
AHEAD: Final = timedelta(seconds=90)  # how long before its end a token is refreshed
BETWEEN_FAILED_REFRESHES: Final = timedelta(seconds=15)
MOST_SESSIONS: Final = 10_000
MOST_REFRESHES: Final = 3  # at a time: each holds a connection to the database while the source makes up its mind
ENDED: Final = "invalid_grant"  # other refusals are about the registration, which its operator can mend: no sign-in ends for them

log = logging.getLogger(__name__)


class Locked(Protocol):
    """A grant that nobody else refreshes meanwhile."""

    @property
    def grant(self) -> UserGrant | None: ...

    async def replace(self, grant: UserGrant) -> None: ...

    async def end(self) -> None: ...


class Grants(Protocol):
    """Where the tokens of people's sessions are kept."""

    async def get(self, session_id: str) -> UserGrant | None: ...

    def locked(self, session_id: str) -> AbstractAsyncContextManager[Locked]: ...


Value = TypeVar("Value")
Narrowed = Callable[[str, tuple[str, ...]], Awaitable[None]]


class UserTokens:
    """One access token a session. A token that is being refreshed is served until it expires."""

    def __init__(
        self,
        transport: Transport,
        grants: Grants,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        narrowed: Narrowed | None = None,
        credentials: Credentials | None = None,
    ) -> None:
        self._credentials = credentials or Credentials(now)
        self._transport = transport
        self._grants = grants
        self._now = now
        self._narrowed = narrowed
        self._known: OrderedDict[str, UserGrant] = OrderedDict()
        self._refused: OrderedDict[str, str] = OrderedDict()
        self._failed: OrderedDict[str, datetime] = OrderedDict()  # when a refresh failed last
        self._locks: dict[str, asyncio.Lock] = {}
        self._turns = asyncio.Semaphore(MOST_REFRESHES)

    def __repr__(self) -> str:
        return f"UserTokens({len(self._known)} sessions)"

    def tell_narrowed(self, narrowed: Narrowed) -> None:
        """Who is told when a refresh brings fewer scopes than the session held."""
        self._narrowed = narrowed

    async def token(self, connection: Connection, endpoint: str, calls: list[Call]) -> AccessToken:
        """A valid token of the session. NeedAccess `session_expired` where there is none and none can be had without the person."""
        session_id = connection.session_id or ""
        known = self._known.get(session_id)
        if known is None or not self._serves(session_id, known):
            known = await self._renewed(session_id, connection, endpoint, calls)
        return AccessToken(known.access_token, known.scopes, known.expires_at, known.expires_at - AHEAD)

    def invalidate(self, connection: Connection, token: AccessToken) -> None:
        """The source refused this token: the next call brings another, or ends the session."""
        session_id = connection.session_id or ""
        _remember(self._refused, session_id, token.value)
        self._known.pop(session_id, None)

    def forget(self, session_id: str) -> None:
        """The session has ended."""
        self._known.pop(session_id, None)
        self._refused.pop(session_id, None)
        self._failed.pop(session_id, None)

    def _serves(self, session_id: str, grant: UserGrant) -> bool:
        """Whether the token is good and not due; one without a refresh token is never due before its end."""
        if self._refused.get(session_id) == grant.access_token:
            return False
        ends = grant.expires_at - (AHEAD if grant.refresh_token else timedelta(seconds=5))
        failed_at = self._failed.get(session_id)
        recent = self._now() - grant.refreshed_at < BETWEEN_REFRESHES
        recent = recent or (failed_at is not None and self._now() - failed_at < BETWEEN_FAILED_REFRESHES)
        return self._now() < ends or (recent and self._now() < grant.expires_at - timedelta(seconds=5))

    async def _renewed(self, session_id: str, connection: Connection, endpoint: str, calls: list[Call]) -> UserGrant:
        lock = self._locks.setdefault(session_id, asyncio.Lock())
        try:
            async with lock:
                known = self._known.get(session_id) or await self._grants.get(session_id)
                if known is not None and self._serves(session_id, known):
                    return self._keep(session_id, known)
                before = known.scopes if known else ()
                async with self._turns, self._grants.locked(session_id) as held:
                    fresh = await self._refresh(session_id, held, connection, endpoint, calls)
                if fresh is None:
                    self.forget(session_id)
                    raise _over()
        finally:
            if self._locks.get(session_id) is lock:
                del self._locks[session_id]
        if self._narrowed is not None and lenient(before).minus(lenient(fresh.scopes)):
            await self._narrowed(session_id, fresh.scopes)
        return self._keep(session_id, fresh)

    async def _refresh(
        self, session_id: str, held: Locked, connection: Connection, endpoint: str, calls: list[Call]
    ) -> UserGrant | None:
        """The grant under its lock: what another gateway refreshed meanwhile, or what a refresh brings; None if it is over."""
        grant = held.grant
        if grant is None:
            return None
        if self._serves(session_id, grant):
            return grant
        if grant.refresh_token is None:
            await held.end()  # the source takes the token no more, and nothing can bring another
            return None
        refused = self._refused.get(session_id) == grant.access_token
        wait = grant.refreshed_at + BETWEEN_REFRESHES - self._now()
        if refused and wait > timedelta(0):  # refused right after a refresh: the session is not given up for it
            raise TryLater(
                "upstream_unavailable",
                "The source refuses a token that it gave less than a minute ago; the next one may be asked for a minute after that.",
                retry_after=wait.total_seconds(),
            )
        try:
            token = await self._ask(connection, endpoint, grant, calls)
        except GatewayError as error:
            _remember(self._failed, session_id, self._now())
            outcome = (error.upstream.outcome or "").split(" ")[0] if error.upstream else ""
            if outcome != ENDED:
                if self._now() < grant.expires_at and not refused:
                    log.warning("a person's token could not be renewed: %s", error.code)
                    return grant
                raise
            await held.end()
            return None
        # No new refresh token comes with it. What the source grants beyond what the session held is not taken.
        kept = granted(lenient(grant.scopes), token.scopes).scopes.strings()
        fresh = replace(grant, access_token=token.value, scopes=kept, expires_at=token.expires_at, refreshed_at=self._now())
        await held.replace(fresh)
        self._failed.pop(session_id, None)
        return fresh

    async def _ask(self, connection: Connection, endpoint: str, grant: UserGrant, calls: list[Call]) -> AccessToken:
        async def attempt(registration: Registration) -> AccessToken:
            return await self._ask_by(registration, endpoint, grant, calls)

        return await self._credentials.use(connection.registration, attempt)

    async def _ask_by(self, registration: Registration, endpoint: str, grant: UserGrant, calls: list[Call]) -> AccessToken:
        issued_at = self._now()
        form = {"grant_type": "refresh_token", "refresh_token": grant.refresh_token or ""}
        headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        prove(registration, endpoint, issued_at, str(uuid.uuid4()), form, headers)
        answer = await self._transport.request(
            "POST",
            endpoint,
            within=endpoint,
            calls=calls,
            resource_type="token",
            headers=headers,
            body=urlencode(form).encode(),
            repeatable=True,  # the refresh token stays the same, so a second answer only brings a second access token
        )
        return read_token(answer, grant.scopes, issued_at)

    def _keep(self, session_id: str, grant: UserGrant) -> UserGrant:
        _remember(self._known, session_id, grant)
        if self._refused.get(session_id) not in (None, grant.access_token):
            self._refused.pop(session_id, None)
        return grant


class Tokens:
    """The gateway's own tokens and those of people's sessions, whichever a connection asks for."""

    def __init__(self, own: TokenBook, people: UserTokens) -> None:
        self._own = own
        self._people = people

    async def token(self, connection: Connection, endpoint: str, calls: list[Call]) -> AccessToken:
        """A valid token for the connection."""
        return await self._of(connection).token(connection, endpoint, calls)

    def invalidate(self, connection: Connection, token: AccessToken) -> None:
        """Forget a token that the source refused."""
        self._of(connection).invalidate(connection, token)

    def _of(self, connection: Connection) -> TokenBook | UserTokens:
        return self._own if connection.session_id is None else self._people


def _remember(memory: OrderedDict[str, Value], session_id: str, value: Value) -> None:
    """Keep this for the session, and let go of what was kept longest where there is too much."""
    memory[session_id] = value
    memory.move_to_end(session_id)
    while len(memory) > MOST_SESSIONS:
        memory.popitem(last=False)


def _over() -> NeedAccess:
    return NeedAccess("session_expired", "The person's sign-in at the source has ended; sign in again with POST /authenticate.")
