"""Problem lists, the diagnoses of encounters, and health concerns, as Condition resources.

Source: published Condition examples, oracle-health fact sheet 3.2 (ids, confidential ones) and 4.7 (onset as a date).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from functools import cache
from random import Random

from millgate.simulator.hospital import moments, series
from millgate.simulator.hospital.coding import HL7_CODES, STRUCTURE, Resource, absent_concept, coding, hl7
from millgate.simulator.hospital.dice import digest
from millgate.simulator.hospital.house import House, encounter_reference, patient_reference
from millgate.simulator.hospital.narrative import narrative
from millgate.simulator.hospital.people import Person
from millgate.simulator.hospital.plan import Chart
from millgate.simulator.hospital.problems import PREGNANCY, Problem
from millgate.simulator.hospital.staff import Practitioner
from millgate.simulator.hospital.tables import rows
from millgate.simulator.hospital.terms import name_of, term
from millgate.simulator.hospital.visits import Visit

_IMO = "http://e-imo.com/products/problem-it"
_CONFIDENTIAL = (
    ("PHY", "physician requested information sensitivity"),
    ("PRS", "patient requested information sensitivity"),
)
_ENTRIES_EACH_STAY = 200
_IN_INTENSIVE_CARE = ("Sepsis", "Pneumonia", "Shortness of breath", "Fever", "NSTEMI", "Upper GI bleed", "Chest pain")
_TYPES = {"Discharge": "89100005", "Admitting": "52870002"}


@cache
def _by_reason() -> dict[str, dict[str, str]]:
    return {row["reason"]: row for row in rows("diagnoses")}


class Conditions:
    """Renders the conditions of one hospital's patients."""

    def __init__(self, house: House) -> None:
        self._house = house

    def of_chart(self, chart: Chart) -> Iterator[Resource]:
        """Problems first, then diagnoses, oldest first, then concerns."""
        for ordinal, problem in enumerate(chart.problems):
            yield self._problem(chart.person, problem, ordinal)
        ordinal = 0
        for visit in chart.charted:
            for reason, codes in _diagnoses(visit):
                yield self._diagnosis(chart.person, visit, reason, codes, ordinal)
                ordinal += 1
        for stay in chart.stays:
            for reason, codes in _rounds(stay, chart.problems):
                yield self._diagnosis(chart.person, stay, reason, codes, ordinal)
                ordinal += 1
        yield from self._concerns(chart)

    # --- the three kinds ----------------------------------------------------------------------------------------------

    def _problem(self, person: Person, problem: Problem, ordinal: int) -> Resource:
        random = self._house.dice("condition-problem", person.index, ordinal)
        noted = self._house.recorded(
            person, max(person.registered, moments.midnight(problem.onset)), random, most_minutes=200_000
        )
        wrong = random.random() < 0.02
        over = problem.until is not None and problem.until <= self._house.today
        made = self._begin(series.PROBLEM.id(person.index, ordinal), str(73_080_000 + person.index * 64 + ordinal), noted, random)
        made |= self._states("entered-in-error" if wrong else "confirmed", "resolved" if over else "active", selected=True)
        made["category"] = [hl7("condition-category", "problem-list-item", "Problem List Item")]
        if random.random() < 0.9:
            made["category"].append({"coding": [term("snomed", "74188005", selected=False)], "text": "Medical"})
        made["code"] = _problem_code(problem, random)
        made["subject"] = patient_reference(person)
        if random.random() < 0.85:
            made["onsetDateTime"] = _partial(problem.onset, random)
        if over and problem.until:
            made["abatementDateTime"] = moments.milliseconds(moments.midnight(problem.until).replace(hour=17))
        author = self._house.staff.system if random.random() < 0.1 else self._author(person)
        made |= {"recordedDate": moments.milliseconds(noted), "recorder": author.reference}
        return self._told(made, "Problem")

    def _diagnosis(self, person: Person, visit: Visit, reason: str, codes: tuple[str, str], ordinal: int) -> Resource:
        random = self._house.dice("condition-diagnosis", person.index, visit.ordinal, ordinal)
        noted = self._house.recorded(person, visit.end or visit.start, random)
        number = series.diagnosis_id(person.index, ordinal)
        made = self._begin(number, number[1:], noted, random)
        kind = "Discharge" if visit.end and visit.kind != "clinic" else "Admitting"
        if random.random() < 0.8:
            value = {"coding": [term("snomed", _TYPES[kind], selected=False)], "text": kind}
            made["extension"] = [{"valueCodeableConcept": value, "url": STRUCTURE + "diagnosis-type"}]
        chance = random.random()
        certainty = "entered-in-error" if chance < 0.01 else "differential" if chance < 0.04 else "confirmed"
        made |= self._states(certainty, "active", selected=False)
        made["category"] = [hl7("condition-category", "encounter-diagnosis", "Encounter Diagnosis")]
        made["category"].append({"coding": [term("snomed", "74188005", selected=False)], "text": "Medical"})
        made["code"] = _diagnosis_code(reason, codes, random)
        made["subject"] = patient_reference(person)
        made["encounter"] = encounter_reference(person, visit)
        made["onsetDateTime"] = moments.milliseconds(visit.start)
        made |= {"recordedDate": moments.milliseconds(noted), "recorder": visit.practitioner.reference}
        return self._told(made, "Diagnosis")

    def _concerns(self, chart: Chart) -> Iterator[Resource]:
        """What worries patients: told in words, never coded."""
        person = chart.person
        random = self._house.dice("condition-concern", person.index)
        table = rows("concerns")
        if random.random() > 0.22 or person.age(self._house.today) < 18 or not chart.charted:
            return
        visit = random.choice(chart.charted)
        for ordinal in range(random.randint(1, 2)):
            row = table[(person.index + ordinal * 2) % len(table)]
            noted = self._house.recorded(person, visit.start, random, most_minutes=50)
            digits = digest(self._house.seed, "concern", person.index, ordinal)
            number = series.uuid_of(series.CONCERN, person.index, ordinal, digits)
            made = self._begin(number, number, noted, random)
            made |= self._states("confirmed", "active")
            system = "http://hl7.org/fhir/us/core/CodeSystem/condition-category"
            made["category"] = [{"coding": [coding(system, "health-concern", "Health Concern")], "text": "Health Concern"}]
            made |= {"code": {"text": row["text"]}, "subject": patient_reference(person)}
            made["onsetDateTime"] = visit.start.date().isoformat()
            made |= {"recordedDate": moments.milliseconds(noted), "recorder": visit.practitioner.reference}
            if random.random() < 0.5:
                made["asserter"] = patient_reference(person)
            if row["note"]:
                made["note"] = [{"time": moments.milliseconds(noted), "text": row["note"]}]
            yield self._told(made, "Health Concern")

    # --- parts --------------------------------------------------------------------------------------------------------

    def _begin(self, condition_id: str, version: str, noted: datetime, random: Random) -> Resource:
        meta: Resource = {"versionId": version, "lastUpdated": moments.milliseconds(noted)}
        if random.random() < 0.03:
            meta["security"] = [coding(HL7_CODES + "v3-ActCode", *each, selected=False) for each in _CONFIDENTIAL]
        return {"resourceType": "Condition", "id": condition_id, "meta": meta, "text": {}}

    def _states(self, certainty: str, clinical: str, *, selected: bool | None = None) -> Resource:
        """A record that was entered in error has no clinical status (FHIR R4, con-5)."""
        marked = None if selected is None else False
        named = certainty.replace("-", " ").title().replace(" In ", " in ")
        verification = hl7("condition-ver-status", certainty, named, selected=marked)
        if certainty == "entered-in-error":
            return {"verificationStatus": verification}
        selected_clinical = False if selected else None
        state = hl7("condition-clinical", clinical, clinical.title(), selected=selected_clinical)
        return {"clinicalStatus": state, "verificationStatus": verification}

    def _author(self, person: Person) -> Practitioner:
        return self._house.staff.primary_care_of(person.index, person.age(self._house.today))

    def _told(self, made: Resource, kind: str) -> Resource:
        onset = made.get("onsetDateTime")
        confidential = "security" in made["meta"]
        made["text"] = narrative(
            "Condition",
            ("Patient", made["subject"].get("display")),
            ("Meta Security", "Confidential" if confidential else None),
            (kind, made["code"]["text"]),
            ("Category Classification", "Medical" if len(made["category"]) > 1 else None),
            ("Clinical Status", made.get("clinicalStatus", {}).get("text")),
            ("Verification Status", made["verificationStatus"]["text"]),
            ("Onset", onset),
            ("Resolved", made.get("abatementDateTime")),
            ("Recorder", made["recorder"]["display"]),
        )
        return made


