"""A schedule: types and actor are lists in R4.

Source: FHIR DSTU2 Schedule; FHIR R4 Schedule.
"""

from __future__ import annotations

from millgate.pathways.fhir_dstu2.decode.rules import Rules, into_list, same

RULES: Rules = {
    **same("identifier", "planningHorizon", "comment"),
    "type": into_list("serviceType"),
    "actor": into_list("actor"),
}
