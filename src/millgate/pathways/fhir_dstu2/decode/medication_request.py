"""A medication order: in R4 a request whose intent is an order.

Source: FHIR DSTU2 MedicationOrder; FHIR R4 MedicationRequest.
"""

from __future__ import annotations

from millgate.pathways.fhir_dstu2.decode.codes import status
from millgate.pathways.fhir_dstu2.decode.dosages import INSTRUCTION
from millgate.pathways.fhir_dstu2.decode.rules import Rules, each, into_list, note, renamed, same

# An order is an order: what R4 asks to be said, DSTU2 said by the type. Source: HL7's maps DSTU2 to R4.
ALSO = {"intent": "order"}
_DISPENSE: Rules = same("validityPeriod", "numberOfRepeatsAllowed", "quantity", "expectedSupplyDuration")

RULES: Rules = {
    **same("identifier", "encounter", "medicationCodeableConcept", "medicationReference", "priorPrescription"),
    **renamed(dateWritten="authoredOn", patient="subject", prescriber="requester", reasonEnded="statusReason"),
    "status": status("MedicationOrder.status"),
    "reasonCodeableConcept": into_list("reasonCode"),
    "reasonReference": into_list("reasonReference"),
    "note": note(),
    "dosageInstruction": each("dosageInstruction", INSTRUCTION, "MedicationOrder.dosageInstruction"),
    "dispenseRequest": each("dispenseRequest", _DISPENSE, "MedicationOrder.dispenseRequest"),
    "substitution": each(
        "substitution", {**same("reason"), **renamed(type="allowedCodeableConcept")}, "MedicationOrder.substitution"
    ),
}
