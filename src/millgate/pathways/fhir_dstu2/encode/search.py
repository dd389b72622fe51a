"""The searches of Millennium DSTU2: by its tables, whose resource types and words are R4's, as the gateway's are.

Source: Millennium's DSTU2 Conformance and published examples; tables/search*.csv.
"""

from __future__ import annotations

from functools import partial

from millgate.canonical.exchange import Query
from millgate.pathways.fhir import search
from millgate.pathways.fhir.search import EncodedSearch
from millgate.pathways.fhir.search_table import rules_of

search_rules = partial(rules_of, "millgate.pathways.fhir_dstu2")


def encode_search(query: Query, *, time_zone: str | None) -> EncodedSearch:
    """The parameters for this search; FixRequest `search_not_supported` names all that is wrong and what would be accepted.

    `time_zone` is the tenant's, for bounds that are dates: such a bound means the start of that day there.
    """
    return search.encode_search(query, search_rules(), time_zone=time_zone)
