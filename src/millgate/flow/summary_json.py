"""A summary as JSON, piece by piece: each section's objects as they come, then how the section ended.

The pieces of a part that is listed by what is active first are held back until all of it, or `MOST_SORTED` of its objects, are there.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any, Final

import msgspec

from millgate.canonical import json
from millgate.errors import GatewayError
from millgate.flow.chosen import ChosenSection, rank
from millgate.flow.read import STALE
from millgate.flow.read_request import Answer
from millgate.flow.rendering import instant
from millgate.flow.sections import LOINC, Part, Section
from millgate.flow.summary import Standing, Walk, standing_of

MOST_SORTED: Final = 2_000
UNSORTED: Final = {
    "code": "unsorted",
    "detail": f"What is active goes first among the first {MOST_SORTED} objects or more; the others follow as the source has them.",
}
Tell = Callable[[GatewayError], object]


def head(tenant: str, patient_id: str, patient: Answer, now: datetime) -> bytes:
    """The beginning, up to the first section: the patient, and how old that is."""
    told = {
        "object": "summary",
        "tenant": tenant,
        "patient_id": patient_id,
        "generated_at": instant(now),
        "freshness": {"from": patient.origin, "as_of": instant(patient.as_of)},
        "warnings": [STALE] if patient.stale else [],
    }
    return json.encode(told)[:-1] + b',"patient":' + patient.body + b',"sections":['


def tail(statuses: Sequence[str]) -> bytes:
    """The end: whether all that the source offers is there."""
    status = "partial" if {"failed", "partial"} & set(statuses) else "complete"
    return b'],"status":' + msgspec.json.encode(status) + b"}"


async def streamed(
    walk: Walk, section: Section, tell: Tell, shown: Callable[[Part, Sequence[msgspec.Raw]], None]
) -> AsyncGenerator[bytes, None]:
    """The pieces of a section with all of its objects; `shown` is told of the objects of each piece before it is given out."""
    yield _opening(section)
    sent = False
    for part in section.parts:
        standing = walk.standing(part)
        async with aclosing(_ordered(walk, part)) as batches:
            async for items in batches:
                standing.count += len(items)
                shown(part, items)
                if items:
                    yield (b"," if sent else b"") + b",".join(map(bytes, items))
                    sent = True
    yield _closing([(part, walk.standing(part), ()) for part in section.parts], tell)


def status_of(walk: Walk, section: Section) -> str:
    """How a section stands."""
    return standing_of([walk.standing(part) for part in section.parts])


def limited(found: ChosenSection, tell: Tell) -> bytes:
    """A section with the objects that were chosen; its warnings say what is beside them."""
    objects = [one for part in found.parts for one in part.objects]
    parts = [(one.part, one.standing, found.left_out if index == 0 else ()) for index, one in enumerate(found.parts)]
    return _opening(found.section) + b",".join(map(json.encode, objects)) + _closing(parts, tell)


async def _ordered(walk: Walk, part: Part) -> AsyncGenerator[Sequence[msgspec.Raw], None]:
    """The objects of a part as the source has them, or with what is active first."""
    held: list[tuple[int, msgspec.Raw]] | None = [] if part.active else None
    async with aclosing(walk.batches(part)) as batches:
        async for batch in batches:
            if held is None:
                _warn_unsorted(part, walk.standing(part))
                yield batch.items
                continue
            held += [(rank(part, msgspec.json.decode(one)), one) for one in batch.items]
            if len(held) > MOST_SORTED:
                yield _sorted(held)
                held = None
    if held:
        yield _sorted(held)


def _warn_unsorted(part: Part, standing: Standing) -> None:
    if part.active and UNSORTED not in standing.warnings:
        standing.warnings.append(UNSORTED)


def _sorted(held: list[tuple[int, msgspec.Raw]]) -> list[msgspec.Raw]:
    return [item for _, item in sorted(held, key=lambda one: one[0])]


def _opening(section: Section) -> bytes:
    told = {
        "section": section.name,
        "title": section.title,
        "code": {"system": LOINC, "code": section.loinc, "display": section.display},
        "ips": section.ips,
    }
    return json.encode(told)[:-1] + b',"data":['


def _closing(parts: Sequence[tuple[Part, Standing, Sequence[Mapping[str, str]]]], tell: Tell) -> bytes:
    standings = [standing for _, standing, _ in parts]
    told = {
        "status": standing_of(standings),
        "count": sum(one.count for one in standings),
        "freshness": _freshness(standings),
        "parts": [_part(part, standing, tell) for part, standing, _ in parts],
        "warnings": [warning for _, standing, more in parts for warning in (*standing.warnings, *more)],
    }
    return b"]," + msgspec.json.encode(told)[1:]


def _part(part: Part, standing: Standing, tell: Tell) -> dict[str, Any]:
    return {
        "title": part.title,
        "object": part.declaration.name,
        "filters": {name: ",".join(values) for name, values in part.filters.items()},
        "status": standing.status,
        "count": standing.count,
        "freshness": _freshness([standing]),
        "error": tell(standing.error) if standing.error is not None else None,
    }


def _freshness(standings: Sequence[Standing]) -> dict[str, str] | None:
    """As old as the oldest page; none where nothing was read."""
    read = [one for one in standings if one.as_of is not None]
    if not read:
        return None
    origin = "cache" if any(one.origin == "cache" for one in read) else "live"
    return {"from": origin, "as_of": instant(min(one.as_of for one in read if one.as_of is not None))}
