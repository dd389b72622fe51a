"""Where the candidates of a search come from: a chart, the patient index, the calendars, or the lists of staff and places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time

from millgate.simulator.answers import bad_request
from millgate.simulator.records import APPOINTMENT_HORIZON, Record, Records
from millgate.simulator.search.billing import accounts, charge_items, coverages
from millgate.simulator.search.dates import DateValue
from millgate.simulator.search.finding import Source as Source
from millgate.simulator.search.finding import by_id as by_id
from millgate.simulator.search.finding import identifier_of
from millgate.simulator.search.matching import at, in_category, reference_id
from millgate.simulator.search.people import communications, consents, persons, related_persons
from millgate.simulator.search.query import Query

MOST_PATIENTS = 1000
_APPOINTMENT_TYPES = "/codeSet/14249"
_SCHEDULING_LOCATION = "https://fhir-ehr.cerner.com/r4/StructureDefinition/scheduling-location"


def patients(records: Records, query: Query) -> list[Record]:
    """The patients of the index; one that was combined into another is only to be had by a read."""
    wanted = set(query.values("_id")) if "_id" in query.given else None
    if query.within is not None:
        wanted = set(query.within) if wanted is None else wanted & query.within
    ids = records.hospital.find_patients(
        ids=sorted(wanted) if wanted is not None else None,
        identifier=identifier_of(query),
        name=query.first("name"),
        family=query.first("family"),
        given=query.first("given"),
        birthdate=[(date.prefix or "eq", date.text) for date in query.dates("birthdate")],
        phone=query.first("phone"),
        email=query.first("email"),
        postal_code=query.first("address-postalcode"),
        gender=(query.first("gender") or "").rpartition("|")[2] or None,
        exact={name for name, given in query.given.items() if given.modifier == "exact"},
        limit=MOST_PATIENTS + 1,
    )
    found = (records.read("Patient", patient_id) for patient_id in ids)
    return [
        r for r in found if r is not None and not any(link.get("type") == "replaced-by" for link in r.resource.get("link", ()))
    ]


def chart(resource_type: str) -> Callable[[Records, Query], list[Record]]:
    def find(records: Records, query: Query) -> list[Record]:
        if "_id" in query.given:
            return [record for record in by_id(records, query, resource_type) if not _is_combined(record)]
        if resource_type == "Encounter" and (identifier := identifier_of(query)) is not None:
            found = (records.read("Encounter", encounter_id) for encounter_id in records.hospital.find_encounters(identifier))
            return [record for record in found if record is not None]
        patient = query.first("patient") or query.first("subject")
        if resource_type == "Encounter" and (account := query.first("account")):
            patient = records.hospital.patient_of("Account", account)
        return records.chart(resource_type, patient) if patient else []

    return find


def _is_combined(record: Record) -> bool:
    """Whether an encounter was combined into another: such a one is only to be had by a read."""
    return record.resource["resourceType"] == "Encounter" and "partOf" in record.resource and "period" not in record.resource


def appointments(records: Records, query: Query) -> list[Record]:
    if "_id" in query.given:
        return by_id(records, query, "Appointment")
    start, end = _window(records, query.dates("date") or query.dates("-date-or-req-period"))
    found: dict[str, Record] = {}
    for patient_id in query.values("patient"):
        found |= {record.id: record for record in records.chart("Appointment", patient_id)}
    for name, resource_type in (("practitioner", "Practitioner"), ("location", "Location")):
        for resource_id in query.values(name):
            found |= {record.id: record for record in records.appointments(resource_type, resource_id, start, end)}
    return list(found.values())


def _window(records: Records, dates: Sequence[DateValue]) -> tuple[datetime, datetime]:
    """The time in which the dates of a query can be true, cut to the years around today."""
    today = datetime.combine(records.today, time(), UTC)
    start, end = today - APPOINTMENT_HORIZON, today + APPOINTMENT_HORIZON
    for date in dates:
        if date.prefix in ("", "eq", "ge", "gt"):
            start = max(start, date.span.low)
        if date.prefix in ("", "eq", "le", "lt"):
            end = min(end, date.span.high)
    return start, max(start, end)


def slots(records: Records, query: Query) -> list[Record]:
    """Free slots only, ordered by start, appointment type and location."""
    if "_id" in query.given:
        found = by_id(records, query, "Slot")
    else:
        lower, upper = query.dates("start")
        actors, places = set(query.values("schedule.actor")), set(query.values("-location"))
        schedules = [s for s in _schedules(records, query.values("service-type")) if not actors or actors & _actors(s)]
        every = (slot for schedule in schedules for slot in records.slots(schedule.id, lower.span.low, upper.span.low))
        found = [slot for slot in every if not places or slot_location(slot.resource) in places]
    return sorted((slot for slot in found if slot.resource.get("status") == "free"), key=_slot_order)


def _schedules(records: Records, wanted: Sequence[str]) -> list[Record]:
    own = [token for token in wanted if _APPOINTMENT_TYPES in token]
    if own and len(own) < len([token for token in wanted if "|" in token]):
        raise bad_request("service-type must be all standard or all proprietary codes")
    pairs = [token.rpartition("|")[::2] for token in wanted]
    return [
        schedule
        for schedule in records.all("Schedule")
        if any(
            coding.get("code") == code and system in ("", coding.get("system"))
            for coding in at(schedule.resource, ["serviceType", "coding"])
            for system, code in pairs
        )
    ]


def _actors(schedule: Record) -> set[str | None]:
    return {reference_id(actor) for actor in at(schedule.resource, ["actor"])}


def slot_location(slot: dict[str, object]) -> str | None:
    """The id of the place where a slot is, which stands in an extension."""
    extensions = (extension for extension in at(slot, ["extension"]) if extension.get("url") == _SCHEDULING_LOCATION)
    return next((reference_id(extension.get("valueReference")) for extension in extensions), None)


def _slot_order(slot: Record) -> tuple[str, str, str, str]:
    service = next(at(slot.resource, ["serviceType", "coding", "code"]), "")
    return str(slot.resource["start"]), str(service), slot_location(slot.resource) or "", slot.id


def listed(resource_type: str) -> Callable[[Records, Query], list[Record]]:
    def find(records: Records, query: Query) -> list[Record]:
        return by_id(records, query, resource_type) if "_id" in query.given else records.all(resource_type)

    return find


def organizations(records: Records, query: Query) -> list[Record]:
    """All organizations; an identifier of a system that no organization has is a 400, as the tenant has it."""
    system, bar, _ = (query.first("identifier") or "").rpartition("|")
    known = {value for record in records.all("Organization") for value in at(record.resource, ["identifier", "system"])}
    if bar and system and system not in known:
        raise bad_request("identifier system is not supported")
    return listed("Organization")(records, query)


def conditions(records: Records, query: Query) -> list[Record]:
    """With `encounter`: its diagnoses, and every problem of the patient besides, but no health concern. So the tenant has it."""
    found = chart("Condition")(records, query)
    encounters = set(query.values("encounter"))
    if not encounters:
        return found
    return [
        record
        for record in found
        if in_category(record.resource, "problem-list-item") or reference_id(record.resource.get("encounter")) in encounters
    ]


def provenances(records: Records, query: Query) -> list[Record]:
    """Origins by their own ids or by that of their target."""
    if "_id" in query.given:
        return by_id(records, query, "Provenance")
    found = (records.origin(*target.split("/", 1)) for target in query.values("target"))
    return [record for record in found if record is not None]


_TEAM_KINDS = {"longitudinal": "LA28865-6", "encounter": "LA27976-2"}


def care_teams(records: Records, query: Query) -> list[Record]:
    """The teams of a patient or of an encounter; `category` is a word of the tenant's own or the code that it stands for."""
    if encounter := query.first("encounter"):
        patient = records.hospital.patient_of("Encounter", encounter)
        return records.chart("CareTeam", patient) if patient else []
    found, category = chart("CareTeam")(records, query), query.first("category")
    code = _TEAM_KINDS.get(category or "", (category or "").rpartition("|")[2])
    return [record for record in found if not code or in_category(record.resource, code)]


