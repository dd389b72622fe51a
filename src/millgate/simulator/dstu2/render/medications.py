"""Orders of medicines, statements of what is taken, and doses given.

R4 has one request for what was ordered and for what a patient says to take at home; in DSTU2 the first is a MedicationOrder, and both
are MedicationStatements. A statement of an order has the order's id and names it.
"""

from __future__ import annotations

from typing import Any

from millgate.simulator.dstu2.render.codes import code
from millgate.simulator.dstu2.render.datatypes import Json, first, picked

_PATIENT_FRIENDLY = "https://fhir-ehr.cerner.com/dstu2/StructureDefinition/patient-friendly-display"
_CATEGORY = "https://fhir-ehr.cerner.com/dstu2/StructureDefinition/medication-statement-category"
_STATEMENT_CATEGORIES = "http://hl7.org/fhir/medication-statement-category"
_CATEGORIES = {
    "inpatient": ("inpatient", "Inpatient"),
    "outpatient": ("outpatient", "Outpatient"),
    "community": ("community", "Community"),
    "discharge": ("community", "Community"),
    "patientspecified": ("patientspecified", "Patient Specified"),
}
_REPEAT = {"durationUnit": "durationUnits", "periodUnit": "periodUnits", "boundsDuration": "boundsQuantity"}
_NOT_IN_REPEAT = frozenset({"dayOfWeek", "timeOfDay", "offset", "countMax", "durationMax"})


def order(new: Json, r4: Json) -> Json | None:
    """An order. What is only reported to be taken is none."""
    status = code("MedicationOrder.status", r4.get("status"))
    if r4.get("intent") != "order" or status is None:
        return None
    dispense = picked(new.get("dispenseRequest", {}), "validityPeriod", "numberOfRepeatsAllowed", "quantity")
    return {
        "status": status,
        **picked(new, "encounter", authoredOn="dateWritten", subject="patient", requester="prescriber"),
        **({"dateEnded": ended} if (ended := _bounds(new).get("end")) else {}),
        **_medication(new),
        **({"dosageInstruction": [_instruction(one) for one in new["dosageInstruction"]]} if "dosageInstruction" in new else {}),
        **({"dispenseRequest": dispense} if dispense else {}),
    }


def statement(new: Json, r4: Json) -> Json | None:
    """What a patient takes. An order that nobody is known to take is intended; what is still a draft is no statement."""
    status = code("MedicationStatement.status", r4.get("status"))
    if status is None:
        return None
    is_order = r4.get("intent") == "order"
    kinds = [kind for one in r4.get("category", ()) if (kind := _kind(one)) in _CATEGORIES]
    if status == "active" and is_order and "inpatient" not in kinds:
        status = "intended"
    return {
        **({"extension": [_category(kinds[0])]} if kinds else {}),
        "status": status,
        **picked(new, subject="patient", requester="informationSource", authoredOn="dateAsserted"),
        "wasNotTaken": False,
        **({"effectivePeriod": period} if (period := _bounds(new)) else {}),
        **({"supportingInformation": [{"reference": f"MedicationOrder/{r4['id']}"}]} if is_order else {}),
        **_medication(new),
        **({"dosage": [_stated(one) for one in new["dosageInstruction"]]} if "dosageInstruction" in new else {}),
    }


def _kind(concept: Json) -> str:
    return next((coding["code"] for coding in concept.get("coding", ()) if coding.get("code") in _CATEGORIES), "")


def _category(kind: str) -> Json:
    word, display = _CATEGORIES[kind]
    coding = {"system": _STATEMENT_CATEGORIES, "code": word, "display": display}
    return {"url": _CATEGORY, "valueCodeableConcept": {"coding": [coding], "text": display}}


def _bounds(new: Json) -> Json:
    """The time in which it is to be taken, as its first instruction says."""
    instructions = new.get("dosageInstruction") or [{}]
    found: Json = instructions[0].get("timing", {}).get("repeat", {}).get("boundsPeriod", {})
    return found


