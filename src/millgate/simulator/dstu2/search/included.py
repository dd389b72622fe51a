"""DSTU2's searches: the engine that R4 has too, with what `_include` brings along with contracts."""

from __future__ import annotations

from collections.abc import Iterable

from millgate.simulator.records import Record
from millgate.simulator.search.engine import Search
from millgate.simulator.search.matching import at, reference_id
from millgate.simulator.search.paging import Found
from millgate.simulator.search.rules import SearchRule

# Where a contract holds what an `_include` of it names, and of which type that is.
_OF_CONTRACTS = {"Contract:actor": (["actor", "entity"], "RelatedPerson"), "Contract:patient": (["subject"], "Patient")}


class Dstu2Search(Search):
    """The searches of one tenant in DSTU2."""

    def _included(self, rule: SearchRule, found: Found, records: Iterable[Record]) -> list[Record]:
        if rule.resource_type != "Contract":
            return super()._included(rule, found, records)
        named: dict[tuple[str, str], None] = {}
        for record in records:
            for include in found.includes:
                path, kind = _OF_CONTRACTS[include]
                named |= dict.fromkeys((kind, number) for number in map(reference_id, at(record.resource, path)) if number)
        return [record for record in (self._records.read(*each) for each in named) if record is not None]
