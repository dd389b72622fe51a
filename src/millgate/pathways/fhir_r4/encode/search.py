"""The searches of Millennium R4: by its tables, and what they cannot say of appointments.

Source: Millennium fact sheet §3.1, §3.2; tables/search*.csv.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from millgate.canonical.exchange import Query
from millgate.pathways.fhir import search
from millgate.pathways.fhir.search import EncodedSearch, Parameters
from millgate.pathways.fhir.search_table import rules_of

BEGINNING: Final = "ge1900-01-01T00:00:00Z"  # a lower bound that leaves nothing out

search_rules = partial(rules_of, "millgate.pathways.fhir_r4")


def encode_search(query: Query, *, time_zone: str | None) -> EncodedSearch:
    """The parameters for this search; FixRequest `search_not_supported` names all that is wrong and what would be accepted.

    `time_zone` is the tenant's, for bounds that are dates: such a bound means the start of that day there.
    """
    return search.encode_search(query, search_rules(), time_zone=time_zone, complete=_appointment_period)


def _appointment_period(query: Query, found: Parameters) -> Parameters:
    """Millennium wants a period beside a patient, practitioner or location; and `date` leaves proposed appointments out."""
    given = {name for name, values in query.filters.items() if values}
    if query.resource_type != "Appointment" or "ids" in given:
        return found
    if not {"from", "to"} & given:
        found = [*found, ("date", BEGINNING)]
    statuses = query.filters.get("status")
    if not statuses or "proposed" in statuses:
        return [("-date-or-req-period" if name == "date" else name, value) for name, value in found]
    return found
