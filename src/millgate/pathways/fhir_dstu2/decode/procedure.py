"""A procedure: not performed is a status in R4.

Source: FHIR DSTU2 Procedure; FHIR R4 Procedure.
"""

from __future__ import annotations

from millgate.pathways.fhir_dstu2.decode.codes import negated, status
from millgate.pathways.fhir_dstu2.decode.rules import Rules, each, first_of, into_list, renamed, same

RULES: Rules = {
    **same(
        "identifier", "subject", "category", "code", "bodySite", "performedDateTime", "performedPeriod", "encounter", "location"
    ),
    **same("outcome", "report", "complication", "followUp", "focalDevice"),
    **renamed(used="usedReference", notes="note"),
    "status": status("Procedure.status", unless=("notPerformed", "not-done")),
    "notPerformed": negated("notPerformed", "not-done", "Procedure"),
    "reasonNotPerformed": first_of("statusReason", "Procedure", "reasonNotPerformed"),
    "reasonCodeableConcept": into_list("reasonCode"),
    "reasonReference": into_list("reasonReference"),
    "request": into_list("basedOn"),
    "performer": each("performer", {**same("actor"), **renamed(role="function")}, "Procedure.performer"),
}
