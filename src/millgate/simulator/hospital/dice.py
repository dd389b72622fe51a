"""Repeatable dice: the same seed and the same names give the same throws, in every process and on every platform.

Only `random`, `choice`, `choices`, `randint`, `gauss` and `getrandbits` may be used on what `dice` returns: their results have
been the same in all versions of Python that the project supports.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from hashlib import sha256
from itertools import accumulate
from random import Random
from typing import Generic, TypeVar

T = TypeVar("T")


def dice(seed: int, kind: str, *numbers: int | str) -> Random:
    """A generator that depends on nothing but its arguments."""
    name = ":".join([str(seed), kind, *map(str, numbers)])
    return Random(int.from_bytes(sha256(name.encode()).digest()[:16], "big"))


def digest(seed: int, kind: str, *numbers: int | str) -> str:
    """64 hexadecimal digits that depend on nothing but the arguments."""
    return sha256(":".join([str(seed), kind, *map(str, numbers)]).encode()).hexdigest()


class Urn(Generic[T]):
    """Things with weights, to draw from again and again in logarithmic time."""

    def __init__(self, things: Sequence[T], weights: Sequence[float]) -> None:
        self.things = list(things)
        self._steps = list(accumulate(weights))

    def draw(self, random: Random) -> T:
        return self.things[min(bisect(self._steps, random.random() * self._steps[-1]), len(self.things) - 1)]
