"""People's sign-ins come to an end: their tokens are forgotten here, and the source is told where it takes that.

A sign-in whose session code nobody redeemed, and a session that ran out, end by themselves: `sweep` gives their tokens back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog

from millgate.access.grants import UserGrant
from millgate.access.parties import Persona, Session
from millgate.access.scopes import ScopeSet, granted
from millgate.canonical.exchange import Call
from millgate.errors import GatewayError, TryLater
from millgate.flow.authenticate import Authenticator
from millgate.flow.desk import Desk
from millgate.flow.pathway import Pathway

log = structlog.get_logger(__name__)

# A code that was redeemed in its last second has its session by then.
AFTER: Final = timedelta(minutes=1)
# How long a source that cannot be reached is asked again to take a refresh token back, before it is forgotten here all the same.
TRIED_FOR: Final = timedelta(hours=1)
MOST_AT_ONCE: Final = 1_000


class Left(Protocol):
    """Tokens that no session can use any more; see `store.sign_ins.Left`."""

    @property
    def session_id(self) -> str: ...
    @property
    def client_id(self) -> str: ...
    @property
    def tenant(self) -> str: ...
    @property
    def persona(self) -> Persona: ...
    @property
    def over_at(self) -> datetime: ...


class Held(Protocol):
    """A grant that nobody else refreshes or gives back meanwhile."""

    @property
    def grant(self) -> UserGrant | None: ...

    async def end(self) -> None: ...


class Grants(Protocol):
    """The store's side of people's tokens."""

    async def get(self, session_id: str) -> UserGrant | None: ...
    async def end(self, session_id: str) -> None: ...
    async def left_over(self, *, before: datetime, most: int) -> Sequence[Left]: ...
    def locked(self, session_id: str) -> AbstractAsyncContextManager[Held]: ...


class Sessions(Protocol):
    async def get(self, session_id: str) -> Session | None: ...
    async def narrow(self, session: Session) -> None: ...


@dataclass(frozen=True, slots=True)
class GivenBack:
    """What the audit chain has to know of tokens that were given back; `code` is the error's, where the source did not take them."""

    left: Left
    code: str | None
    calls: Sequence[Call] = field(default=(), repr=False)


class SignOut:
    """Ends people's sessions at the source, and keeps what is left of their scopes."""

    def __init__(
        self,
        *,
        authenticator: Authenticator,
        pathway: Pathway,
        desk: Desk,
        grants: Grants,
        sessions: Sessions,
        now: Callable[[], datetime],
        forget: Callable[[str], None],
        audited: Callable[[GivenBack], Awaitable[None]],
    ) -> None:
        self._authenticator = authenticator
        self._pathway = pathway
        self._desk = desk
        self._grants = grants
        self._sessions = sessions
        self._now = now
        self._forget = forget
        self._audited = audited

    async def end(self, session: Session) -> list[Call]:
        """Forget the person's tokens, and tell the source where it takes that; the exchanges with it.

        The session is over here whatever the source says; its own token dies when it is not used.
        """
        grant = await self._grants.get(session.id)
        self._forget(session.id)
        await self._grants.end(session.id)
        return await self.refuse(session.tenant, session.persona, grant) if grant else []

    async def refuse(self, tenant: str, persona: Persona, grant: UserGrant) -> list[Call]:
        """Give back tokens that are not kept here (any more), as far as the source takes them; the exchanges with it."""
        calls: list[Call] = []
        try:
            await self._give_back(tenant, persona, grant, calls)
        except GatewayError as error:
            log.warning("refresh token not revoked at the source", tenant=tenant, code=error.code)
        return calls

    async def narrowed(self, session_id: str, scopes: tuple[str, ...]) -> None:
        """A refresh brought fewer scopes: the session holds what is left, and says what was lost in `denied_scopes`."""
        session = await self._sessions.get(session_id)
        if session is None:
            return
        before = ScopeSet.parse(session.scopes)
        held = granted(before, scopes).scopes
        denied = ScopeSet.parse(session.denied_scopes).union(before.minus(held))
        await self._sessions.narrow(replace(session, scopes=held.strings(), denied_scopes=denied.strings()))

    async def sweep(self) -> int:
        """Give back and forget all tokens that no session can use any more; how many. Each has its row in the audit chain."""
        found = 0
        out_of_reach: set[str] = set()
        for left in await self._grants.left_over(before=self._now() - AFTER, most=MOST_AT_ONCE):
            if left.tenant not in out_of_reach:
                done = await self._swept(left)
                found += done
                out_of_reach |= set() if done else {left.tenant}
        return found

    async def _swept(self, left: Left) -> bool:
        """Whether these tokens are gone; not yet, where the source is out of reach. Forgotten only once that is audited."""
        calls: list[Call] = []
        async with self._grants.locked(left.session_id) as held:
            if held.grant is None:
                return True  # another gateway was here first
            code = None
            try:
                await self._give_back(left.tenant, left.persona, held.grant, calls)
            except GatewayError as error:
                code = error.code
                if isinstance(error, TryLater) and self._now() - left.over_at < TRIED_FOR:
                    return False
            await held.end()
            await self._audited(GivenBack(left, code, calls))
        self._forget(left.session_id)
        return True

    async def _give_back(self, tenant: str, persona: Persona, grant: UserGrant, calls: list[Call]) -> None:
        if grant.refresh_token is None:
            return
        place, registration = await self._authenticator.parties_of(tenant, persona)
        endpoint = (await self._pathway.discover(place.fhir_base)).revocation_endpoint
        if endpoint is not None:
            await self._desk.revoke(registration, endpoint, grant.refresh_token, calls)
