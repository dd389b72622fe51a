"""Where the candidates of a DSTU2 search come from: mostly a chart. What R4 alone marks, as kinds of teams, is looked for there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from millgate.simulator.answers import bad_request
from millgate.simulator.dstu2.records import Dstu2Records
from millgate.simulator.records import Record, Records
from millgate.simulator.search import candidates as r4
from millgate.simulator.search.candidates import Source, by_id
from millgate.simulator.search.matching import at, in_category, reference_id
from millgate.simulator.search.query import Query

_TEAM_KINDS = {"longitudinal": "LA28865-6", "encounter": "LA27976-2"}
_APPOINTMENT_TYPES = "/codeSet/14249"
_CHART_KEYS = frozenset({"_id", "patient", "subject"})


class Sources:
    """The sources of one tenant's searches."""

    def __init__(self, records: Dstu2Records) -> None:
        self._records = records
        self._own = {
            "Appointment": Source(r4.appointments, frozenset({"_id", *("patient", "practitioner", "location")})),
            "CarePlan": Source(self._care_plans, _CHART_KEYS),
            "Contract": Source(self._contracts, _CHART_KEYS),
            "Patient": Source(self._patients, frozenset({"_id"})),
            "Person": Source(self._persons, frozenset({"_id"})),
            "Practitioner": Source(self._named, frozenset({"_id"})),
            "RelatedPerson": Source(self._related_persons, _CHART_KEYS),
            "Schedule": Source(self._named, frozenset({"_id"})),
            "Slot": Source(self._slots, frozenset({"_id"})),
        }

    def of(self, resource_type: str) -> Source:
        """Where the candidates of a resource type come from: the patient's chart, unless it has a source of its own."""
        return self._own.get(resource_type) or Source(self._chart, _CHART_KEYS)

    def _named(self, records: Records, query: Query) -> list[Record]:
        return by_id(self._records, query, query.rule.resource_type)

    def _chart(self, records: Records, query: Query) -> list[Record]:
        if "_id" in query.given:
            return [record for record in self._named(records, query) if "part_of" not in record.resource]
        patient = query.first("patient") or query.first("subject")
        return self._records.chart(query.rule.resource_type, patient) if patient else []

    def _care_plans(self, records: Records, query: Query) -> list[Record]:
        """Plans; teams only if a category of theirs is asked for."""
        if "_id" in query.given:
            return self._named(records, query)
        patient = query.first("patient") or query.first("subject") or ""
        category = (query.first("category") or "assess-plan").rpartition("|")[2]
        found: Iterable[Record] = self._records.r4.chart("CarePlan" if category == "assess-plan" else "CareTeam", patient)
        if category in _TEAM_KINDS:
            found = (record for record in found if in_category(record.resource, _TEAM_KINDS[category]))
        return self._records.shown("CarePlan", found)

    def _patients(self, records: Records, query: Query) -> list[Record]:
        """The patients of the index. `telecom` is one of the two that the index knows apart."""
        if "telecom" in query.given:
            telecom = query.given["telecom"]
            query.given["email" if "@" in telecom.values[0] else "phone"] = telecom
        found = r4.patients(self._records, query)
        return [record for record in found if not any(link["type"] == "replace" for link in record.resource.get("link", ()))]

    def _persons(self, records: Records, query: Query) -> list[Record]:
        identifier = query.first("identifier")
        ids = self._records.hospital.find_patients(
            ids=list(query.values("_id")) if "_id" in query.given else None, identifier=_token(identifier) if identifier else None
        )
        found = (self._records.read("Person", person_id) for person_id in ids)
        return [record for record in found if record is not None]

    def _related_persons(self, records: Records, query: Query) -> list[Record]:
        if "identifier" not in query.given or "_id" in query.given:
            return self._chart(records, query)
        ids = self._records.hospital.find_relatives(_token(query.first("identifier") or ""))
        found = (self._records.read("RelatedPerson", one) for one in ids)
        return [record for record in found if record is not None]

    def _contracts(self, records: Records, query: Query) -> list[Record]:
        """By the patient or the person who may look, each by id or by number; all that is given has to fit."""
        if "_id" in query.given:
            return self._named(records, query)
        hospital, patients = self._records.hospital, set(query.values("subject"))
        if numbered := query.first("patient.identifier"):
            patients |= set(hospital.find_patients(identifier=_token(numbered)))
        actors = set(query.values("actor"))
        if numbered := query.first("actor.identifier"):
            actors |= set(hospital.find_relatives(_token(numbered)))
        if not patients:
            patients = {patient for one in actors if (patient := hospital.patient_of("RelatedPerson", one))}
        found = [record for patient in sorted(patients) for record in self._records.chart("Contract", patient)]
        by_actor = "actor.identifier" in query.given
        return [record for record in found if not by_actor or actors & _entities(record)]

    def _slots(self, records: Records, query: Query) -> list[Record]:
        """Free slots of the types asked for, by start, type and place; booked ones too by their ids."""
        if "_id" in query.given:
            return self._named(records, query)
        start, end = _window(query)
        actors, places = set(query.values("schedule.actor")), set(query.values("-location"))
        house = self._records.r4
        schedules = [one for one in house.all("Schedule") if _is_of_type(one, query) and (not actors or actors & _actors(one))]
        every = (slot for one in schedules for slot in house.slots(one.id, start, end))
        found = [
            slot
            for slot in every
            if slot.resource.get("status") == "free" and (not places or r4.slot_location(slot.resource) in places)
        ]
        return self._records.shown("Slot", sorted(found, key=_slot_order))


def _token(given: str) -> tuple[str | None, str]:
    system, _, value = given.rpartition("|")
    return system or None, value


def _entities(contract: Record) -> set[str | None]:
    return {reference_id(one) for one in at(contract.resource, ["actor", "entity"])}


def _window(query: Query) -> tuple[datetime, datetime]:
    dates = query.dates("start")
    return dates[0].span.low, dates[1].span.low if len(dates) == 2 else dates[0].span.high


def _is_of_type(schedule: Record, query: Query) -> bool:
    wanted = query.values("slot-type")
    own = [token for token in wanted if _APPOINTMENT_TYPES in token]
    if own and len(own) < len([token for token in wanted if "|" in token]):
        raise bad_request("slot-type must be all standard or all proprietary codes")
    pairs = [token.rpartition("|")[::2] for token in wanted]
    return any(
        coding.get("code") == code and system in ("", coding.get("system"))
        for coding in at(schedule.resource, ["serviceType", "coding"])
        for system, code in pairs
    )


def _actors(schedule: Record) -> set[str | None]:
    return {reference_id(actor) for actor in at(schedule.resource, ["actor"])}


def _slot_order(slot: Record) -> tuple[str, str, str, str]:
    kind = next(at(slot.resource, ["serviceType", "text"]), "")
    return str(slot.resource["start"]), str(kind), r4.slot_location(slot.resource) or "", slot.id
