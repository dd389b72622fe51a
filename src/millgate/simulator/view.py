"""What a token lets through of a tenant's records, and how they look to it.

Not known from public sources, chosen here: a call that names another patient (`patient`, `subject`, `Patient/<id>`) is the edge's 403;
any other record of another patient is a 404 in a read and missing in a search. Of a record that was entered in error a portal user
sees the shell, with `error` in the place of what was measured or reported, as the documents show it for Observation, Procedure and
others. Notes are withheld. One in forty of the seeded appointments is sensitive at the site: to portal users it is not there.
Source: fact sheet sections 2.3, 3.2 (Appointment), 4.5; published examples of the patient persona.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from millgate.simulator.answers import Refused, bad_request
from millgate.simulator.authorization import Token, another_patient
from millgate.simulator.records import Json, Record, Records
from millgate.simulator.search.matching import at, reference_id
from millgate.simulator.search.query import Query

# The records of nobody in particular: the house, its people and its calendars.
_OF_THE_HOUSE = frozenset({"InsurancePlan", "Location", "Organization", "Practitioner", "Questionnaire", "Schedule", "Slot"})
_ERROR = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "error", "display": "Error"}],
    "text": "Error",
}
_SHELL = (
    "resourceType",
    "id",
    "meta",
    "status",
    "lifecycleStatus",
    "verificationStatus",
    "intent",
    "category",
    "class",
    "subject",
    "patient",
    "relationship",
)
# What was measured, reported or found, by the name under which the type holds it; in a shell it says `error`.
_CONTENT = ("code", "vaccineCode", "description", "type", "medicationCodeableConcept", "medicationReference")
_WITHOUT_CODE = frozenset({"Appointment", "CarePlan", "Encounter", "FamilyMemberHistory", "NutritionOrder", "ServiceRequest"})
_ERROR_TIME = {"extension": [{"valueCode": "error", "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason"}]}
_EVERY_SENSITIVE = 40
# Source: fact sheet 3.1.
_NO_ORIGINS_FOR_PATIENTS = frozenset({"Goal", "Procedure"})


@dataclass(frozen=True, slots=True)
class View:
    """The records of one resource type through one token. `patients`: whose records are let through; None for everybody's."""

    records: Records
    resource_type: str
    patients: frozenset[str] | None = None
    portal: bool = False

    @classmethod
    def of(cls, token: Token | None, records: Records, resource_type: str, letter: str) -> View:
        """What a token, or nobody's token on the open surface, sees in one interaction (c, r, u, d or s)."""
        if token is None or resource_type in _OF_THE_HOUSE:
            return cls(records, resource_type, portal=token is not None and token.client.persona == "patient")
        return cls(records, resource_type, token.patients(resource_type, letter), token.client.persona == "patient")

    def lets_through(self, record: Record) -> bool:
        if self.patients is not None and record.key[0] not in _OF_THE_HOUSE and not self.patients & set(self._whose(record)):
            return False
        return not (self.portal and self._is_sensitive(record))

    def _whose(self, record: Record) -> Iterator[str]:
        """The patients of a record. A Binary and a Provenance are those of the patient of what they belong to."""
        if record.key[0] not in ("Binary", "Provenance"):
            yield from patients_of(record.searched)
        elif patient := self.records.hospital.patient_of(*record.key):
            yield patient

    def shown(self, record: Record) -> Record:
        """The record as this token sees it."""
        if not self.portal:
            return record
        if is_in_error(record.resource):
            return Record(_shell(record.resource))
        if "note" in record.resource:
            return Record({name: value for name, value in record.resource.items() if name != "note"})
        return record

    def check_query(self, query: Query) -> None:
        """Refused if a search names a patient whose records are not let through, or asks for origins where portal users have none."""
        if self.portal and query.revincludes and self.resource_type in _NO_ORIGINS_FOR_PATIENTS:
            raise bad_request(f"_revinclude {query.revincludes[0]} is not supported")
        named = [*query.values("patient"), *query.values("subject")]
        if self.resource_type == "Patient":
            named += query.values("_id")
        self.check_patients(named)

    def check_patients(self, named: list[str]) -> None:
        if self.patients is not None and not set(named) <= self.patients:
            raise another_patient()

    def missing(self, resource_id: str) -> Refused | None:
        """The refusal of a read of a patient whom the token is not for; None for other reads, which just find nothing."""
        other = self.resource_type == "Patient" and self.patients is not None and resource_id not in self.patients
        return another_patient() if other else None

    def _is_sensitive(self, record: Record) -> bool:
        if record.key[0] != "Appointment" or zlib.crc32(record.id.encode()) % _EVERY_SENSITIVE:
            return False
        return self.records.hospital.patient_of("Appointment", record.id) is not None  # seeded: not one that an app has made


def patients_of(resource: Json) -> Iterator[str]:
    """The ids of the patients whom a resource is about."""
    if resource["resourceType"] in ("Patient", "Person"):
        yield str(resource["id"])
        return
    paths = (["subject"], ["patient"], ["beneficiary"], ["participant", "actor"])
    for holder in (each for path in paths for each in at(resource, path) if isinstance(each, dict)):
        if str(holder.get("reference", "")).startswith("Patient/") and (patient := reference_id(holder)):
            yield patient


def is_in_error(resource: Json) -> bool:
    """Whether a record was entered in error, wherever its type says so."""
    verification = at(resource.get("verificationStatus", {}), ["coding", "code"])
    return "entered-in-error" in (resource.get("status"), resource.get("lifecycleStatus"), *verification)


def _shell(resource: Json) -> Json:
    """What is left of a record that was entered in error."""
    kind = str(resource["resourceType"])
    kept = {name: value for name, value in resource.items() if name in _SHELL or name.startswith("effective")}
    if kind == "NutritionOrder" and "dateTime" in resource:
        kept["dateTime"] = resource["dateTime"]
    if kind == "Appointment":  # it has no subject: the patient is a participant
        kept["participant"] = resource.get("participant", [])
    if "code" in resource and kind in ("Observation", "Condition"):
        kept["code"] = resource["code"]
        if kind == "Observation":
            kept["dataAbsentReason"] = _ERROR
    elif kind not in _WITHOUT_CODE:
        held = next((name for name in _CONTENT if name in resource), None)
        if held:
            kept["medicationCodeableConcept" if held.startswith("medication") else held] = _ERROR
    if "occurrenceDateTime" in resource and kind == "Immunization":
        kept["_occurrenceDateTime"] = _ERROR_TIME
    told = f"<p><b>{escape(kind)}</b></p><p><b>Status</b>: Entered in Error</p>"
    kept["text"] = {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{told}</div>'}
    return kept
