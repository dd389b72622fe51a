"""A practitioner: the name is a list in R4; roles, which R4 keeps in a resource of their own, stay as an extension.

Source: FHIR DSTU2 Practitioner; FHIR R4 Practitioner.
"""

from __future__ import annotations

from millgate.pathways.fhir_dstu2.decode.rules import Rules, into_list, same

RULES: Rules = {
    **same("identifier", "active", "telecom", "address", "gender", "birthDate", "photo", "qualification", "communication"),
    "name": into_list("name"),
}
