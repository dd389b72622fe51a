"""An immunization: not given is a status in R4, and who reported it is turned round.

Source: FHIR DSTU2 Immunization; FHIR R4 Immunization.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from millgate.pathways.fhir_dstu2.decode.codes import TERMINOLOGY, negated, status
from millgate.pathways.fhir_dstu2.decode.rules import Element, Rule, Rules, each, first_of, renamed, rewritten, same

_PROTOCOL: Rules = {
    **same("authority", "series", "targetDisease"),
    **renamed(doseSequence="doseNumberPositiveInt", seriesDoses="seriesDosesPositiveInt"),
}
_EXPLANATION: Rules = {
    **renamed(reason="reasonCode"),
    "reasonNotGiven": first_of("statusReason", "Immunization.explanation", "reasonNotGiven"),
}


def _reported(value: Any, _: Element) -> Element:
    """DSTU2 says whether it was reported by somebody else, R4 whether it comes from whoever gave it."""
    return {"primarySource": not value if isinstance(value, bool) else value}


def _acted(code: str, display: str) -> Callable[[Any, Element], Element]:
    function = {"coding": [{"system": f"{TERMINOLOGY}v2-0443", "code": code, "display": display}]}
    return lambda value, _: {"performer": [{"function": function, "actor": value}]}


def _explanation(value: Any, _: Element) -> Element:
    return rewritten(value, _EXPLANATION, "Immunization.explanation") if isinstance(value, dict) else {}


RULES: Rules = {
    **same(
        "identifier", "vaccineCode", "patient", "encounter", "manufacturer", "location", "lotNumber", "expirationDate", "site"
    ),
    **same("route", "doseQuantity", "note", "reaction"),
    **renamed(date="occurrenceDateTime"),
    "status": status("Immunization.status", unless=("wasNotGiven", "not-done")),
    "wasNotGiven": negated("wasNotGiven", "not-done", "Immunization"),
    "reported": Rule("primarySource", _reported),
    "performer": Rule("performer", _acted("AP", "Administering Provider"), primitive=False),
    "requester": Rule("performer", _acted("OP", "Ordering Provider"), primitive=False),
    "explanation": Rule("reasonCode", _explanation, primitive=False),
    "vaccinationProtocol": each("protocolApplied", _PROTOCOL, "Immunization.vaccinationProtocol"),
}
