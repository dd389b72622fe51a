"""A related person: one name and one relationship are lists in R4.

Source: FHIR DSTU2 RelatedPerson; FHIR R4 RelatedPerson.
"""

from __future__ import annotations

from millgate.pathways.fhir_dstu2.decode.rules import Rules, into_list, same

RULES: Rules = {
    **same("identifier", "active", "patient", "telecom", "gender", "birthDate", "address", "photo", "period"),
    "name": into_list("name"),
    "relationship": into_list("relationship"),
}
