"""Resources that are like a given one, and yet nobody published them: one place of it changed as sources do change things.

Each mutation takes a place (an element of R4 that the resource has) and a random number generator, and changes the resource there.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from millgate.canonical.absent import EXTENSION
from tests.objects.leaves import changed
from tests.objects.r4 import DEFINITIONS, PRIMITIVES, value_of, variants_of

ABSENT = {"extension": [{"url": EXTENSION, "valueCode": "masked"}]}
UNHEARD_OF = {"url": "http://example.org/unheard-of", "valueString": "words"}
# What a source may contain, and how it says there what it is.
CONTAINED: tuple[dict[str, Any], ...] = (
    {"resourceType": "Practitioner", "name": [{"text": "Rivera, Ana"}]},
    {"resourceType": "Location", "name": "Room 4"},
    {"resourceType": "Organization", "name": "North Hospital"},
    {"resourceType": "Medication", "code": {"text": "Potassium chloride"}},
    {"resourceType": "Device", "type": {"text": "Infusion pump"}},
)


@dataclass(frozen=True)
class Place:
    """An element that a resource has: what holds it under which key, its type, whether it is a list, and the type of what holds it."""

    holder: dict[str, Any]
    key: str
    kind: str
    many: bool
    within: str
    path: str


def places(resource: dict[str, Any]) -> list[Place]:
    """All elements of a resource that R4 knows, those of contained resources left out."""
    return list(_places(resource, resource["resourceType"], resource["resourceType"]))


def _places(element: dict[str, Any], kind: str, path: str) -> Iterator[Place]:
    for key, value in element.items():
        if key not in DEFINITIONS.get(kind, {}):
            continue
        of, many = DEFINITIONS[kind][key]
        yield Place(element, key, of, many, kind, f"{path}.{key}")
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, dict):
                yield from _places(child, of, f"{path}.{key}")


def drop(resource: dict[str, Any], place: Place, random: Random) -> None:
    """The element is not there."""
    del place.holder[place.key]


def mask(resource: dict[str, Any], place: Place, random: Random) -> None:
    """The element is absent, with a reason; only where none is, as the first reason for a field is the one that is shown."""
    if EXTENSION in repr(resource):
        return
    if place.kind in PRIMITIVES:
        del place.holder[place.key]
        place.holder["_" + place.key] = [copy.deepcopy(ABSENT)] if place.many else copy.deepcopy(ABSENT)
    else:
        place.holder[place.key] = [copy.deepcopy(ABSENT)] if place.many else copy.deepcopy(ABSENT)


def extend(resource: dict[str, Any], place: Place, random: Random) -> None:
    """The element has an extension that nobody has heard of."""
    value = place.holder[place.key]
    if place.kind in PRIMITIVES:
        place.holder.setdefault("_" + place.key, [{"extension": [UNHEARD_OF]}] if place.many else {"extension": [UNHEARD_OF]})
    for member in value if isinstance(value, list) else [value]:
        if isinstance(member, dict):
            member.setdefault("extension", []).append(copy.deepcopy(UNHEARD_OF))


def repeat(resource: dict[str, Any], place: Place, random: Random) -> None:
    """The element is there again, with other values in it; one that is no list is one now."""
    value = place.holder[place.key]
    if EXTENSION in repr(value):
        return
    listed = value if isinstance(value, list) else [value]
    again = copy.deepcopy(random.choice(listed)) if listed else None
    place.holder[place.key] = [*listed, _otherwise(again)]


def _otherwise(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: member if key in ("url", "resourceType", "extension") else _otherwise(member) for key, member in value.items()
        }
    return [_otherwise(member) for member in value] if isinstance(value, list) else changed(value)


def unlist(resource: dict[str, Any], place: Place, random: Random) -> None:
    """One where a list belongs, or a list where one belongs."""
    value = place.holder[place.key]
    place.holder[place.key] = value[0] if isinstance(value, list) and value else [value]


def contain(resource: dict[str, Any], place: Place, random: Random) -> None:
    """What a reference points to stands in the resource itself, or is not there at all."""
    pointers = [one.holder[one.key] for one in places(resource) if one.kind == "Reference"]
    pointers = [one for value in pointers for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]
    if not pointers:
        return
    pointer = random.choice(pointers)
    inside = {**random.choice(CONTAINED), "id": f"within-{random.random()}"}
    pointer["reference"] = f"#{inside['id']}"
    for element in ("extension", *(("display",) if random.random() < 0.5 else ())):
        pointer.pop(element, None)
    if random.random() < 0.9:
        resource.setdefault("contained", []).append(copy.deepcopy(inside))


def choose(resource: dict[str, Any], place: Place, random: Random) -> None:
    """The value is of another type that R4 allows there."""
    kinds = variants_of(place.key, place.within)
    other = random.choice(kinds)
    del place.holder[place.key]
    made = value_of(other, place.within, place.path.rpartition(".")[0])
    if made is not None:
        place.holder[other] = made


def add(resource: dict[str, Any], place: Place, random: Random) -> None:
    """An element that R4 has beside it is there, too."""
    other = random.choice(sorted(DEFINITIONS[place.within]))
    made = value_of(other, place.within, place.path.rpartition(".")[0])
    if made is not None and not any(each in place.holder for each in variants_of(other, place.within)):
        place.holder[other] = made


def replace(resource: dict[str, Any], place: Place, random: Random) -> None:
    """Something else stands there than R4 says."""
    place.holder[place.key] = random.choice(
        (None, "", "unheard-of", "2019-02-30", "2019-05-04T10:30:00", 7, True, [], {}, ["words"], {"text": "words"}, [None])
    )


MUTATIONS: tuple[Callable[[dict[str, Any], Place, Random], None], ...] = (
    drop, mask, extend, repeat, unlist, contain, choose, add, replace,
)  # fmt: skip


def mutated(resource: dict[str, Any], random: Random, times: int) -> dict[str, Any]:
    """A copy of the resource, changed so many times."""
    made = copy.deepcopy(resource)
    for _ in range(times):
        somewhere = [place for place in places(made) if place.path.count(".") > 1 or place.key != "id"]
        if somewhere:
            random.choice(MUTATIONS)(made, random.choice(somewhere), random)
    return made
