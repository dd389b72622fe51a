"""Which of a person's languages is the one to use, and which are the others."""

from __future__ import annotations

from typing import Any

from millgate.canonical.absent import extension_reason
from millgate.objects.concepts import concept_of, concepts_of
from millgate.objects.notes import Notes
from millgate.objects.primitives import members
from millgate.objects.shared import Code


def spoken_languages(resource: dict[str, Any], notes: Notes) -> tuple[Code | None, tuple[Code, ...]]:
    """The language marked as preferred, or the only one, and all others; which of several is meant is not guessed."""
    spoken = members(resource, "communication", "language", notes)
    for entry in spoken:
        notes.reason("language", extension_reason(entry))
    preferred = [index for index, entry in enumerate(spoken) if entry.get("preferred") is True]
    candidates = preferred or list(range(len(spoken)))
    chosen = candidates[0] if len(candidates) == 1 else None
    if len(candidates) > 1:
        notes.warn("more_than_one", "language", "None of the languages is the preferred one; they are among the others.")
    language = concept_of(spoken[chosen], "language", "language", notes) if chosen is not None else None
    others = [entry.get("language") for index, entry in enumerate(spoken) if index != chosen]
    return language, concepts_of(others, "other_languages", notes)
