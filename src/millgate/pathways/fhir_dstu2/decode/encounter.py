"""An encounter: `class` is a code of HL7 v3 in R4, `patient` is `subject`, and the diagnoses of a hospital stay stand on the encounter.

Source: FHIR DSTU2 Encounter; FHIR R4 Encounter.
"""

from __future__ import annotations

from typing import Any

from millgate.pathways.fhir_dstu2.decode.codes import TERMINOLOGY, codes, status
from millgate.pathways.fhir_dstu2.decode.rules import (
    Element,
    Rule,
    Rules,
    into_list,
    kept,
    listed,
    merged,
    renamed,
    rewritten,
    same,
)

_HOSPITALIZATION: Rules = {
    **same("preAdmissionIdentifier", "origin", "admitSource", "reAdmission", "dietPreference", "specialCourtesy"),
    **same("specialArrangement", "destination", "dischargeDisposition"),
}
_DIAGNOSES = {"admittingDiagnosis": ("AD", "Admission diagnosis"), "dischargeDiagnosis": ("DD", "Discharge diagnosis")}


def _class(value: Any, _: Element) -> Element:
    """The v3 ActCode; where it says less than the source's code did, that one is kept in it. Source: HL7's maps DSTU2 to R4."""
    if not isinstance(value, str):
        return {"class": value}
    code = codes("Encounter.class").get(value)
    if code is None:
        return {"class": {"system": "http://hl7.org/fhir/encounter-class", "code": value}}
    return {"class": {"system": f"{TERMINOLOGY}v3-ActCode", "code": code, **kept("Encounter", "class", value)}}


def _hospitalization(value: Any, _: Element) -> Element:
    if not isinstance(value, dict):
        return {"hospitalization": value}
    diagnoses = [
        {
            "condition": condition,
            "use": {"coding": [{"system": f"{TERMINOLOGY}diagnosis-role", "code": code, "display": display}]},
        }
        for name, (code, display) in _DIAGNOSES.items()
        for condition in listed(value.get(name))
    ]
    stay = rewritten(
        {name: member for name, member in value.items() if name not in _DIAGNOSES}, _HOSPITALIZATION, "Encounter.hospitalization"
    )
    return merged({"hospitalization": stay} if stay else {}, {"diagnosis": diagnoses} if diagnoses else {})


RULES: Rules = {
    **same("identifier", "statusHistory", "type", "priority", "episodeOfCare", "participant", "period", "length", "location"),
    **same("serviceProvider", "partOf"),
    **renamed(patient="subject", part_of="partOf", incomingReferral="basedOn", reason="reasonCode", indication="reasonReference"),
    "status": status("Encounter.status"),
    "class": Rule("class", _class, primitive=False),
    "appointment": into_list("appointment"),
    "hospitalization": Rule("hospitalization", _hospitalization, primitive=False),
}
