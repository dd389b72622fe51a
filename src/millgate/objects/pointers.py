"""Reading an element that points to somebody or something and says more of it: a performer with a function, a member with a role."""

from __future__ import annotations

from typing import Any, TypeVar

from millgate.objects.elements import reference, single
from millgate.objects.notes import Notes
from millgate.objects.shared import Reference

Pointing = TypeVar("Pointing", bound=Reference)


def pointing(struct: type[Pointing], element: dict[str, Any], key: str, field: str, notes: Notes, **said: Any) -> Pointing | None:
    """The reference at a key, with the other fields of its struct; None where neither it nor they say anything."""
    to = single(element, key, field, notes, reference) or Reference()
    found = struct(object=to.object, id=to.id, display=to.display, **said)
    return found if found != struct() else None