_CHART_KEYS = frozenset({"_id", "patient", "subject"})
_SOURCES: dict[str, Source] = {
    "Patient": Source(patients, frozenset({"_id"})),
    "Condition": Source(conditions, _CHART_KEYS | {"encounter"}),
    "Provenance": Source(provenances, frozenset({"_id", "target"})),
    "CareTeam": Source(care_teams, _CHART_KEYS),
    "Account": Source(accounts, _CHART_KEYS),
    "ChargeItem": Source(charge_items, _CHART_KEYS),
    "Communication": Source(communications, _CHART_KEYS | {"recipient"}),
    "Consent": Source(consents, _CHART_KEYS),
    "Coverage": Source(coverages, _CHART_KEYS),
    "InsurancePlan": Source(listed("InsurancePlan"), frozenset({"_id"})),
    "Person": Source(persons, _CHART_KEYS),
    "RelatedPerson": Source(related_persons, _CHART_KEYS),
    "Appointment": Source(appointments, frozenset({"_id", "patient", "practitioner", "location"})),
    "Schedule": Source(listed("Schedule"), frozenset({"_id"})),
    "Slot": Source(slots, frozenset({"_id"})),
    "Practitioner": Source(listed("Practitioner"), frozenset({"_id"})),
    "Location": Source(listed("Location"), frozenset({"_id"})),
    "Organization": Source(organizations, frozenset({"_id"})),
}


def source_of(resource_type: str) -> Source:
    """Where the candidates of a resource type come from: the patient's chart, unless it has a source of its own."""
    return _SOURCES.get(resource_type) or Source(chart(resource_type), _CHART_KEYS)
