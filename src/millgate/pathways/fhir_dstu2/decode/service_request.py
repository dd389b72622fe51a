"""A procedure request: in R4 a request for a service, whose intent is an order, or a proposal.

Source: FHIR DSTU2 ProcedureRequest; FHIR R4 ServiceRequest.
"""

from __future__ import annotations

from typing import Any

from millgate.pathways.fhir_dstu2.decode.codes import status
from millgate.pathways.fhir_dstu2.decode.rules import Element, Rule, Rules, into_list, merged, renamed, same

_STATUS = status("ProcedureRequest.status")


def _status(value: Any, old: Element) -> Element:
    """The status, and the intent that DSTU2 says by it: only what was merely proposed is no order. Source: HL7's maps DSTU2 to R4."""
    found = _STATUS.make(value, old) if _STATUS.make is not None else {}
    return merged(found, {"intent": "proposal" if value == "proposed" else "order"})


RULES: Rules = {
    **same("identifier", "subject", "code", "bodySite", "encounter", "asNeededBoolean", "asNeededCodeableConcept", "priority"),
    **renamed(scheduledDateTime="occurrenceDateTime", scheduledPeriod="occurrencePeriod", scheduledTiming="occurrenceTiming"),
    **renamed(orderedOn="authoredOn", orderer="requester", notes="note"),
    "status": Rule("status", _status),
    "performer": into_list("performer"),
    "reasonCodeableConcept": into_list("reasonCode"),
    "reasonReference": into_list("reasonReference"),
}
