"""A patient's chart before it is written down: the person, the problems, the body, the visits."""

from __future__ import annotations

from dataclasses import dataclass

from millgate.simulator.hospital.people import Person
from millgate.simulator.hospital.physiology import Body
from millgate.simulator.hospital.problems import Problem
from millgate.simulator.hospital.visits import Visit


@dataclass(frozen=True, slots=True)
class Chart:
    """What one patient's resources are made from."""

    person: Person
    problems: tuple[Problem, ...]
    body: Body
    visits: tuple[Visit, ...]
    stays: tuple[Visit, ...] = ()
    """Those of the visits that have a flowsheet of their own."""

    def visit(self, ordinal: int) -> Visit | None:
        return next((each for each in self.visits if each.ordinal == ordinal), None)

    @property
    def charted(self) -> list[Visit]:
        """The visits in which something was done, oldest first."""
        return [each for each in self.visits if each.is_charted]

    @property
    def has_combined_encounter(self) -> bool:
        """One chart in twenty has an encounter that was registered twice and combined."""
        return bool(self.visits) and self.person.index % 20 == 7
