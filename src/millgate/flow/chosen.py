"""What a page or a document shows of a section: its newest entries, what is active first, and nothing that was entered in error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from millgate.canonical import dates, json
from millgate.flow.sections import Part, Section, code_of
from millgate.flow.summary import Standing, Walk, standing_of

_NOW_SO: Final = frozenset({"active", "recurrence", "relapse"})
_OVER: Final = frozenset({"inactive", "remission", "resolved", "completed", "stopped", "cancelled", "ended"})
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
MISTAKEN: Final = "entered-in-error"


@dataclass(slots=True)
class Chosen:
    """What is shown of a part: the objects, how many there are beside them, and how many were entered in error."""

    part: Part
    standing: Standing
    objects: Sequence[dict[str, Any]] = ()
    beside: int = 0
    more: bool = False  # the source has others, older ones, that nobody counted
    mistaken: int = 0


@dataclass(slots=True)
class ChosenSection:
    """A section with what is shown of its parts."""

    section: Section
    parts: list[Chosen] = field(default_factory=list)

    @property
    def status(self) -> str:
        """As the section's parts are; nothing found too where all that was found was entered in error."""
        status = standing_of([one.standing for one in self.parts])
        return "nothing_found" if status == "complete" and not any(one.objects for one in self.parts) else status

    @property
    def left_out(self) -> list[dict[str, str]]:
        """What was read and is not shown, each with a code."""
        return [note for one in self.parts for note in _left_out(one)]

    @property
    def notes(self) -> list[str]:
        """What is not shown and why, in a sentence each: what was left out, what could not be read, what the source warned of."""
        return [note for one in self.parts for note in (*(each["detail"] for each in _left_out(one)), *_unread(one))]


def is_mistaken(found: Mapping[str, Any]) -> bool:
    """Whether the source says that the object was entered in error."""
    return MISTAKEN in (code_of(found.get("status")), code_of(found.get("verification_status")), code_of(found.get("doc_status")))


def rank(part: Part, found: Mapping[str, Any]) -> int:
    """0 for what is active, 2 for what is over, 1 for what says neither; 0 for all where a part knows no such thing."""
    if part.active is None:
        return 0
    code = code_of(found.get(part.active))
    return 0 if code in _NOW_SO else 2 if code in _OVER or code == MISTAKEN else 1


async def chosen(walk: Walk, section: Section, limit: int) -> ChosenSection:
    """A section with at most `limit` objects of each of its parts."""
    found = ChosenSection(section)
    for part in section.parts:
        found.parts.append(await _chosen_of(walk, part, limit))
    return found


async def _chosen_of(walk: Walk, part: Part, limit: int) -> Chosen:
    """The part's objects in order. What the source lists newest first is not read beyond what is shown; the rest is read to its
    end, with no more than twice as many in memory as are shown, and a page."""
    shown = Chosen(part, walk.standing(part))
    held: list[dict[str, Any]] = []
    seen = 0
    async with aclosing(walk.batches(part)) as pages:
        async for batch in pages:
            objects = [json.decode(bytes(one)) for one in batch.items]
            right = [one for one in objects if not is_mistaken(one)]
            shown.mistaken += len(objects) - len(right)
            seen += len(right)
            held = _best(part, [*held, *right], limit)
            if part.newest_first and seen > limit:
                shown.more = True
                break
    shown.objects = held
    shown.beside = 0 if shown.more else seen - len(held)
    shown.standing.count = len(held)
    return shown


def _best(part: Part, objects: list[dict[str, Any]], limit: int) -> list[dict[str, Any]]:
    """What is active first, the newest first among equals; what has no date comes last."""
    return sorted(objects, key=lambda one: (rank(part, one), -_when(part, one).timestamp()))[:limit]


def _when(part: Part, found: Mapping[str, Any]) -> datetime:
    for name in part.times:
        value = found.get(name)
        if isinstance(value, Mapping):
            value = value.get("instant") or value.get("start") or (value.get("period") or {}).get("start")
        moment = dates.instant(value, "UTC") if isinstance(value, str) else None
        if moment is not None:
            return moment
    return _LONG_AGO


def _left_out(one: Chosen) -> list[dict[str, str]]:
    title, notes = one.part.title, []
    if one.beside:
        detail = f"{title}: {len(one.objects)} of {len(one.objects) + one.beside} are shown."
        notes.append({"code": "limited", "detail": detail})
    if one.more:
        notes.append({"code": "limited", "detail": f"{title}: the newest {len(one.objects)} are shown; there are older ones."})
    if one.mistaken:
        detail = f"{title}: {one.mistaken} entered in error {'is' if one.mistaken == 1 else 'are'} left out."
        notes.append({"code": "entered_in_error", "detail": detail})
    return notes


_UNREAD: Final = {
    "not_offered": "the source does not offer these",
    "cut_short": "reading broke off; what is shown is not all",
    "failed": "could not be read; what there is is unknown",
}


def _unread(one: Chosen) -> list[str]:
    """What could not be read of a part, and what the source warned of."""
    title, standing = one.part.title, one.standing
    failed = [f"{title}: {_UNREAD[standing.status]} ({standing.error.code})."] if standing.error is not None else []
    return [*failed, *(f"{title}: {warning['detail']}" for warning in standing.warnings if warning.get("detail"))]
