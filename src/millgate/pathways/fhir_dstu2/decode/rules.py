"""How one DSTU2 structure becomes an R4 one: a rule for each element, and a place for everything that has none.

What R4 has no element for is kept in an extension of the form that HL7 gives to elements of another version,
`http://hl7.org/fhir/1.0/StructureDefinition/extension-Type.element`: nothing of the source is dropped.
Source: FHIR R4 §2.1.0 (Extensions for converting between versions).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Element = dict[str, Any]

OTHER_VERSION = "http://hl7.org/fhir/1.0/StructureDefinition/extension-"
ALWAYS = frozenset(
    {"resourceType", "id", "meta", "implicitRules", "language", "text", "contained", "extension", "modifierExtension"}
)
_DATATYPES: tuple[tuple[str, frozenset[str]], ...] = (
    ("Reference", frozenset({"reference", "display"})),
    ("CodeableConcept", frozenset({"coding", "text"})),
    ("Coding", frozenset({"system", "version", "code", "display", "userSelected"})),
    ("Quantity", frozenset({"value", "comparator", "unit", "system", "code"})),
    ("Period", frozenset({"start", "end"})),
    ("Ratio", frozenset({"numerator", "denominator"})),
    ("Range", frozenset({"low", "high"})),
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One element's way: `to` is its main place in R4; `make` gets the value and the whole old structure, and gives the new elements.

    Without `make` the value stays as it is. `primitive` says that the new element is one, so that what stood beside the old one
    (`_element`) goes beside it; else it goes into it.
    """

    to: str
    make: Callable[[Any, Element], Element] | None = None
    primitive: bool = True


Rules = Mapping[str, Rule]


def rewritten(old: Element, rules: Rules, kind: str) -> Element:
    """The structure by its rules, elements in the source's order. `kind` names the DSTU2 structure (`MedicationOrder.dispenseRequest`)."""
    new: Element = {}
    for key, value in old.items():
        name = key.removeprefix("_")
        rule = rules.get(name)
        if name in ALWAYS:
            _add(new, {key: value})
        elif rule is None:
            _add(new, kept(kind, name, value))
        elif key != name:
            _add_beside(new, rule, value)
        elif rule.make is None:
            _add(new, {rule.to: value})
        else:
            _add(new, rule.make(value, old))
    return new


def kept(kind: str, element: str, value: Any) -> Element:
    """An element that R4 has no place for, as extensions of the structure that it stood in."""
    values = value if isinstance(value, list) else [value]
    return {"extension": [{"url": f"{OTHER_VERSION}{kind}.{element}", **_valued(one)} for one in values if one is not None]}


def beside(element: str, kind: str, old_name: str, value: Any) -> Element:
    """An extension beside the primitive R4 `element`, which says what DSTU2's `old_name` said more exactly."""
    return {f"_{element}": kept(kind, old_name, value)}


def same(*names: str) -> dict[str, Rule]:
    """Elements that R4 has under the same name, of the same type."""
    return {name: Rule(name) for name in names}


def renamed(**names: str) -> dict[str, Rule]:
    """Elements that only have another name in R4: `old=new`."""
    return {old: Rule(new) for old, new in names.items()}


def into_list(to: str) -> Rule:
    """One value where R4 takes several."""
    return Rule(to, lambda value, _: {to: listed(value)}, primitive=False)


def note(to: str = "note") -> Rule:
    """A text that is an Annotation in R4."""
    return Rule(
        to, lambda value, _: {to: [{"text": one} if isinstance(one, str) else one for one in listed(value)]}, primitive=False
    )


def first_of(to: str, kind: str, old_name: str) -> Rule:
    """Several values where R4 takes one: the first, and the others as extensions."""

    def make(value: Any, _: Element) -> Element:
        first, *others = listed(value) or [None]
        return merged({} if first is None else {to: first}, kept(kind, old_name, others) if others else {})

    return Rule(to, make, primitive=False)


def each(to: str, rules: Rules, kind: str) -> Rule:
    """A list of structures with rules of their own (or one, which stays one)."""

    def make(value: Any, _: Element) -> Element:
        return {to: [one(item) for item in value] if isinstance(value, list) else one(value)}

    def one(item: Any) -> Any:
        return rewritten(item, rules, kind) if isinstance(item, dict) else item

    return Rule(to, make, primitive=False)


def listed(value: Any) -> list[Any]:
    """The value as a list; nothing is an empty one."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def merged(*parts: Element) -> Element:
    """Elements made by several, together: lists one behind the other, what stands beside a primitive in one."""
    new: Element = {}
    for part in parts:
        _add(new, part)
    return new


def _add(new: Element, more: Element) -> None:
    for key, value in more.items():
        held = new.get(key)
        if isinstance(held, list) and isinstance(value, list):
            new[key] = [*held, *value]
        elif isinstance(held, dict) and isinstance(value, dict):
            new[key] = merged(held, value)
        elif held is None:
            new[key] = value
        elif held != value:  # two old elements claim one new one: the first stays, the other is kept beside it
            _add(new, kept("Element", key, value))


def _add_beside(new: Element, rule: Rule, value: Any) -> None:
    held = new.get(rule.to)
    if rule.primitive or not isinstance(value, dict):
        _add(new, {f"_{rule.to}": value})
    elif isinstance(held, list):
        new[rule.to] = [merged(held[0], value), *held[1:]] if held and isinstance(held[0], dict) else [value]
    else:
        _add(new, {rule.to: value})


def _valued(value: Any) -> Element:
    """`value[x]` of an extension, or extensions in it where the value is a structure."""
    match value:
        case bool():
            return {"valueBoolean": value}
        case int():
            return {"valueInteger": value}
        case Decimal() | float():
            return {"valueDecimal": value}
        case str():
            return {"valueString": value}
        case dict():
            for name, members in _DATATYPES:
                if value.keys() <= members:
                    return {f"value{name}": value}
            return {"extension": list(_inside(value.items()))}
        case _:
            return {"extension": list(_inside((str(index), item) for index, item in enumerate(listed(value))))}


def _inside(members: Iterable[tuple[str, Any]]) -> Iterable[Element]:
    for name, member in members:
        for one in listed(member):
            yield {"url": name, **_valued(one)}
