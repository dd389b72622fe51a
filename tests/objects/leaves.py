"""Every leaf of a resource, with all the names that a row of `kept-only-in-fhir.csv` may call it or what it lies in by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from millgate.canonical import absent, extensions
from tests.objects.r4 import DEFINITIONS, PRIMITIVES, variants_of

# Extensions that are read: no row about extensions in general excuses losing one of these.
KNOWN_EXTENSIONS = frozenset(
    {absent.EXTENSION, *(value for name, value in vars(extensions).items() if name.isupper() and isinstance(value, str))}
)
READ_CONTAINED = frozenset(
    {
        ("Encounter", "Location"),
        ("Appointment", "HealthcareService"),
        ("MedicationRequest", "Medication"),
        ("MedicationAdministration", "Medication"),
        ("MedicationStatement", "Medication"),
        ("MedicationDispense", "Medication"),
    }
)


@dataclass(frozen=True)
class Leaf:
    """One leaf: what holds it under which key (so that it can be changed for a moment), its path, the names of all it lies in.

    `misshapen` is what it lies in that is a list where R4 has none, or none where R4 has a list, or one of two where R4 has a choice.
    """

    holder: Any
    key: Any
    path: str
    names: frozenset[str]
    misshapen: tuple[tuple[Any, Any], ...] = ()

    def announced_by(self, resource: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
        """What holds, under which key, the leaf itself, the object or list that it stands in, and whatever is misshapen around it."""
        yield self.holder, self.key
        yield from _holders_of(self.holder, resource)
        yield from self.misshapen


def _holders_of(sought: Any, node: Any) -> Iterator[tuple[Any, Any]]:
    for key, child in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        if child is sought:
            yield node, key
        yield from _holders_of(sought, child)


def leaves(resource: dict[str, Any]) -> Iterator[Leaf]:
    """All leaves of a resource."""
    kind = resource["resourceType"]
    yield from _dict_leaves(resource, kind, (kind, "DomainResource"), frozenset(), kind)


def _dict_leaves(node: dict[str, Any], path: str, types: tuple[str, ...], trail: frozenset[str], root: str) -> Iterator[Leaf]:
    for key in node:
        element = key.removeprefix("_")
        names = [f"{kind}.{element}" for kind in types]
        if "DomainResource" not in types and element in ("id", "extension"):
            names.append(f"Element.{element}")
        known = [DEFINITIONS[kind] for kind in types if kind in DEFINITIONS]
        if known and not any(element in each for each in known) and element not in ("resourceType", "id", "modifierExtension"):
            names.append("Element.(unknown)")
        below = (*names, *(DEFINITIONS[kind][element][0] for kind in types if element in DEFINITIONS.get(kind, {})))
        misshapen = any(_is_misshapen(kind, key, node) for kind in types)
        for leaf in _element_leaves(node, key, path, types, trail, root, below, frozenset(names)):
            yield replace(leaf, misshapen=(*leaf.misshapen, (node, key))) if misshapen else leaf


def _is_misshapen(kind: str, key: str, node: dict[str, Any]) -> bool:
    """Whether it is a list where R4 has none, or none where R4 has a list, or stands beside another type of the same choice."""
    if key not in DEFINITIONS.get(kind, {}):
        return False
    others = variants_of(key, kind)
    return isinstance(node[key], list) is not DEFINITIONS[kind][key][1] or sum(other in node for other in others) > 1


def _element_leaves(
    node: dict[str, Any],
    key: str,
    path: str,
    types: tuple[str, ...],
    trail: frozenset[str],
    root: str,
    below: tuple[str, ...],
    names: frozenset[str],
) -> Iterator[Leaf]:
    child = node[key]
    if not isinstance(child, list) or key not in ("extension", "contained"):
        yield from _child_leaves(node, key, child, f"{path}.{key}", below, trail | names, root)
    elif key == "extension":
        yield from _extension_leaves(child, path, types, trail, root)
    else:
        yield from _contained_leaves(child, path, trail, root, _read_contained(node))


def _child_leaves(
    holder: Any, key: Any, child: Any, path: str, types: tuple[str, ...], trail: frozenset[str], root: str
) -> Iterator[Leaf]:
    if isinstance(child, dict):
        yield from _dict_leaves(child, path, tuple(kind for kind in types if kind not in PRIMITIVES), trail, root)
    elif isinstance(child, list):
        for index, member in enumerate(child):
            yield from _child_leaves(child, index, member, f"{path}[{index}]", types, trail, root)
    else:
        yield Leaf(holder, key, path, trail)


def _extension_leaves(listed: Any, path: str, types: tuple[str, ...], trail: frozenset[str], root: str) -> Iterator[Leaf]:
    for extension in listed:
        url = str(extension.get("url", "(no url)"))
        short = url.rsplit("/", 1)[-1]
        names = {f"{kind}.extension({short})" for kind in types}
        part_of_another = "://" not in url and any("extension(" in name for name in trail)
        if url not in KNOWN_EXTENSIONS and not part_of_another:
            names.add("Element.extension")
        yield from _typed_extension(extension, f"{path}.extension({short})", tuple(names), trail | names, root)


_VALUES = {"valueCoding": "Coding", "valueCodeableConcept": "CodeableConcept", "valueReference": "Reference"}


def _typed_extension(
    extension: dict[str, Any], path: str, types: tuple[str, ...], trail: frozenset[str], root: str
) -> Iterator[Leaf]:
    for key, child in extension.items():
        names = frozenset(f"{kind}.{key}" for kind in types) | ({"Element.id"} if key == "id" else frozenset())
        if key == "extension":
            yield from _extension_leaves(child, path, types, trail, root)
        else:
            kinds = (*names, *([_VALUES[key]] if key in _VALUES else []))
            yield from _child_leaves(extension, key, child, f"{path}.{key}", kinds, trail | names, root)


_READ_THROUGH = {"location": "Location", "actor": "HealthcareService", "medicationReference": "Medication"}


def _read_contained(resource: dict[str, Any]) -> frozenset[tuple[str, str]]:
    """The contained resources that are read for what they are: the type, and the reference that leads there."""
    waiting = list(_pointers({key: value for key, value in resource.items() if key != "contained"}, _READ_THROUGH))
    found: set[tuple[str, str]] = set()
    while waiting:
        pointer = waiting.pop()
        found.add(pointer)
        for inside in resource["contained"]:
            if isinstance(inside, dict) and f"#{inside.get('id')}" == pointer[1]:
                waiting += [each for each in _pointers(inside, {"itemReference": "Medication"}) if each not in found]
    return frozenset(found)


def _pointers(node: Any, through: dict[str, str]) -> Iterator[tuple[str, str]]:
    for key, child in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        if key in through and isinstance(child, dict) and isinstance(child.get("reference"), str):
            yield through[key], child["reference"]
        yield from _pointers(child, through)


def _contained_leaves(
    listed: Any, path: str, trail: frozenset[str], root: str, pointed: frozenset[tuple[str, str]]
) -> Iterator[Leaf]:
    for index, resource in enumerate(listed):
        kind = resource.get("resourceType")
        name = f"{root}.contained({kind})"
        read = (root, kind) in READ_CONTAINED and (kind, f"#{resource.get('id')}") in pointed
        names = frozenset({name} | (set() if read else {"DomainResource.contained"}))
        yield from _dict_leaves(resource, f"{path}.contained[{index}]", (name, "DomainResource"), trail | names, root)


def changed(value: Any) -> Any:
    """Another value of the same kind as this leaf's."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, Decimal)):
        return value + 1
    if not isinstance(value, str):
        return "something"
    if value in absent.REASONS:
        return "masked" if value != "masked" else "unknown"
    if value[:1] in ("1", "2") and value[:4].isdigit() and value[4:5] in ("", "-"):
        return ("1" if value[0] == "2" else "2") + value[1:]
    before, version_mark, version = value.partition("%7C")
    return f"{before}x{version_mark}{version}"
