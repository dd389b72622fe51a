"""Markup as plain text: the narrative of a resource whose facts stand nowhere else; `flow.document_text` reads documents with it.

Well-formed XHTML is read by expat. What is not well-formed is stripped of whatever looks like a tag. Both take time that grows with
the length alone, whatever the markup.
"""

from __future__ import annotations

import html
import re
from typing import Any, Protocol
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


class Words:
    """Gathers the words that a reader would see, with line breaks between blocks and blanks between cells."""

    def __init__(self, *, blocks: frozenset[str] = _BLOCKS, hidden: frozenset[str] = _HIDDEN) -> None:
        self.parts: list[str] = []
        self._blocks = blocks
        self._hides = hidden
        self._hidden = 0

    def start(self, name: str, attributes: Any = None) -> None:
        """An element begins."""
        tag = name.rpartition(":")[2].lower()
        self._hidden += tag in self._hides
        self._between(tag)

    def end(self, name: str) -> None:
        """An element ends."""
        tag = name.rpartition(":")[2].lower()
        self._hidden -= tag in self._hides and self._hidden > 0
        self._between(tag)

    def data(self, words: str) -> None:
        """Text, of which a reader sees what is not in a hidden element."""
        if not self._hidden:
            self.parts.append(words)

    @property
    def text(self) -> str:
        """What was gathered, a line for each block."""
        return _LINES.sub("\n", _BLANKS.sub(" ", "".join(self.parts))).strip()

    def _between(self, tag: str) -> None:
        if tag in self._blocks or tag in _CELLS:
            self.parts.append("\n" if tag in self._blocks else " ")


def plain_text(markup: str) -> str:
    """The words of XHTML, a line for each block. Markup that came escaped as a whole is taken for what it says."""
    if markup.lstrip().startswith("&lt;"):
        markup = html.unescape(markup)
    words = Words()
    try:
        gather(f"<div>{markup}</div>", words)
    except (expat.ExpatError, ValueError):
        words = _stripped(markup)
    return words.text


def gather(markup: str, words: Gatherer, *, doctype: bool = False) -> None:
    """Hand the elements and texts of well-formed markup to `words`. Raises ExpatError or ValueError for all other.

    No entity is declared, nothing is fetched. With `doctype` the markup may name its document type, as XHTML does, but not more.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = words.start
    parser.EndElementHandler = words.end
    parser.CharacterDataHandler = words.data
    parser.StartDoctypeDeclHandler = _refuse_subset if doctype else _refuse
    parser.Parse(_ENTITY.sub(_character, markup), True)


class Gatherer(Protocol):
    """Who is told of elements and texts, in their order."""

    def start(self, name: str, attributes: Any = None) -> None: ...

    def end(self, name: str) -> None: ...

    def data(self, words: str) -> None: ...


def _refuse(*declared: Any) -> None:
    raise ValueError("A narrative declares no document type.")


def _refuse_subset(_name: str, _system: str | None, _public: str | None, subset: int) -> None:
    if subset:
        raise ValueError("A document declares no entities.")


def _character(entity: re.Match[str]) -> str:
    """HTML's named characters, which XML does not know."""
    return entity[0] if entity[1] in _XML_ENTITIES else html.unescape(entity[0])


def _stripped(markup: str) -> Words:
    """The words of damaged markup."""
    words = Words()
    for piece in _PIECE.findall(markup):
        name = _NAME.match(piece) if piece[0] == "<" and piece[-1] == ">" else None
        if name is not None and piece[1] != "/":
            words.start(name[1])
        if name is not None and (piece[1] == "/" or piece[-2] == "/"):
            words.end(name[1])
        if piece[0] != "<" or piece == "<":
            words.data(html.unescape(piece))
    return words


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
