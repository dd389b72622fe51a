"""What the sources of candidates have in common: how records are found by their ids, and how a query names a number."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from millgate.simulator.answers import bad_request
from millgate.simulator.records import Record, Records
from millgate.simulator.search.query import Query


@dataclass(frozen=True, slots=True)
class Source:
    """How candidates of one resource type are found, and which parameters need no second look after that."""

    find: Callable[[Records, Query], Iterable[Record]]
    seen_to: frozenset[str]


def by_id(records: Records, query: Query, resource_type: str) -> list[Record]:
    found = (records.read(resource_type, resource_id) for resource_id in query.values("_id"))
    return [record for record in found if record is not None]


def identifier_of(query: Query) -> tuple[str | None, str] | None:
    """System (None for any) and value of the identifier that is looked for."""
    given = query.first("identifier")
    if given is None:
        return None
    if not given.rpartition("|")[2]:
        raise bad_request("identifier must have a value")
    return token_of(given)


def token_of(given: str) -> tuple[str | None, str]:
    """System (None for any) and value of a token."""
    system, _, value = given.rpartition("|")
    return system or None, value
