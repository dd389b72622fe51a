"""Measurements as Observation resources. Source: published Observation examples, oracle-health fact sheet 3.2, 3.4, 4.5."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from millgate.simulator.hospital import moments, numbers
from millgate.simulator.hospital.coding import (
    ABSENT_REASON,
    HL7_STRUCTURE,
    LOINC,
    PARTICIPATION,
    SNOMED,
    Coder,
    Resource,
    absent,
    absent_concept,
    coding,
    quantity,
)
from millgate.simulator.hospital.dice import Urn, dice, digest
from millgate.simulator.hospital.measuring import Drawing, Measurement
from millgate.simulator.hospital.narrative import narrative
from millgate.simulator.hospital.people import Person
from millgate.simulator.hospital.ranges import Range
from millgate.simulator.hospital.staff import Practitioner, Staff
from millgate.simulator.hospital.tables import by_key
from millgate.simulator.hospital.visits import Visit

CEUUID_SYSTEM = "https://fhir.cerner.com/ceuuid"
_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
_CATEGORIES = {"vital": ("vital-signs", "Vital Signs"), "lab": ("laboratory", "Laboratory")}
_FUNCTION = HL7_STRUCTURE + "event-performerFunction"
_FUNCTIONS = {
    "LA": (PARTICIPATION, "legal authenticator"),
    "PPRF": (PARTICIPATION, "primary performer"),
    "OP": ("http://terminology.hl7.org/CodeSystem/v2-0912", "ordering provider"),
}
_STATUSES = Urn(
    ["final", "corrected", "amended", "preliminary", "entered-in-error", "cancelled", "unanswered"], [936, 20, 14, 10, 12, 5, 3]
)
_PRESSURE = ("systolic", "diastolic")
_NOTES = ("Specimen slightly hemolyzed.", "Repeated and verified.", "Called to the ward, read back.", "Patient fasting.")


def event_source(seed: int) -> str:
    """What the numbers of all clinical events of one hospital begin with."""
    hospital = digest(seed, "ceuuid")
    return "CE" + "-".join((hospital[:8], hospital[8:12], hospital[12:16], hospital[16:20], hospital[20:32]))


class Observations:
    """Renders measurements of one tenant."""

    def __init__(self, seed: int, coder: Coder, staff: Staff) -> None:
        self._seed, self._coder, self._staff = seed, coder, staff
        self._event_source = event_source(seed)

    # --- what belongs together ----------------------------------------------------------------------------------------

    def of_round(self, person: Person, visit: Visit, taken: list[Measurement], *, first: bool) -> Iterator[Resource]:
        """The vital signs of one round: both pressures in one panel, oxygen with its flow where it was given."""
        random = dice(self._seed, "observation", person.index, visit.ordinal, taken[0].ordinal)
        by_name = {each.key: each for each in taken}
        for each in taken:
            if each.key == "systolic":
                yield self._pressure(person, visit, each, by_name["diastolic"], random)
            elif each.key == "saturation" and first and "short_of_breath" in visit.effects:
                yield self._saturation(person, visit, each, random)
            elif each.key != "diastolic":
                yield self._single(person, visit, each, random)

    def of_drawing(self, person: Person, visit: Visit, drawing: Drawing) -> Iterator[Resource]:
        random = dice(self._seed, "observation", person.index, visit.ordinal, drawing.measurements[0].ordinal)
        for each in drawing.measurements:
            yield self._single(person, visit, each, random)

    def id_of(self, person: Person, visit: Visit, measurement: Measurement) -> str:
        prefix = "L" if measurement.kind == "lab" or measurement.key == "weight_score" else "VS"
        return f"{prefix}-{numbers.event_number(person.index, visit.ordinal, measurement.ordinal)}"

    def in_common(self, person: Person, visit: Visit, measured: Measurement) -> Resource:
        """What a visit's observations of one kind have in common: what they are called, and whom and what visit they are about."""
        about = self._about(person, visit, measured.moment)
        del about["effectiveDateTime"]
        code = _pressure_code() if measured.key == "systolic" else self._code(measured, None)
        return {"resourceType": "Observation", "category": [_category(measured)], "code": code, **about}

    # --- shapes -------------------------------------------------------------------------------------------------------

    def _single(self, person: Person, visit: Visit, measured: Measurement, random: Random) -> Resource:
        status = self._status(random, measured, visit)
        at_home = measured.key == "glucose_poc"
        made = self._begin(person, visit, measured, self.id_of(person, visit, measured), status, random, at_home=at_home)
        made["code"] = self._code(measured, random)
        made |= self._about(person, visit, measured.moment)
        if measured.key == "blood_culture":
            made["effectivePeriod"] = _period(measured.moment, measured.moment + timedelta(minutes=25))
            del made["effectiveDateTime"]
        issued = measured.moment + timedelta(minutes=random.randint(1, 55), seconds=random.randint(0, 59))
        if not at_home:
            made |= {"issued": moments.milliseconds(issued), "performer": self._performers(visit, measured, random)}
        if status in ("cancelled", "unanswered"):
            reason = ("not-performed", "Not Performed") if status == "cancelled" else ("unknown", "Unknown")
            made["dataAbsentReason"] = {"coding": [coding(ABSENT_REASON, *reason)], "text": reason[1]}
            made["note"] = [self._note(visit.practitioner, issued, "Quantity not sufficient.")]
        else:
            made |= self._value(measured, at_home=at_home)
            made |= self._judgment(measured)
        if note := self._remark(visit, measured, issued, status, random):
            made["note"] = [note]
        return self._told(made, person, measured)

    def _pressure(self, person: Person, visit: Visit, systolic: Measurement, diastolic: Measurement, random: Random) -> Resource:
        ordinals = [numbers.event_number(person.index, visit.ordinal, each.ordinal) for each in (systolic, diastolic)]
        status = self._status(random, systolic, visit)
        made = self._begin(person, visit, systolic, f"BP-{ordinals[0]}-{ordinals[1]}", status, random)
        made["identifier"] = [self._identifier(number, systolic.moment) for number in ordinals]
        made["code"] = _pressure_code()
        made |= self._about(person, visit, systolic.moment)
        made |= {"issued": made["effectiveDateTime"], "performer": self._performers(visit, systolic, random)}
        made["component"] = [self._component(each) for each in (systolic, diastolic)]
        return self._told(made, person, systolic, result=f"{systolic.value}/{diastolic.value} mmHg")

    def _saturation(self, person: Person, visit: Visit, measured: Measurement, random: Random) -> Resource:
        """Pulse oximetry while oxygen is given: it comes from another table, with other ids and times without milliseconds."""
        section = f"VS-CV-{numbers.section_number(person.index, visit.ordinal)}-SECT-{8_000 + random.randint(0, 999)}"
        made = self._begin(person, visit, measured, section, "final", random)
        made["meta"] = {"versionId": "0", "lastUpdated": moments.seconds(measured.moment + timedelta(minutes=9))}
        del made["identifier"]
        made["code"] = self._code(measured, None)
        made |= self._about(person, visit, measured.moment)
        made |= {
            "issued": moments.seconds(measured.moment),
            "performer": [{"reference": f"Practitioner/{visit.practitioner.id}"}],
        }
        made |= self._value(measured)
        given = {"oxygen_flow": random.randint(1, 6), "oxygen_share": random.choice((24, 28, 32, 36, 40))}
        made["component"] = []
        for key, value in given.items():
            row = by_key("vitals")[key]
            codings = [self._coder.own(72, row["event_code"], row["display"]), coding(LOINC, row["loinc"], row["loinc_display"])]
            part = {"code": {"coding": codings, "text": row["display"]}}
            made["component"].append(part | {"valueQuantity": quantity(value, row["unit"], row["ucum"])})
        return self._told(made, person, measured)

    # --- parts --------------------------------------------------------------------------------------------------------

    def _begin(
        self,
        person: Person,
        visit: Visit,
        measured: Measurement,
        observation_id: str,
        status: str,
        random: Random,
        *,
        at_home: bool = False,
    ) -> Resource:
        version = {"corrected": 2, "amended": 2, "entered-in-error": 2}.get(status, 1)
        updated = measured.moment + timedelta(minutes=random.randint(2, 59), seconds=random.randint(0, 59))
        number = numbers.event_number(person.index, visit.ordinal, measured.ordinal)
        return {
            "resourceType": "Observation",
            "id": observation_id,
            "meta": {"versionId": str(version), "lastUpdated": moments.milliseconds(updated)},
            "text": {},
            "identifier": [self._identifier(number, measured.moment)],
            "status": "final" if status == "unanswered" else status,
            "category": [absent() if at_home else _category(measured)],
        }

    def _identifier(self, number: int, moment: datetime) -> Resource:
        return {"system": CEUUID_SYSTEM, "value": f"{self._event_source}-{number}-{moments.packed(moment)}"}

    def _code(self, measured: Measurement, random: Random | None) -> Resource:
        row = measured.row
        if random is not None and random.random() < 0.004:
            return absent_concept(row["display"])
        selected = False if measured.kind == "lab" else None
        codings = [self._coder.own(72, row["event_code"], row["display"])]
        if row["loinc"]:
            codings.append(coding(LOINC, row["loinc"], row["loinc_display"], selected=selected))
        if row.get("second_loinc"):
            codings.append(coding(LOINC, row["second_loinc"], row["second_display"], selected=selected))
        return {"coding": codings, "text": row["display"]}

    def _about(self, person: Person, visit: Visit, moment: datetime) -> Resource:
        return {
            "subject": {"reference": f"Patient/{numbers.person_id(person.index)}"},
            "encounter": {"reference": f"Encounter/{numbers.encounter_id(person.index, visit.ordinal)}"},
            "effectiveDateTime": moments.milliseconds(moment),
        }

    def _performers(self, visit: Visit, measured: Measurement, random: Random) -> list[Resource]:
        if measured.key == "weight_score":
            return [_performer(self._staff.system, "LA", "PPRF")]
        nurse = self._staff.one_of("nurse", visit.ordinal)
        if measured.kind == "vital":
            return [_performer(nurse, "LA", "PPRF")] if random.random() < 0.8 else [_performer(visit.practitioner, "LA")]
        signer = self._staff.one_of("pathology", 0)
        return (
            [_performer(visit.practitioner, "OP"), _performer(signer, "LA", "PPRF")]
            if random.random() < 0.6
            else [_performer(signer, "LA")]
        )

    def _value(self, measured: Measurement, *, at_home: bool = False) -> Resource:
        value, row = measured.value, measured.row
        if isinstance(value, Decimal):
            made = quantity(value, row["unit"], "" if at_home else row["ucum"])
            return {"valueQuantity": {"value": value, "comparator": measured.comparator} | made if measured.comparator else made}
        if isinstance(value, date):
            return {"valueDateTime": value.isoformat()}
        if isinstance(value, tuple):
            low, high = (quantity(each, row["unit"], row["ucum"]) for each in value)
            return {"valueRange": {"low": low, "high": high}}
        if isinstance(value, int):
            numerator: Resource = {"value": 1} | ({"comparator": measured.comparator} if measured.comparator else {})
            return {"valueRatio": {"numerator": numerator, "denominator": {"value": value}}}
        if value in by_key("answers"):
            answer = by_key("answers")[value]
            text = answer["display"].split(" (")[0] if "(D)" not in answer["display"] else value
            return {"valueCodeableConcept": {"coding": [coding(SNOMED, answer["code"], answer["display"])], "text": text}}
        return {"valueString": value}

    def _judgment(self, measured: Measurement) -> Resource:
        made: Resource = {}
        if measured.flag:
            concept = self._coder.concept("interpretation", measured.flag, mark_standard=False)
            made["interpretation"] = [concept]
        if measured.range:
            made["referenceRange"] = [_reference_range(measured.range, measured.row)]
        return made

    def _component(self, measured: Measurement) -> Resource:
        return {"code": self._code(measured, None)} | self._value(measured) | self._judgment(measured)

    def _status(self, random: Random, measured: Measurement, visit: Visit) -> str:
        chosen = _STATUSES.draw(random)
        late = visit.status == "in-progress" and measured.kind == "lab" and visit.kind in ("inpatient", "emergency")
        if chosen in ("cancelled", "unanswered") and measured.kind == "vital":
            return "final"
        return "preliminary" if late and random.random() < 0.3 else chosen

    def _note(self, author: Practitioner, moment: datetime, text: str) -> Resource:
        return {"authorReference": {"reference": f"Practitioner/{author.id}"}, "time": moments.seconds(moment), "text": text}

    def _remark(self, visit: Visit, measured: Measurement, issued: datetime, status: str, random: Random) -> Resource | None:
        if measured.key == "weight_score":
            return self._note(self._staff.system, issued, "^~:!ZScore Source -WHO")
        if measured.key == "glucose_poc":
            told = (
                f"Time : {moments.seconds(issued)}\nAuthor : {self._staff.system.display}\nComment : Filed via remote monitoring"
            )
            return self._note(self._staff.system, issued, told)
        if status == "entered-in-error":
            return self._note(visit.practitioner, issued, "Charted on the wrong patient.")
        if measured.kind == "lab" and measured.row["kind"] == "quantity" and status != "cancelled" and random.random() < 0.03:
            return self._note(self._staff.one_of("pathology", 0), issued, random.choice(_NOTES))
        return None

    def _told(self, made: Resource, person: Person, measured: Measurement, result: str | None = None) -> Resource:
        category = made["category"][0].get("text")
        told_range = measured.range.text if measured.range and measured.range.text else None
        if measured.range and measured.range.low is not None and measured.range.high is not None:
            told_range = f"{measured.range.low}-{measured.range.high} {measured.row['unit']}".strip()
        flag = self._coder.display("interpretation", measured.flag) if measured.flag and "interpretation" in made else None
        made["text"] = narrative(
            "Observation",
            ("Patient Id", numbers.person_id(person.index)),
            ("Status", made["status"].replace("-", " ").title()),
            ("Categories", category),
            ("Code", made["code"]["text"]),
            ("Result", result or _told_value(made)),
            ("Interpretation", flag),
            ("Effective Date", moments.told(measured.moment)),
            ("Reference Range", told_range if "referenceRange" in made else None),
        )
        return made


