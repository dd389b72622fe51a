"""The billing office: accounts of encounters, balances, statements, and what was charged for.

An encounter has a financial account (`F` and its number); one in which something was charged has a charge group (`C`); one that is over
has a guarantor's balance (`G`) and for some a statement (`S`). Not known, chosen here: the letters but F and G, that balances are what
was charged, and that nothing but laboratory panels is charged for. Source: published Account and ChargeItem examples, oracle-health
fact sheet 3.2 and 3.4.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from millgate.simulator.hospital import moments, numbers, series
from millgate.simulator.hospital.coding import HL7_CODES, PARTICIPATION, STRUCTURE, Resource, coding, hl7
from millgate.simulator.hospital.house import House, encounter_reference, patient_reference
from millgate.simulator.hospital.measuring import Drawing, drawings
from millgate.simulator.hospital.narrative import narrative
from millgate.simulator.hospital.people import Person
from millgate.simulator.hospital.plan import Chart
from millgate.simulator.hospital.relations import guarantor
from millgate.simulator.hospital.tables import by_key, rows
from millgate.simulator.hospital.visits import Visit

# Which schedule of bill codes a code is of. Source: published ChargeItem examples (code set 14002).
_SCHEDULES = {"CDM_SCHED": "667687", "CPT": "615214", "MODIFIER": "3692", "REVENUE": "615217", "ICD": "3693"}
_REPEATED = "91"  # CPT modifier: a clinical diagnostic laboratory test that was repeated
_ORDERS_OF_PANELS = 8


@dataclass(frozen=True, slots=True)
class Charge:
    """One panel that is charged for: its number in the chart, its place among the visit's orders, the row of the table."""

    ordinal: int
    place: int
    visit: Visit
    drawing: Drawing
    row: dict[str, str]

    @property
    def price(self) -> Decimal:
        return Decimal(self.row["price"])


