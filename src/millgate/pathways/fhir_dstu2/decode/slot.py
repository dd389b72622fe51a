"""A slot: `freeBusyType` is its status, and the type is a list of service types in R4.

Source: FHIR DSTU2 Slot; FHIR R4 Slot.
"""

from __future__ import annotations

from millgate.pathways.fhir_dstu2.decode.codes import status
from millgate.pathways.fhir_dstu2.decode.rules import Rules, into_list, same

RULES: Rules = {
    **same("identifier", "schedule", "start", "end", "overbooked", "comment"),
    "type": into_list("serviceType"),
    "freeBusyType": status("Slot.freeBusyType"),
}
