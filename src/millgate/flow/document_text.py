"""A document's words as plain text: of RTF, HTML, XHTML, the narrative of a CDA document, and text of any character set.

Headers, footers and notes at the foot of an RTF page, and pictures of any kind, have no place in it. No I/O: it takes time in
proportion to the length, so callers run it in a thread. Source: RTF 1.9.1; WHATWG HTML; C-CDA R2.1 (section narrative).
"""

from __future__ import annotations

import codecs
import re
from typing import Any, Final
from xml.parsers import expat

from lxml import etree
from striprtf.striprtf import rtf_to_text

from millgate.canonical.attachments import essence, parameter
from millgate.errors import FixRequest
from millgate.objects.narratives import Words, gather

LONGEST: Final = 8 * 1024 * 1024  # bytes of a document; of RTF, pictures count too
LONGEST_RTF_WORDS: Final = 2 * 1024 * 1024  # characters, without pictures

PLAIN: Final = frozenset({"text/plain"})
RTF: Final = frozenset({"text/rtf", "application/rtf", "text/richtext"})
HTML: Final = frozenset({"text/html"})
XHTML: Final = frozenset({"application/xhtml+xml"})
XML: Final = frozenset({"application/xml", "text/xml", "application/hl7-v3+xml", "application/hl7-cda+xml"})
CONVERTIBLE: Final = PLAIN | RTF | HTML | XHTML | XML

_BOMS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
# What a document says of its own character set, in its first bytes. Source: XML 1.0 §4.3.3; WHATWG HTML §13.2.3.2.
_SAYS: Final = re.compile(
    rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{1,40})|<meta[^>]{0,400}?charset\s*=\s*["']?([\w.:-]{1,40})""", re.I
)
_SAID_WITHIN: Final = 1024
_CODE_PAGE: Final = re.compile(r"\\ansicpg(\d{3,5})")

_CDA_BLOCKS: Final = frozenset("br caption footnote item list paragraph section table tbody text tfoot thead title tr".split())
_CDA_BODIES: Final = frozenset({"structuredBody", "nonXMLBody"})

_PICTURE: Final = re.compile(r"(?<![0-9A-Fa-f\r\n])[0-9A-Fa-f\r\n]{256,}")
_CONTROL: Final = re.compile(r"\\(?:([a-zA-Z]{1,32})(?:-?\d{1,10})?|[^a-zA-Z])", re.DOTALL)


def as_text(content: bytes, content_type: str | None) -> str:
    """The words of a document. FixRequest `unsupported_media_type` saying what it is, where it has none that can be read."""
    kind = essence(content_type)
    if kind not in CONVERTIBLE:
        raise not_text(content_type)
    if len(content) > LONGEST:
        raise too_long()
    if kind in RTF or (kind in PLAIN and content.startswith(b"{\\rtf")):
        return _of_rtf(content)
    markup = decoded(content, content_type)
    if kind in PLAIN:
        return markup
    if kind in HTML:
        return _of_html(markup)
    return _of_xhtml(markup) if kind in XHTML else _of_xml(markup, content_type)


def not_text(content_type: str | None) -> FixRequest:
    """The refusal of a document that has no words, or none that can be read."""
    told = f"The document is {content_type or 'of no known type'}, which cannot be made into text."
    return FixRequest("unsupported_media_type", f"{told} `as=text` takes text, RTF, HTML, XHTML, and CDA in XML.")


def too_long() -> FixRequest:
    """The refusal of a document that is too long."""
    return FixRequest("unsupported_media_type", f"The document is longer than {LONGEST} bytes: too long to be made into text.")


def decoded(content: bytes, content_type: str | None) -> str:
    """The characters, by the byte order mark, by what is declared, by what the document says itself; else UTF-8, else windows-1252.

    What cannot be read becomes U+FFFD, so that it can be seen.
    """
    for mark, name in _BOMS:
        if content.startswith(mark):
            return content[len(mark) :].decode(name, errors="replace")
    said = _SAYS.search(content[:_SAID_WITHIN])
    inside = (said[1] or said[2]).decode("ascii") if said is not None else None
    for declared in (parameter(content_type, "charset"), inside, "utf-8"):
        try:
            return content.decode(_codec(declared or "")).removeprefix("\ufeff")
        except (LookupError, UnicodeDecodeError, ValueError):
            continue
    return content.decode("windows-1252", errors="replace")


