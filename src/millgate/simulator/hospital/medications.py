"""Orders for medicines, doses that were given, packs that were handed out.

Source: published MedicationRequest and MedicationAdministration examples, oracle-health fact sheet 3.2 and 4.7 (local offsets). Of
MedicationDispense the sheet has the search rules only: its shape here is FHIR R4's, with the codings of the orders.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from random import Random

from millgate.simulator.hospital import moments, series
from millgate.simulator.hospital.coding import HL7_CODES, STRUCTURE, Resource, absent, coding, hl7, quantity
from millgate.simulator.hospital.house import House, encounter_reference, patient_reference
from millgate.simulator.hospital.narrative import narrative
from millgate.simulator.hospital.people import Person
from millgate.simulator.hospital.plan import Chart
from millgate.simulator.hospital.prescribing import COMMUNITY, DISCHARGE, INFUSION, INPATIENT, REPORTED, Order, orders
from millgate.simulator.hospital.products import medication, number, told, volume
from millgate.simulator.hospital.tables import rows
from millgate.simulator.hospital.terms import term

_SWEDISH = (
    ("prescription-format", "NLLPrescriptionFormat", "http://electronichealth.se/fhir/ValueSet/"),
    ("registration-basis-codes", "NLLRegistrationBasis", "http://ehalsomyndigheten.se/fhir/ValueSet/"),
)
_NLL = "http://electronichealth.se/fhir/StructureDefinition/"
_CATEGORY = "medicationrequest-category"
_REASONS = ("as needed for pain", "as needed for shortness of breath or wheezing", "as needed for nausea")
_MOST_DOSES = 6


@cache
def _frequencies() -> dict[str, dict[str, str]]:
    return {row["frequency"]: row for row in rows("frequencies")}


class Medications:
    """Renders what one hospital's patients take."""

    def __init__(self, house: House) -> None:
        self._house = house

    def requests(self, chart: Chart) -> Iterator[Resource]:
        for order in orders(self._house, chart):
            yield self._request(chart.person, order)

    def administrations(self, chart: Chart) -> Iterator[Resource]:
        ordinal = 0
        for order in orders(self._house, chart):
            for place, given in enumerate(_doses(order, chart.person)):
                if ordinal < series.ADMINISTRATION.each:
                    yield self._administration(chart.person, order, given, ordinal, place)
                ordinal += 1

    def dispenses(self, chart: Chart) -> Iterator[Resource]:
        ordinal = 0
        for order in orders(self._house, chart):
            random = self._house.dice("dispense", chart.person.index, order.ordinal)
            if order.setting not in (COMMUNITY, DISCHARGE) or order.status in ("cancelled", "entered-in-error", "unknown"):
                continue
            for fill in range(1 if order.end else random.randint(1, 4)):
                handed = order.start + timedelta(days=28 * fill, hours=random.randint(1, 60))
                if handed < chart.person.known_until and ordinal < series.DISPENSE.each:
                    yield self._dispense(chart.person, order, handed, ordinal, random)
                    ordinal += 1

    # --- orders -------------------------------------------------------------------------------------------------------

    def _request(self, person: Person, order: Order) -> Resource:
        random = self._house.dice("medication-request", person.index, order.ordinal)
        wrong = order.status in ("active", "completed", "stopped") and random.random() < 0.02
        status = "entered-in-error" if wrong else order.status
        updated = self._house.recorded(person, order.end or order.start, random)
        made: Resource = {
            "resourceType": "MedicationRequest",
            "id": series.ORDER.id(person.index, order.ordinal),
            "meta": {"versionId": str(random.randint(1, 4)), "lastUpdated": moments.milliseconds(updated)},
            "text": {},
        }
        what = medication(self._house.coder, order, random, str(21_268_000 + order.ordinal))
        if "contained" in what:
            made["contained"] = what.pop("contained")
        made["extension"] = self._extensions(order, random)
        made |= {"status": status, "intent": "plan" if order.setting == REPORTED else "order"}
        made |= {"category": _categories(order), "reportedBoolean": order.setting == REPORTED}
        made |= what | {"subject": patient_reference(person), "encounter": encounter_reference(person, order.visit)}
        made["authoredOn"] = moments.local(order.start, self._house.zone)
        made["requester"] = absent() if order.setting == REPORTED else order.visit.practitioner.reference
        if order.setting != INFUSION:
            long = order.end is None
            therapy = self._house.coder.concept("therapy", "maintenance" if long else "course")
            made["courseOfTherapyType"] = therapy | {"text": "Maintenance" if long else therapy["text"]}
        made["dosageInstruction"] = [self._dosage(order, random)]
        made["dispenseRequest"] = self._dispense_request(order, random)
        if order.setting in (COMMUNITY, DISCHARGE):
            made["substitution"] = {"allowedBoolean": True}
        made["text"] = narrative(
            "Medication Request",
            ("Status", status.replace("-", " ").title()),
            ("Intent", made["intent"].title()),
            ("Medication", told(order)),
            ("Dosage Instructions", made["dosageInstruction"][0]["text"]),
            ("Patient", made["subject"]["display"]),
            ("Authored On", moments.told(order.start)),
        )
        return made

    def _extensions(self, order: Order, random: Random) -> list[Resource]:
        made: list[Resource] = []
        for system, name, base in _SWEDISH:
            made.append({"valueCoding": coding(base + system, "ELECTRONIC", "Electronic"), "url": _NLL + name})
        verified = "Needs pharmacy verification" if random.random() < 0.1 else "Does not need pharmacy verification"
        made.append({"valueCodeableConcept": {"text": verified}, "url": STRUCTURE + "pharmacy-verification-status"})
        return made

    def _dosage(self, order: Order, random: Random) -> Resource:
        bounds: Resource = {"start": moments.local(order.start, self._house.zone)}
        if order.end:
            bounds["end"] = moments.local(order.end, self._house.zone)
        if order.setting == INFUSION:
            return self._flow(order, bounds)
        row, frequency = order.row, _frequencies()[order.frequency]
        route = self._house.coder.concept("route", order.route)
        needed = frequency["as_needed"] == "1"
        text = f"{row['amount']} {row['unit']}, {route['text']}, {frequency['display']}"
        said = f"{text}, PRN: {_REASONS[order.ordinal % 3]}" if needed else text
        made: Resource = {
            "extension": [{"valueString": f"{said}, # 30 {row['form']}, 0 Refill(s)", "url": STRUCTURE + "clinical-instruction"}],
            "text": said,
        }
        if needed and random.random() < 0.5:
            made["additionalInstruction"] = [{"text": _REASONS[order.ordinal % 3]}]
        made["patientInstruction"] = f"{row['amount']} {row['unit']} {route['text']} {frequency['instruction']}."
        made["timing"] = {"repeat": {"boundsPeriod": bounds}, "code": self._timing(frequency)}
        if needed:
            choice: Resource = (
                {"asNeededCodeableConcept": {"text": _REASONS[order.ordinal % 3]}}
                if random.random() < 0.6
                else {"asNeededBoolean": True}
            )
            made |= choice
        made["route"] = route
        made["doseAndRate"] = [{"doseQuantity": quantity(number(row["amount"]), row["unit"], row["ucum"])}]
        return made

    def _flow(self, order: Order, bounds: Resource) -> Resource:
        """How fast a mixture runs in."""
        amount, unit, _ = volume(order.row)
        text = f"{order.row['rate']} mL/hr, {order.row['route']}"
        said = f"Total Volume ({unit}): {amount}, {order.row['route']}, {order.row['rate']} mL/hr"
        return {
            "extension": [{"valueString": said, "url": STRUCTURE + "clinical-instruction"}],
            "text": text,
            "patientInstruction": f"{order.row['rate']} Milliliter/hour {order.row['route']}.",
            "timing": {"repeat": {"boundsPeriod": bounds}},
            "route": self._house.coder.concept("route", order.route),
            "doseAndRate": [{"rateQuantity": quantity(number(order.row["rate"]), "mL/hr", "mL/h")}],
        }

    def _timing(self, frequency: dict[str, str]) -> Resource:
        codings = [self._house.coder.own(4003, frequency["own"], frequency["display"])]
        if frequency["snomed"]:
            codings.append(term("snomed", frequency["snomed"], selected=False))
        if frequency["gts"]:
            abbreviation = coding(HL7_CODES + "v3-GTSAbbreviation", frequency["gts"], frequency["gts_display"], selected=False)
            codings.append(abbreviation)
        return {"coding": codings, "text": frequency["display"]}

    def _dispense_request(self, order: Order, random: Random) -> Resource:
        made: Resource = {"extension": [{"valueBoolean": False, "url": _NLL + "NLLDosePackaging"}]}
        made["validityPeriod"] = {"start": moments.local(order.start, self._house.zone)}
        if order.setting in (COMMUNITY, DISCHARGE):
            made["numberOfRepeatsAllowed"] = 0 if order.end else random.randint(0, 5)
            made["quantity"] = _pack(order)
        return made

    # --- doses --------------------------------------------------------------------------------------------------------

    def _administration(self, person: Person, order: Order, given: datetime, ordinal: int, place: int) -> Resource:
        random = self._house.dice("administration", person.index, order.ordinal, place)
        nurse = self._house.staff.one_of("nurse", random.randint(0, 9))
        noted = self._house.recorded(person, given, random, most_minutes=30)
        own = series.ADMINISTRATION.id(person.index, ordinal)
        chance = random.random()
        status = "not-done" if chance < 0.06 else "entered-in-error" if chance < 0.09 else "completed"
        made: Resource = {
            "resourceType": "MedicationAdministration",
            "id": own,
            "meta": {"versionId": str(int(own) + 3), "lastUpdated": moments.milliseconds(noted)},
            "text": {},
        }
        what = medication(self._house.coder, order, random, own, administered=True)
        if "contained" in what:
            made["contained"] = what.pop("contained")
        if order.setting == INFUSION:
            lasted = quantity(int(order.row["minutes"]), "minutes", "min")
            made["extension"] = [{"valueQuantity": lasted, "url": STRUCTURE + "infuse-over-time"}]
        made["status"] = status
        if status == "not-done":
            made["statusReason"] = [{"text": random.choice(("Not Done: Patient Refused", "Not Done: Change in Patient Status"))}]
        made |= what | {"subject": patient_reference(person), "context": encounter_reference(person, order.visit)}
        made["effectiveDateTime"] = moments.milliseconds(given)
        made["performer"] = [{"function": hl7("med-admin-perform-function", "performer", "Performer"), "actor": nurse.reference}]
        made["request"] = {"reference": f"MedicationRequest/{series.ORDER.id(person.index, order.ordinal)}"}
        if status != "completed" or random.random() < 0.1:
            note = {"authorReference": {"reference": f"Practitioner/{nurse.id}"}, "time": moments.milliseconds(noted)}
            made["note"] = [note | {"text": "Patient tolerated well." if status == "completed" else "See nursing note."}]
        if status != "not-done":
            made["dosage"] = _given(self._house, order, random)
        made["text"] = narrative(
            "Medication Administration",
            ("Patient", made["subject"]["display"]),
            ("Medication", told(order)),
            ("Status", status.replace("-", " ").title()),
            ("Effective Time", moments.told(given)),
        )
        return made

    # --- packs --------------------------------------------------------------------------------------------------------

    def _dispense(self, person: Person, order: Order, handed: datetime, ordinal: int, random: Random) -> Resource:
        pharmacist = self._house.staff.one_of("pharmacist", 0)
        noted = self._house.recorded(person, handed, random, most_minutes=20)
        frequency = _frequencies()[order.frequency]
        route = self._house.coder.concept("route", order.route)
        prescription: Resource = {"reference": f"MedicationRequest/{series.ORDER.id(person.index, order.ordinal)}"}
        dosage: Resource = {"text": f"{order.row['amount']} {order.row['unit']}, {route['text']}, {frequency['display']}"}
        dosage |= {"timing": {"code": self._timing(frequency)}, "route": route}
        dosage["doseAndRate"] = [{"doseQuantity": quantity(number(order.row["amount"]), order.row["unit"], order.row["ucum"])}]
        made: Resource = {
            "resourceType": "MedicationDispense",
            "id": series.DISPENSE.id(person.index, ordinal),
            "meta": {"versionId": "1", "lastUpdated": moments.milliseconds(noted)},
            "text": narrative(
                "Medication Dispense",
                ("Patient", person.names.current.text),
                ("Medication", told(order)),
                ("Status", "Completed"),
                ("When Handed Over", moments.told(handed)),
            ),
            "status": "completed",
        }
        made |= medication(self._house.coder, order, random, "")
        rest: Resource = {
            "subject": patient_reference(person),
            "context": encounter_reference(person, order.visit),
            "performer": [{"actor": pharmacist.reference}],
            "authorizingPrescription": [prescription],
            "quantity": _pack(order),
            "daysSupply": quantity(28 if order.end is None else max(1, (order.end - order.start).days), "day", "d"),
            "whenHandedOver": moments.seconds(handed),
            "dosageInstruction": [dosage],
        }
        return made | rest


