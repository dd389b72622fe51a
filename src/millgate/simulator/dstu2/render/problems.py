"""Conditions, procedures, allergies, immunizations."""

from __future__ import annotations

from millgate.simulator.dstu2.render.codes import code
from millgate.simulator.dstu2.render.datatypes import Json, code_of, first, notes, picked

_ARGONAUT = "http://argonaut.hl7.org"
_CATEGORIES = {
    "encounter-diagnosis": ("http://hl7.org/fhir/condition-category", "diagnosis", "Diagnosis"),
    "problem-list-item": (_ARGONAUT, "problem", "Problem"),
    "health-concern": (_ARGONAUT, "health-concern", "Health Concern"),
}
_SURE = frozenset({"active", "inactive", "resolved"})


def condition(new: Json, r4: Json) -> Json | None:
    """A condition; its statuses are codes, and the day on which it was recorded has no time."""
    verification = code("Condition.verificationStatus", code_of(r4.get("verificationStatus")))
    if verification is None:  # required in DSTU2
        return None
    kind = next((found for one in r4.get("category", ()) if (found := code_of(one)) in _CATEGORIES), None)
    clinical = code("Condition.clinicalStatus", code_of(r4.get("clinicalStatus")))
    recorded = r4.get("recordedDate")
    ended = {"abatementBoolean": False} if kind == "health-concern" and clinical == "active" else {}
    return {
        **picked(new, "encounter", "code", "severity", "onsetDateTime", "abatementDateTime", "asserter", subject="patient"),
        **({"dateRecorded": recorded[:10]} if isinstance(recorded, str) else {}),
        **({"category": _category(kind)} if kind is not None else {}),
        **({"clinicalStatus": clinical} if clinical is not None else {}),
        "verificationStatus": verification,
        **(ended if "abatementDateTime" not in new else {}),
        **notes(new, "notes"),
    }


def _category(kind: str) -> Json:
    system, word, display = _CATEGORIES[kind]
    return {"coding": [{"system": system, "code": word, "display": display}], "text": display}


def procedure(new: Json, r4: Json) -> Json | None:
    """A procedure that was done: that one was not is nothing that the vendor's DSTU2 says."""
    status = code("Procedure.status", r4.get("status"))
    if status is None:
        return None
    performers = [picked(one, "actor", function="role") for one in new.get("performer", ())]
    return {
        "status": status,
        **picked(new, "subject", "code", "performedDateTime", "performedPeriod", "encounter", note="notes"),
        **first(new, "reasonCode", "reasonCodeableConcept"),
        **({"performer": performers} if performers else {}),
    }


def allergy_intolerance(new: Json, r4: Json) -> Json | None:
    """An allergy; one status says both how it stands and how sure it is."""
    verification, clinical = code_of(r4.get("verificationStatus")), code_of(r4.get("clinicalStatus"))
    status = clinical if clinical in _SURE and verification in (None, "confirmed") else verification
    if status not in {*_SURE, "unconfirmed", "confirmed", "refuted", "entered-in-error"}:
        return None
    kinds = r4.get("category", ())
    category = code("AllergyIntolerance.category", kinds[0]) if kinds else None
    criticality = code("AllergyIntolerance.criticality", r4.get("criticality"))
    return {
        **picked(
            new, "recordedDate", "recorder", "patient", "type", onsetDateTime="onset", asserter="reporter", code="substance"
        ),
        "status": status,
        **({"criticality": criticality} if criticality is not None else {}),
        **({"category": category} if category is not None else {}),
        **({"contained": people} if (people := _contained(new)) else {}),
        **first(new, "note"),
        **({"reaction": [_reaction(one) for one in new["reaction"]]} if "reaction" in new else {}),
    }


def _reaction(new: Json) -> Json:
    return {
        **picked(new, "id", "substance", "manifestation", "description", "onset", "severity", "exposureRoute"),
        **first(new, "note"),
    }


def _contained(new: Json) -> list[Json]:
    """Those who reported it, as far as DSTU2 has such a resource: the role of a practitioner has none."""
    found = []
    for one in new.get("contained", ()):
        if one["resourceType"] == "RelatedPerson":
            found.append({**{key: one[key] for key in one if key != "relationship"}, **first(one, "relationship")})
    return found


def immunization(new: Json, r4: Json) -> Json | None:
    """An immunization; one that was not given is a completed one with `wasNotGiven`."""
    status = code("Immunization.status", r4.get("status"))
    if status is None:
        return None
    not_given = {"explanation": {"reasonNotGiven": [new["statusReason"]]}} if "statusReason" in new else {}
    given_by = next((one for one in new.get("performer", ()) if code_of(one.get("function")) == "AP"), None)
    return {
        "status": status,
        **picked(new, "vaccineCode", "patient", "encounter", "location", "route", "site", "lotNumber", "expirationDate"),
        **picked(new, "doseQuantity", "manufacturer", occurrenceDateTime="date"),
        "wasNotGiven": r4["status"] == "not-done",
        **({"reported": not r4["primarySource"]} if "primarySource" in r4 else {}),
        **({"performer": given_by["actor"]} if given_by is not None else {}),
        **not_given,
    }
