"""How old an answer may be where its caller does not say: by what is likely to change meanwhile, and what it costs to be wrong."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ShelfLife:
    """`seconds` that an answer is repeated for, and why so long.

    For as long again it is repeated while the source is asked anew behind it, and never after that: `longest`.
    """

    seconds: int
    reason: str

    @property
    def longest(self) -> int:
        """Seconds after which an answer is not repeated any more to a caller who did not say how old it may be."""
        return 2 * self.seconds


BOOKINGS = ShelfLife(15, "Others book and cancel at any moment, and what is shown as free is about to be asked for.")
CHARTS = ShelfLife(60, "Written at any time in the course of care; a minute spares the source what one screen asks twice.")
TIMETABLES = ShelfLife(300, "Set up days ahead; what is still free in them is told by the slots.")
DIRECTORIES = ShelfLife(3600, "Kept up by administrators, not in the course of care; and all charts point at them.")
FORMS = ShelfLife(3600, "Published, then filled in many times as they are.")