def _category(measured: Measurement) -> Resource:
    code, display = _CATEGORIES[measured.kind]
    selected = False if measured.kind == "lab" or measured.key == "weight_score" else None
    return {"coding": [coding(_CATEGORY, code, display, selected=selected)], "text": display}


def _pressure_code() -> Resource:
    panel = coding(LOINC, "85354-9", "Blood pressure panel with all children optional")
    return {"coding": [panel], "text": "Blood pressure"}


def _performer(practitioner: Practitioner, *functions: str) -> Resource:
    extensions = []
    for code in functions:
        system, display = _FUNCTIONS[code]
        concept = {"coding": [coding(system, code, display)], "text": display}
        extensions.append({"valueCodeableConcept": concept, "url": _FUNCTION})
    return {"extension": extensions, "reference": f"Practitioner/{practitioner.id}"}


def _reference_range(found: Range, row: dict[str, str]) -> Resource:
    meaning = "http://terminology.hl7.org/CodeSystem/referencerange-meaning"
    made: Resource = {}
    for side, value in (("low", found.low), ("high", found.high)):
        if value is not None:
            made[side] = quantity(value, row["unit"], row["ucum"])
    made["type"] = {"coding": [coding(meaning, "normal", "Normal Range")], "text": "Normal Range"}
    return made | ({"text": found.text} if found.text else {})


def _period(start: datetime, end: datetime) -> Resource:
    return {"start": moments.milliseconds(start), "end": moments.milliseconds(end)}


def _told_value(made: Resource) -> str | None:
    key = next((key for key in made if key.startswith("value")), None)
    value: Any = made[key] if key else None
    match key:
        case "valueQuantity":
            return f"{value.get('comparator', '')}{value['value']} {value.get('unit', '')}".strip()
        case "valueCodeableConcept":
            return str(value["text"])
        case "valueRange":
            return f"{value['low']['value']}-{value['high']['value']}"
        case "valueRatio":
            return f"{value['numerator'].get('comparator', '')}{value['numerator']['value']}:{value['denominator']['value']}"
        case None:
            return None
        case _:
            return str(value)
