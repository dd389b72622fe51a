"""A diagnostic report: performer and category are lists in R4.

Source: FHIR DSTU2 DiagnosticReport; FHIR R4 DiagnosticReport.
"""

from __future__ import annotations

from millgate.pathways.fhir_dstu2.decode.codes import status
from millgate.pathways.fhir_dstu2.decode.rules import Rules, each, into_list, renamed, same

RULES: Rules = {
    **same("identifier", "code", "subject", "encounter", "effectiveDateTime", "effectivePeriod", "issued", "specimen", "result"),
    **same("imagingStudy", "conclusion", "presentedForm"),
    **renamed(request="basedOn", codedDiagnosis="conclusionCode"),
    "status": status("DiagnosticReport.status"),
    "category": into_list("category"),
    "performer": into_list("performer"),
    "image": each("media", same("comment", "link"), "DiagnosticReport.image"),
}
