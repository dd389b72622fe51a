"""Reading CodeableConcepts and Codings, and lifting the best standard coding of a concept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from millgate.canonical.absent import SYSTEM as DATA_ABSENT_REASON
from millgate.canonical.absent import coding_reason, extension_reason
from millgate.canonical.extensions import extensions_of
from millgate.objects.notes import Notes
from millgate.objects.primitives import flag, members, text
from millgate.objects.shared import Code, Coding
from millgate.terminology import canonical_system, is_public_system

NO_ORDER: Mapping[str, int] = {}

# Ranks behind those of a field's own order: any other public system, then what the clinician selected.
_PUBLIC, _SELECTED, _ONLY = 1000, 2000, 3000


def lift(codings: tuple[Coding, ...], order: Mapping[str, int] = NO_ORDER) -> Coding | None:
    """The best coding: of the field's own standard order, then of any other public system, then the one selected by the clinician.

    The first in source order wins within a rank. A proprietary coding that nobody selected is lifted only if it is alone.
    """
    if len(codings) == 1:
        only = codings[0]
        return None if only.code is None or only.system == DATA_ABSENT_REASON else only
    best: Coding | None = None
    best_rank = _ONLY + 1
    for coding in codings:
        if coding.code is None or coding.system == DATA_ABSENT_REASON:
            continue
        rank = order.get(coding.system or "")
        if rank is None:
            rank = _PUBLIC if is_public_system(coding.system) else _SELECTED if coding.user_selected else _ONLY
        if rank < best_rank:
            best, best_rank = coding, rank
    return None if best_rank == _ONLY else best


def coding(element: dict[str, Any], field: str, notes: Notes) -> Coding | None:
    """The Coding, or None where nothing of it can be shown."""
    # Every answer has hundreds of codings: what is a text, or plainly not there, is taken without a further call.
    get = element.get
    system, code, display, selected = get("system"), get("code"), get("display"), get("userSelected")
    if system.__class__ is not str:
        system = text(element, "system", field, notes)
    if code.__class__ is not str:
        code = text(element, "code", field, notes)
    if display.__class__ is not str and (display is not None or "_display" in element):
        display = text(element, "display", field, notes)
    if selected is not None or "_userSelected" in element:
        selected = flag(element, "userSelected", field, notes)
    if not (system or code or display) and selected is None:
        return None
    return Coding(
        system=canonical_system(system) if system else None, code=code or None, display=display or None, user_selected=selected
    )


def concept(element: Any, field: str, notes: Notes, order: Mapping[str, int] = NO_ORDER) -> Code | None:
    """The CodeableConcept with its best coding lifted, or None.

    A stated absence is noted for the field; where the concept has a text all the same, for the field's `code`.
    """
    if element is None:
        return None
    if element.__class__ is not dict:
        notes.unexpected(field, "an object")
        return None
    words = element.get("text")
    if words.__class__ is not str or not words:
        words = text(element, "text", field, notes)
    reason = extension_reason(element) if "extension" in element else None
    read: list[Coding] = []
    for member in members(element, "coding", field, notes):
        if reason is None and ("extension" in member or member.get("system") == DATA_ABSENT_REASON):
            reason = coding_reason(member)
        found = coding(member, field, notes)
        if found is not None:
            read.append(found)
    if reason is not None:
        notes.reason(field if words is None else f"{field}.code", reason)
    if not read:
        return Code(text=words) if words is not None else None
    codings = tuple(read)
    best = lift(codings, order)
    if best is None:
        return Code(text=words, codings=codings)
    return Code(text=words, system=best.system, code=best.code, codings=codings)


def concept_of(source: dict[str, Any], key: str, field: str, notes: Notes, order: Mapping[str, int] = NO_ORDER) -> Code | None:
    """The CodeableConcept at a key, or None."""
    element = source.get(key)
    return concept(element, field, notes, order) if element is not None else None


def concepts(source: dict[str, Any], key: str, field: str, notes: Notes, order: Mapping[str, int] = NO_ORDER) -> tuple[Code, ...]:
    """The CodeableConcepts of a list, in source order."""
    if key not in source:
        return ()
    return concepts_of(members(source, key, field, notes), field, notes, order)


def concepts_of(elements: Iterable[Any], field: str, notes: Notes, order: Mapping[str, int] = NO_ORDER) -> tuple[Code, ...]:
    """The CodeableConcepts in these elements, in order; an absent one leaves its reason with the whole field."""
    kept: list[Code] = []
    for element in elements:
        found = concept(element, f"{field}[{len(kept)}]", notes, order)
        if found is not None:
            kept.append(found)
        else:
            notes.fold(f"{field}[{len(kept)}]", field)
    return tuple(kept)


def first_concept(source: dict[str, Any], key: str, field: str, notes: Notes, order: Mapping[str, int] = NO_ORDER) -> Code | None:
    """The first CodeableConcept of a list whose field holds one; more than one are warned of."""
    elements = members(source, key, field, notes)
    if len(elements) > 1:
        notes.warn("more_than_one", field, f"The source has {len(elements)}; the first is shown.")
    return concept(elements[0], field, notes, order) if elements else None


def extension_concepts(source: dict[str, Any], url: str, field: str, notes: Notes) -> tuple[Code, ...]:
    """The CodeableConcepts in an element's extensions of this URL, in source order."""
    if "extension" not in source:
        return ()
    return concepts_of([each.get("valueCodeableConcept") for each in extensions_of(source, url)], field, notes)


def coding_as_code(element: Any, field: str, notes: Notes) -> Code | None:
    """A bare Coding as a Code with this one coding, or None; a stated absence is noted."""
    if element is None:
        return None
    if element.__class__ is not dict:
        notes.unexpected(field, "an object")
        return None
    notes.reason(field, coding_reason(element))
    found = coding(element, field, notes)
    if found is None:
        return None
    codings = (found,)
    best = lift(codings)
    if best is None:
        return Code(codings=codings)
    return Code(system=best.system, code=best.code, codings=codings)
