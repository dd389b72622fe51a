"""An allergy or intolerance: one status is two concepts in R4, by what it speaks of.

Source: FHIR DSTU2 AllergyIntolerance; FHIR R4 AllergyIntolerance.
"""

from __future__ import annotations

from typing import Any

from millgate.pathways.fhir_dstu2.decode.codes import coded, codes, concept
from millgate.pathways.fhir_dstu2.decode.rules import Element, Rule, Rules, each, into_list, kept, renamed, same

_REACTION: Rules = {
    **same("substance", "manifestation", "description", "onset", "severity", "exposureRoute"),
    "note": into_list("note"),
}


def _status(value: Any, _: Element) -> Element:
    """What is active, inactive or resolved is said of the allergy; all else of how sure it is. Source: HL7's maps DSTU2 to R4."""
    if isinstance(value, str) and value in codes("AllergyIntolerance.status.clinical"):
        return {"clinicalStatus": concept("allergyintolerance-clinical", "AllergyIntolerance.status.clinical", value)}
    return {"verificationStatus": concept("allergyintolerance-verification", "AllergyIntolerance.status.verification", value)}


def _category(value: Any, _: Element) -> Element:
    """`other` is no category of R4."""
    return kept("AllergyIntolerance", "category", value) if value == "other" else {"category": [value]}


RULES: Rules = {
    **same("identifier", "recordedDate", "recorder", "patient", "type"),
    **renamed(onset="onsetDateTime", reporter="asserter", substance="code", lastOccurence="lastOccurrence"),
    "status": Rule("clinicalStatus", _status, primitive=False),
    "criticality": coded("AllergyIntolerance.criticality", "criticality"),
    "category": Rule("category", _category, primitive=False),
    "note": into_list("note"),
    "reaction": each("reaction", _REACTION, "AllergyIntolerance.reaction"),
}
