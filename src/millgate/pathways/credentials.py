"""A credential that is refused falls back to the one that it replaced, while the overlap of a rotation lasts.

Whoever replaces a secret or a key at a vendor cannot know when the change begins to act (at Millennium about 15 minutes later), so
both are kept: the new one is tried, and where the authorization server does not know it yet, the previous one serves.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from millgate.access.parties import Registration
from millgate.errors import CallOperator, GatewayError

Result = TypeVar("Result")
# Who is told that a credential was refused: the registration, and whether a previous one was taken instead.
Rejected = Callable[[Registration, bool], Awaitable[None]]

REFUSED: Final = "invalid_client"
TRIED_AGAIN_AFTER: Final = timedelta(minutes=5)
MOST_REMEMBERED: Final = 1000

log = logging.getLogger(__name__)


class Credentials:
    """Uses a registration's credential, or those before it; remembers for five minutes that one was refused."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC), tell: Rejected | None = None) -> None:
        self._now = now
        self._tell = tell
        self._refused: dict[Registration, datetime] = {}

    def __repr__(self) -> str:
        return f"Credentials({len(self._refused)} refused)"

    async def use(self, registration: Registration, attempt: Callable[[Registration], Awaitable[Result]]) -> Result:
        """What `attempt` comes to with the first credential that is not refused; the current one's refusal, if none is taken.

        `attempt` raises CallOperator whose `upstream.outcome` begins with `invalid_client` where the credential is refused.
        """
        refusal: GatewayError | None = None
        for one in self._in_order(registration):
            try:
                result = await attempt(one)
            except CallOperator as error:
                if not is_refused(error):
                    raise
                refusal = error if refusal is None or one.good_until is None else refusal
                if one.good_until is None:
                    self._remember(registration)
                continue
            if one.good_until is None:
                self._refused.pop(registration, None)
            elif refusal is not None:
                await self._tell_of(registration, fell_back=True)
            return result
        await self._tell_of(registration, fell_back=False)
        raise refusal or CallOperator("internal_error", "There was no credential to try.")

    def _in_order(self, registration: Registration) -> list[Registration]:
        """The current credential, then those before it whose overlap lasts; last, if it was refused within five minutes."""
        now = self._now()
        older = [one for one in registration.previous if one.good_until is not None and now < one.good_until]
        current = replace(registration, good_until=None)
        recently = registration in self._refused and now < self._refused[registration] + TRIED_AGAIN_AFTER
        return [*older, current] if recently else [current, *older]

    def _remember(self, registration: Registration) -> None:
        if len(self._refused) >= MOST_REMEMBERED:
            self._refused.clear()
        self._refused[registration] = self._now()

    async def _tell_of(self, registration: Registration, *, fell_back: bool) -> None:
        """Say so in the log, and to whoever is told; a store that cannot be reached must not fail the call."""
        log.warning(
            "tenant %s refuses the current credential of the %s persona; %s",
            registration.tenant,
            registration.persona,
            "the previous one serves" if fell_back else "no other one is left",
        )
        if self._tell is None:
            return
        try:
            await self._tell(registration, fell_back)
        except GatewayError as error:
            log.warning("an event could not be written: %s", error.code)


def is_refused(error: GatewayError) -> bool:
    """Whether the authorization server refused the credential itself, not what was asked for with it."""
    outcome = error.upstream.outcome if error.upstream else None
    return bool(outcome) and str(outcome).split(" ")[0] == REFUSED
