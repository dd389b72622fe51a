"""A patient: `careProvider` is `generalPractitioner`, and a link says more exactly which way it goes.

Source: FHIR DSTU2 Patient; FHIR R4 Patient.
"""

from __future__ import annotations

from millgate.pathways.fhir_dstu2.decode.codes import coded
from millgate.pathways.fhir_dstu2.decode.rules import Rules, each, renamed, same

RULES: Rules = {
    **same("identifier", "active", "name", "telecom", "gender", "birthDate", "deceasedBoolean", "deceasedDateTime", "address"),
    **same(
        "maritalStatus",
        "multipleBirthBoolean",
        "multipleBirthInteger",
        "photo",
        "contact",
        "communication",
        "managingOrganization",
    ),
    **renamed(careProvider="generalPractitioner"),
    "link": each("link", {**same("other"), "type": coded("Patient.link.type", "type")}, "Patient.link"),
}
