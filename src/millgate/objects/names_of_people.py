"""Which of a person's names to use, and which are the others."""

from __future__ import annotations

from typing import Any

from millgate.objects.elements import name
from millgate.objects.notes import Notes
from millgate.objects.primitives import members
from millgate.objects.shared import Name

# Source: FHIR R4 value set name-use.
_RANK = {"official": 0, "usual": 1, None: 2, "temp": 3, "nickname": 4, "anonymous": 5, "maiden": 6, "old": 7}
_UNKNOWN_USE = 5
_OVER = 10


def split_names(resource: dict[str, Any], notes: Notes) -> tuple[Name | None, tuple[Name, ...]]:
    """The name to use, and all the others in source order.

    Names whose period has no end go before names whose period has one (there is no clock here to say whether it has
    passed); then official, usual, without a use, temp, nickname, anonymous, maiden, old; then source order.
    """
    elements = members(resource, "name", "name", notes) if "name" in resource else []
    if not elements:
        return None, ()
    best = min(range(len(elements)), key=lambda index: _rank(elements[index]))
    main = name(elements[best], "name", notes)
    others: list[Name] = []
    for index, element in enumerate(elements):
        if index != best:
            place = f"other_names[{len(others)}]"
            found = name(element, place, notes)
            if found is not None:
                others.append(found)
            else:
                notes.fold(place, "other_names")
    return main, tuple(others)


def _rank(element: dict[str, Any]) -> int:
    use, period = element.get("use"), element.get("period")
    ended = period.__class__ is dict and period.get("end") is not None
    return (_RANK.get(use, _UNKNOWN_USE) if use is None or use.__class__ is str else _UNKNOWN_USE) + (_OVER if ended else 0)
