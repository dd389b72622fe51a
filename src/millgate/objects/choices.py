"""Reading FHIR's choice elements (`onset[x]`, `value[x]`, …): whichever type the source took, as one struct with its kind named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

import msgspec

from millgate.canonical.extensions import PRECISIONS, extensions_of
from millgate.objects.concepts import coding_as_code, concept, concepts_of
from millgate.objects.elements import attachment, period, quantity, range_, ratio, reference, sampled_data, single
from millgate.objects.notes import Notes
from millgate.objects.primitives import clock_time, date, decimal, flag, moment, text, whole
from millgate.objects.shared import Attachment, Code, When
from millgate.objects.timings import timing

Chosen = TypeVar("Chosen", bound=msgspec.Struct)
Reader: TypeAlias = Callable[[dict[str, Any], str, str, Notes], Any]
Kinds: TypeAlias = Mapping[str, tuple[str, Reader]]


def _attachment(element: dict[str, Any], field: str, notes: Notes) -> Attachment | None:
    found = attachment(element, field, notes)
    return found if found != Attachment() else None


_PRIMITIVES: dict[str, Reader] = {
    "Boolean": flag,
    "Date": date,
    "DateTime": moment,
    "Decimal": decimal,
    "Instant": moment,
    "Integer": whole,
    "String": text,
    "Time": clock_time,
    "Uri": text,
}
_COMPLEX: dict[str, Callable[[dict[str, Any], str, Notes], Any]] = {
    "Age": quantity,
    "Attachment": _attachment,
    "CodeableConcept": concept,
    "Coding": coding_as_code,
    "Duration": quantity,
    "Period": period,
    "Quantity": quantity,
    "Range": range_,
    "Ratio": ratio,
    "Reference": reference,
    "SampledData": sampled_data,
    "Timing": timing,
}


def kinds(**names: str) -> Kinds:
    """The types that an element may take, each with the kind that it is called and the field of the struct that it fills."""
    return {kind: (name, _reader(kind, name)) for kind, name in names.items()}


def _reader(kind: str, name: str) -> Reader:
    """Reads one type. What is missing of a primitive is noted for the whole field, of an object for its own kind."""
    if kind in _PRIMITIVES:
        return _PRIMITIVES[kind]
    read = _COMPLEX[kind]
    return lambda source, key, field, notes: single(source, key, f"{field}.{name}", notes, read)


def _keys_of(source: dict[str, Any], element: str) -> list[str]:
    """The keys at which an `element[x]` stands, and those of what stands beside it."""
    return [key for key in source if element in key and key.startswith((element, "_" + element))]


def choice(source: dict[str, Any], element: str, field: str, notes: Notes, struct: type[Chosen], allowed: Kinds) -> Chosen | None:
    """The `element[x]` as a struct with its kind; a second one, or one of a type that FHIR does not have here, is warned of."""
    keys = [key for key in _keys_of(source, element) if source[key] is not None]
    found: Chosen | None = None
    for key in keys:
        known = allowed.get(key.removeprefix("_")[len(element) :])
        if known is None:
            notes.unexpected(field, f"one of the types of {element}[x]")
        elif key[0] == "_":
            if key[1:] not in source:
                notes.missing(source, key[1:], field)
        elif found is not None:
            notes.warn("more_than_one", field, f"The source has more than one {element}[x]; the first is shown.")
        else:
            name, read = known
            value = read(source, key, field, notes)
            found = struct(**{"kind": name, name: value}) if value is not None else None
    return found


# What a question may be answered with. Source: FHIR R4 QuestionnaireResponse.item.answer.value[x].
ANSWER_KINDS = kinds(
    Boolean="boolean",
    Decimal="decimal",
    Integer="integer",
    Date="date",
    DateTime="instant",
    Time="time",
    String="text",
    Uri="url",
    Attachment="attachment",
    Coding="code",
    Quantity="quantity",
    Reference="reference",
)

_WHEN = kinds(DateTime="instant", Date="instant", Age="age", Period="period", Range="range", String="text")


def when(source: dict[str, Any], element: str, field: str, notes: Notes) -> When | None:
    """When something was, with how precise the source says that is."""
    found = choice(source, element, field, notes, When, _WHEN)
    precision = _precision(source, element, field, notes)
    if found is None:
        if precision is not None:
            notes.invalid(field + ".precision", "a time beside its precision")
        return None
    return msgspec.structs.replace(found, precision=precision) if precision is not None else found


def _precision(source: dict[str, Any], element: str, field: str, notes: Notes) -> Code | None:
    """Beside a primitive, or in the object. Source: Millennium's StructureDefinition `precision`."""
    places = [source[key] for key in _keys_of(source, element)]
    places = [place for place in places if place.__class__ is dict and "extension" in place]
    if not places:
        return None
    stated = [each.get("valueCodeableConcept") for url in PRECISIONS for place in places for each in extensions_of(place, url)]
    return next(iter(concepts_of(stated, f"{field}.precision", notes)), None)
