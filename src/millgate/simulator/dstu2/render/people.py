"""Patients, the persons that they are, those related to them, and staff."""

from __future__ import annotations

from millgate.simulator.dstu2.render.codes import code
from millgate.simulator.dstu2.render.datatypes import Json, aged, first, picked

_CUSTOM = "https://fhir-ehr.cerner.com/r4/StructureDefinition/"
_OF_ANYBODY = ("identifier", "active", "telecom", "gender", "birthDate", "address")


def patient(new: Json, r4: Json) -> Json:
    """A patient; `careProvider` is R4's `generalPractitioner`."""
    made = picked(
        new, "extension", *_OF_ANYBODY, "name", "deceasedBoolean", "deceasedDateTime", "maritalStatus", "multipleBirthBoolean",
        "multipleBirthInteger", "contact", "communication", generalPractitioner="careProvider",
    )  # fmt: skip
    links = [{**link, "type": kind} for link in new.get("link", ()) if (kind := code("Patient.link.type", link.get("type")))]
    return {**made, **({"link": links} if links else {})}


def person(new: Json, r4: Json) -> Json:
    """The person that a patient is: who it is, without what is said of it as a patient. It has the patient's id."""
    made = picked(new, "name", "telecom", "gender", "birthDate", "address", "active")
    links = [
        {"target": {"reference": link["other"]["reference"].replace("Patient/", "Person/")}}
        for link in new.get("link", ())
        if link.get("type") == "replaced-by"
    ]
    if links:  # of a combined one nothing is left but where it went
        return {"active": False, "link": links}
    return made


def related_person(new: Json, r4: Json) -> Json | None:
    """Somebody who belongs to a patient: one name, one relationship with its time. Those of an encounter alone are not there."""
    if _said(r4, "relationship-level", "valueCodeableConcept").get("text") == "Encounter":
        return None
    relationship = (r4.get("relationship") or [{}])[0]
    relation = aged(_said(relationship, "relation", "valueCodeableConcept")) or aged(relationship)
    period = picked(new, "period").get("period") or _said(relationship, "period", "valuePeriod")
    return {
        **picked(new, "identifier", "patient", "telecom", "gender", "birthDate", "address"),
        **first(new, "name"),
        **({"relationship": relation} if relation else {}),
        **({"period": period} if period else {}),
    }


def _said(r4: Json, extension: str, value: str) -> Json:
    """What one of the tenant's extensions says; nothing if it is not there."""
    found = (one[value] for one in r4.get("extension", ()) if one["url"] == _CUSTOM + extension and value in one)
    return next(found, {})


def practitioner(new: Json, r4: Json) -> Json:
    """One of the staff, with one name."""
    return {**picked(new, *_OF_ANYBODY), **first(new, "name")}