class Accounts:
    """Renders the accounts and charges of one hospital's patients."""

    def __init__(self, house: House) -> None:
        self._house = house

    # --- charges ------------------------------------------------------------------------------------------------------

    def charge_items(self, chart: Chart) -> Iterator[Resource]:
        for charge in self._charges(chart):
            yield self._item(chart.person, charge)

    def _charges(self, chart: Chart) -> Iterator[Charge]:
        table = {row["panel"]: row for row in rows("charges")}
        ordinal = 0
        for visit in chart.charted:
            for place, drawing in enumerate(drawings(self._house.seed, chart.body, visit, self._house.today)[:_ORDERS_OF_PANELS]):
                if drawing.panel in table and ordinal < series.CHARGE.each:
                    yield Charge(ordinal, place, visit, drawing, table[drawing.panel])
                    ordinal += 1

    def _item(self, person: Person, charge: Charge) -> Resource:
        visit, row = charge.visit, charge.row
        random = self._house.dice("charge", person.index, charge.ordinal)
        entered = self._house.recorded(person, charge.drawing.moment, random, most_minutes=3000)
        encounter = numbers.encounter_id(person.index, visit.ordinal)
        clerk = self._house.staff.one_of("clerk", 0)
        order = visit.ordinal * numbers.EVENTS_EACH_ENCOUNTER + 2 + charge.place
        made: Resource = {
            "resourceType": "ChargeItem",
            "id": series.CHARGE.id(person.index, charge.ordinal),
            "meta": {"versionId": "1", "lastUpdated": moments.seconds(entered)},
            "text": narrative(
                "Charge Item",
                ("Status", "Billable"),
                ("Patient", numbers.person_id(person.index)),
                ("Encounter", encounter),
                ("Code", row["schedule_code"]),
                ("Occurrence", moments.told(charge.drawing.moment)),
            ),
            "extension": self._extensions(person, charge, random.random()),
            "status": "billable",
            "code": self._bill_code("CDM_SCHED", row["schedule_code"]),
            "subject": patient_reference(person, display=False),
            "context": encounter_reference(person, visit),
            "occurrenceDateTime": moments.seconds(charge.drawing.moment),
            "performer": [
                {"function": hl7("v2-0912", "OP", "Ordering Provider"), "actor": _bare(visit.practitioner.reference)},
                {
                    "function": {"coding": [coding(PARTICIPATION, "VRF", "verifier")], "text": "verifier"},
                    "actor": _bare(self._house.staff.one_of("pathology", 0).reference),
                },
            ],
            "requestingOrganization": {"reference": f"Organization/{self._house.places.organizations['hospital'].id}"},
            "quantity": {"value": 1},
            "enterer": _bare(clerk.reference),
            "enteredDate": moments.seconds(entered),
            "account": [{"reference": f"Account/{letter}{encounter}"} for letter in "FC"],
            "supportingInformation": [{"reference": f"ServiceRequest/{series.SERVICE.id(person.index, order)}"}],
        }
        if reason := self._reason(visit):
            made["reason"] = [reason]
        return made

    def _extensions(self, person: Person, charge: Charge, chance: float) -> list[Resource]:
        money = {"value": charge.price, "currency": "USD"}
        made: list[Resource] = [
            {"valueMoney": dict(money), "url": STRUCTURE + "unit-price"},
            {"valueMoney": dict(money), "url": STRUCTURE + "net-price"},
        ]
        if charge.visit.location:
            place = {"reference": f"Location/{charge.visit.location.id}", "display": charge.visit.location.name}
            made.append({"valueReference": place, "url": STRUCTURE + "performing-location"})
        if chance < 0.05 and charge.ordinal:
            replaced = {"reference": f"ChargeItem/{series.CHARGE.id(person.index, charge.ordinal - 1)}"}
            made.append({"valueReference": replaced, "url": STRUCTURE + "replacing"})
        made.append({"valueString": by_key("panels")[charge.drawing.panel]["display"], "url": STRUCTURE + "description"})
        if chance < 0.2:
            made.append(_attribute("2572130057", "Service Connected", {"valueInteger": int(chance < 0.1)}))
        if 0.2 < chance < 0.3:
            made.append(_attribute("17433932", "Line Note Text", {"valueString": "Drawn on the ward"}))
        made.append(self._coded("procedure-code", "CPT", charge.row["cpt"]))
        if 0.3 < chance < 0.4:
            made.append(self._coded("modifier-code", "MODIFIER", _REPEATED))
        revenue = self._bill_code("REVENUE", charge.row["revenue"])
        made.append({"valueCodeableConcept": revenue, "url": STRUCTURE + "revenue-code"})
        return made

    def _coded(self, name: str, schedule: str, code: str) -> Resource:
        parts: list[Resource] = [
            {"valueCodeableConcept": self._bill_code(schedule, code), "url": "code"},
            {"valueUnsignedInt": 1, "url": STRUCTURE + "priority"},
        ]
        return {"extension": parts, "url": STRUCTURE + name}

    def _bill_code(self, schedule: str, code: str) -> Resource:
        """A code of one of the tenant's schedules of bill codes; none has a display in the published examples."""
        of = {
            "valueCoding": coding(self._house.coder.code_set(14002), _SCHEDULES[schedule]),
            "url": STRUCTURE + "bill-code-schedule",
        }
        system = f"{self._house.coder.base}/CodeSystem/BillCodes-{schedule}"
        return {"coding": [{"extension": [of], **coding(system, code)}]}

    def _reason(self, visit: Visit) -> Resource | None:
        row = next((row for row in rows("diagnoses") if row["reason"] == visit.reason), None)
        code = visit.problem.icd10 if visit.problem else row["icd10"] if row else ""
        if not code:
            return None
        return {"extension": [{"valueUnsignedInt": 1, "url": STRUCTURE + "priority"}], **self._bill_code("ICD", code)}

    # --- accounts -----------------------------------------------------------------------------------------------------

    def accounts(self, chart: Chart) -> Iterator[Resource]:
        """Those of each encounter in turn."""
        charged: dict[int, Decimal] = {}
        for charge in self._charges(chart):
            charged[charge.visit.ordinal] = charged.get(charge.visit.ordinal, Decimal("0.00")) + charge.price
        for visit in chart.visits:
            yield self._financial(chart.person, visit)
            amount = charged.get(visit.ordinal)
            if amount is not None:
                yield self._charge_group(chart.person, visit)
            if visit.status == "finished":
                yield from self._balance(chart.person, visit, amount or Decimal("0.00"))

    def _begin(self, person: Person, visit: Visit, letter: str, kind: str, balance: Decimal | None = None) -> Resource:
        period = {"start": moments.seconds(visit.start)} | ({"end": moments.seconds(visit.end)} if visit.end else {})
        extensions = []
        if balance is not None:
            extensions.append({"valueMoney": {"value": balance, "currency": "USD"}, "url": STRUCTURE + "account-balance"})
        made: Resource = {
            "resourceType": "Account",
            "id": f"{letter}{numbers.encounter_id(person.index, visit.ordinal)}",
            "text": narrative(
                "Account",
                ("Account Type", kind),
                ("Service Period Start Date", moments.told(visit.start)),
                ("Service Period End Date", moments.told(visit.end) if visit.end else None),
                status="extensions" if extensions else "generated",
            ),
            "extension": extensions,
            "identifier": [],
            "status": "active",
            "type": {"text": kind},
            "subject": [],
            "servicePeriod": period,
        }
        return made

    def _financial(self, person: Person, visit: Visit) -> Resource:
        made = self._begin(person, visit, "F", "financial-account")
        made["identifier"] = [self._identifier("account-number", numbers.fin(person.index, visit.ordinal))]
        made["type"] = {"coding": [coding(HL7_CODES + "v3-ActCode", "ACCTRECEIVABLE", "account receivable")], **made["type"]}
        made["subject"] = [patient_reference(person, display=False)]
        return _without_empty(made | self._owner(person, visit, dated=True))

    def _charge_group(self, person: Person, visit: Visit) -> Resource:
        made = self._begin(person, visit, "C", "charge-group")
        made["subject"] = [patient_reference(person, display=False)]
        return _without_empty(made | {"partOf": _part_of(person, visit)})

    def _balance(self, person: Person, visit: Visit, amount: Decimal) -> Iterator[Resource]:
        random = self._house.dice("account", person.index, visit.ordinal)
        owed = amount if random.random() < 0.9 else Decimal("-5.00")
        made = self._begin(person, visit, "G", "guarantor-balance", owed)
        encounter = encounter_reference(person, visit)
        made["extension"].append({"valueReference": encounter, "url": STRUCTURE + "associated-encounter"})
        made["extension"].append(self._state("ready"))
        yield _without_empty(made | {"partOf": _part_of(person, visit)})
        if random.random() < 0.3:
            yield self._statement(person, visit, owed)

    def _statement(self, person: Person, visit: Visit, owed: Decimal) -> Resource:
        made = self._begin(person, visit, "S", "statement", owed)
        balance = {"reference": f"Account/G{numbers.encounter_id(person.index, visit.ordinal)}"}
        made["extension"] += [self._state("pending"), {"valueReference": balance, "url": STRUCTURE + "account-related-parts"}]
        made["identifier"] = [self._identifier("statement-number", str(52_000 + int(numbers.fin(person.index, visit.ordinal))))]
        made["subject"] = [patient_reference(person, display=False)]
        return _without_empty(made | self._owner(person, visit, dated=False))

    def _owner(self, person: Person, visit: Visit, *, dated: bool) -> Resource:
        made: Resource = {"owner": {"reference": f"Organization/{self._house.places.organizations['hospital'].id}"}}
        if surety := guarantor(self._house, person):
            period = {"period": {"start": moments.seconds(visit.start - timedelta(minutes=14))}} if dated else {}
            made["guarantor"] = [{"party": surety, **period}]
        return made

    def _identifier(self, name: str, value: str) -> Resource:
        return {"use": "usual", "system": f"{self._house.coder.base}/{name}", "value": value}

    def _state(self, key: str) -> Resource:
        concept = self._house.coder.concept("account_state", key)
        return {"valueCodeableConcept": concept, "url": STRUCTURE + "account-state"}


def _part_of(person: Person, visit: Visit) -> Resource:
    return {"reference": f"Account/F{numbers.encounter_id(person.index, visit.ordinal)}"}


def _without_empty(made: Resource) -> Resource:
    return {name: value for name, value in made.items() if value != []}


def _bare(reference: Resource) -> Resource:
    return {"reference": reference["reference"]}


def _attribute(number: str, name: str, value: Resource) -> Resource:
    parts = [{"id": number, "valueString": name, "url": "custom-attribute-name"}, value | {"url": "custom-attribute-value"}]
    return {"extension": parts, "url": STRUCTURE + "custom-attribute"}
