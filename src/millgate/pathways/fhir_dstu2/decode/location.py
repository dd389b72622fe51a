"""A location: the type is a list in R4.

Source: FHIR DSTU2 Location; FHIR R4 Location.
"""

from __future__ import annotations

from millgate.pathways.fhir_dstu2.decode.rules import Rules, into_list, same

RULES: Rules = {
    **same("identifier", "status", "name", "description", "mode", "telecom", "address", "physicalType", "position"),
    **same("managingOrganization", "partOf"),
    "type": into_list("type"),
}
