"""Where a walk from page to page has come to, in its links, which are followed as the source gave them. Pure.

Behind a `#`, which no server is ever sent, a link carries what has to be known should its page fail on a bad record: what was searched
for (the links of some types name their page alone), how many records the pages before it showed, and, once a search has been divided
(`bad_records.py`), how far into what that brought its caller has come. Source: Millennium fact sheet §3.2, §4.1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode

Parameters = tuple[tuple[str, str], ...]

OF_PAGING: Final = frozenset({"-pageContext", "-pageDirection", "pageContext", "direction"})
SHOWN: Final = "-shown"
RUN: Final = "-run"
LONGEST_CARRIED: Final = 6000  # characters; a cursor has to hold it


def search_of(link: str) -> Parameters:
    """The parameters of a link that say what is searched for, not which page."""
    return tuple((name, value) for name, value in _parameters(link.partition("?")[2]) if name not in OF_PAGING)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a walk has come to: the address to call, what is searched for, how many records the pages before it showed.

    `run` and `offset` are set once the search has been divided: which run it was, and how many of its records are delivered.
    """

    address: str
    search: Parameters
    shown: int = 0
    run: str = ""
    offset: int = 0

    @property
    def size(self) -> int | None:
        """How many records a page should hold, where the search says so."""
        count = dict(self.search).get("_count", "")
        return int(count) if count.isascii() and count.isdigit() and 0 < len(count) < 6 else None

    def after(self, link: str | None, shown: int) -> str | None:
        """The link to the next page, this one having shown so many records; None where the source gave none."""
        return replace(self, address=link, shown=self.shown + shown).text() if link is not None else None

    def within(self, run: str, offset: int) -> str:
        """The link to what is left of a divided search."""
        return replace(self, run=run, offset=offset).text()

    @property
    def fits(self) -> bool:
        """Whether its search is short enough to be carried."""
        return len(encoded(self.search)) <= LONGEST_CARRIED

    def text(self) -> str:
        """The link; `place_of` reads it again. A search that is too long is left to the address to say."""
        carried = encoded((*(self.search if self.fits else ()), (SHOWN, str(self.shown)), (RUN, f"{self.run}.{self.offset}")))
        return f"{self.address}#{carried}"


def place_of(link: str) -> Place:
    """The place that a link stands for; one that carries nothing is a search of its own."""
    address, _, carried = link.partition("#")
    if not carried:
        return Place(address, search_of(address))
    pairs = _parameters(carried)
    told = dict(pairs)
    run, _, offset = told.get(RUN, "").partition(".")
    search = tuple(pair for pair in pairs if pair[0] not in (SHOWN, RUN))
    return Place(address, search or search_of(address), _number(told.get(SHOWN, "")), run, _number(offset))


def encoded(parameters: Parameters) -> str:
    """The query string of parameters."""
    return urlencode(parameters, quote_via=quote, safe="")


def _parameters(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
