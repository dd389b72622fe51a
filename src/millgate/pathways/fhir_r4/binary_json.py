"""The bytes in a Binary that comes as FHIR JSON, decoded while it comes: never more than a piece of it is in memory. Pure.

    decoder = BinaryJson()
    for piece in pieces: some = decoder.feed(piece)
    decoder.close()                                  # raises if the end is missing

Source: FHIR R4 Binary; RFC 8259; RFC 4648 §4.
"""

from __future__ import annotations

import base64
import binascii
import re
from enum import Enum, auto
from typing import Any, Final

from millgate.canonical import json
from millgate.canonical.attachments import media_type
from millgate.errors import CallOperator, FixMessage

LONGEST_HEAD: Final = 64 * 1024  # what may stand beside the data

# The beginning of a member called data: only at the top of the object it counts, so strings and depth are kept track of.
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]]|[^"{}\[\]]+', re.DOTALL)
_OPENS: Final = re.compile(rb"\s*:\s*\"")
_ESCAPE: Final = re.compile(rb"\\(?:u00([0-7][0-9A-Fa-f])|([/nrtbf\"\\]))")
_SPACES: Final = b" \t\r\n"


class _State(Enum):
    HEAD = auto()
    DATA = auto()
    TAIL = auto()


class BinaryJson:
    """Decodes one Binary. `content_type` is known once data has come, if it stands before it, as FHIR's order has it."""

    def __init__(self) -> None:
        self.content_type: str | None = None
        self._state = _State.HEAD
        self._head = bytearray()
        self._tail = bytearray()
        self._waiting = b""  # base64 that is no whole group yet, or an escape that is cut in two
        self._padded = False

    def feed(self, piece: bytes) -> bytes:
        """The bytes that this piece of JSON brings. Raises CallOperator `upstream_error` for what is no Binary."""
        if self._state is _State.HEAD:
            self._head += piece
            begins = _beginning_of_data(self._head)
            if begins is None:
                if len(self._head) > LONGEST_HEAD:
                    raise _unreadable()
                return b""
            piece, self._state = bytes(self._head[begins:]), _State.DATA
            del self._head[begins:]
            self.content_type = _content_type(bytes(self._head))
        if self._state is _State.DATA:
            ends = piece.find(b'"')
            if ends < 0:
                return self._decoded(piece, last=False)
            made = self._decoded(piece[:ends], last=True)
            self._state = _State.TAIL
            self._tail += piece[ends + 1 :]
            self._check_tail()
            return made
        self._tail += piece
        self._check_tail()
        return b""

    def close(self) -> None:
        """The end has come. Raises CallOperator `upstream_error` if the data, or what follows it, is not whole."""
        if self._state is _State.DATA:
            raise _unreadable()
        around = bytes(self._head) + (b'"' + bytes(self._tail) if self._state is _State.TAIL else b"")
        if _members(around).get("resourceType") != "Binary":
            raise _unreadable()

    def _decoded(self, text: bytes, *, last: bool) -> bytes:
        text = self._waiting + text
        if b"\\" in text:
            # An escape may be cut in two by the pieces: what begins like one waits.
            cut = len(text) if last else _whole_escapes(text)
            text, kept = text[:cut], text[cut:]
            text = _unescaped(text)
        else:
            kept = b""
        text = text.translate(None, _SPACES)
        whole = len(text) - len(text) % 4
        self._waiting = text[whole:] + kept
        if last and self._waiting:
            raise _unreadable()
        return self._groups(text[:whole])

    def _groups(self, text: bytes) -> bytes:
        """Whole groups of four. Padding ends the data: nothing may come behind it."""
        if not text:
            return b""
        if self._padded:
            raise _unreadable()
        try:
            made = base64.b64decode(text, validate=True)
        except binascii.Error as error:
            raise _unreadable() from error
        self._padded = text.endswith(b"=")
        if b"=" in text[:-2]:
            raise _unreadable()
        return made

    def _check_tail(self) -> None:
        if len(self._tail) > LONGEST_HEAD:
            raise _unreadable()


def _beginning_of_data(head: bytearray) -> int | None:
    """Where the text of the top member `data` begins; None if it has not come yet."""
    if b'"data"' not in head:
        return None
    depth = read = 0
    for token in _TOKEN.finditer(head):
        if token.start() != read:
            return None  # a text that has not come to its end
        text, read = token[0], token.end()
        if text in (b"{", b"["):
            depth += 1
        elif text in (b"}", b"]"):
            depth -= 1
        elif text == b'"data"' and depth == 1:
            opens = _OPENS.match(head, token.end())
            if opens is not None:
                return opens.end()
    return None


def _content_type(head: bytes) -> str | None:
    """What the members before the data say of it. `head` ends behind the quotation mark that opens the data."""
    members = _members(head + b'"}')
    if members.get("resourceType", "Binary") != "Binary":
        raise _unreadable()
    return media_type(members.get("contentType"))


def _members(text: bytes) -> dict[str, Any]:
    try:
        members = json.decode(text)
    except FixMessage as error:
        raise _unreadable() from error
    if not isinstance(members, dict):
        raise _unreadable()
    return members


def _whole_escapes(text: bytes) -> int:
    """Up to where no escape is cut off."""
    last = text.rfind(b"\\")
    cut_off = last >= 0 and len(text) - last < 6 and _ESCAPE.match(text, last) is None
    return last if cut_off else len(text)


def _unescaped(text: bytes) -> bytes:
    """Without JSON's escapes. One of what base64 has not is left, and found to be none by whoever decodes it."""
    return _ESCAPE.sub(lambda found: bytes([int(found[1], 16)]) if found[1] else _LETTERS.get(found[2], found[2]), text)


_LETTERS: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}


def _unreadable() -> CallOperator:
    return CallOperator("upstream_error", "The source answered with something that is no Binary, or with a damaged one.")
