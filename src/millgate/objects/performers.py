"""Who did something, and in what function."""

from __future__ import annotations

from typing import Annotated, Any

from millgate.objects.concepts import concept_of
from millgate.objects.declaration import about
from millgate.objects.notes import Notes
from millgate.objects.pointers import pointing
from millgate.objects.shared import Code, Reference


class Actor(Reference, frozen=True, kw_only=True):
    """Somebody or something that took part, and in what function."""

    function: Annotated[Code | None, about("performer.function", "In what function.")] = None


def actor(element: dict[str, Any], field: str, notes: Notes) -> Actor | None:
    """The `performer` with its `function` and its `actor`."""
    function = concept_of(element, "function", field + ".function", notes)
    return pointing(Actor, element, "actor", field, notes, function=function)
