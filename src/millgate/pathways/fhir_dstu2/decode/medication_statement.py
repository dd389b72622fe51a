"""A medication statement: not taken is a status in R4.

Source: FHIR DSTU2 MedicationStatement; FHIR R4 MedicationStatement.
"""

from __future__ import annotations

from millgate.pathways.fhir_dstu2.decode.codes import negated, status
from millgate.pathways.fhir_dstu2.decode.dosages import STATED
from millgate.pathways.fhir_dstu2.decode.rules import Rules, each, into_list, note, renamed, same

RULES: Rules = {
    **same(
        "identifier", "informationSource", "dateAsserted", "effectiveDateTime", "effectivePeriod", "medicationCodeableConcept"
    ),
    **same("medicationReference"),
    **renamed(patient="subject", reasonNotTaken="statusReason", supportingInformation="derivedFrom"),
    "status": status("MedicationStatement.status", unless=("wasNotTaken", "not-taken")),
    "wasNotTaken": negated("wasNotTaken", "not-taken", "MedicationStatement"),
    "reasonForUseCodeableConcept": into_list("reasonCode"),
    "reasonForUseReference": into_list("reasonReference"),
    "note": note(),
    "dosage": each("dosage", STATED, "MedicationStatement.dosage"),
}
