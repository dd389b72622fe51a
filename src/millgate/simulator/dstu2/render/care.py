"""Plans, teams, goals, implants, and orders for care."""

from __future__ import annotations

from millgate.simulator.dstu2.render.codes import code
from millgate.simulator.dstu2.render.datatypes import Json, first, picked
from millgate.simulator.dstu2.render.medications import timing

_ARGONAUT = "http://argonaut.hl7.org"
_SERIAL = {
    "coding": [{"system": "http://hl7.org/fhir/identifier-type", "code": "SNO", "display": "Serial Number"}],
    "text": "Serial Number",
}


def care_plan(new: Json, r4: Json) -> Json | None:
    """A plan; what it says stands in its narrative."""
    status = code("CarePlan.status", r4.get("status"))
    if status is None:
        return None
    return {
        "status": status,
        **picked(new, "subject", "period", encounter="context"),
        **({"author": [new["author"]]} if "author" in new else {}),
        **_modified(r4),
        "category": [_category("assess-plan", "Assess-Plan")],
    }


def care_team(new: Json, r4: Json) -> Json | None:
    """A team as DSTU2 has it: a plan whose category is `careteam`, with participants."""
    status = code("CareTeam.status", r4.get("status"))
    if status is None:
        return None
    participants = [{**picked(one, "member"), **first(one, "role")} for one in new.get("participant", ())]
    return {
        "status": status,
        **picked(new, "subject", "period", encounter="context"),
        **_modified(r4),
        "category": [_category("careteam", "CareTeam")],
        **({"participant": participants} if participants else {}),
    }


def _category(word: str, display: str) -> Json:
    return {"coding": [{"system": _ARGONAUT, "code": word, "display": display}]}


def _modified(r4: Json) -> Json:
    moment = r4.get("meta", {}).get("lastUpdated")
    return {"modified": moment} if moment else {}


def goal(new: Json, r4: Json) -> Json | None:
    """A goal: its description is a text, its target a day."""
    status = code("Goal.status", r4.get("lifecycleStatus"))
    words = r4.get("description", {}).get("text")
    if status is None or not words:
        return None
    target = next((one["dueDate"] for one in r4.get("target", ()) if "dueDate" in one), None)
    return {
        **picked(new, "subject", "startDate", "category", "statusDate", "note", expressedBy="author"),
        **({"targetDate": target} if target else {}),
        "description": words,
        "status": status,
    }


def device(new: Json, r4: Json) -> Json:
    """An implant, without a status; its serial number is an identifier."""
    serial = r4.get("serialNumber")
    carrier = next((one["carrierHRF"] for one in r4.get("udiCarrier", ()) if "carrierHRF" in one), None)
    return {
        **({"identifier": [{"type": _SERIAL, "value": serial}]} if serial else {}),
        **picked(new, "type", "manufacturer", "manufactureDate", "lotNumber", "owner", "patient"),
        **picked(new, modelNumber="model", expirationDate="expiry"),
        **({"udi": carrier} if carrier else {}),
    }


def procedure_request(new: Json, r4: Json) -> Json | None:
    """An order for care; one that is to be done once, at one time, has that time."""
    status = code("ProcedureRequest.status", r4.get("status"))
    if status is None:
        return None
    return {
        **picked(new, "subject", "code", "bodySite", "encounter", "priority", "asNeededBoolean", "asNeededCodeableConcept"),
        **picked(new, authoredOn="orderedOn", requester="orderer", note="notes"),
        **first(new, "performer"),
        **first(new, "reasonCode", "reasonCodeableConcept"),
        **_scheduled(new),
        "status": status,
    }


def _scheduled(new: Json) -> Json:
    made = picked(new, occurrenceDateTime="scheduledDateTime", occurrencePeriod="scheduledPeriod")
    if "occurrenceTiming" not in new:
        return made
    repeat = new["occurrenceTiming"].get("repeat", {})
    bounds = repeat.get("boundsPeriod", {})
    if set(repeat) == {"boundsPeriod"} and bounds.get("start") and bounds.get("start") == bounds.get("end"):
        return {"scheduledDateTime": bounds["start"]}
    return {"scheduledTiming": timing(new["occurrenceTiming"])}
