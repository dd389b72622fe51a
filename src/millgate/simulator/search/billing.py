"""Candidates at the billing office: coverages, accounts, charges."""

from __future__ import annotations

from millgate.simulator.answers import bad_request
from millgate.simulator.records import Record, Records
from millgate.simulator.search.finding import by_id
from millgate.simulator.search.matching import at, reference_id
from millgate.simulator.search.query import Query

_ACCOUNT_TYPES = {"-encounter": "guarantor-balance", "-guarantor": "financial-account", "patient": "statement"}


def coverages(records: Records, query: Query) -> list[Record]:
    """Those of one encounter, or those of the patient alone."""
    if "_id" in query.given:
        return by_id(records, query, "Coverage")
    if encounter := query.first("-encounter"):
        patient = records.hospital.patient_of("Encounter", encounter)
        found = records.chart("Coverage", patient) if patient else []
        return [record for record in found if encounter in _encounters_of(record)]
    return [record for record in records.chart("Coverage", query.first("patient") or "") if not _encounters_of(record)]


def _encounters_of(record: Record) -> set[str | None]:
    """The encounters that stand in a record's extensions."""
    return {reference_id(held) for held in at(record.resource, ["extension", "valueReference"])}


def accounts(records: Records, query: Query) -> list[Record]:
    """By an encounter, a guarantor or a patient; each of them has the one type of account that it finds."""
    if "_id" in query.given:
        return by_id(records, query, "Account")
    name = next(each for each in _ACCOUNT_TYPES if each in query.given)
    if query.first("type") != _ACCOUNT_TYPES[name]:
        raise bad_request(f"type must be {_ACCOUNT_TYPES[name]} with {name}")
    named = query.first(name) or ""
    of = {"-encounter": "Encounter", "-guarantor": "RelatedPerson"}.get(name)
    patient = records.hospital.patient_of(of, named) if of else named
    found = records.chart("Account", patient) if patient else []
    if name == "-encounter":
        return [record for record in found if named in _encounters_of(record)]
    if name == "-guarantor":
        return [record for record in found if named in map(reference_id, at(record.resource, ["guarantor", "party"]))]
    return found


def charge_items(records: Records, query: Query) -> list[Record]:
    """What was charged in an encounter or on an account."""
    if "_id" in query.given:
        return by_id(records, query, "ChargeItem")
    encounter, account = query.first("context"), query.first("account")
    patient = records.hospital.patient_of(*(("Encounter", encounter) if encounter else ("Account", account or "")))
    return records.chart("ChargeItem", patient) if patient else []
