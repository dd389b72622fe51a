"""An object's fields in words, for people: the tables of the command line and of printed pages. Made of JSON, as objects are sent.

Nothing is said that is not there: a concept is shown in its own text, else by a coding's display, else by its code.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any


def field_words(found: Mapping[str, Any], field: str) -> str:
    """A field of an object in words; why it is missing where the object says so, and nothing where it does not speak of it.

    The value of an observation that consists of parts, such as a blood pressure, is the values of its parts.
    """
    told = words(found.get(field))
    if not told and field == "value":
        told = "; ".join(_component(one) for one in _members(found, "components"))
    reasons = found.get("absent")
    if not told and isinstance(reasons, Mapping) and field in reasons:
        return f"({reasons[field]})"
    return told


def words(value: Any) -> str:
    """Any value of an object in a few words."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str | int | float | Decimal):
        return str(value)
    if isinstance(value, list | tuple):
        return ", ".join(told for told in map(words, value) if told)
    return _object_words(value) if isinstance(value, Mapping) else ""


def _object_words(value: Mapping[str, Any]) -> str:
    kind = value.get("kind")
    if isinstance(kind, str) and kind in value and kind != "kind":
        return _joined(value.get("precision"), value[kind])
    for reads in (_concept, _quantity, _period, _between, _ratio, _reaction, _target, _place, _name, _pointer):
        if told := reads(value):
            return told
    return ", ".join(told for name, one in value.items() if name not in _SILENT and (told := words(one)))


# What tells people nothing where nothing else is known of an object's shape.
_SILENT = frozenset({"system", "object", "id", "kind", "codings", "use", "rank", "hash", "url"})
_CONCEPT = frozenset({"text", "system", "code", "display"})


def _joined(*values: Any) -> str:
    return " ".join(told for told in map(words, values) if told)


def _members(value: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = value.get(name)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list | tuple) else []


def _concept(value: Mapping[str, Any]) -> str:
    """A concept's or anything else's own text; of a concept also what a coding says, the lifted one first."""
    if isinstance(value.get("text"), str) and value["text"]:
        return str(value["text"])
    if "codings" not in value and (not {"code", "display"} & set(value) or set(value) - _CONCEPT):
        return ""
    codings = _members(value, "codings")
    lifted = [one.get("display") for one in codings if one.get("code") == value.get("code")]
    shown = [one.get("display") or one.get("code") for one in codings]
    return words(next(filter(None, (*lifted, *shown, value.get("display"), value.get("code"))), None))


def _quantity(value: Mapping[str, Any]) -> str:
    number = value.get("value")
    if not {"unit", "comparator"} & set(value) and (isinstance(number, bool) or not isinstance(number, int | float | Decimal)):
        return ""
    return _joined(words(value.get("comparator")) + words(number), value.get("unit") or value.get("code"))


def _period(value: Mapping[str, Any]) -> str:
    start, end = words(value.get("start")), words(value.get("end"))
    if not (start or end) or set(value) - {"start", "end"}:
        return ""
    if start == end:
        return start
    return f"{start} to {end}" if start and end else f"from {start}" if start else f"until {end}"


def _between(value: Mapping[str, Any]) -> str:
    low, high = words(value.get("low")), words(value.get("high"))
    if not (low or high):
        return ""
    between = f"{low} to {high}" if low and high else f"{low} or more" if low else f"{high} or less"
    kind = words(value.get("type"))
    return f"{between} ({kind})" if kind else between


def _ratio(value: Mapping[str, Any]) -> str:
    if not {"numerator", "denominator"} & set(value):
        return ""
    return f"{words(value.get('numerator'))} : {words(value.get('denominator'))}"


def _reaction(value: Mapping[str, Any]) -> str:
    seen, severity = words(value.get("manifestations")), words(value.get("severity"))
    return f"{seen} ({severity})" if seen and severity else seen


def _target(value: Mapping[str, Any]) -> str:
    if not {"measure", "detail"} & set(value):
        return ""
    due = words(value.get("due"))
    return _joined(value.get("measure"), value.get("detail"), f"due {due}" if due else "")


def _place(value: Mapping[str, Any]) -> str:
    if not {"lines", "postal_code"} & set(value):
        return ""
    parts = (words(value.get(name)) for name in ("lines", "city", "state", "postal_code", "country"))
    return ", ".join(filter(None, parts))


def _name(value: Mapping[str, Any]) -> str:
    if not {"family", "given"} & set(value):
        return ""
    lists = (value.get(name) for name in ("prefix", "given"))
    parts = [one for some in lists if isinstance(some, list | tuple) for one in some]
    return _joined(*parts, value.get("family"))


def _pointer(value: Mapping[str, Any]) -> str:
    if value.get("display"):
        return words(value["display"])
    if "id" in value and "object" in value:
        return _joined(value["object"], value["id"])
    if isinstance(value.get("value"), str) and {"type", "system", "use", "rank"} & set(value):
        return _joined(value.get("type"), value["value"])
    return ""


def _component(component: Mapping[str, Any]) -> str:
    reasons = component.get("absent")
    missing = f"({words(list(reasons.values()))})" if isinstance(reasons, Mapping) and reasons else ""
    return _joined(component.get("code"), words(component.get("value")) or missing)
