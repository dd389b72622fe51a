"""Dosages: in R4 dose and rate stand together in `doseAndRate`, and a site is a concept only.

Source: FHIR DSTU2 MedicationOrder.dosageInstruction, MedicationStatement.dosage, MedicationAdministration.dosage; FHIR R4 Dosage.
"""

from __future__ import annotations

from typing import Any

from millgate.pathways.fhir_dstu2.decode.rules import Element, Rule, Rules, into_list, renamed, same


def _together(name: str) -> Rule:
    """A dose or a rate, as a member of the one `doseAndRate`."""

    def make(value: Any, old: Element) -> Element:
        names = {"quantityQuantity": "doseQuantity", "quantityRange": "doseRange"}
        found = {names.get(key, key): one for key, one in old.items() if names.get(key, key) in _DOSE_AND_RATE}
        first = next(key for key in old if names.get(key, key) in _DOSE_AND_RATE)
        return {"doseAndRate": [found]} if first == name else {}

    return Rule("doseAndRate", make, primitive=False)


_DOSE_AND_RATE = ("doseQuantity", "doseRange", "rateRatio", "rateRange")
_COMMON: Rules = {
    **same("text", "timing", "asNeededBoolean", "asNeededCodeableConcept", "route", "method", "maxDosePerPeriod"),
    **renamed(siteCodeableConcept="site"),
    "rateRatio": _together("rateRatio"),
    "rateRange": _together("rateRange"),
}
INSTRUCTION: Rules = {
    **_COMMON,
    "additionalInstructions": into_list("additionalInstruction"),
    "doseQuantity": _together("doseQuantity"),
    "doseRange": _together("doseRange"),
}
STATED: Rules = {
    **_COMMON,
    "quantityQuantity": _together("quantityQuantity"),
    "quantityRange": _together("quantityRange"),
}
ADMINISTERED: Rules = {
    **same("text", "route", "method", "rateRatio"),
    **renamed(siteCodeableConcept="site", quantity="dose"),
}