def administration(new: Json, r4: Json) -> Json | None:
    """A dose; one that was not given is a completed one with `wasNotGiven`."""
    status = code("MedicationAdministration.status", r4.get("status"))
    if status is None:
        return None
    performers = new.get("performer") or [{}]
    return {
        **picked(new, "extension"),
        "status": status,
        **picked(new, subject="patient", context="encounter", request="prescription"),
        **({"practitioner": performers[0]["actor"]} if "actor" in performers[0] else {}),
        "wasNotGiven": r4["status"] == "not-done",
        **({"reasonNotGiven": new["statusReason"]} if "statusReason" in new else {}),
        **picked(new, effectiveDateTime="effectiveTimeDateTime", effectivePeriod="effectiveTimePeriod"),
        **_medication(new),
        **({"dosage": _administered(new["dosage"])} if "dosage" in new else {}),
    }


# --- dosages


def _instruction(new: Json) -> Json:
    return {**_text(new), **first(new, "additionalInstruction", "additionalInstructions"), **_common(new), **_dose(new, "dose")}


def _stated(new: Json) -> Json:
    return {**_text(new), **_common(new), **_dose(new, "quantity")}


def _text(new: Json) -> Json:
    friendly = new.get("patientInstruction")
    beside = {"_text": {"extension": [{"url": _PATIENT_FRIENDLY, "valueString": friendly}]}} if friendly else {}
    return {**picked(new, "text"), **(beside if "text" in new else {})}


def _common(new: Json) -> Json:
    made = picked(
        new, "asNeededBoolean", "asNeededCodeableConcept", "route", "method", "maxDosePerPeriod", site="siteCodeableConcept"
    )
    return {**({"timing": timing(new["timing"])} if "timing" in new else {}), **made}


def timing(new: Json) -> Json:
    """A timing: units have other names, and there is one `when`."""
    repeat = {_REPEAT.get(key, key): value for key, value in new.get("repeat", {}).items() if key not in _NOT_IN_REPEAT}
    if isinstance(repeat.get("when"), list):
        repeat["when"] = repeat["when"][0]
    return {**{key: value for key, value in new.items() if key != "repeat"}, **({"repeat": repeat} if repeat else {})}


def _dose(new: Json, name: str) -> Json:
    held = (new.get("doseAndRate") or [{}])[0]
    return picked(held, "rateRatio", "rateRange", doseQuantity=f"{name}Quantity", doseRange=f"{name}Range") | _rate(held)


def _administered(new: Json) -> Json:
    return {**picked(new, "text", "route", "method", "rateRatio", site="siteCodeableConcept", dose="quantity"), **_rate(new)}


def _rate(held: Json) -> Json:
    """A rate by the hour as the ratio that DSTU2 has for it; other units stay unsaid."""
    rate = held.get("rateQuantity", {})
    unit, slash, hours = str(rate.get("code", "")).partition("/")
    words = str(rate.get("unit", "")).partition(" per ")[0].partition("/")[0]
    if not slash or hours != "h":
        return {}
    per = {"value": 1, "unit": "hour", "system": rate.get("system"), "code": "h"}
    return {"rateRatio": {"numerator": {**rate, "unit": words, "code": unit}, "denominator": per}}


# --- medicines


def _medication(new: Json) -> Json:
    """The medicine, and those that it is made of: of these DSTU2 has resources of their own, where R4 has concepts."""
    contained: list[Json] = []
    for one in new.get("contained", ()):
        if one["resourceType"] == "Medication":
            contained += _compound(one)
    return {**picked(new, "medicationCodeableConcept", "medicationReference"), **({"contained": contained} if contained else {})}


def _compound(new: Json) -> list[Json]:
    parts, ingredients = [], []
    for number, one in enumerate(new.get("ingredient", ()), 1):
        held: dict[str, Any] = {"resourceType": "Medication", "id": f"{new['id']}-{number}"}
        concept = one.get("itemCodeableConcept")
        item = one.get("itemReference")
        if concept is not None:
            parts.append({**held, "code": concept})
            item = {"reference": f"#{held['id']}", **({"display": words} if (words := _words(concept)) else {})}
        ingredients.append({**({"item": item} if item else {}), **picked(one, strength="amount")})
    product = {"product": {"ingredient": ingredients}} if ingredients else {}
    return [{**picked(new, "resourceType", "id", "code"), **product}, *parts]


def _words(concept: Json) -> str | None:
    shown = next((coding["display"] for coding in concept.get("coding", ()) if "display" in coding), None)
    return shown or concept.get("text")
