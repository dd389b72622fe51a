"""What a source's authorization server gave for a person's session."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class UserGrant:
    """The tokens of one person's session; neither shows in a repr. Without a refresh token it ends with its access token."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    scopes: tuple[str, ...]
    expires_at: datetime
    refreshed_at: datetime