def _diagnoses(visit: Visit) -> Iterator[tuple[str, tuple[str, str]]]:
    """What a visit was for, and what else was treated in it: name, ICD-10-CM and SNOMED CT code (empty if there is none)."""
    row = _by_reason().get(visit.reason)
    if row:
        yield visit.reason, (row["icd10"], row["snomed"])
    if visit.problem:
        yield visit.problem.name, (visit.problem.icd10, visit.problem.snomed if visit.problem.key != PREGNANCY else "")
    if not row and not visit.problem:
        yield visit.reason, ("", "")


def _rounds(stay: Visit, problems: tuple[Problem, ...]) -> Iterator[tuple[str, tuple[str, str]]]:
    """What was charted in a long stay, where every service enters every diagnosis again on every day."""
    treated = [(row["reason"], (row["icd10"], row["snomed"])) for row in rows("diagnoses") if row["reason"] in _IN_INTENSIVE_CARE]
    treated += [(each.name, (each.icd10, each.snomed)) for each in problems if each.key != PREGNANCY]
    for number in range(_ENTRIES_EACH_STAY):
        yield treated[number % len(treated)]


def _partial(day: date, random: Random) -> str:
    """A day, or only the month or the year that the patient remembers."""
    chance = random.random()
    return str(day.year) if chance < 0.12 else day.isoformat()[:7] if chance < 0.24 else day.isoformat()


def _problem_code(problem: Problem, random: Random) -> Resource:
    codings = [term("snomed", problem.snomed, selected=random.random() < 0.5)]
    if random.random() < 0.4:
        codings.append(coding(_IMO, problem.nomenclature, problem.name, selected=False))
    if random.random() < 0.4:
        codings.append(term("icd10", problem.icd10, selected=False))
    return {"coding": codings, "text": problem.name}


def _diagnosis_code(reason: str, codes: tuple[str, str], random: Random) -> Resource:
    icd10, snomed = codes
    if not icd10:
        return absent_concept(reason)
    standard = term("icd10", icd10, selected=False)
    if not snomed:
        return {"coding": [standard | {"userSelected": True}], "text": reason}
    if random.random() < 0.06:
        return {"coding": [standard], "text": name_of("icd10", icd10)}
    return {"coding": [term("snomed", snomed, selected=True), standard], "text": reason}
