"""A medication administration: not given is a status in R4.

Source: FHIR DSTU2 MedicationAdministration; FHIR R4 MedicationAdministration.
"""

from __future__ import annotations

from millgate.pathways.fhir_dstu2.decode.codes import negated, status
from millgate.pathways.fhir_dstu2.decode.dosages import ADMINISTERED
from millgate.pathways.fhir_dstu2.decode.rules import Rule, Rules, each, note, renamed, same

RULES: Rules = {
    **same("identifier", "medicationCodeableConcept", "medicationReference", "device"),
    **renamed(
        patient="subject", encounter="context", prescription="request", reasonNotGiven="statusReason", reasonGiven="reasonCode"
    ),
    **renamed(effectiveTimeDateTime="effectiveDateTime", effectiveTimePeriod="effectivePeriod"),
    "status": status("MedicationAdministration.status", unless=("wasNotGiven", "not-done")),
    "wasNotGiven": negated("wasNotGiven", "not-done", "MedicationAdministration"),
    "practitioner": Rule("performer", lambda value, _: {"performer": [{"actor": value}]}, primitive=False),
    "note": note(),
    "dosage": each("dosage", ADMINISTERED, "MedicationAdministration.dosage"),
}
