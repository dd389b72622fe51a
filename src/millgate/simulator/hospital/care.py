"""Plans in words, teams, goals, implants. Source: published CarePlan, CareTeam, Goal and Device examples, oracle-health fact sheet 3.2."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from millgate.simulator.hospital import moments, numbers, series
from millgate.simulator.hospital.coding import HL7_CODES, LOINC, Resource, coding
from millgate.simulator.hospital.house import House, encounter_reference, patient_reference
from millgate.simulator.hospital.narrative import narrative
from millgate.simulator.hospital.plan import Chart
from millgate.simulator.hospital.staff import Practitioner
from millgate.simulator.hospital.tables import rows
from millgate.simulator.hospital.terms import term

_PLAN = "http://hl7.org/fhir/us/core/CodeSystem/careplan-category"
_FOR_GOOD = "2100-12-31T00:00:00Z"
_ACHIEVED = (("in-progress", "In Progress"), ("achieved", "Achieved"), ("not-achieved", "Not Achieved"))
_STAYS = ("inpatient", "observation", "delivery")


class Care:
    """Renders who cares for one hospital's patients, to what end and by what plan."""

    def __init__(self, house: House) -> None:
        self._house = house

    # --- plans --------------------------------------------------------------------------------------------------------

    def plans(self, chart: Chart) -> Iterator[Resource]:
        """One plan for some visits. All that it plans stands in its narrative."""
        ordinal = 0
        for visit in chart.charted:
            random = self._house.dice("care-plan", chart.person.index, visit.ordinal)
            if random.random() > 0.25 or ordinal >= series.CARE_PLAN.each:
                continue
            noted = self._house.recorded(chart.person, visit.start, random)
            chance = random.random()
            status = "entered-in-error" if chance < 0.04 else "unknown" if chance < 0.08 else "active"
            problems = [each.name for each in chart.problems if each.is_active(visit.start.date())]
            described = "; ".join([visit.reason, *problems]) if random.random() < 0.9 else "unknown"
            titled = random.random() < 0.6
            made: Resource = {
                "resourceType": "CarePlan",
                "id": series.CARE_PLAN.id(chart.person.index, ordinal),
                "meta": {"versionId": "1", "lastUpdated": moments.milliseconds(noted)},
                "text": {},
                "status": status,
                "intent": "plan",
                "category": [_concept(_PLAN, "assess-plan", "Assessment and Plan of Treatment")],
                **({"title": "History and Physical Note"} if titled else {}),
                "subject": patient_reference(chart.person),
                "encounter": encounter_reference(chart.person, visit),
                "period": {"start": moments.milliseconds(visit.start)},
            }
            if titled:
                made["author"] = visit.practitioner.reference
            made["text"] = narrative(
                "Care Plan",
                ("Patient", made["subject"]["display"]),
                ("Title", made.get("title")),
                ("Description", described),
                ("Status", status.replace("-", " ").title()),
                ("Intent", "Plan"),
                ("Category", "Assessment and Plan of Treatment"),
                ("Effective Period", moments.told(visit.start)),
                status="additional",
            )
            ordinal += 1
            yield made

    # --- teams --------------------------------------------------------------------------------------------------------

    def teams(self, chart: Chart) -> Iterator[Resource]:
        """The primary care provider for good, and who looks after a stay."""
        person, visits = chart.person, chart.charted
        if not visits:
            return
        patient = numbers.person_id(person.index)
        doctor = self._house.staff.primary_care_of(person.index, person.age(self._house.today))
        yield self._team(
            chart, f"LIFETIME_PROVIDER-{patient}-0-{doctor.id}-0-0-0", ("LA28865-6", "Longitudinal-focused care team"), doctor, {}
        )
        for visit in visits:
            if visit.kind in _STAYS and visit.ordinal % 2 == 0:
                encounter = encounter_reference(person, visit)
                number = encounter["reference"].partition("/")[2]
                team = f"CARE_TEAM-{patient}-{number}-{visit.practitioner.id}-4048128-0-{22_554_000 + visit.ordinal}"
                about: Resource = {"name": "Hospitalist;Blue Team", "encounter": encounter}
                yield self._team(chart, team, ("LA27976-2", "Encounter-focused care team"), visit.practitioner, about)

    def _team(self, chart: Chart, number: str, kind: tuple[str, str], member: Practitioner, about: Resource) -> Resource:
        person = chart.person
        noted = person.after_registration(days=3)
        code = "59944000" if member.specialty == "behavioral" else "62247001"
        role = {"coding": [term("snomed", code)], "text": term("snomed", code)["display"]}
        period = {"start": moments.seconds(person.registered), "end": _FOR_GOOD}
        made: Resource = {
            "resourceType": "CareTeam",
            "id": number,
            "meta": {"versionId": str(1_584_980_000 + person.index), "lastUpdated": moments.seconds(noted)},
            "text": {},
            "status": "active",
            "category": [_concept(LOINC, *kind)],
        }
        if "name" in about:
            made["name"] = about["name"]
        made["subject"] = patient_reference(person)
        if "encounter" in about:
            made["encounter"] = about["encounter"]
        made["participant"] = [{"role": [role], "member": member.reference, "period": period}]
        made["text"] = narrative(
            "Care Team",
            ("Patient", made["subject"]["display"]),
            ("Care Team Name", made.get("name")),
            ("Status", "Active"),
            ("Category", kind[1]),
            ("Participant", f"{member.display}; Role: {role['text']}"),
        )
        return made

    # --- goals --------------------------------------------------------------------------------------------------------

    def goals(self, chart: Chart) -> Iterator[Resource]:
        for ordinal, problem in enumerate(chart.problems):
            row = next((each for each in rows("goals") if each["problem"] == problem.key), None)
            random = self._house.dice("goal", chart.person.index, ordinal)
            if row is None or not chart.charted or random.random() > 0.6 or ordinal >= series.GOAL.each:
                continue
            visit = random.choice(chart.charted)
            noted = self._house.recorded(chart.person, visit.start, random, most_minutes=60)
            chance = random.random()
            status = "entered-in-error" if chance < 0.05 else "cancelled" if chance < 0.12 else "active"
            made: Resource = {
                "resourceType": "Goal",
                "id": series.GOAL.id(chart.person.index, ordinal),
                "meta": {
                    "versionId": str(int(noted.timestamp()) * 1000),
                    "lastUpdated": moments.milliseconds(noted),
                },
                "text": {},
                "lifecycleStatus": status,
            }
            if status == "active":
                made["achievementStatus"] = _concept("http://hl7.org/fhir/goal-achievement", *random.choice(_ACHIEVED))
            own = self._house.coder.own(4003016, row["own"], row["category"])
            standard = coding(HL7_CODES + "goal-category", row["standard"], row["standard_display"], selected=False)
            made["category"] = [{"coding": [own, standard], "text": row["category"]}]
            made |= {"description": {"text": row["text"]}, "subject": patient_reference(chart.person)}
            made["startDate"] = visit.start.date().isoformat()
            if random.random() < 0.7:
                made["target"] = [{"dueDate": (visit.start + timedelta(days=random.randint(30, 400))).date().isoformat()}]
            made["statusDate"] = noted.date().isoformat()
            made["expressedBy"] = patient_reference(chart.person)
            if random.random() < 0.4:
                note = {"authorReference": visit.practitioner.reference, "time": moments.milliseconds(noted)}
                made["note"] = [note | {"text": "Daily exercise"}]
            made["text"] = narrative(
                "Goal",
                ("Subject", made["subject"]["display"]),
                ("Description", row["text"]),
                ("Status", status.replace("-", " ").title()),
            )
            yield made

    # --- implants -----------------------------------------------------------------------------------------------------

    def devices(self, chart: Chart) -> Iterator[Resource]:
        """Pacemakers, in some of those whose heart does not keep time."""
        person = chart.person
        random = self._house.dice("device", person.index)
        if not any(each.key in ("fibrillation", "heart_failure") for each in chart.problems) or random.random() > 0.5:
            return
        noted = person.after_registration(days=random.randint(1, 300))
        chance = random.random()
        made_on = noted - timedelta(days=400)
        identifier = f"{random.randint(10_000_000, 99_999_999)}"
        yield {
            "resourceType": "Device",
            "id": series.DEVICE.id(person.index, 0),
            "meta": {"versionId": "1", "lastUpdated": moments.milliseconds(noted)},
            "text": narrative("Device", ("Status", "Active"), ("Type", "Pacemaker"), ("Patient", person.names.current.text)),
            "udiCarrier": [{"deviceIdentifier": identifier, "carrierHRF": f"17{identifier}"}],
            "status": "entered-in-error" if chance < 0.06 else "inactive" if chance < 0.12 else "active",
            "manufacturer": "Pacemaker Plus",
            "manufactureDate": moments.milliseconds(made_on),
            "expirationDate": moments.milliseconds(made_on + timedelta(days=8000)),
            "lotNumber": str(random.randint(1000, 9999)),
            "serialNumber": str(random.randint(10**9, 10**10)),
            "deviceName": [{"name": "Pacemaker", "type": "user-friendly-name"}],
            "modelNumber": f"T0{random.randint(100, 999)}",
            "type": {"coding": [term("snomed", "14106009")], "text": "Pacemaker"} if chance < 0.8 else {"text": "Pacemaker"},
            "patient": patient_reference(person),
            "owner": {"display": self._house.places.organizations["hospital"].name},
        }


def _concept(system: str, code: str, display: str) -> Resource:
    return {"coding": [coding(system, code, display)], "text": display}
