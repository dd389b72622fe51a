"""What dividing a search has brought, kept while its caller goes through it: so a page costs no second run, and all come of the same one.

Another process, or a later hour, does it again under the same name; the order is the same while the source's records are.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from millgate.pathways.fhir_r4.bad_records import Rest

Owner = tuple[Hashable, ...]

KEPT: Final = timedelta(minutes=5)
MOST_RUNS: Final = 32
MOST_RESOURCES: Final = 20_000


@dataclass(frozen=True, slots=True)
class Run:
    """One run: its name, when it was, what it brought."""

    name: str
    at: datetime
    rest: Rest = field(repr=False)


class Runs:
    """The latest runs, each for its owner alone: who the call was made as, and what it may see."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Owner, str], Run] = OrderedDict()

    def take(self, owner: Owner, name: str, now: datetime) -> Run | None:
        """The owner's run of that name, if it is still kept."""
        found = self._kept.get((owner, name))
        return found if found is not None and now - found.at < KEPT else None

    def keep(self, owner: Owner, name: str, rest: Rest, now: datetime) -> Run:
        """Keep a run, and let go of the oldest where there are too many."""
        made = self._kept[owner, name] = Run(name, now, rest)
        self._kept.move_to_end((owner, name))
        while len(self._kept) > 1 and (len(self._kept) > MOST_RUNS or self._resources() > MOST_RESOURCES or self._old(now)):
            self._kept.popitem(last=False)
        return made

    def _resources(self) -> int:
        return sum(len(run.rest.resources) for run in self._kept.values())

    def _old(self, now: datetime) -> bool:
        return now - next(iter(self._kept.values())).at >= KEPT
