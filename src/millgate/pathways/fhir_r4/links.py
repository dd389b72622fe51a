"""Links from page to page: followed as the source gave them, and never anywhere but to the search that they go on with. Pure.

Some links of Millennium name their page alone (Slot: "next link drops the original parameters"). If such a page fails, nothing says any
more what was searched for, so the search is carried behind a `#`, which no server is ever sent. Source: Millennium fact sheet §3.2, §4.1.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from millgate.errors import CallOperator
from millgate.pathways.addresses import check_address

Parameters = tuple[tuple[str, str], ...]

OF_PAGING: Final = frozenset({"-pageContext", "-pageDirection", "pageContext", "direction"})
LONGEST_CARRIED: Final = 6000  # characters; a cursor has to hold it


def check_link(link: str, fhir_base: str, resource_type: str) -> None:
    """A page link leads to the same tenant's search of the same type; anything else is not followed."""
    check_address(link, f"{fhir_base}/{resource_type}", plaintext=True)  # plain http is judged when the request is made
    if urlsplit(link).path.rstrip("/") != urlsplit(f"{fhir_base}/{resource_type}").path:
        raise CallOperator(
            "upstream_error", "The source's page link leads to something else than its search; it was not followed."
        )


def search_of(link: str) -> Parameters:
    """The parameters of a link that say what is searched for, not which page."""
    return tuple((name, value) for name, value in _parameters(link.partition("?")[2]) if name not in OF_PAGING)


def is_first(link: str) -> bool:
    """Whether a link is a search, and not a page of one that was begun before."""
    return OF_PAGING.isdisjoint(name for name, _ in _parameters(link.partition("?")[2]))


def carrying(link: str | None, search: Parameters) -> str | None:
    """The link with the search that it goes on with, where its own parameters do not say all of that."""
    if link is None or set(search) <= set(search_of(link)) or "#" in link:
        return link
    carried = encoded(search)
    return f"{link}#{carried}" if len(carried) <= LONGEST_CARRIED else link


def parted(link: str) -> tuple[str, Parameters]:
    """The address to call, and the search that it belongs to."""
    address, _, carried = link.partition("#")
    return address, tuple(_parameters(carried)) if carried else search_of(address)


def encoded(parameters: Parameters) -> str:
    """The query string of parameters."""
    return urlencode(parameters, quote_via=quote, safe="")


def _parameters(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True)
