"""A condition: statuses are concepts in R4, the category a list, the notes annotations.

Source: FHIR DSTU2 Condition; FHIR R4 Condition.
"""

from __future__ import annotations

from typing import Any

from millgate.pathways.fhir_dstu2.decode.codes import TERMINOLOGY, as_concept, codes
from millgate.pathways.fhir_dstu2.decode.rules import Element, Rule, Rules, each, into_list, listed, note, renamed, same

_HEALTH_CONCERN = {"system": "http://hl7.org/fhir/us/core/CodeSystem/condition-category", "code": "health-concern"}


def _category(value: Any, _: Element) -> Element:
    """R4's category first, with the source's own codings behind it. `diagnosis` and `problem` have other codes in R4."""
    concepts = []
    for concept in listed(value):
        codings = listed(concept.get("coding")) if isinstance(concept, dict) else []
        found = [new for coding in codings if isinstance(coding, dict) and (new := _lifted(coding)) is not None]
        concepts.append({**concept, "coding": [*found, *(one for one in codings if one not in found)]} if found else concept)
    return {"category": concepts}


def _lifted(coding: Element) -> Element | None:
    if coding.get("code") == "health-concern":
        return _HEALTH_CONCERN
    code = codes("Condition.category").get(str(coding.get("code")))
    return {"system": f"{TERMINOLOGY}condition-category", "code": code} if code else None


RULES: Rules = {
    **same("identifier", "encounter", "asserter", "code", "severity", "bodySite", "onsetDateTime", "onsetPeriod", "onsetRange"),
    **same("onsetString", "abatementDateTime", "abatementPeriod", "abatementRange", "abatementString"),
    **renamed(patient="subject", dateRecorded="recordedDate", onsetQuantity="onsetAge", abatementQuantity="abatementAge"),
    "category": Rule("category", _category, primitive=False),
    "clinicalStatus": as_concept("condition-clinical", "Condition.clinicalStatus", "clinicalStatus"),
    "verificationStatus": as_concept("condition-ver-status", "Condition.verificationStatus", "verificationStatus"),
    "stage": into_list("stage"),
    "evidence": each("evidence", {"code": into_list("code"), **same("detail")}, "Condition.evidence"),
    "notes": note(),
}
