"""What kind of identifier an identifier is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from millgate.terminology import identifier_type_of_code, identifier_type_of_system, identifier_type_of_text


def identifier_type(codings: Iterable[tuple[str, str]], words: str | None, system: str | None) -> str | None:
    """The type as a code of v2 table 0203, or `FIN`, or None where nothing tells it.

    Looked for in the (system, code) pairs of its type, with Millennium's own name for a financial number first; then in
    the words for its type; then in its system.
    """
    known = [kind for kind in (identifier_type_of_code(*coding) for coding in codings) if kind is not None]
    if known:
        return "FIN" if "FIN" in known else known[0]
    kind = identifier_type_of_text(words) if words is not None else None
    return kind or (identifier_type_of_system(system) if system is not None else None)


def type_of_element(element: dict[str, Any]) -> str | None:
    """The same for an Identifier element as it stands in a resource, whatever is wrong with it."""
    kind = element.get("type")
    kind = kind if isinstance(kind, dict) else {}
    listed = kind.get("coding")
    codings = [
        (coding["system"], coding["code"])
        for coding in (listed if isinstance(listed, list) else [])
        if isinstance(coding, dict) and isinstance(coding.get("system"), str) and isinstance(coding.get("code"), str)
    ]
    words, system = kind.get("text"), element.get("system")
    return identifier_type(codings, words if isinstance(words, str) else None, system if isinstance(system, str) else None)
