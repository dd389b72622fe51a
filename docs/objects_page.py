"""The reference page of the objects, rendered from their declarations."""

from __future__ import annotations

import csv
import types
import typing
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from millgate.objects import OBJECTS, Declaration
from millgate.objects import shared as shared_types
from millgate.objects.notes import WARNING_CODES
from millgate.objects.shared import Object

KEPT_ONLY = Path(__file__).parent / "reference" / "kept-only-in-fhir.csv"

INTRODUCTION = """\
<!-- Written by `python -m docs.generate` from the declarations in src/millgate/objects. Do not edit. -->

# Objects

One consistent set of objects, whatever pathway the facts came by. Each is made from one canonical FHIR R4 resource.

- A field that the source does not speak of has no key. Where the source says why it is missing, the reason is in `absent`.
- Nothing is guessed: an unknown code keeps its text and codings, a date keeps its precision, a number keeps its digits.
- What could not be taken as it came is named in `warnings`, which never hold the content itself.
- Lists are in the source's own order, unless the field says otherwise. So equal facts give equal bytes.
- `?include=fhir` adds the canonical resource; what stands only there is listed [at the end](#kept-only-in-fhir), with reasons.
"""

LIFTING = """\
Of the codings of a Code one is lifted into `system` and `code`, first hit wins: the field's own standard order, then any other
public system, then the proprietary code that the clinician selected (or the only one there is). Data-absent reasons are never lifted.
"""


def page() -> str:
    """The whole page as Markdown."""
    parts = [
        INTRODUCTION,
        _overview(OBJECTS.values()),
        "## What every object has\n",
        _field_table(Object),
        "Codes of `warnings`:\n",
        _table(("code", "meaning"), [(f"`{code}`", meaning) for code, meaning in WARNING_CODES.items()]),
        *(part for declaration in OBJECTS.values() for part in _object(declaration)),
        "## Shared types\n",
        LIFTING,
        *(part for struct in _shared_structs() for part in _type(struct)),
        "## Kept only in FHIR\n",
        "These elements have no field of their own; `?include=fhir` shows them. `Element`, `Reference` and the like stand for all of a kind.\n",
        _table(("element", "why"), [(f"`{row['path']}`", row["reason"]) for row in _kept_only()]),
    ]
    return "\n".join(parts).rstrip("\n") + "\n"


def _overview(declarations: Iterable[Declaration]) -> str:
    rows = [
        (
            f"[`{each.name}`](#{each.name})",
            f"`/{each.plural}`",
            f"`{each.resource_type}`",
            _sentence(each.struct),
        )
        for each in declarations
    ]
    return _table(("object", "path", "made from", "what it is"), rows)


def _object(declaration: Declaration) -> Iterator[str]:
    yield f"## {declaration.name}\n"
    yield f"{_sentence(declaration.struct)} `GET /{declaration.plural}`, `GET /{declaration.plural}/{{id}}`.\n"
    yield _field_table(declaration.struct, own_only=True)
    for struct in _own_structs(declaration.struct):
        yield from _type(struct)
    if not declaration.filters:
        yield "It cannot be searched by anything but `ids`, where the pathway has it at all.\n"
        return
    fresh = f"[{declaration.shelf_life.seconds} s](freshness.md)"
    yield f"Search parameters (an answer may be {fresh} old unless asked otherwise):\n"
    yield _table(("parameter", "meaning"), [(f"`{each.name}`", each.description) for each in declaration.filters])


def _type(struct: type[msgspec.Struct]) -> Iterator[str]:
    yield f"### {struct.__name__}\n"
    yield f"{_sentence(struct)}\n"
    yield _field_table(struct)


def _field_table(struct: type[msgspec.Struct], *, own_only: bool = False) -> str:
    """The fields of a struct; with `own_only` without those that every object has."""
    common = {field.name for field in msgspec.structs.fields(Object)} if own_only else set()
    hints = typing.get_type_hints(struct, include_extras=True)
    rows = []
    for field in msgspec.structs.fields(struct):
        if field.name in common:
            continue
        meta = next(each for each in hints[field.name].__metadata__ if isinstance(each, msgspec.Meta))
        extra = meta.extra or {}
        path = f"`{extra['path']}`" if extra.get("path") else ""
        unit = f" In {extra['unit']}." if extra.get("unit") else ""
        rows.append((f"`{field.encode_name}`", _type_name(hints[field.name]), path, f"{meta.description}{unit}"))
    return _table(("field", "type", "FHIR", "meaning"), rows)


def _type_name(hint: Any) -> str:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _type_name(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return _type_name(next(each for each in arguments if each is not type(None)))
    if origin is tuple:
        return f"list of {_type_name(arguments[0])}"
    if origin is dict:
        return "object"
    if origin is typing.Literal:
        return ", ".join(f"`{each}`" for each in arguments)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return f"[{hint.__name__}](#{hint.__name__.lower()})"
    return {"str": "text", "bool": "true or false", "int": "whole number", "Decimal": "decimal"}.get(hint.__name__, "any")


def _members(hint: Any) -> Iterator[type[msgspec.Struct]]:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        yield hint
    for argument in typing.get_args(hint):
        yield from _members(argument)


def _own_structs(struct: type[msgspec.Struct]) -> list[type[msgspec.Struct]]:
    """The types that only this object has, in the order of its fields, each followed by those inside it."""
    found: dict[type[msgspec.Struct], None] = {}

    def visit(current: type[msgspec.Struct]) -> None:
        for hint in typing.get_type_hints(current, include_extras=True).values():
            for member in _members(hint):
                if member.__module__ == struct.__module__ and member not in found:
                    found[member] = None
                    visit(member)

    visit(struct)
    return list(found)


def _shared_structs() -> list[type[msgspec.Struct]]:
    """The shared types in the order of their module, without the two bases; then those of the other modules that hold no object."""
    structs = [each for each in vars(shared_types).values() if isinstance(each, type) and issubclass(each, msgspec.Struct)]
    shared = [each for each in structs if each.__module__ == shared_types.__name__ and each.__name__ not in ("Shared", "Object")]
    homes = {declaration.struct.__module__ for declaration in OBJECTS.values()}
    others = {each for declaration in OBJECTS.values() for each in _structs_below(declaration.struct)} - set(shared)
    return shared + sorted((each for each in others if each.__module__ not in homes), key=lambda each: each.__name__)


def _structs_below(struct: type[msgspec.Struct]) -> set[type[msgspec.Struct]]:
    found: set[type[msgspec.Struct]] = set()
    waiting = [struct]
    while waiting:
        for hint in typing.get_type_hints(waiting.pop(), include_extras=True).values():
            new = set(_members(hint)) - found
            found |= new
            waiting += new
    return found


def _sentence(struct: type[msgspec.Struct]) -> str:
    return (struct.__doc__ or "").strip().splitlines()[0]


def _kept_only() -> list[dict[str, str]]:
    with KEPT_ONLY.open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table))


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *(tuple(cell.replace("|", "\\|") for cell in row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