def _categories(order: Order) -> list[Resource]:
    """Where the medicine is taken; what the patient told of carries a second mark, what was given along at discharge too."""
    inside = order.setting in (INPATIENT, INFUSION)
    first = ("inpatient", "Inpatient") if inside else ("community", "Community")
    made: list[Resource] = [{"coding": [coding(HL7_CODES + _CATEGORY, *first, selected=False)]}]
    if order.setting == REPORTED:
        told = coding(HL7_CODES + "medication-statement-category", "patientspecified", "Patient Specified", selected=False)
        made.append({"coding": [told]})
    if order.setting == DISCHARGE:
        made.append({"coding": [coding(HL7_CODES + _CATEGORY, "discharge", "Discharge", selected=False)], "text": "Discharge"})
    return made


def _pack(order: Order) -> Resource:
    """How much is handed out at once: a month, or the whole course."""
    if order.row["form"] == "EA":
        return quantity(1, "EA")
    days = 30 if order.end is None else max(1, (order.end - order.start).days)
    ucum = {"tab": "{tbl}", "cap": "{Capsule}", "mL": "mL"}[order.row["form"]]
    return quantity(days * int(order.row["per_day"]), order.row["form"], ucum)


def _doses(order: Order, person: Person) -> Iterator[datetime]:
    """When doses were due in the house."""
    if order.setting == INFUSION:
        yield order.start + timedelta(minutes=25)
    if order.setting != INPATIENT or order.status in ("cancelled", "unknown", "entered-in-error"):
        return
    step = timedelta(hours=int(_frequencies()[order.frequency]["hours"]))
    until = min(order.end or person.known_until, person.known_until)
    for place in range(_MOST_DOSES):
        due = order.start + timedelta(minutes=20) + place * step
        if due < until:
            yield due


def _given(house: House, order: Order, random: Random) -> Resource:
    made: Resource = {}
    intravenous = order.route == "intravenous"
    if intravenous and random.random() < 0.6:
        made["site"] = {"coding": [term("snomed", "66480008", selected=False)], "text": "Arm, Lower, Left"}
    route = house.coder.concept("route", order.route)
    standard = route["coding"][1:]
    made["route"] = {"coding": standard, "text": order.row["route"] if order.setting == INFUSION else route["text"]}
    if order.setting != INFUSION:
        return made | {"dose": quantity(number(order.row["amount"]), order.row["unit"], order.row["ucum"])}
    amount, _, ucum = volume(order.row)
    made["dose"] = quantity(number(amount), "milliliter (iso1000)", ucum)
    return made | {"rateQuantity": quantity(number(order.row["rate"]), "milliliter per hour", "mL/h")}
