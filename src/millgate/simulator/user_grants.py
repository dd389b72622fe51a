"""What a user gave an app: the authorization code, the session behind it, the refresh token. All of one tenant, but for the codes.

Not known from public sources, chosen here: a code lives two minutes; a user's session lives twelve hours; an exchange that fails after
the app has proven itself spends the code. Source: fact sheet section 2.4; RFC 6749, 7009, 7636.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from millgate.simulator.clients import Client
from millgate.simulator.users import User

CODE_LIFE_S = 120
CODE_MEMORY_S = 3600
SESSION_LIFE_S = 12 * 3600
OFFLINE_UNUSED_S = 90 * 86_400


@dataclass(frozen=True, slots=True)
class Context:
    """Who signed in, in which session, and what the app was launched on."""

    user: User
    session_id: str
    patient: str | None = None
    encounter: str | None = None
    need_patient_banner: bool = True


@dataclass(slots=True)
class Code:
    """An authorization code: what it is bound to, and what has come of it."""

    value: str = field(repr=False)
    tenant: str
    client_id: str
    redirect_uri: str | None
    challenge: str | None
    scopes: tuple[str, ...]
    context: Context
    nonce: str | None
    made_at: float
    spent: bool = False

    def answers_challenge(self, verifier: str | None) -> bool:
        """Whether a verifier fits: S256 if a challenge was sent, and none may come if none was."""
        if self.challenge is None or verifier is None:
            return self.challenge is verifier is None
        digest = hashlib.sha256(verifier.encode()).digest()
        return hmac.compare_digest(base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), self.challenge)


class Codes:
    """The codes of all tenants: one that was made in another tenant is told apart from one that was never made."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._codes: dict[str, Code] = {}

    def make(
        self,
        *,
        tenant: str,
        client_id: str,
        redirect_uri: str | None,
        challenge: str | None,
        scopes: tuple[str, ...],
        context: Context,
        nonce: str | None,
    ) -> str:
        """A new code. `redirect_uri` is the address as the app sent it, None if it sent none."""
        now = self._clock()
        self._codes = {value: code for value, code in self._codes.items() if code.made_at + CODE_MEMORY_S > now}
        code = Code(str(uuid.uuid4()), tenant, client_id, redirect_uri, challenge, scopes, context, nonce, now)
        self._codes[code.value] = code
        return code.value

    def find(self, value: str) -> Code | None:
        return self._codes.get(value)

    def is_fresh(self, code: Code) -> bool:
        return not code.spent and code.made_at + CODE_LIFE_S > self._clock()


@dataclass(slots=True)
class Refresh:
    """A refresh token as the server remembers it."""

    id: str
    value: str = field(repr=False)
    client: Client
    scopes: tuple[str, ...]
    context: Context
    offline: bool
    code: str | None = field(repr=False)
    used_at: float
    refreshed_at: float | None = None


class UserGrants:
    """The sessions and refresh tokens of one tenant."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sessions: dict[str, tuple[User, float]] = {}
        self._refreshes: dict[str, Refresh] = {}

    # --- sessions

    def open_session(self, user: User) -> str:
        """The id of a new session of a user who has just signed in."""
        now = self._clock()
        self._sessions = {i: held for i, held in self._sessions.items() if held[1] > now}
        session_id = str(uuid.uuid4())
        self._sessions[session_id] = (user, now + SESSION_LIFE_S)
        return session_id

    def is_open(self, session_id: str) -> bool:
        held = self._sessions.get(session_id)
        return held is not None and held[1] > self._clock()

    def end_sessions(self, username: str | None = None) -> int:
        """Sign a user out, or everybody; the number of sessions that ended."""
        gone = [i for i, (user, _) in self._sessions.items() if username in (None, user.username)]
        for session_id in gone:
            del self._sessions[session_id]
        return len(gone)

    def sessions(self) -> list[str]:
        """The names of the users who are signed in, one for each session."""
        return [user.username for user, until in self._sessions.values() if until > self._clock()]

    # --- refresh tokens

    def make_refresh(self, client: Client, scopes: tuple[str, ...], context: Context, code: str) -> str:
        """A refresh token: base64 of JSON, as live ones are. It is offline if that was granted, online otherwise."""
        offline = "offline_access" in scopes
        refresh_id = str(uuid.uuid4())
        held = {
            "id": refresh_id,
            "secret": secrets.token_urlsafe(32),
            "ver": "1.1",
            "type": "offline_access" if offline else "online_access",
            "profile": "smart-v1",
            "persona": client.persona,
        }
        value = base64.b64encode(msgspec.json.encode(held)).decode()
        self._refreshes[refresh_id] = Refresh(refresh_id, value, client, scopes, context, offline, code, self._clock())
        return value

    def find_refresh(self, value: str) -> Refresh | None:
        """The living refresh token of this value; an offline one dies when it is not used for three months."""
        try:
            held = msgspec.json.decode(base64.b64decode(value, validate=True))
        except (ValueError, RecursionError):
            return None
        refresh = self._refreshes.get(str(held.get("id"))) if isinstance(held, dict) else None
        if refresh is None or not hmac.compare_digest(refresh.value.encode(), value.encode()):
            return None
        return None if refresh.offline and refresh.used_at + OFFLINE_UNUSED_S < self._clock() else refresh

    def revoke(self, refresh: Refresh) -> None:
        self._refreshes.pop(refresh.id, None)

    def revoke_code(self, code: str) -> None:
        """Take back the refresh token that a code bought."""
        self._refreshes = {i: refresh for i, refresh in self._refreshes.items() if refresh.code != code}
