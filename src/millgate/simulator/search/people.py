"""Candidates among people: patients as persons, those around patients, consents, and messages between staff."""

from __future__ import annotations

from millgate.simulator.answers import bad_request
from millgate.simulator.records import Record, Records
from millgate.simulator.search.finding import by_id, identifier_of, token_of
from millgate.simulator.search.matching import at, reference_id
from millgate.simulator.search.query import Query


def persons(records: Records, query: Query) -> list[Record]:
    """Persons by their ids or by a number with its system; one that was combined into another only by its id."""
    if "_id" in query.given:
        return by_id(records, query, "Person")
    identifier = identifier_of(query)
    found = (records.read("Person", patient_id) for patient_id in records.hospital.find_patients(identifier=identifier))
    return [record for record in found if record is not None]


def related_persons(records: Records, query: Query) -> list[Record]:
    """Those of one encounter, or those at the level of a patient."""
    if "_id" in query.given:
        return by_id(records, query, "RelatedPerson")
    if encounter := query.first("-encounter"):
        patient = records.hospital.patient_of("Encounter", encounter)
        found = records.chart("RelatedPerson", patient) if patient else []
        return [record for record in found if record.id.startswith("E-") and record.id.endswith(f"-{encounter}")]
    if patient := query.first("patient"):
        return [record for record in records.chart("RelatedPerson", patient) if not record.id.startswith("E-")]
    identifier = identifier_of(query)
    named = records.hospital.find_relatives(identifier) if identifier else []
    return [record for record in (records.read("RelatedPerson", each) for each in named) if record is not None]


def consents(records: Records, query: Query) -> list[Record]:
    """By the patient or the person who may look, each by id or by number."""
    if "_id" in query.given:
        return by_id(records, query, "Consent")
    hospital = records.hospital
    if numbered := query.first("patient.identifier"):
        return [each for p in hospital.find_patients(identifier=token_of(numbered)) for each in records.chart("Consent", p)]
    if patient := query.first("patient"):
        return records.chart("Consent", patient)
    actors = hospital.find_relatives(token_of(query.first("actor.identifier") or "")) or [query.first("actor") or ""]
    patients = {patient for actor in actors if (patient := hospital.patient_of("RelatedPerson", actor))}
    of_patients = [each for patient in sorted(patients) for each in records.chart("Consent", patient)]
    return [each for each in of_patients if reference_id(each.resource["provision"]["actor"][0]["reference"]) in actors]


def communications(records: Records, query: Query) -> list[Record]:
    """Messages by their ids, or those that a practitioner or a group has got."""
    if "_id" in query.given:
        return by_id(records, query, "Communication")
    recipient = query.given["recipient"]
    if recipient.modifier is None:
        raise bad_request("recipient must be provided as recipient:Practitioner or recipient:Group")
    (number,) = recipient.values
    found = records.hospital.communications(number if recipient.modifier == "Practitioner" else None)
    wanted = f"{recipient.modifier}/{number}"
    return [Record(each) for each in found if wanted in at(each, ["recipient", "reference"])]
