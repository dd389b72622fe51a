"""The narrative of a resource as plain text: for resources whose facts stand nowhere else.

Well-formed XHTML is read by expat. What is not well-formed is stripped of whatever looks like a tag. Both take time that grows with
the length alone, whatever the markup.
"""

from __future__ import annotations

import html
import re
from typing import Any
from xml.parsers import expat

from millgate.objects.notes import Notes
from millgate.objects.primitives import member, text

LONGEST = 250_000  # characters; a longer narrative is warned of, and not shown

# Elements that begin a new line. Source: the XHTML that FHIR R4 §2.6.3.1 (Narrative) allows.
_BLOCKS = frozenset(
    "address article blockquote br dd div dl dt h1 h2 h3 h4 h5 h6 hr li ol p pre section table tbody tfoot thead tr ul".split()
)
_CELLS = frozenset({"td", "th"})
_HIDDEN = frozenset({"script", "style", "head", "title"})
_XML_ENTITIES = frozenset({"amp", "apos", "gt", "lt", "quot"})

_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]{1,31});")
_PIECE = re.compile(r"<[^<>]*>|[^<]+|<")
_NAME = re.compile(r"</?([A-Za-z][A-Za-z0-9:._-]*)")
_BLANKS = re.compile(r"[^\S\n]+")
_LINES = re.compile(r"\s*\n\s*")


class _Words:
    """Gathers the words that a reader would see, with line breaks between blocks and blanks between cells."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._hidden = 0

    def start(self, name: str, attributes: Any = None) -> None:
        tag = name.rpartition(":")[2].lower()
        self._hidden += tag in _HIDDEN
        self._between(tag)

    def end(self, name: str) -> None:
        tag = name.rpartition(":")[2].lower()
        self._hidden -= tag in _HIDDEN and self._hidden > 0
        self._between(tag)

    def data(self, words: str) -> None:
        if not self._hidden:
            self.parts.append(words)

    def _between(self, tag: str) -> None:
        if tag in _BLOCKS or tag in _CELLS:
            self.parts.append("\n" if tag in _BLOCKS else " ")


def plain_text(markup: str) -> str:
    """The words of XHTML, a line for each block. Markup that came escaped as a whole is taken for what it says."""
    if markup.lstrip().startswith("&lt;"):
        markup = html.unescape(markup)
    try:
        parts = _parsed(markup)
    except (expat.ExpatError, ValueError):
        parts = _stripped(markup)
    return _LINES.sub("\n", _BLANKS.sub(" ", "".join(parts))).strip()


def _parsed(markup: str) -> list[str]:
    """The parts of well-formed markup. Raises ExpatError or ValueError for all other."""
    words = _Words()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = words.start
    parser.EndElementHandler = words.end
    parser.CharacterDataHandler = words.data
    parser.StartDoctypeDeclHandler = _refuse
    parser.Parse(f"<div>{_ENTITY.sub(_character, markup)}</div>", True)
    return words.parts


def _refuse(*declared: Any) -> None:
    raise ValueError("A narrative declares no document type.")


def _character(entity: re.Match[str]) -> str:
    """HTML's named characters, which XML does not know."""
    return entity[0] if entity[1] in _XML_ENTITIES else html.unescape(entity[0])


def _stripped(markup: str) -> list[str]:
    """The parts of damaged markup."""
    words = _Words()
    for piece in _PIECE.findall(markup):
        name = _NAME.match(piece) if piece[0] == "<" and piece[-1] == ">" else None
        if name is not None and piece[1] != "/":
            words.start(name[1])
        if name is not None and (piece[1] == "/" or piece[-2] == "/"):
            words.end(name[1])
        if piece[0] != "<" or piece == "<":
            words.data(html.unescape(piece))
    return words.parts


def narrative(resource: dict[str, Any], field: str, notes: Notes) -> str | None:
    """The words of the resource's own `text.div`, or None."""
    element = member(resource, "text", field, notes)
    markup = text(element, "div", field, notes) if element is not None else None
    if markup is None:
        return None
    if len(markup) > LONGEST:
        notes.invalid(field, f"a narrative of {LONGEST} characters at the most")
        return None
    return plain_text(markup) or None


def narrative_status(resource: dict[str, Any], field: str, notes: Notes) -> str | None:
    """Whether the narrative says more than the other elements (`additional`), or the same (`generated`)."""
    element = member(resource, "text", field, notes)
    return text(element, "status", field, notes) if element is not None else None
