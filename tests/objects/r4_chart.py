"""The elements of the resources that a chart is made of: problems, procedures, allergies, immunizations, documents, plans, orders.

Same notation as `r4.py`. Source: FHIR R4 resource pages.
"""

from __future__ import annotations

TYPES: dict[str, str] = {
    "Condition": (
        "identifier:Identifier* clinicalStatus:CodeableConcept verificationStatus:CodeableConcept category:CodeableConcept* "
        "severity:CodeableConcept code:CodeableConcept bodySite:CodeableConcept* subject:Reference encounter:Reference "
        "onsetDateTime:dateTime onsetAge:Age onsetPeriod:Period onsetRange:Range onsetString:string "
        "abatementDateTime:dateTime abatementAge:Age abatementPeriod:Period abatementRange:Range abatementString:string "
        "recordedDate:dateTime recorder:Reference asserter:Reference stage:Condition.stage* evidence:Condition.evidence* "
        "note:Annotation*"
    ),
    "Condition.stage": "summary:CodeableConcept assessment:Reference* type:CodeableConcept",
    "Condition.evidence": "code:CodeableConcept* detail:Reference*",
}

RESOURCES: tuple[str, ...] = ("Condition",)

# What a reference has to point to, where that matters.
TARGETS: dict[str, str] = {
    "Condition.subject": "Patient",
    "Condition.encounter": "Encounter",
}

# Codes that say how the rest is to be read.
CODES: dict[str, str] = {}
