"""Whether a unit's code is one of UCUM: common codes by a table, all others by the grammar of a maintained library."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

from millgate.terminology.tables import rows

UCUM = "http://unitsofmeasure.org"

# A longer code is nobody's unit, and would keep the parser busy.
_LONGEST = 64

_COMMON = frozenset(row["code"] for row in rows("units.csv"))


def is_ucum(code: str) -> bool:
    """Whether UCUM's case-sensitive grammar takes the code. Source: UCUM 2.2 §2, by way of `ucumvert`."""
    return code in _COMMON or _parses(code)


@lru_cache(maxsize=4096)
def _parses(code: str) -> bool:
    if not 0 < len(code) <= _LONGEST or not code.isascii():
        return False
    parser, parse, invalid = _library()
    try:
        parse(code, parser)
    except invalid:
        return False
    return True


@cache
def _library() -> tuple[Any, Any, type[Exception]]:
    """The parser of `ucumvert`. It takes a second to load, so it is not loaded before a unit is met that is not in the table."""
    from ucumvert import InvalidUcumError, get_ucum_parser, parse_ucum

    return get_ucum_parser(), parse_ucum, InvalidUcumError
