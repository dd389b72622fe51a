"""Launches from the chart: what an app gets told about when it is opened inside the EHR. Source: fact sheet section 2.4.

Not known from public sources, chosen here: a launch is good for ten minutes and for one authorization, by the user who opened the app.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from millgate.simulator.users import User

LAUNCH_LIFE_S = 600


@dataclass(frozen=True, slots=True)
class Launch:
    """An app opened by a user on a patient's chart, perhaps in an encounter."""

    id: str
    client_id: str
    user: User
    patient: str
    encounter: str | None
    made_at: float


class Launches:
    """The launches of one tenant that were not used yet."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._launches: dict[str, Launch] = {}

    def open(self, client_id: str, user: User, patient: str, encounter: str | None) -> Launch:
        now = self._clock()
        self._launches = {i: launch for i, launch in self._launches.items() if launch.made_at + LAUNCH_LIFE_S > now}
        launch = Launch(str(uuid.uuid4()), client_id, user, patient, encounter, now)
        self._launches[launch.id] = launch
        return launch

    def find(self, launch_id: str, client_id: str) -> Launch | None:
        """The living launch of this id that opened this app."""
        launch = self._launches.get(launch_id)
        living = launch is not None and launch.made_at + LAUNCH_LIFE_S > self._clock() and launch.client_id == client_id
        return launch if living else None

    def spend(self, launch: Launch) -> bool:
        """Use a launch up; whether it was still there."""
        return self._launches.pop(launch.id, None) is not None
