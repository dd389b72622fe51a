"""JSON in and out for canonical resources: every number keeps the digits that it came with.

Source: RFC 8259; FHIR R4 §2.24.0.1 (decimals have a precision that must be kept).
"""

from __future__ import annotations

import json as standard_json
from decimal import Decimal, InvalidOperation
from itertools import chain
from typing import Any

import msgspec

from millgate.errors import FixMessage

MAX_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 64

# A longer text is not indented to see how deep it is: a hostile one would grow by its depth with each of its lines.
_INDENTED_AT_MOST = 64 * 1024

_BLANKS = b" \t\r\n"


class WrittenNumber(Decimal):
    """A decimal that Python would write otherwise than it was written (`1e3`, `0.0000001`); `written` is its text."""

    written: str

    def __new__(cls, written: str) -> WrittenNumber:
        number = super().__new__(cls, written)
        number.written = written
        return number

    def __copy__(self) -> WrittenNumber:
        return self

    def __deepcopy__(self, memo: Any) -> WrittenNumber:
        return self

    def __reduce__(self) -> tuple[type[WrittenNumber], tuple[str]]:
        return (WrittenNumber, (self.written,))


def number(text: str) -> Decimal:
    """The decimal that a JSON number states, which `encode` writes back digit for digit."""
    value = Decimal(text)
    if "e" in text or "E" in text or value.adjusted() < -6:
        return WrittenNumber(text)
    return value


def _write(value: Any) -> Any:
    if isinstance(value, WrittenNumber):
        return msgspec.Raw(value.written.encode("ascii"))
    raise TypeError(f"a {type(value).__name__} is no part of a canonical resource")


_decoder = msgspec.json.Decoder(float_hook=number)
_encoder = msgspec.json.Encoder(enc_hook=_write, decimal_format="number")
_sorting_encoder = msgspec.json.Encoder(enc_hook=_write, decimal_format="number", order="deterministic")


def decode(data: bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> Any:
    """The JSON value in `data`: dict, list, str, bool, int, Decimal or None.

    Raises FixMessage `invalid_document` for what is too large, too deep, not UTF-8, not JSON, or has a key twice in one
    object; the detail names the reason and a position, never the content.
    """
    if len(data) > max_bytes:
        raise _invalid(f"it has {len(data)} bytes; at most {max_bytes} are taken")
    try:
        value = _decoder.decode(data)
        deep = _may_nest_deeper(data, max_depth) and _nests_deeper(value, max_depth)
    except msgspec.DecodeError as error:
        raise _invalid(str(error)) from None
    except UnicodeDecodeError:
        raise _invalid("it is not UTF-8") from None
    except RecursionError:
        raise _invalid(f"it nests deeper than {max_depth} levels") from None
    except (ValueError, InvalidOperation):
        raise _invalid("it holds a number that is too long") from None
    if deep:
        raise _invalid(f"it nests deeper than {max_depth} levels")
    if _may_have_duplicates(data, value) and _has_duplicates(data):
        raise _invalid("one of its objects has the same key twice")
    return value


def encode(value: Any, *, sort_keys: bool = False) -> bytes:
    """The value as compact UTF-8 JSON: equal values in equal order give equal bytes, decimals are numbers with all their digits.

    With `sort_keys` the order of keys does not matter either, as a content hash needs it.
    """
    return (_sorting_encoder if sort_keys else _encoder).encode(value)


def _invalid(reason: str) -> FixMessage:
    return FixMessage("invalid_document", f"This is not a JSON document that can be taken: {reason}.")


def _may_nest_deeper(data: bytes, levels: int) -> bool:
    """False only where the text cannot nest deeper: it has too few opening brackets, or no line that is indented so far."""
    if data.count(b"{") + data.count(b"[") <= levels:
        return False
    if len(data) > _INDENTED_AT_MOST:
        return True
    return b"\n" + b" " * levels in b"\n" + msgspec.json.format(data, indent=1)


def _nests_deeper(value: Any, levels: int) -> bool:
    """Whether the value nests deeper than so many levels; it is followed no further than that."""
    if value.__class__ is not dict and value.__class__ is not list:
        return False
    if levels == 0:
        return True
    for member in value.values() if value.__class__ is dict else value:
        kind = member.__class__
        if (kind is dict or kind is list) and _nests_deeper(member, levels - 1):
            return True
    return False


def _may_have_duplicates(data: bytes, value: Any) -> bool:
    """False only where no object can have had a key twice.

    Most texts are, but for their blanks, what their value is written as: nothing of them was lost. The others are counted.
    """
    written = encode(value)
    if written == data or written == msgspec.json.format(data, indent=-1):
        return False
    return _count_leaves_doubt(data, _keys(value))


def _keys(value: Any) -> int:
    """How many keys all objects of the value have."""
    keys = 0
    level = [value]
    while level:
        objects = [member for member in level if member.__class__ is dict]
        keys += sum(map(len, objects))
        arrays = [member for member in level if member.__class__ is list]
        level = [*chain.from_iterable(map(dict.values, objects)), *chain.from_iterable(arrays)]
    return keys


def _count_leaves_doubt(data: bytes, keys: int) -> bool:
    """Whether the text may have more keys than are left after decoding.

    Without blanks every key of the text ends in `":`, and strings can only add to that number: where it equals the number
    of keys that are left, none was lost.
    """
    return data.translate(None, _BLANKS).count(b'":') != keys


def _has_duplicates(data: bytes) -> bool:
    """Whether some object has a key twice; exact but slow, and asked only when a count of separators leaves doubt."""
    found = False

    def pairs(members: list[tuple[str, Any]]) -> None:
        nonlocal found
        found = found or len({key for key, _ in members}) != len(members)

    standard_json.loads(data, object_pairs_hook=pairs, parse_float=str, parse_int=str)
    return found
