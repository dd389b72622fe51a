"""Patients, the persons that they are, those related to them, and staff."""

from __future__ import annotations

from millgate.simulator.dstu2.render.codes import code
from millgate.simulator.dstu2.render.datatypes import Json, first, picked

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


def related_person(new: Json, r4: Json) -> Json:
    """Somebody who belongs to a patient: one name, one relationship."""
    return {
        **picked(new, "identifier", "patient", "telecom", "gender", "birthDate", "address", "period"),
        **first(new, "name"),
        **first(new, "relationship"),
    }


def practitioner(new: Json, r4: Json) -> Json:
    """One of the staff, with one name."""
    return {**picked(new, *_OF_ANYBODY), **first(new, "name")}
