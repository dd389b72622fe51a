"""A person: as in R4, but for the parts of the name.

Source: FHIR DSTU2 Person; FHIR R4 Person.
"""

from __future__ import annotations

from millgate.pathways.fhir_dstu2.decode.rules import Rules, same

RULES: Rules = {
    **same("identifier", "name", "telecom", "gender", "birthDate", "address", "photo", "managingOrganization", "active", "link"),
}