def _codec(name: str) -> str:
    """The codec of a character set's name. LookupError for none that holds text. Browsers, too, take Latin-1 for windows-1252."""
    found = codecs.lookup(name)
    if not found._is_text_encoding:  # hex, zlib and the like are no character sets
        raise LookupError(name)
    return "windows-1252" if found.name in ("iso8859-1", "ascii") else found.name


def _of_rtf(content: bytes) -> str:
    page = _CODE_PAGE.search(content[:4096].decode("latin-1"))
    try:
        markup = content.decode(_codec(f"cp{page[1]}" if page is not None else "windows-1252"), errors="replace")
    except LookupError:
        markup = content.decode("windows-1252", errors="replace")
    markup = _CONTROL.sub(_apart, _PICTURE.sub("\n", markup))
    if len(markup) > LONGEST_RTF_WORDS:
        raise FixRequest("unsupported_media_type", "The document's RTF is too long to be made into text.")
    try:
        text: str = rtf_to_text(markup, errors="replace")  # type: ignore[no-untyped-call]
    except (ValueError, TypeError, LookupError, OverflowError) as error:
        raise FixRequest("unsupported_media_type", "The document says that it is RTF, and cannot be read as such.") from error
    # A character beyond the first plane is written as the two halves of UTF-16. Source: RTF 1.9.1, \u.
    return text.encode("utf-16-le", errors="surrogatepass").decode("utf-16-le", errors="replace").strip()


def _apart(found: re.Match[str]) -> str:
    """A control word with line breaks, which RTF does not heed, where the library's own patterns would take time for each other one."""
    word = (found[1] or "").lower()
    if word == "field" or found[0] == "\\\\":
        return found[0] + "\n"
    return "\n" + found[0] if word == "f" else found[0]


class _Target(Words):
    """What an lxml parser tells."""

    def close(self) -> None:
        """The end."""


def _of_html(markup: str) -> str:
    words = _Target()
    parser = etree.HTMLParser(target=words, no_network=True, huge_tree=True, recover=True)
    try:
        parser.feed("<!-- -->" + markup.replace("\0", "\N{REPLACEMENT CHARACTER}"))
        parser.close()
    except (etree.ParseError, etree.ParserError, ValueError) as error:
        raise FixRequest("unsupported_media_type", "The document says that it is HTML, and cannot be read as such.") from error
    return words.text


def _of_xhtml(markup: str) -> str:
    words = Words()
    try:
        gather(markup, words, doctype=True)
    except (expat.ExpatError, ValueError):
        return _of_html(markup)
    return words.text


def _of_xml(markup: str, content_type: str | None) -> str:
    words = _Narrative()
    try:
        gather(markup, words, doctype=True)
    except (expat.ExpatError, ValueError) as error:
        raise FixRequest("unsupported_media_type", "The document says that it is XML, and cannot be read as such.") from error
    if words.root == "html":
        return _of_xhtml(markup)
    if words.root != "ClinicalDocument":
        raise FixRequest(
            "unsupported_media_type", f"The document is {content_type}, and no CDA: it has no narrative to be shown."
        )
    if words.body == "nonXMLBody":
        raise FixRequest("unsupported_media_type", "The document is CDA around a file of another kind: it has no narrative.")
    return words.text


class _Narrative(Words):
    """The titles and the narrative of a CDA document's sections; codes, values and the header's particulars are passed over."""

    def __init__(self) -> None:
        super().__init__(blocks=_CDA_BLOCKS, hidden=frozenset())
        self.root: str | None = None
        self.body: str | None = None
        self._path: list[str] = []
        self._shown = 0

    def start(self, name: str, attributes: Any = None) -> None:
        """An element begins."""
        tag = name.rpartition(":")[2]
        parent = self._path[-1] if self._path else None
        self.root = self.root or tag
        self.body = tag if tag in _CDA_BODIES else self.body
        self._path.append(tag)
        if (
            self._shown
            or (tag == "text" and parent == "section")
            or (tag == "title" and parent in ("section", "ClinicalDocument"))
        ):
            self._shown += 1
            super().start(tag)

    def end(self, name: str) -> None:
        """An element ends."""
        tag = self._path.pop()
        if self._shown:
            self._shown -= 1
            super().end(tag)

    def data(self, words: str) -> None:
        """Text; of a section's title or narrative it is shown."""
        if self._shown:
            super().data(words)
