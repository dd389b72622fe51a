"""An organization: the type is a list in R4.

Source: FHIR DSTU2 Organization; FHIR R4 Organization.
"""

from __future__ import annotations

from millgate.pathways.fhir_dstu2.decode.rules import Rules, into_list, same

RULES: Rules = {
    **same("identifier", "active", "name", "telecom", "address", "partOf", "contact"),
    "type": into_list("type"),
}
