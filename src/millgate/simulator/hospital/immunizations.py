"""Vaccines given here, told of, and refused. Source: published Immunization examples, oracle-health fact sheet 3.2 (ids `M…`, `HM…`)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from random import Random

from millgate.simulator.hospital import moments, series
from millgate.simulator.hospital.coding import Resource, absent, hl7, quantity
from millgate.simulator.hospital.house import House, encounter_reference, patient_reference
from millgate.simulator.hospital.narrative import narrative
from millgate.simulator.hospital.observations import CEUUID_SYSTEM, event_source
from millgate.simulator.hospital.plan import Chart
from millgate.simulator.hospital.tables import rows
from millgate.simulator.hospital.terms import term
from millgate.simulator.hospital.visits import Visit


class Immunizations:
    """Renders the vaccinations of one hospital's patients."""

    def __init__(self, house: House) -> None:
        self._house = house

    def of_chart(self, chart: Chart) -> Iterator[Resource]:
        ordinal = 0
        for visit in chart.charted:
            random = self._house.dice("immunization", chart.person.index, visit.ordinal)
            if visit.kind not in ("clinic", "birth") or random.random() > 0.45 or ordinal >= series.VACCINE.each - 2:
                continue
            age = chart.person.age(visit.start.date())
            fitting = [row for row in rows("vaccines") if int(row["age_from"]) <= age <= int(row["age_to"])]
            for row in fitting:
                if random.random() < float(row["share"]) * 0.6 and ordinal < series.VACCINE.each:
                    yield self._vaccine(chart, visit, row, ordinal, random)
                    ordinal += 1

    def _vaccine(self, chart: Chart, visit: Visit, row: dict[str, str], ordinal: int, random: Random) -> Resource:
        person, chance = chart.person, random.random()
        refused, wrong, reported = chance < 0.05, 0.05 <= chance < 0.07, 0.07 <= chance < 0.2
        kept_elsewhere = refused and random.random() < 0.5
        kind = series.REMINDER if kept_elsewhere else series.VACCINE
        noted = self._house.recorded(person, visit.start, random, most_minutes=40)
        style = moments.with_offset if random.random() < 0.6 else self._local
        made: Resource = {
            "resourceType": "Immunization",
            "id": kind.id(person.index, ordinal),
            "meta": {"versionId": "0" if kept_elsewhere else "1", "lastUpdated": style(noted).replace(".000", "")},
            "text": {},
        }
        if not kept_elsewhere and not reported:
            number = kind.number(person.index, ordinal)
            value = f"{event_source(self._house.seed)}-{number}-{moments.packed(noted)}"
            made["identifier"] = [{"system": CEUUID_SYSTEM, "value": value}]
        made["status"] = "not-done" if refused else "entered-in-error" if wrong else "completed"
        if refused:
            reason = [self._house.coder.own(30440, "679607", "Patient Refuses"), term("snomed", "591000119102", selected=False)]
            made["statusReason"] = {"coding": reason, "text": "Patient Refuses"}
        own = self._house.coder.own(72, row["own"], row["display"])
        codings = [own, term("cvx", row["cvx"], selected=False)]
        made["vaccineCode"] = {"text": row["display"]} if kept_elsewhere else {"coding": codings, "text": row["display"]}
        made["patient"] = patient_reference(person)
        if not kept_elsewhere:
            made["encounter"] = encounter_reference(person, visit)
        made |= self._when(visit.start, random, reported=reported)
        made["primarySource"] = not reported
        if reported:
            made["reportOrigin"] = self._house.coder.concept("report_origin", random.choice(("self", "provider")))
        elif not kept_elsewhere and visit.location:
            made["location"] = {"reference": f"Location/{visit.location.id}", "display": visit.location.path}
        if not refused:
            made |= self._given(visit, row, random)
        made["text"] = narrative(
            "Immunization",
            ("Patient", made["patient"]["display"]),
            ("Vaccine Code", row["display"]),
            ("Status", made["status"].replace("-", " ").title()),
            ("Occurrence Date", made.get("occurrenceDateTime")),
        )
        return made

    def _local(self, moment: datetime) -> str:
        return moments.local(moment, self._house.zone)

    def _when(self, given: datetime, random: Random, *, reported: bool) -> Resource:
        """What was told is known to the year or the day; of a few nobody knows when."""
        if not reported:
            return {"occurrenceDateTime": self._local(given).replace(".000", "")}
        chance = random.random()
        if chance < 0.15:
            return {"_occurrenceDateTime": absent()}
        return {"occurrenceDateTime": str(given.year) if chance < 0.5 else given.date().isoformat()}

    def _given(self, visit: Visit, row: dict[str, str], random: Random) -> Resource:
        known = random.random() < 0.5
        dose = quantity(Decimal("0.5"), "mL", "mL") if known else quantity(0, "unknown unit", "{unknownunit}")
        nurse = self._house.staff.one_of("nurse", random.randint(0, 9))
        giver = {"function": hl7("v2-0443", "AP", "Administering Provider"), "actor": nurse.reference}
        organization = visit.practitioner.location.organization
        house = {"actor": {"reference": f"Organization/{organization.id}", "display": organization.name}}
        made: Resource = {"doseQuantity": dose, "performer": [giver, house]}
        if row["group"]:
            against = [
                self._house.coder.own(4003106, row["group"], row["group_name"]),
                term("cvx", row["group_cvx"], selected=False),
            ]
            disease = {"coding": against, "text": row["group_name"]}
            made["protocolApplied"] = [{"targetDisease": [disease], "doseNumberString": "Unknown"}]
        return made
